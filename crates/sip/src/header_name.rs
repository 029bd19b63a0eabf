use std::fmt;
use std::hash::{Hash, Hasher};

use crate::Text;
use crate::grammar::{Malformed, is_token};

/// The name of a header: compared without regard to case, compact forms being the same as the long ones.
///
/// A known name is written in its long, usual spelling; any other as it was read.
#[derive(Clone)]
pub struct HeaderName(Name);

#[derive(Clone)]
enum Name {
    Known(&'static str),
    Other(Text),
}

impl HeaderName {
    /// Reads a name.
    ///
    /// # Errors
    /// When it is not a `token`.
    pub fn parse(text: impl Into<Text>) -> Result<HeaderName, Malformed> {
        let text = text.into();
        HeaderName::parse_part(&text, text.as_str())
    }

    pub(crate) fn parse_part(source: &Text, text: &str) -> Result<HeaderName, Malformed> {
        match HeaderName::known(text) {
            Some(name) => Ok(HeaderName(Name::Known(name))),
            None if is_token(text) => Ok(HeaderName(Name::Other(source.part(text)))),
            None => Err(Malformed("a header name is not a token")),
        }
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Known(name) => name,
            Name::Other(text) => text.as_str(),
        }
    }

    /// The usual spelling, when `text` is a name this crate knows, long or compact.
    pub(crate) fn known(text: &str) -> Option<&'static str> {
        if let [letter] = text.as_bytes() {
            return COMPACT
                .iter()
                .find(|(compact, _)| compact.eq_ignore_ascii_case(letter))
                .map(|(_, name)| *name);
        }
        KNOWN.iter().find(|name| name.eq_ignore_ascii_case(text)).copied()
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &HeaderName) -> bool {
        match (&self.0, &other.0) {
            (Name::Known(one), Name::Known(two)) => one == two,
            (Name::Other(one), Name::Other(two)) => one.eq_ignore_case(two.as_str()),
            // A parsed name is Other only when it is no known one.
            (Name::Known(_), Name::Other(_)) | (Name::Other(_), Name::Known(_)) => false,
        }
    }
}

impl Eq for HeaderName {}

impl Hash for HeaderName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().to_ascii_lowercase().hash(state);
    }
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Known(name) => f.write_str(name),
            // A stranger chose it: it may say anything.
            Name::Other(text) => write!(f, "extension ({} bytes)", text.len()),
        }
    }
}

