//! One frame to one message: start line, headers into their fields, then the checks that need the whole.

use bytes::Bytes;

use crate::content_length::ContentLength;
use crate::grammar::{Malformed, number};
use crate::head::{Fault, Line, Lines, name_and_value, unfold};
use crate::{
    CallId, Contacts, Framing, HeaderName, Headers, MAX_MESSAGE, Message, Method, NameAddr, ParseError,
    Request, Response, StatusCode, Text, Uri, Via,
};

pub(crate) fn parse(bytes: Bytes, framing: Framing) -> Result<Message, ParseError> {
    read(&bytes, framing).map_err(|fault| ParseError::new(fault, bytes))
}

/// Where the head ends, without the empty line after it.
pub(crate) fn head_end(bytes: &[u8]) -> Result<usize, Fault> {
    let searched = bytes.get(..MAX_HEAD + 4).unwrap_or(bytes);
    match searched.windows(4).position(|window| window == b"\r\n\r\n") {
        Some(end) => Ok(end),
        None if bytes.len() > MAX_HEAD => Err(HEAD_TOO_LARGE),
        None => Err(Fault::bad("no empty line ends the head")),
    }
}

fn read(bytes: &Bytes, framing: Framing) -> Result<Message, Fault> {
    if bytes.len() > MAX_MESSAGE {
        return Err(Fault::too_large("the message is larger than 64 kB"));
    }
    let end = head_end(bytes)?;
    let head = Text::from_utf8(bytes.slice(..end)).ok_or(Fault::bad("the head is not UTF-8"))?;
    let text = head.as_str();
    let mut lines = Lines::new(head.as_bytes());
    let start = match lines.next() {
        Some(line) => line?.check()?,
        None => return Err(Fault::bad("the message is empty")),
    };
    if start.folded {
        return Err(Fault::bad("the start line is folded"));
    }
    let start = StartLine::parse(&head, text.get(start.start..start.end).unwrap_or_default())?;
    let mut draft = Draft::default();
    for line in lines {
        draft.add(&head, text, line?.check()?)?;
    }
    let body = bytes.slice((end + 4).min(bytes.len())..);
    let body = match framing {
        Framing::Stream if draft.length.required()? == body.len() => body,
        Framing::Stream => return Err(Fault::bad("the body is not as long as Content-Length says")),
        Framing::Datagram => match draft.length.value() {
            Some(length) if length > body.len() => return Err(Fault::bad("the body is cut short")),
            Some(length) => body.slice(..length),
            None => body,
        },
    };
    match start {
        StartLine::Request { method, uri } => draft.into_request(method, uri, body).map(Message::Request),
        StartLine::Response { status, reason } => {
            draft.into_response(status, reason, body).map(Message::Response)
        }
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
    count: usize,
    via: Vec<Via>,
    from: Option<NameAddr>,
    to: Option<NameAddr>,
    call_id: Option<CallId>,
    cseq: Option<(u32, Method)>,
    max_forwards: Option<u8>,
    contacts: Option<Contacts>,
    route: Vec<NameAddr>,
    record_route: Vec<NameAddr>,
    headers: Headers,
    content_type: Option<Text>,
    length: ContentLength,
}

impl Draft {
    /// Takes a header line of `head`, which reads `text`: looked at once, since each look at a [`Text`] checks all of it.
    fn add(&mut self, head: &Text, text: &str, line: Line) -> Result<(), Fault> {
        self.count += 1;
        if self.count > MAX_HEADERS {
            return Err(Fault::bad("more than 128 headers"));
        }
        let (name, value) = name_and_value(text.get(line.start..line.end).unwrap_or_default())?;
        let name = HeaderName::parse_part(head, name)?;
        let value = if line.folded { Text::from(unfold(value)) } else { head.part(value) };
        self.add_header(name, value)
    }

    fn add_header(&mut self, name: HeaderName, value: Text) -> Result<(), Fault> {
        let text = value.as_str();
        match name.as_str() {
            "Via" => Via::parse_list(&value, text, MAX_VIAS, &mut self.via)?,
            "From" => once(&mut self.from, NameAddr::parse_part(&value, text)?, "From stands twice")?,
            "To" => once(&mut self.to, NameAddr::parse_part(&value, text)?, "To stands twice")?,
            "Call-ID" => once(&mut self.call_id, CallId::parse(&value)?, "Call-ID stands twice")?,
            "CSeq" => once(&mut self.cseq, parse_cseq(&value)?, "CSeq stands twice")?,
            "Max-Forwards" => {
                let hops = number(text, u64::from(u8::MAX)).and_then(|hops| u8::try_from(hops).ok());
                let hops = hops.ok_or(Fault::bad("Max-Forwards is not 0 to 255"))?;
                once(&mut self.max_forwards, hops, "Max-Forwards stands twice")?;
            }
            "Contact" => self.add_contacts(&value)?,
            "Route" => add_addresses(&mut self.route, &value, MAX_ROUTES)?,
            "Record-Route" => add_addresses(&mut self.record_route, &value, MAX_ROUTES)?,
            "Content-Length" => self.length.note(text)?,
            "Content-Type" => once(&mut self.content_type, value, "Content-Type stands twice")?,
            _ if SINGLE.contains(&name.as_str()) && self.headers.has(&name) => {
                return Err(Fault::bad("a header of one value stands twice"));
            }
            _ => self.headers.push(name, value),
        }
        Ok(())
    }

    fn add_contacts(&mut self, value: &Text) -> Result<(), Fault> {
        let lonely = Fault::bad("Contact: * does not stand alone");
        match (&mut self.contacts, value.as_str()) {
            (none @ None, "*") => *none = Some(Contacts::Star),
            (Some(_), "*") | (Some(Contacts::Star), _) => return Err(lonely),
            (Some(Contacts::List(list)), _) => add_addresses(list, value, MAX_CONTACTS_IN_RESPONSE)?,
            (none @ None, text) => {
                *none = Some(Contacts::List(NameAddr::parse_list(value, text, MAX_CONTACTS_IN_RESPONSE)?));
            }
        }
        Ok(())
    }

    fn into_request(self, method: Method, uri: Uri, body: Bytes) -> Result<Request, Fault> {
        let (cseq, cseq_method) = self.cseq.ok_or(Fault::bad("CSeq is missing"))?;
        if cseq_method != method {
            return Err(Fault::bad("the method of CSeq is not that of the request"));
        }
        let contacts = self.contacts.unwrap_or_default();
        if contacts == Contacts::Star && method != Method::Register {
            return Err(Fault::bad("Contact: * stands outside a REGISTER"));
        }
        if contacts.as_slice().len() > MAX_CONTACTS {
            return Err(Fault::bad("more than 16 Contacts"));
        }
        // RFC 3261 §20.17: the time zone of Date is GMT and nothing else.
        if self.headers.get(&HeaderName::DATE).is_some_and(|date| !date.as_str().ends_with("GMT")) {
            return Err(Fault::bad("Date is not in GMT"));
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
            cseq,
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
        let (cseq, cseq_method) = self.cseq.ok_or(Fault::bad("CSeq is missing"))?;
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
            cseq,
            cseq_method,
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
        return Err(Fault {
            status: StatusCode::VERSION_NOT_SUPPORTED,
            reason: "the version is not SIP/2.0",
        });
    }
    Err(Fault::bad("the request line has no SIP version"))
}

/// RFC 3261 §20.16 and §8.1.1.5: a number below 2^31 and a method.
fn parse_cseq(value: &Text) -> Result<(u32, Method), Fault> {
    let (digits, method) = value.as_str().split_once([' ', '\t']).ok_or(Fault::bad("CSeq has no method"))?;
    let sequence = number(digits, MAX_CSEQ).and_then(|sequence| u32::try_from(sequence).ok());
    let sequence = sequence.ok_or(Fault::bad("the number of CSeq is not below 2^31"))?;
    let method = Method::parse(&value.part(method.trim_matches([' ', '\t'])))?;
    Ok((sequence, method))
}

fn add_addresses(list: &mut Vec<NameAddr>, value: &Text, limit: usize) -> Result<(), Malformed> {
    let room = limit.saturating_sub(list.len());
    list.append(&mut NameAddr::parse_list(value, value.as_str(), room)?);
    Ok(())
}

fn once<T>(field: &mut Option<T>, value: T, twice: &'static str) -> Result<(), Fault> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::bad(twice)),
    }
}

/// Headers of one value where two readers could choose differently between two of them.
const SINGLE: &[&str] = &[
    "Content-Disposition",
    "Date",
    "Event",
    "Expires",
    "Min-Expires",
    "Min-SE",
    "RAck",
    "Refer-To",
    "Referred-By",
    "Replaces",
    "RSeq",
    "Session-Expires",
];

/// The head of real messages is 1 to 4 kB; an endless one must not be buffered. Beyond it the answer is 513.
pub(crate) const MAX_HEAD: usize = 16 * 1024;

pub(crate) const HEAD_TOO_LARGE: Fault = Fault::too_large("the head is larger than 16 kB");

/// Real messages have 10 to 40 headers; each costs work here and at the PBX.
const MAX_HEADERS: usize = 128;

/// A request starts with 70 hops (RFC 3261 §8.1.1.6), so more Vias than that are nobody's path.
const MAX_VIAS: usize = 70;

/// Each is a proxy between a phone and its PBX; five are many.
const MAX_ROUTES: usize = 32;

/// A phone registers one contact, rarely three; each one becomes state.
const MAX_CONTACTS: usize = 16;

/// The 200 to a REGISTER lists every phone of the user, also those that went away without a word.
const MAX_CONTACTS_IN_RESPONSE: usize = 64;

/// RFC 3261 §8.1.1.5.
const MAX_CSEQ: u64 = (1 << 31) - 1;
