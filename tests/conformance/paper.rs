//! The page that tells how each message is answered says what the tests expect.

use std::path::Path;

use anyhow::Result;

use crate::case::Case;
use crate::{invalid, ipv6, layers, valid};

#[test]
fn every_message_has_its_row_with_its_answer() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance-torture.md");
    let page = std::fs::read_to_string(path)?;
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    for case in [valid::cases()?, invalid::cases(), layers::cases()?, ipv6::cases()?].concat() {
        let expected = ["", case.section, case.name, &outcome(&case)];
        assert!(
            rows.iter().any(|row| row.starts_with(&expected)),
            "a row begins with {}",
            expected.join(" | ")
        );
    }
    Ok(())
}

/// As the page words it.
fn outcome(case: &Case) -> String {
    let Case { answers, ends_flow, answers_are_lost, asked, .. } = case;
    let mut words: Vec<String> = answers.iter().map(u16::to_string).collect();
    if !asked.is_empty() && !answers_are_lost {
        words.push("relayed".to_owned());
    }
    if *ends_flow {
        words.push("closed".to_owned());
    }
    if words.is_empty() {
        words.push("dropped".to_owned());
    }
    words.join(", ")
}
