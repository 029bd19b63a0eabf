//! Memory that was freed goes back to the system.
//!
//! The allocator of glibc keeps what is freed for the next allocation, and gives back only what happens to lie at the end
//! of an arena: after ten thousand phones the process would stay as large as it was with them. See
//! `docs/decisions/memory-given-back.md`.

// No safe library wraps the one call to the allocator, and this crate holds nothing else.
#![cfg_attr(target_env = "gnu", allow(unsafe_code))]

/// Gives every whole free page of every arena back to the system. True when there was one.
///
/// Walks the free chunks of one arena after the other and holds the arena's lock meanwhile: a thread that allocates or frees
/// there waits, tens of milliseconds where ten thousand phones have gone. Call it from a thread that nobody waits for.
#[cfg(target_env = "gnu")]
pub fn give_back() -> bool {
    // SAFETY: takes no pointer, may be called at any time from any thread, and touches no memory that is in use
    // (malloc_trim(3); since glibc 2.8 it looks at every arena).
    unsafe { libc::malloc_trim(NO_PAD) == 1 }
}

/// Other allocators give back what is free by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() -> bool {
    false
}

/// Bytes to keep at the end of the main arena.
#[cfg(target_env = "gnu")]
const NO_PAD: usize = 0;
