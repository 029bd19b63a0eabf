use bytes::{BufMut, BytesMut};

use super::{HeaderValue, head_and_params};
use crate::grammar::{Malformed, is_token};
use crate::writer::put_line_safe;
use crate::{Params, Text};

/// The state that a subscription is about (RFC 6665 section 8.2.1).
///
/// `Event = event-type *(SEMI (generic-param / "id" EQUAL token))`, the type a package with templates behind dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The package with its templates: `dialog`, `presence.winfo`.
    pub package: Text,
    /// Tells subscriptions of one dialog apart.
    pub id: Option<Text>,
    /// The other parameters.
    pub params: Params,
}

impl Event {
    /// A package without parameters.
    pub fn new(package: &'static str) -> Event {
        Event { package: Text::from_static(package), id: None, params: Params::default() }
    }

    /// Whether a NOTIFY with this belongs to a SUBSCRIBE with `other`: type and id byte by byte, other parameters aside.
    pub fn is_same_as(&self, other: &Event) -> bool {
        self.package == other.package && self.id == other.id
    }
}

impl HeaderValue for Event {
    fn read(value: &Text) -> Result<Event, Malformed> {
        let (package, mut params) = head_and_params(value, value.as_str())?;
        // token-nodot *("." token-nodot)
        if !is_token(package) || package.split('.').any(str::is_empty) {
            return Err(Malformed("an event package is not made of tokens"));
        }
        let id = match params.take("id") {
            None => None,
            Some(Some(id)) if is_token(id.as_str()) => Some(id),
            Some(_) => return Err(Malformed("the id of an event is not a token")),
        };
        Ok(Event { package: value.part(package), id, params })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_line_safe(out, self.package.as_bytes());
        if let Some(id) = &self.id {
            out.put_slice(b";id=");
            put_line_safe(out, id.as_bytes());
        }
        self.params.write_to(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn packages_templates_and_ids_are_read() {
        for (text, out) in [
            ("presence", "presence"),
            ("presence.winfo", "presence.winfo"),
            ("refer ; Id=93809823", "refer;id=93809823"),
            ("dialog;shared;call-id=\"12345\";id=7", "dialog;id=7;shared;call-id=\"12345\""),
            ("message-summary", "message-summary"),
        ] {
            assert_eq!(written::<Event>(text), out);
        }
    }

    #[test]
    fn malformed_events_are_refused() {
        for text in ["", ";id=1", "a b", ".", "a.", "a..b", "a;id", "a;id=\"1\"", "a;id=1;id=2", "a,b", "a/b"]
        {
            assert!(Event::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_type_and_id_tell_subscriptions_apart() {
        let event = |text: &str| Event::parse(text).unwrap();
        assert!(event("dialog;id=1;x").is_same_as(&event("dialog;y;id=1")));
        for other in ["dialog", "Dialog;id=1", "dialog;id=2", "dialog.winfo;id=1"] {
            assert!(!event("dialog;id=1").is_same_as(&event(other)), "{other}");
        }
    }
}
