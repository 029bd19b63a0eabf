//! The verbs that answer and end: `check` and `explain`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

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

#[test]
fn bench_media_verifies_every_packet_of_a_few_calls_and_writes_json() {
    let output = cordon(&["bench", "media", "--calls", "3", "--seconds", "1", "--io", "per-port", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["io"], "per-port");
    assert_eq!(report["streams"], 6);
    assert_eq!(report["right"], report["sent"]);
    assert_eq!(report["sent"], 6 * 50);
    for nothing in ["lost", "foreign", "out_of_order", "unopened"] {
        assert_eq!(report[nothing], 0, "{nothing}");
    }
}

#[test]
fn bench_media_loads_a_relay_that_listens_elsewhere_and_tells_it_in_words() {
    let mut relay = Command::new(env!("CARGO_BIN_EXE_cordon"))
        .args(["bench", "media", "--listen", "127.0.0.1:0", "--until-input-ends"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(relay.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap();

    let output =
        cordon(&["bench", "media", "--calls", "2", "--seconds", "1", "--pace", "bursts", "--to", address]);

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = stdout(&output);
    for part in ["4 streams of 2 calls", "bursts", "loss    0 of", "0 foreign", "rated:"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    drop(relay.stdin.take());
    assert!(relay.wait().unwrap().success(), "it ends with its input");
}

fn cordon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cordon")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
