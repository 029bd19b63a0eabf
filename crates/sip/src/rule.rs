use crate::StatusCode;
use crate::grammar::Malformed;
use crate::params::TOO_MANY_PARAMS;

/// A rule of the wire that a message can break. Each is told apart up to the operator: which bound was passed is the
/// first thing to know about a message that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The grammar of RFC 3261, or a header that must be there once.
    Grammar,
    /// The version is SIP/2.0.
    Version,
    /// Content-Length says, once and in plain digits, where the message ends.
    ContentLength,
    /// Lines end with CRLF and nothing else.
    LineEnds,
    /// [`crate::MAX_HEAD`].
    HeadSize,
    /// [`crate::MAX_LINE`].
    LineLength,
    /// [`crate::MAX_HEADERS`].
    HeaderCount,
    /// [`crate::MAX_VIAS`].
    ViaCount,
    /// [`crate::MAX_CONTACTS`] in a request, [`crate::MAX_CONTACTS_IN_RESPONSE`] in a response.
    ContactCount,
    /// [`crate::MAX_ROUTES`] Routes, and as many Record-Routes.
    RouteCount,
    /// [`crate::MAX_PARAMS`] in one list.
    ParameterCount,
    /// [`crate::MAX_BODY`].
    BodySize,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 12] = [
        Rule::Grammar,
        Rule::Version,
        Rule::ContentLength,
        Rule::LineEnds,
        Rule::HeadSize,
        Rule::LineLength,
        Rule::HeaderCount,
        Rule::ViaCount,
        Rule::ContactCount,
        Rule::RouteCount,
        Rule::ParameterCount,
        Rule::BodySize,
    ];

    /// What is answered: 400 to what is wrong, 513 to what may be right and is more than is taken, 505 to another version.
    pub fn status(self) -> StatusCode {
        match self {
            Rule::Grammar | Rule::ContentLength | Rule::LineEnds => StatusCode::BAD_REQUEST,
            Rule::Version => StatusCode::VERSION_NOT_SUPPORTED,
            Rule::HeadSize
            | Rule::LineLength
            | Rule::HeaderCount
            | Rule::ViaCount
            | Rule::ContactCount
            | Rule::RouteCount
            | Rule::ParameterCount
            | Rule::BodySize => StatusCode::MESSAGE_TOO_LARGE,
        }
    }
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) rule: Rule,
    /// How it was broken, without a word of what the peer wrote.
    pub(crate) reason: &'static str,
}

impl Fault {
    pub(crate) const fn new(rule: Rule, reason: &'static str) -> Fault {
        Fault { rule, reason }
    }

    /// A breach of the grammar.
    pub(crate) const fn bad(reason: &'static str) -> Fault {
        Fault::new(Rule::Grammar, reason)
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Fault {
        let rule = match malformed == TOO_MANY_PARAMS {
            true => Rule::ParameterCount,
            false => Rule::Grammar,
        };
        Fault::new(rule, malformed.reason())
    }
}
