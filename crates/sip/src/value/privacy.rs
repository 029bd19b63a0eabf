use bytes::{BufMut, BytesMut};

use super::HeaderValue;
use crate::grammar::{Malformed, is_token, trim};
use crate::writer::put_line_safe;
use crate::{HeaderName, Headers, Text};

/// What must stay hidden (RFC 3323 section 4.2, RFC 3325 section 9.3, RFC 7044 section 10.1).
///
/// `Privacy = priv-value *(";" priv-value)`: `header`, `session`, `user`, `id`, `history`, `none`, `critical` or another
/// token; `none` stands alone. Whoever meets a malformed value treats everything as private.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privacy {
    values: Vec<Text>,
}

impl Privacy {
    /// The wishes of all headers of this name together; `None` when there is none. Every word that can be read counts, and
    /// `id` with them where one cannot or `none` does not stand alone: either may have been the wish not to be named.
    pub fn of(headers: &Headers) -> Option<Privacy> {
        let mut all = Privacy { values: Vec::new() };
        let mut is_clear = true;
        for wish in headers.get_all(&HeaderName::PRIVACY) {
            is_clear &= Privacy::read(wish).is_ok();
            // Whoever joins headers that are no lists puts a comma between them.
            for word in wish.as_str().split([';', ',']).map(trim).filter(|word| is_token(word)) {
                is_clear &= all.unite(wish.part(word));
            }
        }
        if !is_clear || all.has_company_of_none() {
            all.count_as_id();
        }
        headers.has(&HeaderName::PRIVACY).then_some(all)
    }

    /// Whether `value` is asked for, in any case.
    pub fn has(&self, value: &str) -> bool {
        self.values.iter().any(|one| one.eq_ignore_case(value))
    }

    /// Whether the asserted identity must not reach the other end (RFC 3325 section 7).
    pub fn hides_identity(&self) -> bool {
        ["id", "user", "header"].iter().any(|value| self.has(value))
    }

    /// Adds a word that another header may have said already; false when there is no room.
    fn unite(&mut self, word: Text) -> bool {
        let is_said = self.has(word.as_str());
        if !is_said && self.values.len() < MAX_VALUES {
            self.values.push(word);
            return true;
        }
        is_said
    }

    fn has_company_of_none(&self) -> bool {
        self.has("none") && self.values.len() > 1
    }

    fn count_as_id(&mut self) {
        self.values.retain(|word| !word.eq_ignore_case("none"));
        if !self.has("id") {
            self.values.truncate(MAX_VALUES - 1);
            self.values.push(Text::from_static("id"));
        }
    }

    fn add(&mut self, word: Text) -> Result<(), Malformed> {
        if self.values.len() >= MAX_VALUES {
            return Err(Malformed("too many privacy values"));
        }
        let has_company = !self.values.is_empty();
        if has_company && (self.has("none") || word.eq_ignore_case("none")) {
            return Err(Malformed("privacy none does not stand alone"));
        }
        self.values.push(word);
        Ok(())
    }
}

impl HeaderValue for Privacy {
    fn read(value: &Text) -> Result<Privacy, Malformed> {
        let mut privacy = Privacy { values: Vec::new() };
        for word in value.as_str().split(';').map(trim) {
            if !is_token(word) {
                return Err(Malformed("a privacy value is not a token"));
            }
            privacy.add(value.part(word))?;
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
    fn wishes_of_several_headers_count_together_and_an_unclear_one_hides() {
        let wish = |values: &[&str]| {
            let mut headers = Headers::new();
            values.iter().for_each(|value| headers.push(HeaderName::PRIVACY, *value));
            Privacy::of(&headers).map(|wish| wish.to_text().as_str().to_owned())
        };
        assert_eq!(wish(&[]), None);
        for (values, told) in [
            (&["session"][..], "session"),
            (&["user", "history;critical"], "user;history;critical"),
            (&["none"], "none"),
            (&["None", "none"], "None"),
            (&["User", "user;header"], "User;header"),
            (&["none", "id"], "id"),
            (&["none", "user"], "user;id"),
            (&["user;header", "none"], "user;header;id"),
            (&["none", "session", "critical"], "session;critical;id"),
            (&["user;header", "i d"], "user;header;id"),
            (&["id;\"user", "header"], "id;header"),
            (&["user;none"], "user;id"),
            (&["user, header"], "user;header;id"),
            (&["session", "\"none"], "session;id"),
            (&[""], "id"),
            (&["a;b;c;d;e;f;g;h", "i;j;k;l;m;n;o;p;q"], "a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;id"),
        ] {
            assert_eq!(wish(values).as_deref(), Some(told), "{values:?}");
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
