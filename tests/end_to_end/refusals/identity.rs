//! Names, ways and bounds: a phone speaks for itself, to the PBX, and not for more calls than anybody needs.

use std::io::{Read, Write};

use anyhow::{Result, ensure};
use cordon_tests::caller::{TlsCaller, connect_tls, hear};
use cordon_tests::machine::on_a_machine;

use super::connections::{LIMIT, door};
use super::{KEY, Refused, Site, TARGET, answer, description, refused_invite, request, requests};

#[test]
fn a_call_in_the_name_of_another_account_is_answered_403() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 403,
            code: "CD-CALL-13",
            standard: None,
            text: "From is no account registered on this connection",
        };
        let call =
            refused_invite("", &secure(), &refused).replace("From: <sip:[field0]@", "From: <sip:2000@");
        site.refuses("impostor", &call, &refused)?;
        site.pbx_is_content()
    });
}

#[test]
fn a_route_or_maddr_to_elsewhere_is_answered_403() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 403,
            code: "CD-CALL-14",
            standard: None,
            text: "a Route or maddr to elsewhere is not followed",
        };
        let routed = refused_invite("Route: <sip:10.2.0.99;lr>\n", &secure(), &refused);
        let invite = format!("INVITE {TARGET}");
        let to_address = refused_invite("", &secure(), &refused).replacen(
            &invite,
            &format!("{invite};maddr=127.0.0.1"),
            1,
        );
        for (name, call) in [("routed", routed), ("maddr", to_address)] {
            site.refuses(name, &call, &refused)?;
        }
        site.pbx_is_content()
    });
}

#[test]
fn a_registration_for_somebody_else_is_answered_403() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 403,
            code: "CD-REG-07",
            standard: None,
            text: "From and To of the REGISTER must be the same account",
        };
        // From is the phone's account, To is 2000.
        let register = request("REGISTER", "sip:mx.clinic.test", "Expires: 300\n", "");
        let call = [register, answer(&refused, "")].concat();
        requests::unregistered(&mut site, "third-party", &call, &refused)
    });
}

#[test]
fn a_fifth_emergency_call_at_once_without_registration_is_answered_503() {
    on_a_machine(|machine| {
        let site = Site::open(machine)?;
        let mut phone = connect_tls(&site.authority, "10.1.0.11", door()?, LIMIT)?;
        let calls = (0..5).map(|nth| invite(nth, "911")).collect::<String>();
        let (heard, _) = site.cordon.refuses("CD-OVERLOAD-11", || {
            phone.write_all(calls.as_bytes())?;
            hear_until(&mut phone, "CD-OVERLOAD-11 too many emergency calls without registration")
        })?;
        ensure!(heard.contains("SIP/2.0 503 ") && heard.contains("Retry-After: "), "{heard}");
        Ok(())
    });
}

#[test]
fn an_account_with_64_calls_on_two_connections_gets_no_65th() {
    on_a_machine(|machine| {
        let site = Site::open(machine)?;
        let mut first = registered(&site, 1)?;
        let calls = (0..40).map(|nth| invite(nth, "2000")).collect::<String>();
        first.write_all(calls.as_bytes())?;
        hear_until(&mut first, "Call-ID: call-39")?;
        let mut second = registered(&site, 2)?;
        let calls = (40..65).map(|nth| invite(nth, "2000")).collect::<String>();
        let (heard, _) = site.cordon.refuses("CD-OVERLOAD-10", || {
            second.write_all(calls.as_bytes())?;
            hear_until(&mut second, "CD-OVERLOAD-10 too many calls of this account at once")
        })?;
        ensure!(heard.contains("SIP/2.0 503 ") && heard.contains("Retry-After: "), "{heard}");
        Ok(())
    });
}

/// A connection on which 4000 is registered; the SIPp PBX challenges and then grants.
fn registered(site: &Site, port: u16) -> Result<TlsCaller> {
    let mut phone = connect_tls(&site.authority, "10.1.0.11", door()?, LIMIT)?;
    for (cseq, status) in [(1, "SIP/2.0 401 "), (2, "SIP/2.0 200 ")] {
        let register = format!(
            "REGISTER sip:mx.clinic.test SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.0.11:{port};branch=z9hG4bKr{port}x{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:4000@mx.clinic.test>;tag=r\r\nTo: <sip:4000@mx.clinic.test>\r\n\
             Call-ID: register-{port}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:4000@10.1.0.11:{port};transport=tls>\r\n\
             Expires: 300\r\nContent-Length: 0\r\n\r\n"
        );
        phone.write_all(register.as_bytes())?;
        hear_until(&mut phone, status)?;
    }
    Ok(phone)
}

/// A call of 4000.
fn invite(nth: u16, number: &str) -> String {
    let body = secure()
        .replace("[local_ip_type]", "4")
        .replace("[media_ip_type]", "4")
        .replace("[local_ip]", "10.1.0.11")
        .replace("[media_ip]", "10.1.0.11")
        .replace('\n', "\r\n");
    format!(
        "INVITE sip:{number}@mx.clinic.test SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.0.11:9;branch=z9hG4bKi{nth}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:4000@mx.clinic.test>;tag=i{nth}\r\nTo: <sip:{number}@mx.clinic.test>\r\n\
         Call-ID: call-{nth}\r\nCSeq: 1 INVITE\r\nContact: <sip:4000@10.1.0.11:9;transport=tls>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Listens until this was said.
fn hear_until(stream: &mut impl Read, expected: &str) -> Result<String> {
    let mut heard = String::new();
    while !heard.contains(expected) {
        let part = hear(stream)?;
        ensure!(!part.is_empty(), "the connection ended before {expected}: {heard}");
        heard.push_str(&part);
    }
    Ok(heard)
}

fn secure() -> String {
    description(&format!("m=audio 30000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n"))
}
