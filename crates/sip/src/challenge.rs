use bytes::BytesMut;

use crate::grammar::Malformed;
use crate::{Algorithm, AuthParams, Text};

/// One WWW-Authenticate or Proxy-Authenticate: what the peer must prove (RFC 7616 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// `Digest`, or a scheme nobody here knows.
    pub scheme: Text,
    /// The parameters, unknown ones included.
    pub params: AuthParams,
}

impl Challenge {
    /// Reads the value of one header.
    ///
    /// # Errors
    /// When a quote is not closed, a parameter has no value or stands twice, or there are too many.
    pub fn parse(value: impl Into<Text>) -> Result<Challenge, Malformed> {
        let (scheme, params) = AuthParams::parse(&value.into())?;
        Ok(Challenge { scheme, params })
    }

    /// Whether the scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_case("Digest")
    }

    /// The protection domain.
    pub fn realm(&self) -> Option<Text> {
        self.params.get("realm")
    }

    /// The value the answer must be computed over.
    pub fn nonce(&self) -> Option<Text> {
        self.params.get("nonce")
    }

    /// To be repeated in the answer.
    pub fn opaque(&self) -> Option<Text> {
        self.params.get("opaque")
    }

    /// The hash to use; MD5 when nothing is said.
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::of(self.params.get("algorithm").as_ref())
    }

    /// The offered qualities of protection in order; empty for an RFC 2069 challenge.
    pub fn qop(&self) -> Vec<Text> {
        let list = self.params.get("qop").unwrap_or_default();
        list.as_str()
            .split(',')
            .map(str::trim)
            .filter(|qop| !qop.is_empty())
            .map(|qop| list.part(qop))
            .collect()
    }

    /// Whether only the nonce was old, the password being right.
    pub fn is_stale(&self) -> bool {
        self.params.get("stale").is_some_and(|stale| stale.eq_ignore_case("true"))
    }

    /// The same challenge without `auth-int` among its qualities, for a body that changes on the way; `None` when
    /// nothing else was offered. Without `auth-int` it is returned as it came.
    pub fn without_auth_int(&self) -> Option<Challenge> {
        let offered = self.qop();
        let kept: Vec<&str> =
            offered.iter().filter(|qop| !qop.eq_ignore_case("auth-int")).map(Text::as_str).collect();
        if kept.len() == offered.len() {
            return Some(self.clone());
        }
        if kept.is_empty() {
            return None;
        }
        let mut challenge = self.clone();
        challenge.params.set_quoted("qop", &kept.join(","));
        Some(challenge)
    }

    /// Appends the value of the header.
    pub fn write_to(&self, out: &mut BytesMut) {
        self.params.write_with(&self.scheme, out);
    }

    /// The value of the header.
    pub fn to_text(&self) -> Text {
        let mut out = BytesMut::new();
        self.write_to(&mut out);
        Text::from_utf8(out.freeze()).expect("a value is written from texts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = r#"Digest realm="a, \"b\"", nonce="n==", qop="auth,auth-int", algorithm=SHA-512-256, x-new=1, stale=TRUE"#;

    #[test]
    fn a_challenge_keeps_everything_and_reads_quotes() {
        let challenge = Challenge::parse(SHA).unwrap();
        assert!(challenge.is_digest() && challenge.is_stale());
        assert_eq!(challenge.realm().unwrap(), "a, \"b\"");
        assert_eq!(challenge.algorithm(), Algorithm::Sha512_256);
        assert_eq!(challenge.qop(), ["auth", "auth-int"]);
        assert_eq!(challenge.to_text(), SHA);
    }

    #[test]
    fn auth_int_is_taken_out_and_alone_leaves_nothing() {
        let challenge = Challenge::parse(SHA).unwrap().without_auth_int().unwrap();
        assert_eq!(challenge.qop(), ["auth"]);
        assert!(challenge.to_text().as_str().contains("x-new=1"));
        assert_eq!(Challenge::parse(r#"Digest nonce="n", qop="auth-int""#).unwrap().without_auth_int(), None);
        let old = Challenge::parse(r#"Digest nonce="n""#).unwrap();
        assert_eq!(old.without_auth_int(), Some(old));
    }

    #[test]
    fn malformed_challenges_are_refused() {
        for text in
            ["", "Dig est", "Digest a", "Digest a=\"x", "Digest a=1,A=2", "Digest =1", "Digest a=\"x\"y"]
        {
            assert!(Challenge::parse(text).is_err(), "{text}");
        }
    }
}
