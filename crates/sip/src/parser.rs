//! One frame to one message: start line, headers into their fields, then the checks that need the whole.

use bytes::Bytes;

use crate::content_length::ambiguous;
use crate::grammar::{Malformed, number};
use crate::head::unfold;
use crate::header_name::Known;
use crate::index::{EMPTY_LINE, Field, Index};
use crate::message::MAX_BODY;
use crate::rule::{Fault, Rule};
use crate::value::{CSeq, Date, HeaderValue, MaxForwards};
use crate::{
    CallId, Contacts, Framing, HeaderName, Headers, Message, Method, NameAddr, ParseError, Request, Response,
    StatusCode, Text, Uri, Via,
};

/// Reads a message that nobody has indexed yet.
pub(crate) fn parse(bytes: Bytes, framing: Framing) -> Result<Message, ParseError> {
    let mut index = Index::new();
    match index.read_head(&bytes) {
        Ok(()) => parse_indexed(bytes, &index, framing),
        Err(fault) => Err(ParseError::new(fault, bytes)),
    }
}

/// Reads a message by its index.
pub(crate) fn parse_indexed(bytes: Bytes, index: &Index, framing: Framing) -> Result<Message, ParseError> {
    read(&bytes, index, framing).map_err(|fault| ParseError::new(fault, bytes))
}

fn read(bytes: &Bytes, index: &Index, framing: Framing) -> Result<Message, Fault> {
    if let Some(fault) = index.fault() {
        return Err(fault);
    }
    let body = body(bytes, index, framing)?;
    let text = std::str::from_utf8(bytes.get(..index.head_end()).unwrap_or_default());
    let text = text.map_err(|_| Fault::bad("the head is not UTF-8"))?;
    let head = Text::shared(bytes, text);
    let start = StartLine::parse(&head, text.get(index.start_line()).unwrap_or_default())?;
    let mut draft = Draft::with_room_for(index.fields());
    for field in index.fields() {
        draft.add(&head, text, field)?;
    }
    match start {
        StartLine::Request { method, uri } => draft.into_request(method, uri, body).map(Message::Request),
        StartLine::Response { status, reason } => {
            draft.into_response(status, reason, body).map(Message::Response)
        }
    }
}

/// What stands behind the empty line, as far as Content-Length says.
fn body(bytes: &Bytes, index: &Index, framing: Framing) -> Result<Bytes, Fault> {
    let start = index.head_end().saturating_add(EMPTY_LINE);
    let body = bytes.slice(start.min(bytes.len())..);
    let body = match framing {
        Framing::Stream if index.length().required()? == body.len() => body,
        Framing::Stream => return Err(ambiguous("the body is not as long as Content-Length says")),
        Framing::Datagram => match index.length().given()? {
            Some(length) if length > body.len() => return Err(ambiguous("the body is cut short")),
            Some(length) => body.slice(..length),
            None => body,
        },
    };
    match body.len() > MAX_BODY {
        true => Err(Fault::new(Rule::BodySize, "the body is larger than 64 kB")),
        false => Ok(body),
    }
}

enum StartLine {
    Request { method: Method, uri: Uri },
    Response { status: StatusCode, reason: Text },
}

impl StartLine {
    fn parse(head: &Text, line: &str) -> Result<StartLine, Fault> {
        if line.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/")) {
            return StartLine::parse_status(head, line);
        }
        let mut parts = line.split(' ');
        let (Some(method), Some(uri), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Fault::bad("the request line is not method, URI and version with one space between"));
        };
        let method = Method::parse(&head.part(method))?;
        check_version(version)?;
        let uri = Uri::parse_part(head, uri)?;
        if uri.is_sip() && uri.headers().is_some() {
            return Err(Fault::bad("the Request-URI holds headers"));
        }
        Ok(StartLine::Request { method, uri })
    }

    fn parse_status(head: &Text, line: &str) -> Result<StartLine, Fault> {
        let (version, rest) = line.split_once(' ').ok_or(Fault::bad("the status line is cut"))?;
        check_version(version)?;
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = (code.len() == 3)
            .then(|| number(code, 699))
            .flatten()
            .and_then(|code| u16::try_from(code).ok())
            .and_then(StatusCode::new)
            .ok_or(Fault::bad("the status code is not 100 to 699"))?;
        Ok(StartLine::Response { status, reason: head.part(reason) })
    }
}

/// The headers as they are met.
#[derive(Default)]
struct Draft {
    via: Vec<Via>,
    from: Option<NameAddr>,
    to: Option<NameAddr>,
    call_id: Option<CallId>,
    cseq: Option<CSeq>,
    max_forwards: Option<u8>,
    contacts: Option<Contacts>,
    route: Vec<NameAddr>,
    record_route: Vec<NameAddr>,
    headers: Headers,
    content_type: Option<Text>,
}

