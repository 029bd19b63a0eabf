//! Every code that `cordon explain` lists is met by a scenario of these tests.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::Cordon;

#[test]
fn every_refusal_is_met_by_an_end_to_end_test() -> Result<()> {
    let listed = String::from_utf8(Cordon::verb(&["explain"])?.stdout)?;
    let codes: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.starts_with("CD-"))
        .collect();
    ensure!(codes.len() > 100, "explain lists what there is: {codes:?}");
    let scenarios = code_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("end_to_end"))?;
    let missing: Vec<&str> = codes.into_iter().filter(|code| !scenarios.contains(code)).collect();
    ensure!(missing.is_empty(), "no scenario expects {missing:?}");
    Ok(())
}

/// All lines below a folder that are no comments, but for this file.
fn code_of(folder: &Path) -> Result<String> {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            text.push_str(&code_of(&path)?);
        } else if !path.ends_with("refusals/completeness.rs") {
            let lines = std::fs::read_to_string(&path)?;
            let lines = lines.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.for_each(|line| text.extend([line, "\n"]));
        }
    }
    Ok(text)
}
