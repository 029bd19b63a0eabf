//! The verbs that answer and end: `check` and `explain`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::process::{Command, Output};

#[test]
fn explain_tells_what_was_sent_the_rule_the_controls_and_the_fix() {
    let output = cordon(&["explain", "cd-media-01"]);
    assert!(output.status.success());
    let text = stdout(&output);
    for part in ["CD-MEDIA-01", "SIP status 488", "The rule", "ZC-47", "Polycom, Poly:", "sec.srtp.require"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colours into a pipe");
}

#[test]
fn explain_tells_a_control_and_lists_all_codes() {
    assert!(stdout(&cordon(&["explain", "ZC-34"])).contains("CD-CONFIG-01"));
    assert!(stdout(&cordon(&["explain"])).lines().count() > 80);
}

#[test]
fn explain_of_something_unknown_ends_with_an_error() {
    let output = cordon(&["explain", "CD-MEDIA-99"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("CD-MEDIA-99"));
}

#[test]
fn check_of_a_file_with_mistakes_shows_each_with_its_line_and_ends_with_an_error() {
    let file = std::env::temp_dir().join(format!("cordon-check-{}.toml", std::process::id()));
    std::fs::write(&file, "[site]\nname = \"x\"\nprofil = \"lab\"\n").unwrap();
    let output = cordon(&["check", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains(":3:1"), "{text}");
    assert!(text.contains("did you mean `profile`?"), "{text}");
    assert!(stdout(&output).contains("refused, "), "{}", stdout(&output));
}

#[test]
fn check_of_a_file_that_is_not_there_says_so() {
    let output = cordon(&["check", "/nonexistent/cordon.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/cordon.toml"));
}

fn cordon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cordon")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