macro_rules! names {
    ($($constant:ident = $name:literal;)*) => {
        impl HeaderName {
            $(#[doc = concat!("`", $name, "`")] pub const $constant: HeaderName = HeaderName(Name::Known($name));)*
        }
        const KNOWN: &[&str] = &[$($name),*];
    };
}

names! {
    VIA = "Via";
    FROM = "From";
    TO = "To";
    CALL_ID = "Call-ID";
    CSEQ = "CSeq";
    MAX_FORWARDS = "Max-Forwards";
    CONTACT = "Contact";
    ROUTE = "Route";
    RECORD_ROUTE = "Record-Route";
    CONTENT_LENGTH = "Content-Length";
    CONTENT_TYPE = "Content-Type";
    ACCEPT = "Accept";
    ACCEPT_CONTACT = "Accept-Contact";
    ACCEPT_ENCODING = "Accept-Encoding";
    ACCEPT_LANGUAGE = "Accept-Language";
    ALERT_INFO = "Alert-Info";
    ALLOW = "Allow";
    ALLOW_EVENTS = "Allow-Events";
    AUTHENTICATION_INFO = "Authentication-Info";
    AUTHORIZATION = "Authorization";
    CALL_INFO = "Call-Info";
    CONTENT_DISPOSITION = "Content-Disposition";
    CONTENT_ENCODING = "Content-Encoding";
    CONTENT_LANGUAGE = "Content-Language";
    DATE = "Date";
    DIVERSION = "Diversion";
    ERROR_INFO = "Error-Info";
    EVENT = "Event";
    EXPIRES = "Expires";
    FLOW_TIMER = "Flow-Timer";
    HISTORY_INFO = "History-Info";
    IDENTITY = "Identity";
    IN_REPLY_TO = "In-Reply-To";
    JOIN = "Join";
    MIME_VERSION = "MIME-Version";
    MIN_EXPIRES = "Min-Expires";
    MIN_SE = "Min-SE";
    ORGANIZATION = "Organization";
    P_ASSERTED_IDENTITY = "P-Asserted-Identity";
    P_ASSOCIATED_URI = "P-Associated-URI";
    P_EARLY_MEDIA = "P-Early-Media";
    P_PREFERRED_IDENTITY = "P-Preferred-Identity";
    PATH = "Path";
    PRIORITY = "Priority";
    PRIVACY = "Privacy";
    PROXY_AUTHENTICATE = "Proxy-Authenticate";
    PROXY_AUTHENTICATION_INFO = "Proxy-Authentication-Info";
    PROXY_AUTHORIZATION = "Proxy-Authorization";
    PROXY_REQUIRE = "Proxy-Require";
    RACK = "RAck";
    REASON = "Reason";
    REFER_SUB = "Refer-Sub";
    REFER_TO = "Refer-To";
    REFERRED_BY = "Referred-By";
    REJECT_CONTACT = "Reject-Contact";
    REMOTE_PARTY_ID = "Remote-Party-ID";
    REPLACES = "Replaces";
    REPLY_TO = "Reply-To";
    REQUEST_DISPOSITION = "Request-Disposition";
    REQUIRE = "Require";
    RETRY_AFTER = "Retry-After";
    RSEQ = "RSeq";
    SERVER = "Server";
    SERVICE_ROUTE = "Service-Route";
    SESSION_EXPIRES = "Session-Expires";
    SIP_ETAG = "SIP-ETag";
    SIP_IF_MATCH = "SIP-If-Match";
    SUBJECT = "Subject";
    SUBSCRIPTION_STATE = "Subscription-State";
    SUPPORTED = "Supported";
    TARGET_DIALOG = "Target-Dialog";
    TIMESTAMP = "Timestamp";
    UNSUPPORTED = "Unsupported";
    USER_AGENT = "User-Agent";
    WARNING = "Warning";
    WWW_AUTHENTICATE = "WWW-Authenticate";
}

/// The compact forms of the IANA registry of SIP headers.
const COMPACT: &[(u8, &str)] = &[
    (b'a', "Accept-Contact"),
    (b'b', "Referred-By"),
    (b'c', "Content-Type"),
    (b'd', "Request-Disposition"),
    (b'e', "Content-Encoding"),
    (b'f', "From"),
    (b'i', "Call-ID"),
    (b'j', "Reject-Contact"),
    (b'k', "Supported"),
    (b'l', "Content-Length"),
    (b'm', "Contact"),
    (b'o', "Event"),
    (b'r', "Refer-To"),
    (b's', "Subject"),
    (b't', "To"),
    (b'u', "Allow-Events"),
    (b'v', "Via"),
    (b'x', "Session-Expires"),
    (b'y', "Identity"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_odd_spellings_are_the_same_name() {
        assert_eq!(HeaderName::parse("K").unwrap(), HeaderName::SUPPORTED);
        assert_eq!(HeaderName::parse("uSeR-aGeNt").unwrap(), HeaderName::USER_AGENT);
        assert_eq!(HeaderName::parse("X-Thing").unwrap(), HeaderName::parse("x-thing").unwrap());
        assert_eq!(HeaderName::parse("X-Thing").unwrap().as_str(), "X-Thing");
        assert!(HeaderName::parse("X Thing").is_err());
        assert!(HeaderName::parse("").is_err());
    }

    #[test]
    fn every_compact_form_leads_to_a_known_name() {
        assert!(COMPACT.iter().all(|(_, name)| KNOWN.contains(name)));
    }
}
