use bytes::{BufMut, BytesMut};

use super::HeaderValue;
use crate::Text;
use crate::grammar::{Malformed, is_token, trim};
use crate::writer::put_line_safe;

/// What must stay hidden (RFC 3323 section 4.2, RFC 3325 section 9.3, RFC 7044 section 10.1).
///
/// `Privacy = priv-value *(";" priv-value)`: `header`, `session`, `user`, `id`, `history`, `none`, `critical` or another
/// token; `none` stands alone. Whoever meets a malformed value treats everything as private.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privacy {
    values: Vec<Text>,
}

impl Privacy {
    /// Whether `value` is asked for, in any case.
    pub fn has(&self, value: &str) -> bool {
        self.values.iter().any(|one| one.eq_ignore_case(value))
    }

    /// Whether the asserted identity must not reach the other end (RFC 3325 section 7).
    pub fn hides_identity(&self) -> bool {
        ["id", "user", "header"].iter().any(|value| self.has(value))
    }
}

impl HeaderValue for Privacy {
    fn read(value: &Text) -> Result<Privacy, Malformed> {
        let mut values = Vec::new();
        for word in value.as_str().split(';').map(trim) {
            if !is_token(word) {
                return Err(Malformed("a privacy value is not a token"));
            }
            if values.len() >= MAX_VALUES {
                return Err(Malformed("too many privacy values"));
            }
            values.push(value.part(word));
        }
        let privacy = Privacy { values };
        if privacy.has("none") && privacy.values.len() > 1 {
            return Err(Malformed("privacy none does not stand alone"));
        }
        Ok(privacy)
    }

    fn write_to(&self, out: &mut BytesMut) {
        for (index, value) in self.values.iter().enumerate() {
            if index > 0 {
                out.put_u8(b';');
            }
            put_line_safe(out, value.as_bytes());
        }
    }
}

/// Seven are defined.
const MAX_VALUES: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn privacy_values_are_read() {
        for (text, out) in [
            ("id", "id"),
            ("header ; user ; critical", "header;user;critical"),
            ("None", "None"),
            ("history;x-new", "history;x-new"),
        ] {
            assert_eq!(written::<Privacy>(text), out);
        }
        for (text, hides) in [("ID", true), ("user;critical", true), ("none", false), ("session", false)] {
            assert_eq!(Privacy::parse(text).unwrap().hides_identity(), hides, "{text}");
        }
    }

    #[test]
    fn malformed_privacy_is_refused() {
        for text in ["", ";", "id;", "id, user", "none;id", "i d", "\"id\""] {
            assert!(Privacy::parse(text).is_err(), "{text}");
        }
        assert!(Privacy::parse(["a"; 17].join(";")).is_err());
    }
}
