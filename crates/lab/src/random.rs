//! Randomness for the lab: tags, branches, nonces and keys.

/// Fills the buffer from the system's random source.
pub(crate) fn fill(buffer: &mut [u8]) {
    aws_lc_rs::rand::fill(buffer).expect("the system has a random source");
}

/// A token nobody guesses: 16 hexadecimal digits.
pub(crate) fn token() -> String {
    format!("{:016x}", number())
}

/// A random number.
pub(crate) fn number() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_be_bytes(bytes)
}
