//! RFC 4475 section 3.1.2: invalid messages. Where the RFC leaves a choice between leniency and refusal we refuse: what
//! we would guess, the PBX behind us might guess otherwise.

use cordon_tests::machine::on_a_machine;

use crate::case::Case;
use crate::site::Site;
use crate::torture::invalid::*;

#[test]
fn section_3_1_2_invalid_messages_are_refused() {
    on_a_machine(|machine| Site::open(machine)?.judge(&cases()));
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("badinv01", "3.1.2.1", BADINV01).answered(400),
        Case::new("clerr", "3.1.2.2", &with_what_it_lacks(CLERR)).answered(400),
        Case::new("ncl", "3.1.2.3", NCL).answered(400).ends_flow(),
        Case::new("scalar02", "3.1.2.4", SCALAR02).from("user").answered(400),
        Case::new("scalarlg", "3.1.2.5", SCALARLG),
        Case::new("quotbal", "3.1.2.6", QUOTBAL).answered(400),
        Case::new("ltgtruri", "3.1.2.7", LTGTRURI).answered(400),
        Case::new("lwsruri", "3.1.2.8", LWSRURI).answered(400),
        Case::new("lwsstart", "3.1.2.9", LWSSTART).answered(400),
        Case::new("trws", "3.1.2.10", TRWS).from("local-resource").answered(400),
        Case::new("escruri", "3.1.2.11", ESCRURI).answered(400),
        Case::new("baddate", "3.1.2.12", BADDATE).answered(400),
        Case::new("regbadct", "3.1.2.13", REGBADCT).from("user").answered(400),
        Case::new("badaspec", "3.1.2.14", BADASPEC).from("a.g.bell").answered(400),
        Case::new("baddn", "3.1.2.15", BADDN).from("a.g.bell").answered(400),
        Case::new("badvers", "3.1.2.16", BADVERS).from("a.g.bell").answered(505),
        Case::new("mismatch01", "3.1.2.17", MISMATCH01).answered(400),
        Case::new("mismatch02", "3.1.2.18", MISMATCH02).answered(400),
        Case::new("bigcode", "3.1.2.19", BIGCODE),
    ]
}

/// On a stream nobody can tell that a body is cut short: what follows is taken for the rest of it. Here it is requests
/// that must not be heard, and the message ends where its Content-Length says.
fn with_what_it_lacks(message: &[u8]) -> Vec<u8> {
    let head = message.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |end| end + 4);
    let smuggled =
        b"OPTIONS sip:smuggled@example.com SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.0.11;branch=z9hG4bKsmuggled\r\n\
        Max-Forwards: 70\r\nFrom: <sip:caller@example.com>;tag=s\r\nTo: <sip:smuggled@example.com>\r\n\
        Call-ID: smuggled\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let whole = message.iter().chain(smuggled.iter().cycle());
    whole.take(head + CLERR_LENGTH).copied().collect()
}

/// What the message says of its body.
const CLERR_LENGTH: usize = 9999;
