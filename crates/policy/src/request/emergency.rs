//! Emergency numbers of a site, and what counts as a call to one.

use cordon_sip::{Scheme, Uri};

/// The numbers of a site that are matched before every other rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmergencyNumbers(Vec<String>);

/// A number that no phone could dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an emergency number has 2 to 16 digits, `*` or `#`, and `+` at most in front")]
pub struct UnreadableNumber;

impl EmergencyNumbers {
    /// Takes the numbers as they are dialled.
    ///
    /// # Errors
    /// [`UnreadableNumber`] where one of them could not be dialled.
    pub fn new(numbers: impl IntoIterator<Item = String>) -> Result<EmergencyNumbers, UnreadableNumber> {
        let numbers: Vec<String> = numbers.into_iter().collect();
        match numbers.iter().all(|number| is_dialable(number)) {
            true => Ok(EmergencyNumbers(numbers)),
            false => Err(UnreadableNumber),
        }
    }

    /// True where the site has written none down.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True where `uri` asks for an emergency service: what was dialled equals one of the numbers, exactly and
    /// whatever the host, or it is `urn:service:sos` with any of its sub-services (RFC 5031).
    pub fn has(&self, uri: &Uri) -> bool {
        if is_sos(uri) {
            return true;
        }
        let Some(dialled) = uri.dialled() else { return false };
        let dialled = dialled.as_str();
        match uri.scheme() {
            // RFC 3966 §3: visual separators are no part of a number.
            Scheme::Tel => {
                let bare: String = dialled.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect();
                self.0.contains(&bare)
            }
            Scheme::Sip | Scheme::Sips => self.0.iter().any(|number| number == dialled),
            Scheme::Other(_) => false,
        }
    }
}

/// `urn:service:sos`, `urn:service:sos.fire`: not `urn:service:sosomething`.
fn is_sos(uri: &Uri) -> bool {
    let Scheme::Other(scheme) = uri.scheme() else { return false };
    let Some(rest) = uri.user().filter(|_| scheme.eq_ignore_case("urn")) else { return false };
    let rest = rest.as_str().to_ascii_lowercase();
    rest.strip_prefix("service:sos").is_some_and(|sub| sub.is_empty() || sub.starts_with('.'))
}

fn is_dialable(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'#'))
}

/// No country's emergency number is shorter.
const MIN_DIGITS: usize = 2;
/// E.164 numbers have 15 digits; one more for a prefix.
const MAX_DIGITS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(uri: &str) -> bool {
        let numbers = EmergencyNumbers::new(["911".to_owned(), "933".to_owned()]).unwrap();
        numbers.has(&Uri::parse(uri).unwrap())
    }

    #[test]
    fn the_number_is_matched_in_every_form_a_phone_writes() {
        for uri in [
            "sip:911@mx.example.org",
            "sips:911@mx.example.org",
            "sip:911@10.1.0.5:5061;transport=tls;user=phone",
            "sip:%3911@mx.example.org",
            "sip:911;phone-context=mx.example.org@mx.example.org;user=dialstring",
            "tel:911",
            "tel:9-1-1;phone-context=+1",
            "sip:933@elsewhere.example",
        ] {
            assert!(matches(uri), "{uri}");
        }
    }

    #[test]
    fn only_the_exact_number_is_matched() {
        for uri in [
            "sip:9911@mx.example.org",
            "sip:9110@mx.example.org",
            "sip:+911@mx.example.org",
            "sip:911x@h.example",
            "tel:1911",
        ] {
            assert!(!matches(uri), "{uri}");
        }
        assert!(!matches("sip:mx.example.org"));
    }

    #[test]
    fn every_sub_service_of_sos_is_matched_and_nothing_that_only_looks_like_it() {
        for uri in ["urn:service:sos", "URN:service:sos.fire", "urn:service:SOS.police.traffic"] {
            assert!(matches(uri), "{uri}");
        }
        for uri in ["urn:service:sosh", "urn:service:counseling", "urn:other:service:sos"] {
            assert!(!matches(uri), "{uri}");
        }
    }

    #[test]
    fn numbers_that_cannot_be_dialled_are_not_taken() {
        for number in ["", "9", "nine", "9 1 1", "911@mx", "12345678901234567"] {
            assert!(EmergencyNumbers::new([number.to_owned()]).is_err(), "{number}");
        }
        assert!(EmergencyNumbers::new(["+15550100".to_owned(), "*99#".to_owned()]).is_ok());
    }
}
