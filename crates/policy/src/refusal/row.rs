//! The shape of one row of the refusal table.

use super::MAX_WARNING_TEXT;
use super::remedy::Remedy;

/// How a peer gets to know that it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A SIP response with this status.
    Sip(u16),
    /// A TLS alert with this number (RFC 8446 §6), then the connection is closed.
    TlsAlert(u8),
    /// The connection is closed without a word.
    Close,
    /// Nothing at all: an answer would tell a stranger that somebody is here.
    Silence,
    /// Cordon does not start, or keeps the configuration it has.
    NotStarted,
}

/// Where a phone should knock: host and port of SIP over TLS, as phones reach them.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// The name phones connect to; also the agent of the Warning header.
    pub host: &'a str,
    /// The TCP port of SIP over TLS.
    pub port: u16,
}

impl Door<'_> {
    /// Puts code and text together, and host and port where the text asks for them.
    pub(super) fn fill(&self, code: &str, text: &str) -> String {
        let whole = format!("{code} {}", text.replace(DOOR, &format!("{}:{}", self.host, self.port)));
        if whole.len() <= MAX_WARNING_TEXT {
            return whole;
        }
        // A name of such length would push the advice off the display; the port alone is still of help.
        format!("{code} {}", text.replace(DOOR, &format!("port {}", self.port)))
    }
}

/// One row: everything that is ever said about one refusal.
pub(super) struct Row {
    pub(super) code: &'static str,
    pub(super) answer: Answer,
    pub(super) retry_after: Option<u32>,
    /// The warning the RFC has for it, beside our own.
    pub(super) standard: Option<(u16, &'static str)>,
    /// The text of our warning, without the code; [`DOOR`] stands for host and port.
    pub(super) text: &'static str,
    pub(super) label: &'static str,
    pub(super) title: &'static str,
    pub(super) rule: &'static str,
    pub(super) controls: &'static [&'static str],
    pub(super) remedy: Remedy,
}

/// RFC 3261 §20.43: one or more transport protocols of the description are not available.
pub(super) const INCOMPATIBLE_TRANSPORT: Option<(u16, &str)> = Some((302, "Incompatible transport protocol"));
/// RFC 3261 §20.43: one or more media types are not available.
pub(super) const MEDIA_TYPE_NOT_AVAILABLE: Option<(u16, &str)> = Some((304, "Media type not available"));
/// RFC 3261 §20.43: one or more media formats are not available.
pub(super) const INCOMPATIBLE_MEDIA_FORMAT: Option<(u16, &str)> = Some((305, "Incompatible media format"));

/// Stands in a warning text for `host:port`.
pub(super) const DOOR: &str = "{door}";
