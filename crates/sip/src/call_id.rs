use std::fmt;

use cordon_phi::Phi;

use crate::Text;
use crate::grammar::Malformed;

/// Names a dialog or a registration across messages (RFC 3261 section 20.8). Prints as a pseudonym.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(Text);

impl CallId {
    /// Takes a Call-ID of our own making.
    pub fn new(text: impl Into<Text>) -> CallId {
        CallId(text.into())
    }

    /// Reads the value of a Call-ID header.
    ///
    /// # Errors
    /// When it is empty or holds white space.
    pub fn parse(text: impl Into<Text>) -> Result<CallId, Malformed> {
        let text = text.into();
        if text.is_empty() {
            return Err(Malformed("Call-ID is empty"));
        }
        if text.as_bytes().iter().any(|byte| *byte <= b' ' || *byte == 127) {
            return Err(Malformed("Call-ID holds white space"));
        }
        Ok(CallId(text))
    }

    /// The identifier as written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The identifier as text.
    pub fn text(&self) -> &Text {
        &self.0
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Phi::new(&self.0).pseudonym())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_but_legal_words_pass_and_spaces_do_not() {
        assert!(CallId::parse("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{").is_ok());
        assert!(CallId::parse("").is_err());
        assert!(CallId::parse("two words").is_err());
    }

    #[test]
    fn debug_prints_a_pseudonym() {
        assert!(!format!("{:?}", CallId::new("secret-id")).contains("secret"));
    }
}
