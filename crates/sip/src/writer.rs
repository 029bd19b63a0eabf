//! Messages to bytes. One order for all: start line, the typed headers, the others as they came, then the body.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{CallId, Contacts, Headers, NameAddr, Request, Response, Text, Via};

pub(crate) fn write_request(request: &Request) -> Bytes {
    let Request {
        method,
        uri,
        via,
        from,
        to,
        call_id,
        cseq,
        max_forwards,
        contacts,
        route,
        record_route,
        headers,
        content_type,
        body,
    } = request;
    let mut out = BytesMut::with_capacity(USUAL_HEAD + body.len());
    put_line_safe(&mut out, method.as_str().as_bytes());
    out.put_u8(b' ');
    uri.write_to(&mut out);
    out.put_slice(b" SIP/2.0\r\n");
    write_vias(&mut out, via);
    if let Some(hops) = max_forwards {
        write_number(&mut out, b"Max-Forwards: ", u64::from(*hops));
        out.put_slice(b"\r\n");
    }
    write_addresses(&mut out, b"Route: ", route);
    write_addresses(&mut out, b"Record-Route: ", record_route);
    write_identity(&mut out, from, to, call_id, *cseq, method.as_str());
    write_contacts(&mut out, contacts);
    write_rest(out, headers, content_type.as_ref(), body)
}

pub(crate) fn write_response(response: &Response) -> Bytes {
    let Response {
        status,
        reason,
        via,
        from,
        to,
        call_id,
        cseq,
        cseq_method,
        contacts,
        record_route,
        headers,
        content_type,
        body,
    } = response;
    let mut out = BytesMut::with_capacity(USUAL_HEAD + body.len());
    write_number(&mut out, b"SIP/2.0 ", u64::from(status.code()));
    out.put_u8(b' ');
    put_line_safe(&mut out, reason.as_bytes());
    out.put_slice(b"\r\n");
    write_vias(&mut out, via);
    write_addresses(&mut out, b"Record-Route: ", record_route);
    write_identity(&mut out, from, to, call_id, *cseq, cseq_method.as_str());
    write_contacts(&mut out, contacts);
    write_rest(out, headers, content_type.as_ref(), body)
}

/// Appends text that must stay on its line: CR and LF of a careless caller become spaces, so that no value
/// can begin a header of its own.
pub(crate) fn put_line_safe(out: &mut BytesMut, text: &[u8]) {
    let start = out.len();
    out.put_slice(text);
    if let Some(written) = out.get_mut(start..) {
        for byte in written {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }
}

fn write_vias(out: &mut BytesMut, vias: &[Via]) {
    for via in vias {
        out.put_slice(b"Via: ");
        via.write_to(out);
        out.put_slice(b"\r\n");
    }
}

fn write_addresses(out: &mut BytesMut, name: &[u8], addresses: &[NameAddr]) {
    for address in addresses {
        out.put_slice(name);
        address.write_to(out);
        out.put_slice(b"\r\n");
    }
}

fn write_identity(
    out: &mut BytesMut,
    from: &NameAddr,
    to: &NameAddr,
    call_id: &CallId,
    cseq: u32,
    method: &str,
) {
    out.put_slice(b"From: ");
    from.write_to(out);
    out.put_slice(b"\r\nTo: ");
    to.write_to(out);
    out.put_slice(b"\r\nCall-ID: ");
    put_line_safe(out, call_id.as_str().as_bytes());
    write_number(out, b"\r\nCSeq: ", u64::from(cseq));
    out.put_u8(b' ');
    put_line_safe(out, method.as_bytes());
    out.put_slice(b"\r\n");
}

fn write_contacts(out: &mut BytesMut, contacts: &Contacts) {
    match contacts {
        Contacts::Star => out.put_slice(b"Contact: *\r\n"),
        Contacts::List(list) => write_addresses(out, b"Contact: ", list),
    }
}

fn write_rest(mut out: BytesMut, headers: &Headers, content_type: Option<&Text>, body: &[u8]) -> Bytes {
    for header in headers {
        out.put_slice(header.name.as_str().as_bytes());
        out.put_slice(b": ");
        put_line_safe(&mut out, header.value.as_bytes());
        out.put_slice(b"\r\n");
    }
    if let Some(content_type) = content_type {
        out.put_slice(b"Content-Type: ");
        put_line_safe(&mut out, content_type.as_bytes());
        out.put_slice(b"\r\n");
    }
    write_number(&mut out, b"Content-Length: ", u64::try_from(body.len()).unwrap_or(u64::MAX));
    out.put_slice(b"\r\n\r\n");
    out.put_slice(body);
    out.freeze()
}

fn write_number(out: &mut BytesMut, before: &[u8], number: u64) {
    out.put_slice(before);
    out.put_slice(number.to_string().as_bytes());
}

/// Room for the head of a common message, so that writing one allocates once.
const USUAL_HEAD: usize = 1_536;
