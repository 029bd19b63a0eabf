use cordon_rtp::{KeyMaterial, Suite};
use memchr::memchr;

use crate::CryptoProblem;
use crate::base64::{self, Base64Error};

/// A master key identifier: packets carry it between payload and authentication tag (RFC 3711 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    /// Its value.
    pub value: u128,
    /// Bytes it takes in each packet, 1 to 128.
    pub length: u8,
}

/// `inline:KEY||SALT ["|" lifetime] ["|" MKI ":" length]`
pub(crate) fn parse_key(
    suite: Suite,
    text: &str,
) -> Result<(KeyMaterial, Option<u64>, Option<Mki>), CryptoProblem> {
    if memchr(b';', text.as_bytes()).is_some() {
        return Err(CryptoProblem::SeveralKeys);
    }
    let text = after_inline(text).ok_or(CryptoProblem::UnknownKeyMethod)?;
    let mut fields = text.split('|');
    let key = fields.next().ok_or(CryptoProblem::Malformed)?;
    let (mut lifetime, mut mki) = (None, None);
    for field in fields {
        match (field.contains(':'), lifetime, mki) {
            (true, _, None) => mki = Some(parse_mki(field)?),
            (false, None, None) => lifetime = Some(parse_lifetime(suite, field)?),
            _ => return Err(CryptoProblem::Malformed),
        }
    }
    let decoded = base64::decode(key).map_err(|error| match error {
        Base64Error::Malformed => CryptoProblem::BadBase64,
        Base64Error::TooLong => CryptoProblem::WrongKeyLength,
    })?;
    let key = KeyMaterial::new(suite, decoded.as_bytes()).map_err(|_| CryptoProblem::WrongKeyLength)?;
    // The engine has to skip the identifier in every packet, so its length travels with the key.
    let key = key.with_mki(mki.map_or(0, |mki| mki.length));
    Ok((key, lifetime, mki))
}

pub(crate) fn is_inline(text: &str) -> bool {
    after_inline(text).is_some()
}

/// What follows `inline:`.
fn after_inline(text: &str) -> Option<&str> {
    let (method, rest) = text.split_at_checked(INLINE.len())?;
    method.eq_ignore_ascii_case(INLINE).then_some(rest)
}

/// `2^20` or `1048576`.
fn parse_lifetime(suite: Suite, text: &str) -> Result<u64, CryptoProblem> {
    let packets = match text.strip_prefix("2^") {
        Some(exponent) => {
            let exponent = parse_number(exponent).ok_or(CryptoProblem::BadLifetime)?;
            let exponent = u32::try_from(exponent).map_err(|_| CryptoProblem::LifetimeOverLimit)?;
            1_u64.checked_shl(exponent).ok_or(CryptoProblem::LifetimeOverLimit)?
        }
        None if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            parse_number(text).ok_or(CryptoProblem::LifetimeOverLimit)?
        }
        None => return Err(CryptoProblem::BadLifetime),
    };
    if packets == 0 {
        return Err(CryptoProblem::BadLifetime);
    }
    if packets > suite.max_srtp_packets() {
        return Err(CryptoProblem::LifetimeOverLimit);
    }
    Ok(packets)
}

/// `1:4`
fn parse_mki(text: &str) -> Result<Mki, CryptoProblem> {
    let (value, length) = text.split_once(':').ok_or(CryptoProblem::BadMki)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(value) || !is_number(length) {
        return Err(CryptoProblem::BadMki);
    }
    let value: u128 = value.parse().map_err(|_| CryptoProblem::BadMki)?;
    // RFC 4568 §6.1: the length is from 1 to 128 bytes.
    let length: u8 =
        length.parse().ok().filter(|length| (1..=128).contains(length)).ok_or(CryptoProblem::BadMki)?;
    if u32::from(length) * 8 < u128::BITS - value.leading_zeros() {
        return Err(CryptoProblem::BadMki);
    }
    Ok(Mki { value, length })
}

/// Digits only: `u64::from_str` alone would take a `+` too.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The only key method there is (RFC 4568 §6.1).
const INLINE: &str = "inline:";