impl Draft {
    fn with_room_for(fields: &[Field]) -> Draft {
        let others = fields.iter().filter(|field| !field.known().is_some_and(has_own_field)).count();
        Draft { headers: Headers::with_room_for(others), ..Draft::default() }
    }

    /// Takes a header of `head`, which reads `text`: each look at a [`Text`] would check all of it again.
    fn add(&mut self, head: &Text, text: &str, field: &Field) -> Result<(), Fault> {
        let written = text.get(field.value()).unwrap_or_default();
        let value = match field.is_folded() {
            true => Text::from(unfold(written)),
            false => head.part(written),
        };
        match field.known() {
            Some(known) if field.is_folded() => self.add_known(known, &value.clone(), value.as_str()),
            Some(known) => self.add_known(known, &value, written),
            None => {
                let name = head.part(text.get(field.name()).unwrap_or_default());
                self.headers.push(HeaderName::extension(name), value);
                Ok(())
            }
        }
    }

    /// `text` is what `value` reads.
    fn add_known(&mut self, known: Known, value: &Text, text: &str) -> Result<(), Fault> {
        match known {
            Known::VIA => self.add_vias(value, text)?,
            Known::FROM => once(&mut self.from, NameAddr::parse_part(value, text)?, "From stands twice")?,
            Known::TO => once(&mut self.to, NameAddr::parse_part(value, text)?, "To stands twice")?,
            Known::CALL_ID => once(&mut self.call_id, CallId::parse(value)?, "Call-ID stands twice")?,
            Known::CSEQ => once(&mut self.cseq, CSeq::read(value)?, "CSeq stands twice")?,
            Known::MAX_FORWARDS => {
                let MaxForwards(hops) = MaxForwards::of(text)?;
                once(&mut self.max_forwards, hops, "Max-Forwards stands twice")?;
            }
            Known::CONTACT => self.add_contacts(value, text)?,
            Known::ROUTE => add_addresses(&mut self.route, value, text, MAX_ROUTES, TOO_MANY_ROUTES)?,
            Known::RECORD_ROUTE => {
                add_addresses(&mut self.record_route, value, text, MAX_ROUTES, TOO_MANY_ROUTES)?;
            }
            // The index has read it, and nobody after it does.
            Known::CONTENT_LENGTH => {}
            Known::CONTENT_TYPE => {
                once(&mut self.content_type, value.clone(), "Content-Type stands twice")?;
            }
            _ if has_one_value(known) && self.headers.has(&HeaderName::from(known)) => {
                return Err(Fault::bad("a header of one value stands twice"));
            }
            _ => self.headers.push(HeaderName::from(known), value),
        }
        Ok(())
    }

    fn add_vias(&mut self, value: &Text, text: &str) -> Result<(), Fault> {
        let list = &mut self.via;
        let read = Via::parse_list(value, text, MAX_VIAS, list);
        read.map_err(|malformed| bound_or(malformed, list.len() < MAX_VIAS, TOO_MANY_VIAS))
    }

    fn add_contacts(&mut self, value: &Text, text: &str) -> Result<(), Fault> {
        let lonely = Fault::bad("Contact: * does not stand alone");
        let contacts = match (&mut self.contacts, text) {
            (none @ None, "*") => {
                *none = Some(Contacts::Star);
                return Ok(());
            }
            (Some(_), "*") | (Some(Contacts::Star), _) => return Err(lonely),
            (Some(Contacts::List(list)), _) => list,
            (none @ None, _) => match none.insert(Contacts::default()) {
                Contacts::List(list) => list,
                Contacts::Star => return Err(lonely),
            },
        };
        add_addresses(contacts, value, text, MAX_CONTACTS_IN_RESPONSE, TOO_MANY_CONTACTS_IN_RESPONSE)
    }

    fn into_request(self, method: Method, uri: Uri, body: Bytes) -> Result<Request, Fault> {
        let cseq = self.cseq.ok_or(Fault::bad("CSeq is missing"))?;
        if cseq.method != method {
            return Err(Fault::bad("the method of CSeq is not that of the request"));
        }
        let contacts = self.contacts.unwrap_or_default();
        if contacts == Contacts::Star && method != Method::Register {
            return Err(Fault::bad("Contact: * stands outside a REGISTER"));
        }
        if contacts.as_slice().len() > MAX_CONTACTS {
            return Err(Fault::new(Rule::ContactCount, "more than 16 Contacts"));
        }
        // Nobody reads the time itself here, and phones that misspell a day are no worse for it.
        if let Some(date) = self.headers.get(&HeaderName::DATE) {
            Date::check_zone(date)?;
        }
        if self.via.is_empty() {
            return Err(Fault::bad("Via is missing"));
        }
        Ok(Request {
            method,
            uri,
            via: self.via,
            from: self.from.ok_or(Fault::bad("From is missing"))?,
            to: self.to.ok_or(Fault::bad("To is missing"))?,
            call_id: self.call_id.ok_or(Fault::bad("Call-ID is missing"))?,
            cseq: cseq.number,
            max_forwards: self.max_forwards,
            contacts,
            route: self.route,
            record_route: self.record_route,
            headers: self.headers,
            content_type: self.content_type,
            body,
        })
    }

