use bytes::BytesMut;

use super::{HeaderValue, Replaces};
use crate::grammar::{Malformed, quoted};
use crate::{Method, NameAddr, Text};

/// Whom to call, and how (RFC 3515 section 2.1).
///
/// `Refer-To = (name-addr / addr-spec) *(SEMI generic-param)`; a URI with `?` stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTo {
    /// The target.
    pub address: NameAddr,
}

impl ReferTo {
    /// The request to send there: the `method` parameter of the URI, or INVITE.
    ///
    /// # Errors
    /// When the parameter is no method.
    pub fn method(&self) -> Result<Method, Malformed> {
        match self.address.uri.params().get("method") {
            None => Ok(Method::Invite),
            Some(method) => Method::parse(method.unwrap_or(&Text::default())),
        }
    }

    /// The dialog that the new call takes the place of, when this is an attended transfer.
    ///
    /// # Errors
    /// When the headers of the URI are malformed.
    pub fn replaces(&self) -> Option<Result<Replaces, Malformed>> {
        Replaces::of_uri(&self.address.uri)
    }
}

impl HeaderValue for ReferTo {
    fn read(value: &Text) -> Result<ReferTo, Malformed> {
        Ok(ReferTo { address: NameAddr::parse(value)? })
    }

    fn write_to(&self, out: &mut BytesMut) {
        self.address.write_to(out);
    }
}

/// Who asked for the call (RFC 3892 section 3).
///
/// `Referred-By = (name-addr / addr-spec) *(SEMI ("cid" EQUAL sip-clean-msg-id / generic-param))`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferredBy {
    /// The referrer; a `cid` parameter names the body part that proves it.
    pub address: NameAddr,
}

impl ReferredBy {
    /// The Content-ID of the proof, without quotes.
    pub fn content_id(&self) -> Option<Text> {
        self.address.params.unquoted("cid")
    }
}

impl HeaderValue for ReferredBy {
    fn read(value: &Text) -> Result<ReferredBy, Malformed> {
        let address = NameAddr::parse(value)?;
        if let Some(id) = address.params.get("cid") {
            let id = id.and_then(|id| quoted(id.as_str()).ok()).and_then(|(id, _)| id.split_once('@'));
            if !id.is_some_and(|(left, right)| !left.is_empty() && !right.is_empty()) {
                return Err(Malformed("the cid of a referrer is not a quoted message id"));
            }
        }
        Ok(ReferredBy { address })
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
    fn the_examples_of_rfc_3515_are_read() {
        for (text, out) in [
            ("sip:alice@atlanta.example.com", "<sip:alice@atlanta.example.com>"),
            (
                "<sip:bob@biloxi.example.net?Accept-Contact=sip:bobsdesk.biloxi.example.net&Call-ID%3D55432%40alicepc.atlanta.example.com>",
                "",
            ),
            (
                "<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>",
                "",
            ),
            ("<sip:carol@cleveland.example.org;method=SUBSCRIBE>", ""),
            ("<http://www.example.org>", ""),
            ("\"Bob <;,\" <sips:bob@[2001:db8::9]:5061>;x=\"y\"", ""),
            ("<tel:+1-201-555-0123>", ""),
        ] {
            assert_eq!(written::<ReferTo>(text), if out.is_empty() { text } else { out });
        }
        let subscribe = ReferTo::parse("<sip:carol@cleveland.example.org;method=SUBSCRIBE>").unwrap();
        assert_eq!(subscribe.method(), Ok(Method::Subscribe));
        assert_eq!(subscribe.replaces(), None);
        assert!(ReferTo::parse("<sip:a@h;method>").unwrap().method().is_err());
    }

    #[test]
    fn an_attended_transfer_names_its_dialog() {
        let refer =
            ReferTo::parse("<sip:d@h?Replaces=1%40h%3Bto-tag%3Da%3Bfrom-tag%3Db%3Bearly-only&Subject=x>");
        let refer = refer.unwrap();
        let replaces = refer.replaces().unwrap().unwrap();
        assert_eq!((replaces.call_id.as_str(), replaces.early_only), ("1@h", true));
        assert_eq!(refer.method(), Ok(Method::Invite));
        assert!(ReferTo::parse("<sip:d@h?Replaces=1>").unwrap().replaces().unwrap().is_err());
    }

    #[test]
    fn the_examples_of_rfc_3892_are_read() {
        let text = "<sip:referror@referror.example> ;cid=\"20398823.2UWQFN309shb3@referror.example\"";
        assert_eq!(written::<ReferredBy>(text), text.replace(" ;", ";"));
        assert_eq!(
            ReferredBy::parse(text).unwrap().content_id().unwrap(),
            "20398823.2UWQFN309shb3@referror.example"
        );
        assert_eq!(written::<ReferredBy>("sip:r@ref.example;x=1"), "<sip:r@ref.example>;x=1");
        assert_eq!(written::<ReferredBy>("\"R\" <sips:r@ref.example>"), "\"R\" <sips:r@ref.example>");
    }

    #[test]
    fn malformed_referrals_are_refused() {
        for text in ["", "*", "<sip:a@h", "sip:a@h?Replaces=x", "<sip:a@h>, <sip:b@h>", "<sip:a@h>;;"] {
            assert!(ReferTo::parse(text).is_err(), "{text}");
        }
        for text in ["", "<sip:a@h>;cid", "<sip:a@h>;cid=a@b", "<sip:a@h>;cid=\"a\"", "<sip:a@h>;cid=\"@\""] {
            assert!(ReferredBy::parse(text).is_err(), "{text}");
        }
    }
}
