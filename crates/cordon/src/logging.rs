//! Where events go: standard error, one line each.

use std::fmt::Write as _;
use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts the subscriber of this process. `CORDON_LOG` chooses what is printed, `info` without it. Without colour, also on
/// a terminal; with `json` each event is one JSON object.
pub(crate) fn start(json: bool) {
    let filter = EnvFilter::try_from_env("CORDON_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(OneLine { form: Form { json }, to: io::stderr })
        .with_ansi(false);
    match json {
        true => lines.json().init(),
        false => lines.init(),
    }
}

/// Writes each event as one line of visible characters, whatever bytes of strangers are in it: a server name, a
/// certificate, an error text. The one place where that is seen to.
///
/// The subscriber quotes strings and escapes some controls in some fields; in JSON it leaves DEL, U+2028 and marks that
/// turn the direction of reading as they are.
#[derive(Debug, Clone, Copy)]
struct OneLine<M> {
    form: Form,
    to: M,
}

/// How the lines look.
#[derive(Debug, Clone, Copy)]
struct Form {
    json: bool,
}

/// One event's way out.
struct Line<W> {
    form: Form,
    to: W,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for OneLine<M> {
    type Writer = Line<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { form: self.form, to: self.to.make_writer() }
    }
}

impl<W: Write> Write for Line<W> {
    /// The subscriber hands over a whole event, its line end included, in one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        match self.form.escaped(&String::from_utf8_lossy(event)) {
            Some(line) => self.to.write_all(line.as_bytes())?,
            None => self.to.write_all(event)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Form {
    /// The event on one line; `None` where it is already.
    fn escaped(self, event: &str) -> Option<String> {
        let body = event.strip_suffix('\n').unwrap_or(event);
        if !body.chars().any(is_hidden) {
            return None;
        }
        let mut line = String::with_capacity(event.len() + ROOM);
        body.chars().for_each(|next| self.push(&mut line, next));
        line.push('\n');
        Some(line)
    }

    fn push(self, line: &mut String, next: char) {
        // Both forms stand only inside of what a stranger wrote: in JSON that is always a string.
        let _never_fails = match (is_hidden(next), self.json) {
            (false, _) => {
                line.push(next);
                Ok(())
            }
            (true, true) => {
                next.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(line, "\\u{unit:04x}"))
            }
            (true, false) => write!(line, "{}", next.escape_unicode()),
        };
    }
}

/// Whether a reader would not see this character, or would see others in the wrong place: every control, the separators
/// of lines and paragraphs, marks of direction and of no width, and what is not a character at all.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// For what grows by being escaped; more is grown for.
const ROOM: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn no_byte_of_a_stranger_ends_a_line_or_moves_the_cursor_in_text() {
        let lines = logged(Form { json: false });

        assert_eq!(lines.matches('\n').count(), EVENTS, "{lines}");
        assert_eq!(lines.chars().filter(|&c| is_hidden(c) && c != '\n').count(), 0, "{lines:?}");
        assert!(lines.contains("\\u{202e}"), "{lines}");
    }

    #[test]
    fn no_byte_of_a_stranger_ends_a_line_or_moves_the_cursor_in_json() {
        let lines = logged(Form { json: true });

        assert_eq!(lines.matches('\n').count(), EVENTS, "{lines}");
        assert_eq!(lines.chars().filter(|&c| is_hidden(c) && c != '\n').count(), 0, "{lines:?}");
        for line in lines.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = event["fields"]["shown"].as_str().unwrap();
            assert!(HOSTILE.contains(&field), "{field:?}");
        }
    }

    #[test]
    fn a_plain_line_is_written_as_it_is() {
        let form = Form { json: false };

        assert_eq!(form.escaped("INFO cordon: ready name=\"Krankenhaus Süd 病院\"\n"), None);
    }

    /// What a subscriber like ours writes of events with hostile text in every kind of field.
    fn logged(form: Form) -> String {
        let sink = Sink::default();
        let to = sink.clone();
        let lines =
            tracing_subscriber::fmt().with_writer(OneLine { form, to: move || to.clone() }).with_ansi(false);
        let subscriber: Box<dyn tracing::Subscriber + Send + Sync> = match form.json {
            true => Box::new(lines.json().finish()),
            false => Box::new(lines.finish()),
        };
        tracing::subscriber::with_default(subscriber, || {
            for hostile in HOSTILE {
                tracing::info!(shown = %hostile, quoted = hostile, debugged = ?hostile, "said {hostile}");
            }
        });
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const HOSTILE: [&str; 10] = [
        "a\r\nINFO cordon: a call that never was",
        "a\nb",
        "\x1b[31mred\x1b[0m",
        "\x1b[2J\x1b[H",
        "a\u{2028}b\u{2029}c",
        "\u{202e}txt.exe\u{2066}",
        "a\u{85}b\u{9b}31m",
        "\x07\x08\x7f\x00",
        "\u{200b}\u{feff}\u{e0041}",
        "\u{1}\u{1f}\u{b}\u{c}",
    ];
    const EVENTS: usize = HOSTILE.len();
}
