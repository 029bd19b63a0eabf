//! What leaves toward the PBX stays within what Cordon itself takes. All phones share its connections: one message that a
//! reader there finds too long would close the connection for everybody.

use bytes::Bytes;
use cordon_sip::{Headers, Hop, MAX_BODY, MAX_HEAD, Method, Request, Response, Rule};

/// The bytes of a request. One that nobody can be refused leaves without what it carries for others, where that is too much.
///
/// # Errors
/// The bound it would break; it must not be sent.
pub(crate) fn request(hop: Hop, request: &Request) -> Result<Bytes, Rule> {
    let wire = request.write();
    let Some(rule) = broken(hop, wire.len(), request.body.len()) else { return Ok(wire) };
    if !matches!(request.method, Method::Ack | Method::Bye | Method::Cancel) {
        return Err(rule);
    }
    let bare = Request { headers: Headers::new(), ..request.clone() };
    let wire = bare.write();
    broken(hop, wire.len(), bare.body.len()).map_or(Ok(wire), Err)
}

/// The bytes of a response. Somebody waits for it, so one that is too long leaves without what nobody needs: its further
/// headers, and a body that is longer than any that is taken.
pub(crate) fn response(hop: Hop, response: &Response) -> Bytes {
    let wire = response.write();
    let Some(rule) = broken(hop, wire.len(), response.body.len()) else { return wire };
    let mut bare = Response { headers: Headers::new(), ..response.clone() };
    if rule == Rule::BodySize {
        bare.content_type = None;
        bare.body = Bytes::new();
    }
    bare.write()
}

/// The bound that a message of this length breaks, `body` of it its body.
fn broken(hop: Hop, length: usize, body: usize) -> Option<Rule> {
    match hop {
        Hop::Handset(_) => None,
        Hop::Pbx | Hop::PbxFlow(_) if body > MAX_BODY => Some(Rule::BodySize),
        Hop::Pbx | Hop::PbxFlow(_) => (length.saturating_sub(body) > MAX_HEAD).then_some(Rule::HeadSize),
    }
}

#[cfg(test)]
mod tests {
    use cordon_sip::{FlowId, Framing, HeaderName, Message, StatusCode};

    use super::*;

    fn asked(method: &str, subject: usize, body: usize) -> Request {
        let text = format!(
            "{method} sip:h SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
             Call-ID: c\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        );
        let Message::Request(mut request) = Message::parse(text.into(), Framing::Stream).unwrap() else {
            panic!("a request")
        };
        request.headers.push(HeaderName::SUBJECT, "x".repeat(subject));
        request.set_body("application/sdp", vec![b'v'; body]);
        request
    }

    #[test]
    fn a_request_is_written_up_to_the_bounds_and_not_a_byte_further() {
        let spare = MAX_HEAD - (asked("INVITE", 0, MAX_BODY).write().len() - MAX_BODY);
        for hop in [Hop::Pbx, Hop::PbxFlow(FlowId(1))] {
            let longest = request(hop, &asked("INVITE", spare, MAX_BODY)).unwrap();
            assert_eq!(longest.len(), MAX_HEAD + MAX_BODY);
            assert_eq!(request(hop, &asked("INVITE", spare + 1, MAX_BODY)), Err(Rule::HeadSize));
            assert_eq!(request(hop, &asked("INVITE", 0, MAX_BODY + 1)), Err(Rule::BodySize));
        }
        assert!(request(Hop::Handset(FlowId(1)), &asked("INVITE", MAX_HEAD, MAX_BODY + 1)).is_ok());
    }

    #[test]
    fn what_nobody_can_be_refused_leaves_without_its_further_headers() {
        for method in ["ACK", "BYE", "CANCEL"] {
            let wire = request(Hop::Pbx, &asked(method, MAX_HEAD, 10)).unwrap();
            assert!(wire.len() < 500 && wire.ends_with(&[b'v'; 10]));
            assert_eq!(request(Hop::Pbx, &asked(method, 0, MAX_BODY + 1)), Err(Rule::BodySize));
        }
    }

    #[test]
    fn a_response_leaves_without_its_further_headers_or_its_body() {
        let invite = asked("INVITE", 0, 0);
        let mut answer = Response::to(&invite, StatusCode::OK);
        answer.headers.push(HeaderName::SUBJECT, "x".repeat(MAX_HEAD));
        answer.set_body("application/sdp", vec![b'v'; 10]);
        let wire = response(Hop::Pbx, &answer);
        assert!(wire.len() < 500 && wire.ends_with(&[b'v'; 10]));
        answer.set_body("application/sdp", vec![b'v'; MAX_BODY + 1]);
        assert!(response(Hop::Pbx, &answer).len() < 500);
        assert_eq!(response(Hop::Handset(FlowId(1)), &answer), answer.write());
    }
}
