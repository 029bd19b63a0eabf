use bytes::BytesMut;
use cordon_phi::Phi;

use crate::grammar::Malformed;
use crate::{Algorithm, AuthParams, Text};

/// One Authorization or Proxy-Authorization: the proof (RFC 7616 section 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `Digest`, or a scheme nobody here knows.
    pub scheme: Text,
    /// The parameters, unknown ones included.
    pub params: AuthParams,
}

impl Credentials {
    /// Reads the value of one header.
    ///
    /// # Errors
    /// When a quote is not closed, a parameter has no value or stands twice, there are too many, or the `nc` of a digest is
    /// not eight hexadecimal digits: a server that reads it otherwise would count otherwise.
    pub fn parse(value: impl Into<Text>) -> Result<Credentials, Malformed> {
        let (scheme, params) = AuthParams::parse(&value.into())?;
        let credentials = Credentials { scheme, params };
        let has_count = credentials.params.has("nc");
        if credentials.is_digest() && has_count && credentials.nonce_count().is_none() {
            return Err(Malformed("a nonce count is not eight hexadecimal digits"));
        }
        Ok(credentials)
    }

    /// Whether a header value has more parameters than [`Credentials::parse`] reads: 32.
    pub fn are_too_many(value: &Text) -> bool {
        AuthParams::are_too_many(value)
    }

    /// Whether the scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_case("Digest")
    }

    /// Who proves.
    pub fn username(&self) -> Option<Phi<Text>> {
        self.params.get("username").map(Phi::new)
    }

    /// The protection domain.
    pub fn realm(&self) -> Option<Text> {
        self.params.get("realm")
    }

    /// The challenge's value the proof is computed over.
    pub fn nonce(&self) -> Option<Text> {
        self.params.get("nonce")
    }

    /// The Request-URI as digested.
    pub fn uri(&self) -> Option<Text> {
        self.params.get("uri")
    }

    /// The proof itself, in hexadecimal.
    pub fn response(&self) -> Option<Text> {
        self.params.get("response")
    }

    /// The hash used; MD5 when nothing is said.
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::of(self.params.get("algorithm").as_ref())
    }

    /// The client's own nonce.
    pub fn cnonce(&self) -> Option<Text> {
        self.params.get("cnonce")
    }

    /// How often the nonce was used: eight hexadecimal digits.
    pub fn nonce_count(&self) -> Option<u32> {
        self.params.nonce_count()
    }

    /// The quality of protection chosen.
    pub fn qop(&self) -> Option<Text> {
        self.params.get("qop")
    }

    /// Repeated from the challenge.
    pub fn opaque(&self) -> Option<Text> {
        self.params.get("opaque")
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

    const PROOF: &str = r#"Digest username="jane", realm="r", nonce="n", uri="sip:h;x=\"1,2\"", response="00ff", algorithm=SHA-256, nc=0000000a, qop=auth, cnonce="c""#;

    #[test]
    fn credentials_are_read_and_written_back_unchanged() {
        let credentials = Credentials::parse(PROOF).unwrap();
        assert_eq!(credentials.nonce_count(), Some(10));
        assert_eq!(credentials.uri().unwrap(), "sip:h;x=\"1,2\"");
        assert_eq!(credentials.qop().unwrap(), "auth");
        assert_eq!(credentials.to_text(), PROOF);
    }

    #[test]
    fn a_username_is_not_printed() {
        let credentials = Credentials::parse(PROOF).unwrap();
        let printed = format!("{credentials:?} {:?}", credentials.username());
        assert!(!printed.contains("jane") && !printed.contains("00ff"), "{printed}");
    }

    #[test]
    fn a_nonce_count_is_eight_hexadecimal_digits() {
        for (count, read) in [("00000001", 1), ("0000000a", 10), ("FFFFFFFF", u32::MAX), ("\"0000000A\"", 10)]
        {
            let credentials = Credentials::parse(format!("Digest nc={count}")).unwrap();
            assert_eq!(credentials.nonce_count(), Some(read), "{count}");
        }
        for count in ["1", "+000000a", "0000000g", "00000000a", "0x000001", "\"\""] {
            assert!(Credentials::parse(format!("Digest nc={count}")).is_err(), "{count}");
        }
        assert!(Credentials::parse("Other nc=1").is_ok());
    }

    #[test]
    fn a_flood_of_parameters_is_told_from_what_is_malformed() {
        let proof = |count: usize| {
            let params: Vec<_> = (0..count).map(|at| format!("p{at}=\"a,b,c\"")).collect();
            Text::from(format!("Digest {}", params.join(",")))
        };
        assert!(Credentials::parse(proof(32)).is_ok() && !Credentials::are_too_many(&proof(32)));
        assert!(Credentials::parse(proof(33)).is_err() && Credentials::are_too_many(&proof(33)));
        let broken = Text::from(format!("{}, \"", proof(31).as_str()));
        assert!(Credentials::parse(&broken).is_err() && !Credentials::are_too_many(&broken));
        assert!(!Credentials::are_too_many(&Text::from(",".repeat(100))));
    }

    #[test]
    fn an_unknown_scheme_is_kept() {
        let credentials = Credentials::parse("NoOneKnowsThisScheme opaque-data=here").unwrap();
        assert!(!credentials.is_digest());
        assert_eq!(credentials.to_text(), "NoOneKnowsThisScheme opaque-data=here");
    }
}
