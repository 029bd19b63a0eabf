//! The requests attacks are made of, as text.

use cordon_tests::cordon::HOST;
use cordon_tests::kamailio::DOMAIN;

/// The number an attacker gives for its own; whatever the PBX hears of it has passed Cordon.
pub(crate) const INTRUDER: &str = "2065550666";

/// An OPTIONS to Cordon itself, told apart by `mark`.
pub(crate) fn options(mark: &str) -> String {
    request("OPTIONS", &format!("sip:{HOST}"), mark, "Content-Length: 0\r\n")
}

/// A REGISTER of the intruder's: it goes on to the PBX when it is taken for a message.
pub(crate) fn register(mark: &str) -> String {
    let rest =
        format!("Contact: <sip:{INTRUDER}@10.1.130.1;transport=tls>\r\nExpires: 60\r\nContent-Length: 0\r\n");
    request("REGISTER", &format!("sip:{DOMAIN}"), mark, &rest)
}

/// A request with what RFC 3261 §8.1.1 wants in it, and `rest` in place of everything else.
pub(crate) fn request(method: &str, uri: &str, mark: &str, rest: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.130.1:5061;branch=z9hG4bK{mark};rport\r\n\
         From: <sip:{INTRUDER}@{DOMAIN}>;tag=a\r\nTo: <sip:{INTRUDER}@{DOMAIN}>\r\nCall-ID: {mark}\r\n\
         CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{rest}\r\n"
    )
}
