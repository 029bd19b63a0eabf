use std::fmt;
use std::iter;

use cordon_rtp::{KeyMaterial, Suite};
use memchr::memchr2_iter;

use crate::base64;
use crate::key_parameters::{is_inline, parse_key, parse_number};
use crate::{CryptoProblem, Mki, Text, Weakening};

/// One `a=crypto` line (RFC 4568): usable, or skipped for a reason policy can turn into its answer.
pub enum CryptoLine {
    /// SRTP can be keyed from it.
    Usable(CryptoAttribute),
    /// It cannot; the other lines still count (RFC 4568 §5.1.1).
    Skipped {
        /// The line's tag, when one could be read.
        tag: Option<u32>,
        /// Why.
        why: CryptoProblem,
    },
}

/// A crypto line that can be used.
pub struct CryptoAttribute {
    /// The line's number, 1 to 999,999,999; echoed in the answer.
    pub tag: u32,
    /// The suite.
    pub suite: Suite,
    /// The suite's name as written; an alias is echoed as it came.
    pub spelling: Text,
    /// Master key and salt the writer will send with.
    pub key: KeyMaterial,
    /// Packets the key may protect, when stated; never above the suite's own limit.
    pub lifetime: Option<u64>,
    /// The one key's identifier, when its packets carry one. Answers of ours never have it.
    pub mki: Option<Mki>,
    /// The window size hint in packets (`WSH`), when given.
    pub window_hint: Option<u32>,
    /// Parameters beginning with `-`, which may be ignored (RFC 4568 §6.3.7).
    pub unknown_dash: Vec<Text>,
}

impl CryptoLine {
    /// The attribute, when it can be used.
    pub fn usable(&self) -> Option<&CryptoAttribute> {
        match self {
            CryptoLine::Usable(attribute) => Some(attribute),
            CryptoLine::Skipped { .. } => None,
        }
    }

    /// Why it was skipped, when it was.
    pub fn problem(&self) -> Option<CryptoProblem> {
        match self {
            CryptoLine::Usable(_) => None,
            CryptoLine::Skipped { why, .. } => Some(*why),
        }
    }

    /// The tag, when one could be read.
    pub fn tag(&self) -> Option<u32> {
        match self {
            CryptoLine::Usable(attribute) => Some(attribute.tag),
            CryptoLine::Skipped { tag, .. } => *tag,
        }
    }

    /// Reads what follows `a=crypto:`; `earlier` are the lines above it at the same media line.
    pub(crate) fn parse(value: &str, earlier: &[CryptoLine]) -> CryptoLine {
        let mut words = words(value);
        let Some(tag) = words.next().and_then(parse_tag) else {
            return CryptoLine::Skipped { tag: None, why: CryptoProblem::BadTag };
        };
        if earlier.iter().any(|line| line.tag() == Some(tag)) {
            return CryptoLine::Skipped { tag: Some(tag), why: CryptoProblem::DuplicateTag };
        }
        match CryptoAttribute::parse(tag, words) {
            Ok(attribute) => CryptoLine::Usable(attribute),
            Err(why) => CryptoLine::Skipped { tag: Some(tag), why },
        }
    }
}

impl fmt::Debug for CryptoLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CryptoLine::Usable(attribute) => attribute.fmt(f),
            CryptoLine::Skipped { tag, why } => {
                f.debug_struct("Skipped").field("tag", tag).field("why", why).finish()
            }
        }
    }
}

impl CryptoAttribute {
    /// Bytes the peer's MKI takes in each of its packets; 0 without one.
    pub fn mki_length(&self) -> u8 {
        self.mki.map_or(0, |mki| mki.length)
    }

