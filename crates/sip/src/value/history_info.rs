use bytes::BytesMut;

use super::HeaderValue;
use crate::grammar::{Malformed, number};
use crate::{HeaderName, NameAddr, Text};

/// One target the request was sent to before (RFC 7044 section 5): one element.
///
/// `hi-entry = name-addr *(SEMI ("index" EQUAL index-val / "rc" / "mp" / "np" EQUAL index-val / generic-param))`,
/// `index-val = number *("." number)`; the index is mandatory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryInfo {
    /// The target, with the parameters as written. Its URI may carry Reason and Privacy headers.
    pub address: NameAddr,
}

impl HistoryInfo {
    /// Where it stands in the tree of targets: `1.2.1` is the first target of the second target of the first.
    pub fn index(&self) -> Vec<u32> {
        self.address.params.value("index").and_then(index).unwrap_or_default()
    }

    /// The reason why the request went on from here, unread: the `Reason` among the URI's headers.
    ///
    /// # Errors
    /// When the headers of the URI are malformed.
    pub fn reason(&self) -> Result<Option<Text>, Malformed> {
        self.address.uri.header_field(&HeaderName::REASON)
    }

    /// Whether this entry must not leave the domain (RFC 7044 section 10.1.2). Malformed headers count as yes.
    pub fn is_private(&self) -> bool {
        match self.address.uri.header_field(&HeaderName::PRIVACY) {
            Ok(privacy) => privacy.is_some_and(|privacy| !privacy.eq_ignore_case("none")),
            Err(_) => true,
        }
    }
}

impl HeaderValue for HistoryInfo {
    fn read(value: &Text) -> Result<HistoryInfo, Malformed> {
        if !value.as_str().contains('<') {
            return Err(Malformed("a target of a history does not stand in brackets"));
        }
        let address = NameAddr::parse(value)?;
        let params = &address.params;
        if params.value("index").and_then(index).is_none() {
            return Err(Malformed("a target of a history has no index"));
        }
        for name in ["rc", "mp", "np"] {
            if params.get(name).is_some_and(|value| value.and_then(index).is_none()) {
                return Err(Malformed("the parent of a target of a history is not an index"));
            }
        }
        Ok(HistoryInfo { address })
    }

    fn write_to(&self, out: &mut BytesMut) {
        self.address.write_to(out);
    }
}

fn index(text: &Text) -> Option<Vec<u32>> {
    let mut index = Vec::new();
    for digits in text.as_str().split('.') {
        if index.len() >= MAX_DEPTH {
            return None;
        }
        index.push(u32::try_from(number(digits, u64::from(u32::MAX))?).ok()?);
    }
    Some(index)
}

/// A request starts with 70 hops, so no target lies deeper.
const MAX_DEPTH: usize = 70;

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_rfc_7044_are_read() {
        for text in [
            "<sip:bob@biloxi.example.com?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1",
            "<sip:bob@192.0.2.5?Reason=SIP%3Bcause%3D486%3Btext%3D%22Busy%20Here%22&Privacy=history>;index=1.2.1;mp=1.2",
            "<tel:+1-201-555-0123>;index=1;np=1",
        ] {
            assert_eq!(written::<HistoryInfo>(text), text);
        }
        let entry =
            HistoryInfo::parse("<sip:b@h?Privacy=history&Reason=SIP%3Bcause%3D302>;index=1.20").unwrap();
        assert_eq!(entry.index(), [1, 20]);
        assert!(entry.is_private());
        assert_eq!(entry.reason().unwrap().unwrap(), "SIP;cause=302");
        assert!(!HistoryInfo::parse("<sip:b@h>;index=1").unwrap().is_private());
    }

    #[test]
    fn malformed_entries_are_refused() {
        for text in [
            "",
            "<sip:a@h>",
            "sip:a@h;index=1",
            "<sip:a@h>;index",
            "<sip:a@h>;index=1.",
            "<sip:a@h>;index=x",
            "<sip:a@h>;index=1;rc",
            "<sip:a@h>;index=4294967296",
        ] {
            assert!(HistoryInfo::parse(text).is_err(), "{text}");
        }
        assert!(HistoryInfo::parse(format!("<sip:a@h>;index={}", ["1"; 71].join("."))).is_err());
    }
}
