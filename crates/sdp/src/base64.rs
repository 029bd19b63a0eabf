//! Base64 of RFC 4648 §4 for key material: from the body into a fixed buffer and back, nothing on the heap.

use zeroize::Zeroizing;

/// Most bytes a key and its salt may have: AES-256-CM has 46; a longer one is told apart from a malformed one.
pub(crate) const MAX_DECODED: usize = 64;

/// Decoded key bytes; wiped when dropped.
pub(crate) struct Decoded {
    bytes: Zeroizing<[u8; MAX_DECODED]>,
    len: usize,
}

impl Decoded {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Base64Error {
    Malformed,
    TooLong,
}

/// Reads base64 with its padding, with part of it, or with none: phones write all three.
pub(crate) fn decode(text: &str) -> Result<Decoded, Base64Error> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 || digits.len() % 4 == 1 || digits.is_empty() {
        return Err(Base64Error::Malformed);
    }
    let mut decoded = Decoded { bytes: Zeroizing::new([0; MAX_DECODED]), len: digits.len() * 3 / 4 };
    let places = decoded.bytes.get_mut(..decoded.len).ok_or(Base64Error::TooLong)?;
    // Four digits are three bytes; the last group may lack digits, and bytes with them.
    for (places, group) in places.chunks_mut(3).zip(digits.as_bytes().chunks(4)) {
        let mut bits = 0_u32;
        for place in 0..4 {
            let six =
                group.get(place).map_or(Some(0), |digit| value_of(*digit)).ok_or(Base64Error::Malformed)?;
            bits = (bits << 6) | u32::from(six);
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        for (place, byte) in places.iter_mut().zip(bytes) {
            *place = byte;
        }
    }
    Ok(decoded)
}

/// Appends base64 with padding.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 3];
        for (to, from) in group.iter_mut().zip(chunk) {
            *to = *from;
        }
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..4 {
            if place > chunk.len() {
                out.push(b'=');
            } else {
                out.push(digit_of((bits >> (18 - 6 * place)) & 0x3f));
            }
        }
    }
}

fn digit_of(six: u32) -> u8 {
    let six = (six & 0x3f) as u8;
    match six {
        0..=25 => b'A' + six,
        26..=51 => b'a' + (six - 26),
        52..=61 => b'0' + (six - 52),
        62 => b'+',
        _ => b'/',
    }
}

fn value_of(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_vectors_of_rfc_4648_decode_with_and_without_padding() {
        for (text, bytes) in
            [("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(decode(text).ok().unwrap().as_bytes(), bytes.as_bytes());
            assert_eq!(decode(text.trim_end_matches('=')).ok().unwrap().as_bytes(), bytes.as_bytes());
            let mut out = Vec::new();
            encode(bytes.as_bytes(), &mut out);
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["", "=", "A", "AAAAA", "AA===", "A A=", "AA=A", "AAA-", "ÄAAA"] {
            assert_eq!(decode(text).err(), Some(Base64Error::Malformed), "{text}");
        }
        assert_eq!(decode(&"A".repeat(88)).err(), Some(Base64Error::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(bytes in proptest::collection::vec(any::<u8>(), 1..=MAX_DECODED)) {
            let mut out = Vec::new();
            encode(&bytes, &mut out);
            let text = String::from_utf8(out).unwrap();
            let decoded = decode(&text).ok().unwrap();
            prop_assert_eq!(decoded.as_bytes(), &bytes[..]);
        }
    }
}