    fn parse<'a>(tag: u32, mut words: impl Iterator<Item = &'a str>) -> Result<Self, CryptoProblem> {
        let spelling = words.next().ok_or(CryptoProblem::Malformed)?;
        let key_parameters = words.next().ok_or(CryptoProblem::Malformed)?;
        // Parameters come first: one that takes protection away is the reason worth telling.
        let parameters = Parameters::parse(words);
        if let Err(weakening @ CryptoProblem::Weakening(_)) = parameters {
            return Err(weakening);
        }
        let suite = Suite::parse(spelling).ok_or(CryptoProblem::UnknownSuite)?;
        let (key, lifetime, mki) = parse_key(suite, key_parameters)?;
        let Parameters { window_hint, unknown_dash } = parameters?;
        Ok(CryptoAttribute {
            tag,
            suite,
            spelling: spelling.into(),
            key,
            lifetime,
            mki,
            window_hint,
            unknown_dash,
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let CryptoAttribute { tag, suite: _, spelling, key, lifetime, mki, window_hint, unknown_dash } = self;
        write_key(*tag, spelling.as_str(), key, out);
        if let Some(lifetime) = lifetime {
            out.extend_from_slice(format!("|{lifetime}").as_bytes());
        }
        if let Some(Mki { value, length }) = mki {
            out.extend_from_slice(format!("|{value}:{length}").as_bytes());
        }
        if let Some(hint) = window_hint {
            out.extend_from_slice(format!(" WSH={hint}").as_bytes());
        }
        for parameter in unknown_dash {
            out.push(b' ');
            out.extend_from_slice(parameter.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Tag, suite and what the key may do; never the key.
impl fmt::Debug for CryptoAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("tag", &self.tag)
            .field("suite", &self.suite)
            .field("lifetime", &self.lifetime)
            .field("mki_length", &self.mki_length())
            .finish_non_exhaustive()
    }
}

/// Writes `a=crypto:TAG SPELLING inline:BASE64`, without a line end.
pub(crate) fn write_key(tag: u32, spelling: &str, key: &KeyMaterial, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("a=crypto:{tag} {spelling} inline:").as_bytes());
    base64::encode(key.as_bytes(), out);
}

/// What stands behind the key.
struct Parameters {
    window_hint: Option<u32>,
    unknown_dash: Vec<Text>,
}

impl Parameters {
    /// Reads all of them and reports the weakening one if there is any, else the first other problem.
    fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, CryptoProblem> {
        let mut parameters = Parameters { window_hint: None, unknown_dash: Vec::new() };
        let mut first_problem = None;
        for word in words {
            match parameters.take(word) {
                Ok(()) => {}
                Err(weakening @ CryptoProblem::Weakening(_)) => return Err(weakening),
                Err(problem) => {
                    first_problem.get_or_insert(problem);
                }
            }
        }
        first_problem.map_or(Ok(parameters), Err)
    }

    fn take(&mut self, word: &str) -> Result<(), CryptoProblem> {
        if word.starts_with('-') {
            if self.unknown_dash.len() == MAX_EXTENSIONS {
                return Err(CryptoProblem::Malformed);
            }
            self.unknown_dash.push(word.into());
            return Ok(());
        }
        if let Some(weakening) = Weakening::ALL.into_iter().find(|w| word.eq_ignore_ascii_case(w.name())) {
            return Err(CryptoProblem::Weakening(weakening));
        }
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name.to_ascii_uppercase().as_str() {
            "KDR" if value == "0" => Ok(()),
            "KDR" => Err(CryptoProblem::KeyDerivationRate),
            "FEC_ORDER" | "FEC_KEY" => Err(CryptoProblem::ForwardErrorCorrection),
            "WSH" => {
                // RFC 4568 §6.3.6: at least 64. Our window is larger than any hint in use, so it needs no more than that.
                let hint =
                    parse_number(value).and_then(|hint| u32::try_from(hint).ok()).filter(|hint| *hint >= 64);
                self.window_hint = Some(hint.ok_or(CryptoProblem::Malformed)?);
                Ok(())
            }
            _ if is_inline(word) => Err(CryptoProblem::SeveralKeys),
            _ => Err(CryptoProblem::UnknownParameter),
        }
    }
}

/// What stands between spaces and tabs.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut ends = memchr2_iter(b' ', b'\t', text.as_bytes()).chain([text.len()]);
    let mut start = 0;
    let words = iter::from_fn(move || {
        let end = ends.next()?;
        let word = text.get(start..end);
        start = end + 1;
        word
    });
    words.filter(|word| !word.is_empty())
}

fn parse_tag(text: &str) -> Option<u32> {
    let is_tag = (1..=9).contains(&text.len()) && !text.starts_with('0');
    parse_number(text).filter(|_| is_tag).and_then(|tag| u32::try_from(tag).ok())
}

const MAX_EXTENSIONS: usize = 16; // a line nobody writes; each kept one is written back

#[cfg(test)]
mod tests {
    use super::*;
    use CryptoProblem as P;

    const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn line(value: &str) -> CryptoLine {
        CryptoLine::parse(value, &[])
    }

    fn problem_of(value: &str) -> Option<P> {
        line(value).problem()
    }

    fn cm128(rest: &str) -> String {
        format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}{rest}")
    }

    #[test]
    fn the_example_of_rfc_4568_is_read() {
        let line = line(&cm128("|2^20|1:4 FEC_ORDER_IS_NOT_HERE"));
        assert_eq!(line.problem(), Some(P::UnknownParameter));
        let line = CryptoLine::parse(&cm128("|2^20|1:4"), &[]);
        let attribute = line.usable().unwrap();
        assert_eq!((attribute.tag, attribute.suite), (1, Suite::AesCm128HmacSha1_80));
        assert_eq!(attribute.lifetime, Some(1 << 20));
        assert_eq!(attribute.mki, Some(Mki { value: 1, length: 4 }));
        assert_eq!(attribute.key.as_bytes(), b"YS___semctl () {\t220;}\n}\nunles");
    }

    #[test]
    fn a_lifetime_up_to_the_limit_of_the_suite_is_accepted_in_both_spellings() {
        for (rest, packets) in
            [("|2^48", 1 << 48), ("|281474976710656", 1 << 48), ("|2^0", 1), ("|2^31", 1 << 31)]
        {
            let line = line(&cm128(rest));
            assert_eq!(line.usable().unwrap().lifetime, Some(packets), "{rest}");
        }
    }

    #[test]
    fn a_lifetime_over_the_limit_is_skipped() {
        for rest in ["|2^49", "|2^64", "|2^99999999999", "|281474976710657", "|99999999999999999999999"] {
            assert_eq!(problem_of(&cm128(rest)), Some(P::LifetimeOverLimit), "{rest}");
        }
    }

    #[test]
    fn a_lifetime_that_is_no_number_is_skipped() {
        for rest in ["|0", "|2^", "|2^+4", "|+5", "|x", "|", "|3^4", "|2^4 "] {
            let expected = if rest == "|2^4 " { None } else { Some(P::BadLifetime) };
            assert_eq!(problem_of(&cm128(rest)), expected, "{rest}");
        }
    }

    #[test]
    fn an_mki_is_remembered_by_its_length_with_or_without_a_lifetime() {
        assert_eq!(line(&cm128("|1:1")).usable().unwrap().mki_length(), 1);
        assert_eq!(line(&cm128("|1:1")).usable().unwrap().key.mki_len(), 1);
        assert_eq!(line(&cm128("|2^20|5:128")).usable().unwrap().mki_length(), 128);
        assert_eq!(line(&cm128("")).usable().unwrap().mki_length(), 0);
    }

    #[test]
    fn an_mki_that_cannot_be_is_skipped() {
        for rest in ["|1:0", "|1:129", "|256:1", "|:4", "|1:", "|x:4", "|+1:4", "|1:4:4"] {
            assert_eq!(problem_of(&cm128(rest)), Some(P::BadMki), "{rest}");
        }
        assert_eq!(problem_of(&cm128("|1:4|2:4")), Some(P::Malformed));
        assert_eq!(problem_of(&cm128("|2^20|1:4|2^20")), Some(P::Malformed));
        assert_eq!(problem_of(&cm128("|1:4|2^20")), Some(P::Malformed));
    }

    #[test]
    fn gcm_keys_are_read_with_and_without_padding() {
        let digits = "A".repeat(37);
        for (key, expected) in [
            (format!("{digits}A=="), None),
            (format!("{digits}A="), None),
            (format!("{digits}A"), None),
            (format!("{digits}A==="), Some(P::BadBase64)),
            (digits.clone(), Some(P::BadBase64)),
            (format!("{digits}AA"), Some(P::WrongKeyLength)),
        ] {
            assert_eq!(problem_of(&format!("1 AEAD_AES_128_GCM inline:{key}")), expected, "{key}");
        }
    }

    #[test]
    fn a_key_of_the_wrong_length_is_skipped() {
        assert_eq!(problem_of(&format!("1 AEAD_AES_256_GCM {KEY}")), Some(P::WrongKeyLength));
        let long = "A".repeat(200);
        assert_eq!(problem_of(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{long}")), Some(P::WrongKeyLength));
        assert_eq!(problem_of("1 AES_CM_128_HMAC_SHA1_80 inline:"), Some(P::BadBase64));
    }

    #[test]
    fn the_alias_of_the_256_bit_suite_is_accepted_and_its_spelling_kept() {
        let key = "A".repeat(62);
        for name in ["AES_256_CM_HMAC_SHA1_80", "AES_CM_256_HMAC_SHA1_80"] {
            let line = line(&format!("2 {name} inline:{key}"));
            let attribute = line.usable().unwrap();
            assert_eq!(attribute.suite, Suite::AesCm256HmacSha1_80);
            assert_eq!(attribute.spelling, name);
        }
    }

    #[test]
    fn what_takes_protection_away_is_named_before_anything_else() {
        for weakening in Weakening::ALL {
            let name = weakening.name();
            assert_eq!(problem_of(&cm128(&format!(" {name}"))), Some(P::Weakening(weakening)));
            assert_eq!(
                problem_of(&cm128(&format!(" KDR=5 -x {}", name.to_lowercase()))),
                Some(P::Weakening(weakening))
            );
            assert_eq!(
                problem_of(&format!("1 NO_SUCH_SUITE inline:x {name}")),
                Some(P::Weakening(weakening))
            );
        }
    }

    #[test]
    fn known_and_unknown_parameters_are_told_apart() {
        for (rest, expected) in [
            (" WSH=64", None),
            (" WSH=1024 -vendor=7 -x", None),
            (" KDR=0", None),
            (" WSH=63", Some(P::Malformed)),
            (" WSH=", Some(P::Malformed)),
            (" KDR=1", Some(P::KeyDerivationRate)),
            (" KDR", Some(P::KeyDerivationRate)),
            (" FEC_ORDER=FEC_SRTP", Some(P::ForwardErrorCorrection)),
            (" FEC_KEY=inline:abc", Some(P::ForwardErrorCorrection)),
            (" VENDOR=7", Some(P::UnknownParameter)),
        ] {
            assert_eq!(problem_of(&cm128(rest)), expected, "{rest}");
        }
        assert_eq!(line(&cm128("\t-a  -b")).usable().unwrap().unknown_dash.len(), 2);
    }

    #[test]
    fn several_keys_are_skipped() {
        assert_eq!(problem_of(&cm128("|2^20|1:4;inline:QUJD|2^20|2:4")), Some(P::SeveralKeys));
        assert_eq!(problem_of(&cm128("; inline:QUJD")), Some(P::SeveralKeys));
        assert_eq!(problem_of(&cm128(" inline:QUJD")), Some(P::SeveralKeys));
    }

    #[test]
    fn a_tag_has_one_to_nine_digits_without_leading_zero() {
        for (tag, good) in
            [("1", true), ("999999999", true), ("0", false), ("01", false), ("1000000000", false)]
        {
            let is_usable = line(&format!("{tag} AES_CM_128_HMAC_SHA1_80 {KEY}")).usable().is_some();
            assert_eq!(is_usable, good, "{tag}");
        }
        for value in ["", "x", "-1", "+1", "1.0 AES_CM_128_HMAC_SHA1_80", "1AES"] {
            assert_eq!(problem_of(value), Some(P::BadTag), "{value}");
        }
    }

    #[test]
    fn the_later_of_two_lines_with_one_tag_is_skipped() {
        let earlier = [line(&format!("1 NO_SUCH_SUITE {KEY}"))];
        assert_eq!(earlier[0].problem(), Some(P::UnknownSuite));
        assert_eq!(CryptoLine::parse(&cm128(""), &earlier).problem(), Some(P::DuplicateTag));
    }

    #[test]
    fn other_key_methods_and_suites_are_skipped() {
        assert_eq!(problem_of("1 AES_CM_128_HMAC_SHA1_80 uri:abc"), Some(P::UnknownKeyMethod));
        assert_eq!(problem_of("1 AES_CM_128_HMAC_SHA1_80"), Some(P::Malformed));
        for suite in
            ["F8_128_HMAC_SHA1_80", "AES_CM_128_NULL_AUTH", "NULL_HMAC_SHA1_80", "aes_cm_128_hmac_sha1_80"]
        {
            assert_eq!(problem_of(&format!("1 {suite} {KEY}")), Some(P::UnknownSuite), "{suite}");
        }
    }

    #[test]
    fn debug_shows_the_suite_and_never_the_key() {
        let shown = format!("{:?} {:?}", line(&cm128("|2^20|77:4")), line(&cm128(" KDR=9")));
        assert!(shown.contains("AesCm128HmacSha1_80") && shown.contains("KeyDerivationRate"));
        assert!(!shown.contains("WVNf") && !shown.contains("semctl") && !shown.contains("77"));
    }
}
