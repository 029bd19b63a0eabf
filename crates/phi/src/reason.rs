//! The purposes for which a protected value may be opened.

/// Why a protected value is opened; stands in the code at every opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is written into a message that the other side of the call needs.
    WriteWire,
    /// It decides where a request or a packet goes.
    Route,
    /// It is compared with another value of the same kind.
    Match,
    /// A rule is applied to it.
    Policy,
    /// It goes into a record that is itself kept as health information.
    Receipt,
    /// It is part of a digest computation or of a keyed hash.
    Digest,
    /// A test looks at it.
    Test,
}
