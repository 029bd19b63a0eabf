//! The parameters of a Contact that Cordon reads (RFC 3261 section 20.10, RFC 5626 section 4.1).

use std::fmt;

use super::{DeltaSeconds, HeaderValue};
use crate::grammar::{Malformed, number, quoted};
use crate::{NameAddr, Text};

impl NameAddr {
    /// How long a contact is bound, in seconds: its `expires` parameter. What is no number counts as
    /// [`DeltaSeconds::UNREADABLE`].
    pub fn expires(&self) -> Option<u32> {
        let value = self.params.get("expires")?;
        let seconds = value.and_then(|digits| DeltaSeconds::of(digits.as_str()));
        Some(seconds.unwrap_or(DeltaSeconds::UNREADABLE.0))
    }

    /// The same contact, bound for so many seconds.
    pub fn with_expires(mut self, seconds: u32) -> NameAddr {
        self.params.set("expires", Some(DeltaSeconds(seconds).to_text()));
        self
    }

    /// The preference among contacts: its `q` parameter.
    ///
    /// # Errors
    /// When it is not 0 to 1 with at most three decimals.
    pub fn quality(&self) -> Option<Result<Quality, Malformed>> {
        let value = self.params.get("q")?;
        Some(value.and_then(Quality::of).ok_or(Malformed("q is not 0 to 1 with three decimals")))
    }

    /// Which device a contact is: its `+sip.instance` parameter.
    ///
    /// # Errors
    /// When it is not a URN in brackets in quotes.
    pub fn instance(&self) -> Option<Result<InstanceId, Malformed>> {
        let value = self.params.get("+sip.instance")?;
        Some(
            value
                .and_then(InstanceId::of)
                .ok_or(Malformed("+sip.instance is not a URN in brackets in quotes")),
        )
    }

    /// Which of its device's flows a contact is on: its `reg-id` parameter.
    ///
    /// # Errors
    /// When it is not 1 to 2^31 - 1 (RFC 5626 section 4.2).
    pub fn reg_id(&self) -> Option<Result<RegId, Malformed>> {
        let value = self.params.get("reg-id")?;
        Some(value.and_then(RegId::of).ok_or(Malformed("reg-id is not 1 to 2^31 - 1")))
    }
}

/// `qvalue = "0" ["." 0*3DIGIT] / "1" ["." 0*3("0")]`, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quality(u16);

impl Quality {
    /// The preference in thousandths: 0 to 1000.
    pub fn thousandths(self) -> u16 {
        self.0
    }

    fn of(text: &Text) -> Option<Quality> {
        let (whole, decimals) = text.as_str().split_once('.').unwrap_or((text.as_str(), ""));
        let are_digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
        if !matches!(whole, "0" | "1") || decimals.len() > 3 || !are_digits {
            return None;
        }
        let scale = [1_000, 100, 10, 1].get(decimals.len())?;
        let decimals = if decimals.is_empty() { 0 } else { number(decimals, 999)? };
        let thousandths = number(whole, 1)? * 1_000 + decimals * scale;
        u16::try_from(thousandths).ok().filter(|thousandths| *thousandths <= 1_000).map(Quality)
    }
}

/// Which of its device's flows a contact is on (RFC 5626 section 4.2): `1*DIGIT`, 1 to 2^31 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegId(u32);

impl RegId {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    fn of(digits: &Text) -> Option<RegId> {
        let id = number(digits.as_str(), MAX_REG_ID).filter(|id| *id > 0)?;
        u32::try_from(id).ok().map(RegId)
    }
}

/// The name of a device, the same over all its registrations (RFC 5626 section 4.1): a URN. Prints as a length.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct InstanceId(Text);

impl InstanceId {
    /// The URN as written: `urn:uuid:00000000-0000-1000-8000-000A95A0E128`.
    pub fn urn(&self) -> &Text {
        &self.0
    }

    /// Whether both name one device, by the rules of their URN (RFC 5626 section 4.1).
    pub fn is_same_as(&self, other: &InstanceId) -> bool {
        self.canonical().eq(other.canonical())
    }

    /// The URN in the one spelling that all names of this device share: `urn:` and the namespace in small letters (RFC 2141
    /// section 5), and so what follows them where it is a UUID (RFC 4122 section 3).
    pub fn canonical(&self) -> impl Iterator<Item = u8> {
        let urn = self.0.as_bytes();
        let is_uuid = urn.get(..UUID.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(UUID));
        let mut colons = 0;
        urn.iter().map(move |byte| {
            colons += u8::from(colons < 2 && *byte == b':');
            if is_uuid || colons < 2 { byte.to_ascii_lowercase() } else { *byte }
        })
    }

