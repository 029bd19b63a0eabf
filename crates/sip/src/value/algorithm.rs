use crate::Text;

/// The hash of a digest (RFC 7616 section 6.1, RFC 8760 section 2.6): a token, in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Algorithm {
    /// `MD5`, also when nothing is said.
    Md5,
    /// `MD5-sess`: hashed with both nonces into a key for the session.
    Md5Sess,
    /// `SHA-256`
    Sha256,
    /// `SHA-256-sess`
    Sha256Sess,
    /// `SHA-512-256`
    Sha512_256,
    /// `SHA-512-256-sess`
    Sha512_256Sess,
    /// Any other token: a challenge with it is to be passed over.
    Other(Text),
}

impl Algorithm {
    /// Reads the value of an `algorithm` parameter, quotes taken off (phones that write them are many).
    pub fn of(token: Option<&Text>) -> Algorithm {
        let Some(token) = token else { return Algorithm::Md5 };
        let known = [
            Algorithm::Md5,
            Algorithm::Md5Sess,
            Algorithm::Sha256,
            Algorithm::Sha256Sess,
            Algorithm::Sha512_256,
            Algorithm::Sha512_256Sess,
        ];
        let found = known.into_iter().find(|algorithm| token.eq_ignore_case(algorithm.as_str()));
        found.unwrap_or_else(|| Algorithm::Other(token.clone()))
    }

    /// The token on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Sha512_256Sess => "SHA-512-256-sess",
            Algorithm::Other(token) => token.as_str(),
        }
    }

    /// Whether the key is made once for a session.
    pub fn is_session(&self) -> bool {
        match self {
            Algorithm::Md5Sess | Algorithm::Sha256Sess | Algorithm::Sha512_256Sess => true,
            Algorithm::Md5 | Algorithm::Sha256 | Algorithm::Sha512_256 | Algorithm::Other(_) => false,
        }
    }

    /// How many hexadecimal digits a proof has; `None` for a hash nobody here knows.
    pub fn proof_digits(&self) -> Option<usize> {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => Some(32),
            Algorithm::Sha256 | Algorithm::Sha256Sess | Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => {
                Some(64)
            }
            Algorithm::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_known_in_any_case() {
        for (token, algorithm, digits) in [
            ("md5", Algorithm::Md5, Some(32)),
            ("MD5-SESS", Algorithm::Md5Sess, Some(32)),
            ("sha-256", Algorithm::Sha256, Some(64)),
            ("SHA-256-sess", Algorithm::Sha256Sess, Some(64)),
            ("SHA-512-256", Algorithm::Sha512_256, Some(64)),
            ("sha-512-256-SESS", Algorithm::Sha512_256Sess, Some(64)),
            ("SHA256", Algorithm::Other(Text::from("SHA256")), None),
            ("SHA-512", Algorithm::Other(Text::from("SHA-512")), None),
        ] {
            let read = Algorithm::of(Some(&Text::from(token)));
            assert_eq!(read, algorithm, "{token}");
            assert_eq!(read.proof_digits(), digits);
            assert_eq!(read.is_session(), token.to_ascii_lowercase().ends_with("-sess"));
            assert!(read.as_str().eq_ignore_ascii_case(token));
        }
        assert_eq!(Algorithm::of(None), Algorithm::Md5);
    }
}
