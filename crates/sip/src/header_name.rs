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
    Known(Known),
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
        match Known::find(text.as_bytes()) {
            Some(known) => Ok(HeaderName::from(known)),
            None if is_token(text) => Ok(HeaderName(Name::Other(source.part(text)))),
            None => Err(Malformed("a header name is not a token")),
        }
    }

    /// A copy with a buffer of its own.
    pub(crate) fn detached(&self) -> HeaderName {
        match &self.0 {
            Name::Other(text) => HeaderName(Name::Other(text.detached())),
            Name::Known(_) => self.clone(),
        }
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Known(known) => known.as_str(),
            Name::Other(text) => text.as_str(),
        }
    }

    /// A name that was looked up already and is none that this crate knows.
    pub(crate) fn extension(text: Text) -> HeaderName {
        HeaderName(Name::Other(text))
    }
}

impl From<Known> for HeaderName {
    fn from(known: Known) -> HeaderName {
        HeaderName(Name::Known(known))
    }
}

impl Known {
    /// The header of this name, long or compact, in any case.
    pub(crate) fn find(name: &[u8]) -> Option<Known> {
        if let [letter] = name {
            let is_it = |(compact, _): &&(u8, Known)| compact.eq_ignore_ascii_case(letter);
            return COMPACT.iter().find(is_it).map(|(_, known)| *known);
        }
        let (first, last) = (*name.first()?, *name.last()?);
        let mut place = SHELVES.first.get(shelf(name.len(), first, last)).copied().flatten();
        while let Some(at) = place {
            let usual = KNOWN.get(usize::from(at))?.as_bytes();
            // Nearly everybody writes the usual spelling.
            if usual == name || usual.eq_ignore_ascii_case(name) {
                return Known::ALL.get(usize::from(at)).copied();
            }
            place = SHELVES.next.get(usize::from(at)).copied().flatten();
        }
        None
    }
}

/// The known names, laid out by length and ends, so that one in a message is compared with one or two of them.
struct Shelves {
    first: [Option<u8>; SHELF_COUNT],
    next: [Option<u8>; Known::ALL.len()],
}

impl Shelves {
    // Run by the compiler only: a name that did not fit would not build.
    #[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
    const fn new() -> Shelves {
        let mut shelves = Shelves { first: [None; SHELF_COUNT], next: [None; Known::ALL.len()] };
        let mut at = 0;
        while at < Known::ALL.len() {
            let name = KNOWN[at].as_bytes();
            let shelf = shelf(name.len(), name[0], name[name.len() - 1]);
            shelves.next[at] = shelves.first[shelf];
            assert!(at <= u8::MAX as usize);
            shelves.first[shelf] = Some(at as u8);
            at += 1;
        }
        shelves
    }
}

const fn shelf(length: usize, first: u8, last: u8) -> usize {
    (length * 31 + (first | 0x20) as usize * 17 + (last | 0x20) as usize) % SHELF_COUNT
}

static SHELVES: Shelves = Shelves::new();

/// Some three per name.
const SHELF_COUNT: usize = 256;

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
            Name::Known(known) => f.write_str(known.as_str()),
            // A stranger chose it: it may say anything.
            Name::Other(text) => write!(f, "extension ({} bytes)", text.len()),
        }
    }
}

macro_rules! names {
    ($($constant:ident = $name:literal;)*) => {
        /// The headers that are told apart without comparing texts.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "one spelling for the constant and the variant behind it")]
        pub(crate) enum Known {
            $($constant),*
        }

        impl Known {
            const ALL: [Known; KNOWN.len()] = [$(Known::$constant),*];

            /// The usual spelling.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Known::$constant => $name),*
                }
            }
        }

        impl HeaderName {
            $(#[doc = concat!("`", $name, "`")] pub const $constant: HeaderName = HeaderName(Name::Known(Known::$constant));)*
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
const COMPACT: &[(u8, Known)] = &[
    (b'a', Known::ACCEPT_CONTACT),
    (b'b', Known::REFERRED_BY),
    (b'c', Known::CONTENT_TYPE),
    (b'd', Known::REQUEST_DISPOSITION),
    (b'e', Known::CONTENT_ENCODING),
    (b'f', Known::FROM),
    (b'i', Known::CALL_ID),
    (b'j', Known::REJECT_CONTACT),
    (b'k', Known::SUPPORTED),
    (b'l', Known::CONTENT_LENGTH),
    (b'm', Known::CONTACT),
    (b'o', Known::EVENT),
    (b'r', Known::REFER_TO),
    (b's', Known::SUBJECT),
    (b't', Known::TO),
    (b'u', Known::ALLOW_EVENTS),
    (b'v', Known::VIA),
    (b'x', Known::SESSION_EXPIRES),
    (b'y', Known::IDENTITY),
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
    fn every_name_finds_itself_in_any_case() {
        for known in Known::ALL {
            let name = known.as_str();
            for spelling in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                assert!(Known::find(spelling.as_bytes()) == Some(known), "{spelling}");
            }
            let longer = format!("{name}x");
            assert!(Known::find(longer.as_bytes()).is_none_or(|other| other.as_str() == longer));
        }
        assert!(Known::find(b"").is_none() && Known::find(b"z").is_none());
    }

    #[test]
    fn content_length_is_found_under_both_its_names() {
        for name in ["Content-Length", "content-LENGTH", "l", "L"] {
            assert!(Known::find(name.as_bytes()) == Some(Known::CONTENT_LENGTH), "{name}");
        }
        assert!(Known::find(b"Content-Lengths").is_none());
    }
}