    fn of(value: &Text) -> Option<InstanceId> {
        let (inside, _) = quoted(value.as_str()).ok()?;
        let urn = inside.strip_prefix('<')?.strip_suffix('>')?;
        let name = urn.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("urn:")).and(urn.get(4..))?;
        let (space, rest) = name.split_once(':')?;
        let is_plain = urn.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\".contains(&byte));
        (is_plain && !space.is_empty() && !rest.is_empty()).then(|| InstanceId(value.part(urn)))
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceId({} bytes)", self.0.len())
    }
}

const UUID: &[u8] = b"urn:uuid:";

/// RFC 5626 §4.2: "the value MUST be between 1 and 2**31 - 1".
const MAX_REG_ID: u64 = (1 << 31) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(params: &str) -> NameAddr {
        NameAddr::parse(format!("<sip:line1@192.0.2.2;transport=tcp>{params}")).unwrap()
    }

    #[test]
    fn the_example_of_rfc_5626_is_read() {
        let contact = contact(
            "; reg-id=1;\r\n ;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\""
                .replace(";\r\n ;", ";")
                .as_str(),
        );
        let instance = contact.instance().unwrap().unwrap();
        assert_eq!(instance.urn(), &"urn:uuid:00000000-0000-1000-8000-000A95A0E128");
        assert_eq!(contact.reg_id(), Some(Ok(RegId(1))));
        let lower = "<sip:a@h>;+SIP.Instance=\"<URN:uuid:00000000-0000-1000-8000-000a95a0e128>\"";
        assert!(instance.is_same_as(&NameAddr::parse(lower).unwrap().instance().unwrap().unwrap()));
        assert!(!format!("{instance:?}").contains("0000"));
    }

    #[test]
    fn malformed_instances_and_flows_are_refused() {
        for instance in [
            "",
            "=urn:uuid:1",
            "=\"urn:uuid:1\"",
            "=\"<uuid:1>\"",
            "=\"<urn:uuid:>\"",
            "=\"<urn::1>\"",
            "=\"<urn:uuid:1\"",
            "=\"<urn:uuid:\\\">\"",
            "=\"<urn:u u:1>\"",
        ] {
            assert!(
                matches!(contact(&format!(";+sip.instance{instance}")).instance(), Some(Err(_))),
                "{instance}"
            );
        }
        for id in ["", "=0", "=2147483648", "=99999999999999999999", "=-1", "=+1", "=x", "=1.0", "=\"1\""] {
            assert!(matches!(contact(&format!(";reg-id{id}")).reg_id(), Some(Err(_))), "{id}");
        }
        for (id, number) in [("1", 1), ("0007", 7), ("2147483647", 2_147_483_647)] {
            assert_eq!(contact(&format!(";reg-id={id}")).reg_id().unwrap().unwrap().get(), number);
        }
        assert_eq!((contact("").instance(), contact("").reg_id()), (None, None));
    }

    #[test]
    fn names_of_devices_compare_by_the_rules_of_their_urn() {
        let instance =
            |urn: &str| contact(&format!(";+sip.instance=\"<{urn}>\"")).instance().unwrap().unwrap();
        for (one, two, are_same) in [
            ("urn:uuid:0a", "URN:UUID:0A", true),
            ("urn:uuid:0a", "urn:uuid:0b", false),
            ("urn:gsma:imei:35-A", "URN:Gsma:imei:35-A", true),
            ("urn:gsma:imei:35-A", "urn:gsma:imei:35-a", false),
            ("urn:gsma:IMEI:1", "urn:gsma:imei:1", false),
        ] {
            assert_eq!(instance(one).is_same_as(&instance(two)), are_same, "{one} {two}");
        }
    }

    #[test]
    fn lifetimes_and_preferences_are_read() {
        for (params, seconds) in [
            ("", None),
            (";expires=60", Some(60)),
            (";Expires=99999999999", Some(u32::MAX)),
            (";expires=\"Tue, 01 Dec 1994 16:00:00 GMT\"", Some(3_600)),
            (";expires=-1", Some(3_600)),
            (";expires", Some(3_600)),
        ] {
            assert_eq!(contact(params).expires(), seconds, "{params}");
        }
        for (q, thousandths) in [
            ("0", 0),
            ("0.7", 700),
            ("0.123", 123),
            ("1", 1_000),
            ("1.000", 1_000),
            ("0.", 0),
            ("0.05", 50),
            ("1.", 1_000),
        ] {
            let quality = contact(&format!(";q={q}")).quality().unwrap().unwrap();
            assert_eq!(quality.thousandths(), thousandths, "{q}");
        }
        for q in ["=1.1", "=1.001", "=01", "=", "=2", "=0.1234", "=.5", "=0,5", "=-1", "", "=1.x"] {
            let parsed = NameAddr::parse(format!("<sip:a@h>;q{q}"));
            assert!(parsed.is_err() || matches!(parsed.unwrap().quality(), Some(Err(_))), "{q}");
        }
    }
}
