//! Digest authentication (RFC 7616, RFC 8760) for both ends of the lab. It shares no code with the product's own
//! reading of the headers, so that the two can disagree.

use cordon_sip::Method;
use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::random;

/// A hash a challenge can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// What every phone knows.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text)),
            Algorithm::Sha256 => hex(&Sha256::digest(text)),
        }
    }

    fn parse(name: &str) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Sha256].into_iter().find(|known| known.name().eq_ignore_ascii_case(name))
    }
}

/// A user and the password both ends know.
#[derive(Clone)]
pub struct Account {
    /// The user part of the address of record; also the digest user name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Account {
    /// An account.
    pub fn new(user: &str, password: &str) -> Self {
        Account { user: user.to_owned(), password: password.to_owned() }
    }
}

/// The parameters of a `Digest` header value.
#[derive(Clone, Debug)]
pub(crate) struct DigestFields(Vec<(String, String)>);

impl DigestFields {
    pub(crate) fn parse(value: &str) -> Option<DigestFields> {
        let (scheme, mut rest) = value.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut fields = Vec::new();
        while !rest.trim().is_empty() {
            let (name, after) = rest.split_once('=')?;
            let name = name.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
            let after = after.trim_start();
            let (value, next) = match after.strip_prefix('"') {
                Some(quoted) => split_quoted(quoted)?,
                None => after
                    .split_once(',')
                    .map_or((after.trim().to_owned(), ""), |(v, n)| (v.trim().to_owned(), n)),
            };
            fields.push((name, value));
            rest = next;
        }
        Some(DigestFields(fields))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::parse(self.get("algorithm").unwrap_or("MD5"))
    }
}

/// A challenge of the PBX, as a header value.
pub(crate) fn challenge(algorithm: Algorithm, realm: &str, nonce: &str, qop: &str, stale: bool) -> String {
    let stale = if stale { ", stale=true" } else { "" };
    format!(
        "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={}, qop=\"{qop}\"{stale}",
        algorithm.name()
    )
}

/// The phone's answer to the first of these challenges it can meet, as a header value.
pub(crate) fn answer<'a>(
    challenges: impl Iterator<Item = &'a str>,
    account: &Account,
    method: &Method,
    uri: &str,
) -> Option<String> {
    let fields = challenges.filter_map(DigestFields::parse).find(|fields| fields.algorithm().is_some())?;
    let (algorithm, realm, nonce) = (fields.algorithm()?, fields.get("realm")?, fields.get("nonce")?);
    let quality = match fields.get("qop") {
        Some(qop) if qop.split(',').any(|one| one.trim() == "auth") => {
            Some(Quality { cnonce: random::token(), count: "00000001".to_owned() })
        }
        Some(_) => return None,
        None => None,
    };
    let response = response(algorithm, account, realm, nonce, quality.as_ref(), method, uri);
    let mut value = format!(
        "Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
        account.user,
        algorithm.name()
    );
    if let Some(Quality { cnonce, count }) = quality {
        value.push_str(&format!(", qop=auth, cnonce=\"{cnonce}\", nc={count}"));
    }
    if let Some(opaque) = fields.get("opaque") {
        value.push_str(&format!(", opaque=\"{opaque}\""));
    }
    Some(value)
}

/// Whether these credentials prove that their sender knows the account's password.
pub(crate) fn is_right(fields: &DigestFields, account: &Account, method: &Method) -> bool {
    let required = || {
        let (algorithm, realm, nonce) = (fields.algorithm()?, fields.get("realm")?, fields.get("nonce")?);
        let quality = match (fields.get("qop"), fields.get("cnonce"), fields.get("nc")) {
            (None, _, _) => None,
            (Some("auth"), Some(cnonce), Some(count)) => {
                Some(Quality { cnonce: cnonce.to_owned(), count: count.to_owned() })
            }
            _ => return None,
        };
        Some(response(algorithm, account, realm, nonce, quality.as_ref(), method, fields.get("uri")?))
    };
    required().is_some_and(|required| fields.get("response") == Some(required.as_str()))
}

struct Quality {
    cnonce: String,
    count: String,
}

/// RFC 7616 §3.4.1, with `qop=auth` or without.
fn response(
    algorithm: Algorithm,
    account: &Account,
    realm: &str,
    nonce: &str,
    quality: Option<&Quality>,
    method: &Method,
    uri: &str,
) -> String {
    let secret = algorithm.hash(&format!("{}:{realm}:{}", account.user, account.password));
    let request = algorithm.hash(&format!("{}:{uri}", method.as_str()));
    match quality {
        Some(Quality { cnonce, count }) => {
            algorithm.hash(&format!("{secret}:{nonce}:{count}:{cnonce}:auth:{request}"))
        }
        None => algorithm.hash(&format!("{secret}:{nonce}:{request}")),
    }
}

fn split_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(place + 1..)?)),
            '\\' => value.push(letters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7616_comes_out_for_both_hashes() {
        let account = Account::new("Mufasa", "Circle of Life");
        let quality = Quality {
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".to_owned(),
            count: "00000001".to_owned(),
        };
        let (realm, nonce) = ("http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v");
        let method = Method::parse(&"GET".into()).unwrap();
        let of = |algorithm| {
            response(algorithm, &account, realm, nonce, Some(&quality), &method, "/dir/index.html")
        };
        assert_eq!(of(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(of(Algorithm::Sha256), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    }

    #[test]
    fn an_answer_to_a_challenge_is_right_only_with_the_password() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let account = Account::new("alice", "se\"cret");
            let asked = challenge(algorithm, "lab", "n0nce", "auth,auth-int", false);
            let given = answer([asked.as_str()].into_iter(), &account, &Method::Register, "sip:lab").unwrap();
            let fields = DigestFields::parse(&given).unwrap();
            assert!(is_right(&fields, &account, &Method::Register));
            assert!(!is_right(&fields, &account, &Method::Invite));
            assert!(!is_right(&fields, &Account::new("alice", "other"), &Method::Register));
        }
    }

    #[test]
    fn a_challenge_for_integrity_only_is_not_answered() {
        let asked = challenge(Algorithm::Md5, "lab", "n", "auth-int", false);
        assert!(
            answer([asked.as_str()].into_iter(), &Account::new("a", "b"), &Method::Register, "sip:lab")
                .is_none()
        );
    }
}
