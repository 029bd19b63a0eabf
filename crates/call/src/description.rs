//! The session description in a message: its body, or one part of a body of several.

use cordon_policy::media;
use cordon_policy::refusal::Refusal;
use cordon_sdp::Session;
use cordon_sip::{HeaderValue, MediaType, Request, Response, Text};

use crate::leg::SDP;

/// Reads the description in a request with a body.
///
/// # Errors
/// [`Refusal::BodyUnsupported`] where there is none in it; else why it cannot be read.
pub(crate) fn of_request(request: &Request) -> Result<Session, Refusal> {
    read(find(request.content_type.as_ref(), &request.body).ok_or(Refusal::BodyUnsupported)?)
}

/// Reads the description in a response.
///
/// # Errors
/// [`Refusal::AnswerMissing`] where there is none in it; else why it cannot be read.
pub(crate) fn of_response(response: &Response) -> Result<Session, Refusal> {
    read(find(response.content_type.as_ref(), &response.body).ok_or(Refusal::AnswerMissing)?)
}

/// Whether a response carries a description; what else it may carry stays on its side.
pub(crate) fn is_in(response: &Response) -> bool {
    find(response.content_type.as_ref(), &response.body).is_some()
}

fn read(description: &[u8]) -> Result<Session, Refusal> {
    Session::parse(description).map_err(media::refusal_for)
}

/// The bytes of the description. Phones that know where they are send a call to an emergency number with two parts, the
/// other being the place (RFC 6442 §4): such a call must not fail for it.
fn find<'a>(content_type: Option<&Text>, body: &'a [u8]) -> Option<&'a [u8]> {
    if body.is_empty() {
        return None;
    }
    let content_type = MediaType::read(content_type?).ok()?;
    if content_type.is(SDP) {
        return Some(body);
    }
    let boundary = content_type.params.unquoted("boundary").filter(|boundary| !boundary.is_empty());
    let boundary = boundary.filter(|_| content_type.is("multipart/mixed"))?;
    parts(std::str::from_utf8(body).ok()?, &format!("--{}", boundary.as_str()))
        .find(|part| MediaType::parse(part.content_type).is_ok_and(|part| part.is(SDP)))
        .map(|part| part.content.as_bytes())
}

/// One part of a multipart body (RFC 2046 §5.1).
struct Part<'a> {
    content_type: &'a str,
    content: &'a str,
}

/// The parts between the delimiters; what stands before the first and behind the last is none.
fn parts<'a>(body: &'a str, delimiter: &str) -> impl Iterator<Item = Part<'a>> {
    body.split(delimiter).skip(1).take_while(|part| !part.starts_with("--")).filter_map(|part| {
        let (head, content) = part.split_once("\r\n\r\n")?;
        let content_type = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim_end().eq_ignore_ascii_case("Content-Type").then_some(value)
        });
        // The line end before a delimiter belongs to it.
        Some(Part { content_type: content_type?, content: content.strip_suffix("\r\n").unwrap_or(content) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content_type: &str, body: &str) -> Option<String> {
        let found = find(Some(&Text::from(content_type)), body.as_bytes());
        found.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn a_description_alone_is_the_body() {
        assert_eq!(found("application/sdp", "v=0\r\n").unwrap(), "v=0\r\n");
        assert_eq!(found("Application/SDP; charset=utf-8", "v=0\r\n").unwrap(), "v=0\r\n");
        assert_eq!(found("text/plain", "v=0\r\n"), None);
        assert_eq!(found("application/sdp", ""), None);
    }

    #[test]
    fn of_several_parts_the_description_is_taken() {
        let body = "a preamble\r\n--b1\r\nContent-Type: application/pidf+xml\r\n\r\n<place/>\r\n\
                    --b1\r\nContent-ID: <1@x>\r\ncontent-type : application/sdp\r\n\r\nv=0\r\ns=-\r\n\r\n--b1--\r\n";
        for content_type in ["multipart/mixed;boundary=b1", "Multipart/Mixed; charset=x; Boundary=\"b1\""] {
            assert_eq!(found(content_type, body).unwrap(), "v=0\r\ns=-\r\n");
        }
        assert_eq!(found("multipart/mixed;boundary=b2", body), None);
        assert_eq!(found("multipart/alternative;boundary=b1", body), None);
    }

    #[test]
    fn what_stands_behind_the_last_delimiter_is_no_part() {
        let body = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n\
                    --b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";
        assert_eq!(found("multipart/mixed;boundary=b", body), None);
    }

    #[test]
    fn a_body_without_parts_has_no_description() {
        for body in ["", "--b", "--b\r\n", "--b--", "--b\r\nContent-Type: application/sdp\r\n", "v=0\r\n"] {
            assert_eq!(found("multipart/mixed;boundary=b", body), None);
        }
        assert_eq!(found("multipart/mixed", "--\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"), None);
    }
}
