use std::fmt;

use crate::Text;
use crate::grammar::{Malformed, is_token};

/// What a request asks for (RFC 3261 section 7.1). Compared with regard to case, as the RFC says.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// Begin or change a session (RFC 3261).
    Invite,
    /// The third step of an INVITE (RFC 3261).
    Ack,
    /// End a session (RFC 3261).
    Bye,
    /// Give up a pending INVITE (RFC 3261).
    Cancel,
    /// Bind an address of record to a contact (RFC 3261).
    Register,
    /// Ask for capabilities (RFC 3261).
    Options,
    /// Acknowledge a provisional response (RFC 3262).
    Prack,
    /// Change a session without an INVITE (RFC 3311).
    Update,
    /// Carry application data in a dialog (RFC 6086).
    Info,
    /// An instant message (RFC 3428).
    Message,
    /// Ask to be told of a state (RFC 6665).
    Subscribe,
    /// Tell of a state (RFC 6665).
    Notify,
    /// Ask the peer to call somebody (RFC 3515).
    Refer,
    /// Publish a state (RFC 3903).
    Publish,
    /// Any other token: the grammar allows every method, and 405 or 501 is for the layers above.
    Other(Text),
}

impl Method {
    /// Reads a method as it stands in a start line or a CSeq.
    ///
    /// # Errors
    /// When it is not a `token`.
    pub fn parse(text: &Text) -> Result<Method, Malformed> {
        match Method::known(text.as_str()) {
            Some(method) => Ok(method),
            None if is_token(text.as_str()) => Ok(Method::Other(text.clone())),
            None => Err(Malformed("the method is not a token")),
        }
    }

    /// A copy with a buffer of its own.
    pub(crate) fn detached(&self) -> Method {
        match self {
            Method::Other(text) => Method::Other(text.detached()),
            known => known.clone(),
        }
    }

    /// The method as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Register => "REGISTER",
            Method::Options => "OPTIONS",
            Method::Prack => "PRACK",
            Method::Update => "UPDATE",
            Method::Info => "INFO",
            Method::Message => "MESSAGE",
            Method::Subscribe => "SUBSCRIBE",
            Method::Notify => "NOTIFY",
            Method::Refer => "REFER",
            Method::Publish => "PUBLISH",
            Method::Other(text) => text.as_str(),
        }
    }

    fn known(text: &str) -> Option<Method> {
        Some(match text {
            "INVITE" => Method::Invite,
            "ACK" => Method::Ack,
            "BYE" => Method::Bye,
            "CANCEL" => Method::Cancel,
            "REGISTER" => Method::Register,
            "OPTIONS" => Method::Options,
            "PRACK" => Method::Prack,
            "UPDATE" => Method::Update,
            "INFO" => Method::Info,
            "MESSAGE" => Method::Message,
            "SUBSCRIBE" => Method::Subscribe,
            "NOTIFY" => Method::Notify,
            "REFER" => Method::Refer,
            "PUBLISH" => Method::Publish,
            _ => return None,
        })
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::Other(text) => write!(f, "extension method ({} bytes)", text.len()),
            known => f.write_str(known.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_exact_and_a_longer_word_is_another_method() {
        assert_eq!(Method::parse(&Text::from("INVITE")), Ok(Method::Invite));
        for other in ["invite", "INVITEX", "!interesting-Method0123456789_*+`.%indeed'~"] {
            assert_eq!(Method::parse(&Text::from(other)), Ok(Method::Other(Text::from(other))));
        }
        for broken in ["", "IN VITE", "INVITE,", "IN\u{e9}"] {
            assert!(Method::parse(&Text::from(broken)).is_err(), "{broken}");
        }
    }
}
