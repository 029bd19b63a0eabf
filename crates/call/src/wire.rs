//! What registrations and calls use to reach the outside: transactions, randomness, events, the site's rules.

use std::collections::VecDeque;

use cordon_sip::Text;
use cordon_transaction::Layer;

use crate::event::Event;
use crate::rules::SiteRules;

/// The only source of randomness a core has: the edge brings the system's.
pub trait Entropy {
    /// Fills the whole slice with bytes nobody can guess.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// Everything a handler may use besides its own state, lent for one step.
pub(crate) struct Wire<'a> {
    /// Requests leave and responses are given through here.
    pub(crate) transactions: &'a mut Layer,
    /// Tags, branches, tokens and keys come from here only.
    pub(crate) entropy: &'a mut (dyn Entropy + Send),
    /// What the layer above shall hear.
    pub(crate) events: &'a mut VecDeque<Event>,
    /// The rules in force now.
    pub(crate) site: &'a SiteRules,
}

impl Wire<'_> {
    /// A word nobody can guess: 20 lower-case base-32 characters, 100 random bits. For tags, Call-IDs and contacts.
    pub(crate) fn token(&mut self) -> Text {
        token(self.entropy)
    }

    /// A branch for a new client transaction (RFC 3261 §8.1.1.7).
    pub(crate) fn branch(&mut self) -> Text {
        branch(self.entropy)
    }
}

/// See [`Wire::token`].
pub(crate) fn token(entropy: &mut (dyn Entropy + Send)) -> Text {
    let mut bytes = [0u8; TOKEN_LEN];
    entropy.fill(&mut bytes);
    Text::from(bytes.iter().map(|byte| char::from(base32(byte & 31))).collect::<String>())
}

/// See [`Wire::branch`].
pub(crate) fn branch(entropy: &mut (dyn Entropy + Send)) -> Text {
    Text::from(format!("z9hG4bK{}", token(entropy).as_str()))
}

fn base32(value: u8) -> u8 {
    match value {
        0..=25 => b'a' + value,
        _ => b'2' + (value - 26),
    }
}

/// 20 x 5 bits: guessing one within the life of a call is out of reach.
const TOKEN_LEN: usize = 20;
