//! Why a proof of a password stays with us: the PBX then challenges afresh.

/// Why a proof was taken out of a phone's request; the gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withheld {
    /// Its nonce was not relayed on this connection, or too long ago: a phone that has come back with its old proof does
    /// this, and so does a thief.
    ForeignNonce,
    /// More proofs were made with its nonce than are remembered, on this connection or on all.
    NonceWornOut,
    /// It is no digest, two readers could take two different proofs out of it, or it is one too many of its request.
    Unclear,
    /// Another connection showed the very same proof before.
    ShownElsewhere,
}

impl Withheld {
    /// How many there are.
    pub const COUNT: usize = 4;

    /// All, in the order of [`Withheld::index`].
    pub const ALL: [Self; Self::COUNT] =
        [Self::ForeignNonce, Self::ShownElsewhere, Self::NonceWornOut, Self::Unclear];

    /// Its place in [`Withheld::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::ForeignNonce => 0,
            Self::ShownElsewhere => 1,
            Self::NonceWornOut => 2,
            Self::Unclear => 3,
        }
    }

    /// How it is named in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::ForeignNonce => "foreign_nonce",
            Self::ShownElsewhere => "shown_elsewhere",
            Self::NonceWornOut => "nonce_worn_out",
            Self::Unclear => "unclear",
        }
    }
}
