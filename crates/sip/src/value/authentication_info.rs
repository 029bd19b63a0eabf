use bytes::BytesMut;

use super::HeaderValue;
use crate::grammar::Malformed;
use crate::{AuthParams, Text};

/// What a server adds to a proof it accepted: Authentication-Info and Proxy-Authentication-Info (RFC 7616 section 3.5, RFC
/// 3261 section 20.6).
///
/// `1#(nextnonce / message-qop / response-auth / cnonce / nonce-count)`, without a scheme.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticationInfo {
    /// The parameters, unknown ones included.
    pub params: AuthParams,
}

impl AuthenticationInfo {
    /// The nonce to use from now on.
    pub fn next_nonce(&self) -> Option<Text> {
        self.params.get("nextnonce")
    }

    /// The server's own proof, in hexadecimal.
    pub fn server_proof(&self) -> Option<Text> {
        self.params.get("rspauth")
    }

    /// The quality of protection the server used.
    pub fn qop(&self) -> Option<Text> {
        self.params.get("qop")
    }
}

impl HeaderValue for AuthenticationInfo {
    fn read(value: &Text) -> Result<AuthenticationInfo, Malformed> {
        let params = AuthParams::parse_list(value, value.as_str())?;
        if params.is_empty() {
            return Err(Malformed("an authentication info is empty"));
        }
        if params.has("nc") && params.nonce_count().is_none() {
            return Err(Malformed("a nonce count is not eight hexadecimal digits"));
        }
        Ok(AuthenticationInfo { params })
    }

    fn write_to(&self, out: &mut BytesMut) {
        self.params.write_to(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_rfc_3261_and_7616_are_read() {
        for (text, out) in [
            ("nextnonce=\"47364c23432d2e131a5fb210812c\"", "nextnonce=\"47364c23432d2e131a5fb210812c\""),
            (
                "qop=auth , rspauth=\"6629fae49393a05397450978507c4ef1\",cnonce=\"0a4f113b\", nc=0000000A",
                "qop=auth, rspauth=\"6629fae49393a05397450978507c4ef1\", cnonce=\"0a4f113b\", nc=0000000A",
            ),
        ] {
            assert_eq!(written::<AuthenticationInfo>(text), out);
        }
        let info =
            AuthenticationInfo::parse("NextNonce=\"a \\\"b\", x=\"1\", rspauth=\"00\", qop=auth").unwrap();
        assert_eq!(info.next_nonce().unwrap(), "a \"b");
        assert_eq!(info.server_proof().unwrap(), "00");
        assert_eq!(info.qop().unwrap(), "auth");
    }

    #[test]
    fn malformed_infos_are_refused() {
        for text in [
            "",
            ",",
            "Digest nextnonce=\"x\"",
            "nextnonce",
            "a=1,a=2",
            "nextnonce=\"x",
            "nc=1",
            "nc=0000000g",
        ] {
            assert!(AuthenticationInfo::parse(text).is_err(), "{text}");
        }
    }
}
