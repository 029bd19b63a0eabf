//! What is freed is resident no more once it has been given back.
#![cfg(target_env = "gnu")]

use std::fs;

#[test]
fn pages_between_what_is_still_in_use_are_given_back() {
    let crowd: Vec<Vec<u8>> = (0..CROWD).map(|_| vec![1; EACH]).collect();
    let with_all = resident();
    // The last one stays, so that nothing lies free at the end of the heap.
    let last = crowd.into_iter().next_back();
    let freed = resident();

    assert!(cordon_heap::give_back());

    let given_back = resident();
    assert!(last.is_some());
    assert!(
        given_back + CROWD * EACH / 1024 / 2 < with_all,
        "{with_all} kB with all, {freed} kB freed, {given_back} kB given back"
    );
}

/// In kB.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("every process has memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("it is a number of kB")
}

const CROWD: usize = 4_000;
/// Far below what the allocator asks the system for on its own.
const EACH: usize = 8 * 1024;
