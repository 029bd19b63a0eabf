//! SIP bytes to messages and back (RFC 3261 sections 7, 18.3, 19, 20 and 25).
//!
//! - [`Framer`] cuts a stream into messages and keep-alives; there is one authority on Content-Length.
//! - [`Framed::parse`] makes a [`Request`] or a [`Response`] of one frame, or a [`ParseError`] that knows its answer.
//! - [`Request::write`] and [`Response::write`] make bytes again.
//!
//! Nothing here does input or output, reads a clock or keeps state between messages, but for the framer's own
//! stream. Past the parser every mandatory header is there, once, and well formed. `Debug` of everything here tells
//! methods, names of known headers and lengths, never what a peer wrote.
#![forbid(unsafe_code)]

mod auth_params;
mod call_id;
mod challenge;
mod contacts;
mod content_length;
mod credentials;
mod flow;
mod framed;
mod framer;
mod grammar;
mod head;
mod header_name;
mod headers;
mod host;
mod index;
mod message;
mod method;
mod name_addr;
mod params;
mod parse_error;
mod parser;
mod request;
mod response;
mod rule;
mod scheme;
mod status;
mod text;
mod uri;
mod value;
mod via;
mod warning;
mod writer;

pub use auth_params::AuthParams;
pub use call_id::CallId;
pub use challenge::Challenge;
pub use contacts::Contacts;
pub use credentials::Credentials;
pub use flow::{FlowId, Hop, Origin};
pub use framed::Framed;
pub use framer::{Frame, FrameError, Framer, FramerLimits};
pub use grammar::Malformed;
pub use header_name::HeaderName;
pub use headers::{Header, Headers};
pub use host::Host;
pub use index::{Field, Index, MAX_HEAD, MAX_HEADERS, MAX_LINE};
pub use message::{Framing, MAX_BODY, Message};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::{MAX_PARAMS, Params};
pub use parse_error::{ErrorReply, ParseError};
pub use parser::{MAX_CONTACTS, MAX_CONTACTS_IN_RESPONSE, MAX_ROUTES, MAX_VIAS};
pub use request::Request;
pub use response::Response;
pub use rule::Rule;
pub use scheme::Scheme;
pub use status::StatusCode;
pub use text::Text;
pub use uri::Uri;
pub use value::{
    Algorithm, Allow, AuthenticationInfo, CSeq, Date, DeltaSeconds, Diversion, Event, HeaderValue,
    HistoryInfo, Identities, InstanceId, MaxForwards, MediaType, MinSe, Party, Privacy, Quality, RAck, RSeq,
    Reason, ReferTo, ReferredBy, Refresher, RegId, RemotePartyId, Replaces, RetryAfter, Routes,
    SessionExpires, SubscriptionPhase, SubscriptionState, TokenList,
};
pub use via::{MAGIC_COOKIE, Via};
pub use warning::Warning;
