//! `docs/conformance.md` names tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_test_the_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = fs::read_to_string(root.join("docs/conformance.md")).unwrap();
    let mut tests = BTreeSet::new();
    collect(&root.join("crates"), &mut tests);
    // Between backticks stand test names, paths and commands; a name is what could be one.
    let named: Vec<&str> = table.split('`').skip(1).step_by(2).filter(|name| is_name(name)).collect();
    assert!(named.len() > 150, "the table was not read");
    let missing: Vec<&&str> = named.iter().filter(|name| !tests.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_test_of_a_section_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = fs::read_to_string(root.join("docs/conformance.md")).unwrap();
    let mut tests = BTreeSet::new();
    collect(&root.join("crates/call/tests/conformance/rfc3261"), &mut tests);
    tests.retain(|name| name.matches('_').count() >= LEAST_WORDS);
    assert!(tests.len() > 50, "the tests were not read");
    let missing: Vec<&String> = tests.iter().filter(|name| !table.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Every function in the Rust files of this folder.
fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in entries.collect::<Vec<PathBuf>>() {
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let functions = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
            let functions = functions.chain(text.lines().filter_map(|line| line.strip_prefix("async fn ")));
            names.extend(functions.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
}

fn is_name(text: &str) -> bool {
    text.matches('_').count() >= LEAST_WORDS
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A sentence has more words than the helpers below it.
const LEAST_WORDS: usize = 4;
