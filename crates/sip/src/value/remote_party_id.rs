use bytes::BytesMut;

use super::HeaderValue;
use crate::grammar::{Malformed, is_token, quoted, trim};
use crate::{NameAddr, Text};

/// Who somebody is, in the form older than P-Asserted-Identity (draft-ietf-sip-privacy-04 section 5.1): one element.
///
/// `[display-name] LAQUOT addr-spec RAQUOT *(SEMI (rpi-screen / rpi-pty-type / rpi-id-type / rpi-privacy / other))`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePartyId {
    /// The person, with the parameters as written.
    pub address: NameAddr,
}

/// Which end of the call a [`RemotePartyId`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Who calls.
    Calling,
    /// Who is called.
    Called,
}

impl RemotePartyId {
    /// Which end it is about; without a word of it, and for another word, the end that sends the message.
    pub fn party(&self) -> Option<Party> {
        let party = self.address.params.value("party")?;
        if party.eq_ignore_case("calling") {
            return Some(Party::Calling);
        }
        party.eq_ignore_case("called").then_some(Party::Called)
    }

    /// Whether a proxy has verified it.
    pub fn is_screened(&self) -> bool {
        self.address.params.value("screen").is_some_and(|screen| screen.eq_ignore_case("yes"))
    }

    /// Whether it asks not to be shown: any `privacy` other than `off`.
    pub fn hides_identity(&self) -> bool {
        let privacy = self.address.params.unquoted("privacy");
        privacy
            .is_some_and(|list| list.as_str().split(',').any(|word| !trim(word).eq_ignore_ascii_case("off")))
    }
}

impl HeaderValue for RemotePartyId {
    fn read(value: &Text) -> Result<RemotePartyId, Malformed> {
        if !value.as_str().contains('<') {
            return Err(Malformed("a remote party does not stand in brackets"));
        }
        let address = NameAddr::parse(value)?;
        for name in ["party", "screen", "id-type", "privacy"] {
            let is_word = match address.params.get(name) {
                None => true,
                Some(None) => false,
                // A list of several is quoted by those who send one.
                Some(Some(word)) => is_token(word.as_str()) || quoted(word.as_str()).is_ok(),
            };
            if !is_word {
                return Err(Malformed("a parameter of a remote party is not a token"));
            }
        }
        Ok(RemotePartyId { address })
    }

    fn write_to(&self, out: &mut BytesMut) {
        self.address.write_to(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_the_draft_are_read() {
        for text in [
            "\"John Doe\" <sip:jdoe@foo.example;user=phone>;party=calling;id-type=subscriber;privacy=full;screen=yes",
            "<sip:+19725550100@foo.example>;party=called;screen=no;privacy=off",
            "<tel:+19725550100>;privacy=\"name,uri-network\"",
        ] {
            assert_eq!(written::<RemotePartyId>(text), text);
        }
    }

    #[test]
    fn party_screening_and_privacy_are_read() {
        let id = |params: &str| RemotePartyId::parse(format!("<sip:a@h>{params}")).unwrap();
        assert_eq!(id(";Party=CALLED").party(), Some(Party::Called));
        assert_eq!((id("").party(), id(";party=x").party()), (None, None));
        assert!(id(";screen=Yes").is_screened() && !id(";screen=no").is_screened() && !id("").is_screened());
        for (params, hides) in
            [("", false), (";privacy=off", false), (";privacy=full", true), (";privacy=\"off, uri\"", true)]
        {
            assert_eq!(id(params).hides_identity(), hides, "{params}");
        }
    }

    #[test]
    fn malformed_parties_are_refused() {
        for text in [
            "",
            "sip:a@h;party=calling",
            "<sip:a@h>;party",
            "<sip:a@h>;screen=a/b",
            "<sip:a@h>;privacy=a@b",
            "<sip:a@h",
        ] {
            assert!(RemotePartyId::parse(text).is_err(), "{text}");
        }
    }
}
