//! The demo tells its whole story and every step of it holds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_the_demo_holds_and_no_key_or_password_is_in_it() {
    let mut out = Vec::new();
    let outcome = cordon_lab::demo::run(true, &mut out).await;
    let story = String::from_utf8(out).unwrap();
    assert!(outcome.unwrap(), "{story}");
    for part in
        ["alice is registered", "CD-MEDIA-", "CD-TLS-", "CD-TRANSPORT-", "Every step held", "|--INVITE"]
    {
        assert!(story.contains(part), "{part} in {story}");
    }
    assert!(!story.contains("inline:") && !story.contains("password"), "{story}");
}
