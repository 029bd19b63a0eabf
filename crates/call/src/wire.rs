//! What registrations and calls use to reach the outside: transactions, randomness, events, the site's rules.

use std::collections::{BTreeMap, VecDeque};

use cordon_policy::connection::FlowFacts;
use cordon_policy::refusal::Refusal;
use cordon_sip::{FlowId, Text};
use cordon_transaction::Layer;

use crate::event::Event;
use crate::first_words::FirstWords;
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
    /// What the PBX was asked and has not said a word to.
    pub(crate) first_words: &'a mut FirstWords,
    /// The rules in force now.
    pub(crate) site: &'a SiteRules,
    /// The phones' connections that are up.
    pub(crate) flows: &'a BTreeMap<FlowId, FlowFacts>,
}

impl Wire<'_> {
    /// A word nobody can guess: 20 lower-case base-32 characters, 100 random bits. For tags, Call-IDs and contacts.
    pub(crate) fn token(&mut self) -> Text {
        token(self.entropy)
    }

    /// The seconds of a `Retry-After` for this refusal.
    pub(crate) fn retry_after(&mut self, refusal: Refusal) -> Option<u32> {
        retry_after(self.entropy, refusal)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u32, most: u32) -> u32 {
        between(self.entropy, least, most)
    }

    /// A branch for a new client transaction (RFC 3261 §8.1.1.7).
    pub(crate) fn branch(&mut self) -> Text {
        branch(self.entropy)
    }
}

/// The seconds of a `Retry-After` for this refusal, chosen anew for each answer.
pub(crate) fn retry_after(entropy: &mut (dyn Entropy + Send), refusal: Refusal) -> Option<u32> {
    let (least, most) = refusal.retry_after_range()?.into_inner();
    Some(between(entropy, least, most))
}

/// A number from `least` to `most`, both included.
pub(crate) fn between(entropy: &mut (dyn Entropy + Send), least: u32, most: u32) -> u32 {
    let mut bytes = [0u8; 4];
    entropy.fill(&mut bytes);
    let choices = u64::from(most.saturating_sub(least)) + 1;
    let chosen = (u64::from(u32::from_be_bytes(bytes)) * choices) >> 32;
    least.saturating_add(u32::try_from(chosen).unwrap_or(0))
}

/// See [`Wire::token`].
pub(crate) fn token(entropy: &mut (dyn Entropy + Send)) -> Text {
    Token::draw(entropy).text()
}

/// A word nobody can guess, in place: for what is kept long and in numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token([u8; TOKEN_LEN]);

impl Token {
    pub(crate) fn draw(entropy: &mut (dyn Entropy + Send)) -> Self {
        let mut bytes = [0u8; TOKEN_LEN];
        entropy.fill(&mut bytes);
        Self(bytes.map(|byte| base32(byte & 31)))
    }

    pub(crate) fn text(self) -> Text {
        Text::from(self.0.map(char::from).iter().collect::<String>())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);

    impl Entropy for Always {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn a_choice_reaches_both_ends_and_goes_beyond_neither() {
        for (least, most) in [(10, 30), (0, 10), (5, 5), (0, u32::MAX)] {
            assert_eq!(between(&mut Always(0), least, most), least);
            assert_eq!(between(&mut Always(255), least, most), most);
        }
        assert_eq!(between(&mut Always(128), 10, 30), 20);
        assert_eq!(between(&mut Always(255), 9, 1), 9, "nothing to choose from");
    }
}
