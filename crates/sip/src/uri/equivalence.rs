//! When two URIs are the same (RFC 3261 section 19.1.4).

use super::Uri;
use crate::grammar::unescape;
use crate::{Params, Text};

impl Uri {
    /// Whether both name the same resource by RFC 3261 section 19.1.4: user with case, host without; `user`,
    /// `ttl`, `method`, `maddr` and `transport` must be in both or in none, other parameters agree when in both.
    pub fn equivalent(&self, other: &Uri) -> bool {
        let same_user = match (&self.user, &other.user) {
            (None, None) => true,
            (Some(one), Some(two)) => one == two || is_same_unescaped(one, two),
            _ => false,
        };
        let same_host = match (&self.host, &other.host) {
            (Some(one), Some(two)) => one.is_same_as(two),
            (None, None) => true,
            _ => false,
        };
        self.scheme == other.scheme
            && same_user
            && self.password() == other.password()
            && same_host
            && self.port == other.port
            && params_agree(&self.params, &other.params)
            && params_agree(&other.params, &self.params)
            && self.headers() == other.headers()
    }
}

fn params_agree(one: &Params, two: &Params) -> bool {
    one.iter().all(|(name, value)| match two.get(name.as_str()) {
        Some(other) => match (value, other) {
            (Some(value), Some(other)) => value.eq_ignore_case(other.as_str()),
            (None, None) => true,
            _ => false,
        },
        None => !MUST_AGREE.iter().any(|fixed| name.eq_ignore_case(fixed)),
    })
}

fn is_same_unescaped(one: &Text, two: &Text) -> bool {
    match (unescape(one.as_str()), unescape(two.as_str())) {
        (Some(one), Some(two)) => one == two,
        _ => false,
    }
}

/// Present in one URI only, these make the two differ (RFC 3261 §19.1.4).
const MUST_AGREE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap()
    }

    #[test]
    fn equivalence_follows_section_19_1_4() {
        for (one, two) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        ] {
            assert!(uri(one).equivalent(&uri(two)), "{one} {two}");
        }
        for (one, two) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ] {
            assert!(!uri(one).equivalent(&uri(two)), "{one} {two}");
        }
    }
}