    fn into_response(self, status: StatusCode, reason: Text, body: Bytes) -> Result<Response, Fault> {
        let cseq = self.cseq.ok_or(Fault::bad("CSeq is missing"))?;
        let contacts = self.contacts.unwrap_or_default();
        if contacts == Contacts::Star {
            return Err(Fault::bad("Contact: * stands outside a REGISTER"));
        }
        if self.via.is_empty() {
            return Err(Fault::bad("Via is missing"));
        }
        Ok(Response {
            status,
            reason,
            via: self.via,
            from: self.from.ok_or(Fault::bad("From is missing"))?,
            to: self.to.ok_or(Fault::bad("To is missing"))?,
            call_id: self.call_id.ok_or(Fault::bad("Call-ID is missing"))?,
            cseq: cseq.number,
            cseq_method: cseq.method,
            contacts,
            record_route: self.record_route,
            headers: self.headers,
            content_type: self.content_type,
            body,
        })
    }
}

fn check_version(version: &str) -> Result<(), Fault> {
    if version.eq_ignore_ascii_case("SIP/2.0") {
        return Ok(());
    }
    let is_sip = version.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/"));
    if is_sip && version.len() > 4 {
        return Err(Fault::new(Rule::Version, "the version is not SIP/2.0"));
    }
    Err(Fault::bad("the request line has no SIP version"))
}

/// Adds a comma list of addresses to `list`, which holds `limit` at most.
fn add_addresses(
    list: &mut Vec<NameAddr>,
    value: &Text,
    text: &str,
    limit: usize,
    too_many: Fault,
) -> Result<(), Fault> {
    let read = NameAddr::parse_list(value, text, limit, list);
    read.map_err(|malformed| bound_or(malformed, list.len() < limit, too_many))
}

/// A list that could not be read to its end: when it had no room left, the one more was not even looked at.
fn bound_or(malformed: Malformed, had_room: bool, too_many: Fault) -> Fault {
    match had_room {
        true => malformed.into(),
        false => too_many,
    }
}

fn once<T>(field: &mut Option<T>, value: T, twice: &'static str) -> Result<(), Fault> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::bad(twice)),
    }
}

/// Headers that a message holds in a field of their own, not among the others.
fn has_own_field(known: Known) -> bool {
    matches!(
        known,
        Known::VIA
            | Known::FROM
            | Known::TO
            | Known::CALL_ID
            | Known::CSEQ
            | Known::MAX_FORWARDS
            | Known::CONTACT
            | Known::ROUTE
            | Known::RECORD_ROUTE
            | Known::CONTENT_LENGTH
            | Known::CONTENT_TYPE
    )
}

/// Headers of one value where two readers could choose differently between two of them.
fn has_one_value(known: Known) -> bool {
    matches!(
        known,
        Known::CONTENT_DISPOSITION
            | Known::DATE
            | Known::EVENT
            | Known::EXPIRES
            | Known::JOIN
            | Known::MIN_EXPIRES
            | Known::MIN_SE
            | Known::RACK
            | Known::REFER_SUB
            | Known::REFER_TO
            | Known::REFERRED_BY
            | Known::REPLACES
            | Known::RSEQ
            | Known::SESSION_EXPIRES
            | Known::SIP_IF_MATCH
            | Known::SUBSCRIPTION_STATE
            | Known::TARGET_DIALOG
    )
}

/// Real paths have two or three; RFC 4475 has a valid message of 34, and nothing needs more.
pub const MAX_VIAS: usize = 40;
const TOO_MANY_VIAS: Fault = Fault::new(Rule::ViaCount, "more than 40 Vias");

/// Each is a proxy between a phone and its PBX; five are many.
pub const MAX_ROUTES: usize = 32;
const TOO_MANY_ROUTES: Fault = Fault::new(Rule::RouteCount, "more than 32 Routes or Record-Routes");

/// A phone registers one contact, rarely three; each one becomes state.
pub const MAX_CONTACTS: usize = 16;

/// The 200 to a REGISTER lists every phone of the user, also those that went away without a word.
pub const MAX_CONTACTS_IN_RESPONSE: usize = 64;
const TOO_MANY_CONTACTS_IN_RESPONSE: Fault = Fault::new(Rule::ContactCount, "more than 64 Contacts");
