//! Messages that claim a way or a sender: the way is always to the PBX, the sender always who the connection is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_sip::{Contacts, HeaderName, Method, NameAddr, Uri};
use cordon_tests::handset;
use cordon_tests::kamailio::{DOMAIN, password};
use cordon_tests::machine::{PBX, STRANGER, one_of_crowd};
use rustls::ClientConfig;

use crate::agent::{Agent, Manner};
use crate::attack::Attack;
use crate::eavesdropper::Eavesdropper;
use crate::puppet::{Puppet, acknowledgement, in_dialog};
use crate::site::{ATTACKER, Site};

#[test]
fn d06_no_header_leads_a_message_to_anybody_but_the_pbx() {
    Attack::new(
        "D06",
        "Route, maddr, Path, Via received and maddr to loopback and inside hosts; Max-Forwards 0; spiral",
    )
    .logs(&["CD-CALL-14", "CD-CALL-03", "CD-CALL-04"])
    .run(|site| handset::block_on(lead_astray(site)));
}

async fn lead_astray(site: &Site) -> Result<String> {
    let elsewhere = Eavesdropper::at(&ELSEWHERE)?;
    let tls = site.authority.client_config()?;
    let _callee = Agent::register(&tls, CALLEE, one_of_crowd(21), Manner::Rings).await?;
    let mut phone = Puppet::register(site, CALLER, ATTACKER)?;
    let mut refused = 0;
    // Whoever names the PBX means the PBX: see below.
    for (index, (address, port)) in ELSEWHERE.into_iter().filter(|(address, _)| *address != PBX).enumerate() {
        for (what, from, to) in ways_to(address, port) {
            let request = phone.invitation(CALLEE, &format!("led{refused}"), "").replacen(from, &to, 1);
            let answer = phone.ask(&request)?;
            let is_refused = answer.status == 403 && answer.text.contains("CD-CALL-14");
            ensure!(is_refused, "{what}: {}", answer.text);
            refused += 1;
        }
        // Where the answer goes is not a matter of the message either.
        let via = format!(";received={address};maddr={address};rport={port}");
        let request = phone.text("OPTIONS", &format!("sip:{DOMAIN}"), &format!("via{index}"), "", "");
        let answer = phone.ask(&request.replacen(";rport", &via, 1))?;
        ensure!(answer.status == 200, "answered on its own connection: {}", answer.text);
        let roamer = format!("206555029{index}");
        call_who_claims_another_place(&tls, &mut phone, &roamer, &format!("{address}:{port}")).await?;
    }
    let ported = format!("Route: <sip:{PBX}:5999;lr>\r\nMax-Forwards");
    let answer = phone.ask(&phone.invitation(CALLEE, "port", "").replacen("Max-Forwards", &ported, 1))?;
    ensure!(answer.status == 407, "a Route to another port of the PBX is taken off: {}", answer.text);
    let hops = phone.invitation(CALLEE, "hops", "").replace("Max-Forwards: 70", "Max-Forwards: 0");
    ensure!(phone.ask(&hops)?.status == 483, "no hop is left");
    // The same request comes back by another way while it rings.
    let invite = phone.invitation(CALLEE, "spiral", "");
    let challenged = phone.ask(&invite)?;
    let invite = phone.prove(&invite, &challenged, &password(CALLER))?;
    phone.wire.send(invite.as_bytes())?;
    while phone.wire.answer(LIMIT)?.context("it rings")?.status != 180 {}
    let answer = phone.ask(&invite.replacen("branch=z9hG4bK", "branch=z9hG4bKback", 1))?;
    ensure!(answer.status == 482 && answer.text.contains("CD-CALL-04"), "{}", answer.text);
    ensure!(elsewhere.heard() == 0, "{} arrived where nothing has to", elsewhere.heard());
    Ok(format!(
        "{refused} of {refused} refused with 403, then 483 and 482; nothing arrived at {} other addresses; who registers one of \
         them is called where it stands",
        ELSEWHERE.len()
    ))
}

/// Ways to name the next hop: what it is called, and what it puts in place of what.
fn ways_to(address: &str, port: u16) -> [(&'static str, &'static str, String); 5] {
    let route = |way: String| format!("Route: {way}\r\nMax-Forwards");
    let target = format!("sip:{address}:{port}");
    [
        ("Route", "Max-Forwards", route(format!("<{target};lr>"))),
        ("Route over UDP", "Max-Forwards", route(format!("<{target};transport=udp;lr>"))),
        ("a second Route", "Max-Forwards", route(format!("<sip:{DOMAIN};lr>, <{target};lr>"))),
        ("maddr", " SIP/2.0", format!(";maddr={address} SIP/2.0")),
        ("maddr in a Route", "Max-Forwards", route(format!("<sip:{DOMAIN};maddr={address};lr>"))),
    ]
}

/// A phone registers with Contact and Path at `place`, and is called: it hears that on its own connection.
async fn call_who_claims_another_place(
    tls: &Arc<ClientConfig>,
    phone: &mut Puppet,
    number: &str,
    place: &str,
) -> Result<()> {
    let roamer = Agent::connect(tls, number, one_of_crowd(22), Manner::Answers).await?;
    let mut registration = roamer.registration_of(number)?;
    let contact = Uri::parse(format!("sip:{number}@{place}").as_str())?;
    registration.contacts = Contacts::one(NameAddr::new(contact));
    registration.headers.push(HeaderName::parse("Path")?, format!("<sip:{place};lr>"));
    registration.headers.push(HeaderName::SUPPORTED, "path");
    let challenged = roamer.ask(&registration).await?;
    let answer = roamer.ask(&roamer.proven(registration, &challenged)?).await?;
    ensure!(answer.status.is_success(), "it registers: {}", answer.status.code());

    let invite = phone.invitation(number, &format!("to{number}"), "");
    let challenged = phone.ask(&invite)?;
    let invite = phone.prove(&invite, &challenged, &password(CALLER))?;
    let answer = phone.ask(&invite)?;
    ensure!(answer.status == 200, "it is called where it stands, not at {place}: {}", answer.text);
    ensure!(roamer.heard().invites == 1, "it has heard the call");
    phone.wire.send(acknowledgement(&invite, &answer).as_bytes())?;
    let ended = phone.ask(&in_dialog("BYE", &invite, &answer))?;
    ensure!(ended.status == 200, "the call is ended: {}", ended.text);
    Ok(())
}

#[test]
fn d08_nobody_calls_in_the_name_of_another() {
    Attack::new(
        "D08",
        "From, display name, P-Asserted-Identity, Remote-Party-ID, Diversion, X- headers of somebody else",
    )
    .logs(&["CD-CALL-13"])
    .run(|site| {
        let mut phone = Puppet::register(site, CALLER, ATTACKER)?;
        let mut refused = 0;
        for from in [
            format!("<sip:{VICTIM}@{DOMAIN}>"),
            format!("\"{CALLER}\" <sip:{VICTIM}@{DOMAIN}>"),
            format!("sip:{VICTIM}@{DOMAIN}"),
            format!("<sips:{VICTIM}@{DOMAIN}>"),
            format!("<tel:+1{VICTIM}>"),
            format!("<sip:{CALLER}%00{VICTIM}@{DOMAIN}>"),
            format!("<sip:{VICTIM};phone-context={CALLER}@{DOMAIN}>"),
            format!("<sip:{VICTIM}:{CALLER}@{DOMAIN}>"),
        ] {
            let invite = phone.invitation(CALLEE, &format!("spoof{refused}"), "");
            let own = format!("From: <sip:{CALLER}@{DOMAIN}>");
            let answer = phone.ask(&invite.replacen(&own, &format!("From: {from}"), 1))?;
            ensure!(matches!(answer.status, 400 | 403 | 416), "{from}: {}", answer.text);
            refused += 1;
        }
        let shown = handset::block_on(async {
            let callee = handset::register(site.phone(CALLEE, "10.1.131.62")?).await?;
            let caller = handset::register(site.phone(OTHER, "10.1.131.63")?).await?;
            let mut invite = caller.request(Method::Invite, CALLEE)?;
            invite.from.display = Some(VICTIM.into());
            for (name, value) in CLAIMS {
                invite.headers.push(HeaderName::parse(name)?, value);
            }
            invite.set_body("application/sdp", crate::puppet::offer("10.1.131.63"));
            let asking = tokio::spawn(async move { handset::ask_with_proof(&caller, invite).await });
            let ringing = callee.incoming(LIMIT).await?;
            let heard = String::from_utf8_lossy(&ringing.invite().write()).into_owned();
            ringing.refuse(486).await?;
            ensure!(asking.await??.status.code() == 486, "the call is refused by its callee");
            anyhow::Ok(heard)
        })?;
        ensure!(!shown.contains(VICTIM), "the callee hears nothing of somebody else:\n{shown}");
        for (name, _) in CLAIMS {
            let is_there = shown
                .lines()
                .any(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
            ensure!(!is_there, "{name} stays here:\n{shown}");
        }
        ensure!(shown.contains(&format!("sip:{OTHER}@")), "the callee hears who calls:\n{shown}");
        Ok(format!(
            "{refused} of {refused} refused; display name and {} headers of another stay here",
            CLAIMS.len()
        ))
    });
}

#[test]
fn d09_no_redirection_or_transfer_leads_out_of_the_domain() {
    Attack::new("D09", "REFER to premium numbers, 302 out of the domain and within it, header parameters in URIs; 30 calls in a row")
        .logs(&["CD-CALL-01", "CD-CALL-09"])
        .run(|site| {
            let elsewhere = Eavesdropper::at(&ELSEWHERE)?;
            let tls = site.authority.client_config()?;
            let figure = handset::block_on(defraud(site, &tls))?;
            ensure!(elsewhere.heard() == 0, "{} arrived where nothing has to", elsewhere.heard());
            Ok(figure)
        });
}

async fn defraud(site: &Site, tls: &Arc<ClientConfig>) -> Result<String> {
    let foreign = Agent::register(
        tls,
        "2065550231",
        one_of_crowd(11),
        Manner::Redirects("sip:19005550100@10.9.0.66:5060"),
    );
    let foreign = foreign.await?;
    let inside = Agent::register(
        tls,
        "2065550232",
        one_of_crowd(12),
        Manner::Redirects("sip:19005550100@mx.clinic.test"),
    );
    let inside = inside.await?;
    let caller = Agent::register(tls, "2065550233", one_of_crowd(13), Manner::Rings).await?;
    let status =
        |answer: Result<_, cordon_sip::Response>| answer.err().map_or(200, |answer| answer.status.code());
    let led_out = status(caller.call(&foreign.number).await?);
    ensure!(led_out == 480, "a redirection out of the domain ends the call: {led_out}");
    // Within the domain the PBX decides, which here has no such number.
    let led_within = status(caller.call(&inside.number).await?);
    ensure!(led_within == 404, "a redirection within the domain is the PBX's to allow: {led_within}");
    let met = site.pbx_met(&caller.number);
    for refer_to in [
        "<sip:19005550100@mx.clinic.test>",
        "<sip:19005550100@mx.clinic.test;method=INVITE?Replaces=a&Route=%3Csip:10.9.0.66%3E>",
    ] {
        let mut refer = caller.invitation("2065550234")?;
        refer.method = Method::Refer;
        refer.headers.push(HeaderName::parse("Refer-To")?, refer_to);
        let answer = caller.ask(&refer).await?;
        ensure!(answer.status.code() == 405, "REFER: {}", answer.status.code());
    }
    ensure!(site.pbx_met(&caller.number) == met, "the PBX hears nothing of it");
    let mut puppet = Puppet::register(site, "2065550235", ATTACKER)?;
    let invite = puppet.invitation("19005550100", "hidden", "");
    let hidden = invite.replacen(
        &format!("@{DOMAIN} "),
        &format!("@{DOMAIN}?Route=%3Csip:10.9.0.66%3E&Replaces=a "),
        1,
    );
    let answer = puppet.ask(&hidden)?;
    ensure!(matches!(answer.status, 400 | 403 | 407), "header parameters do nothing: {}", answer.text);
    let mut reached = 0;
    for _ in 0..30 {
        reached += usize::from(status(caller.call("19005550100").await?) == 404);
    }
    Ok(format!(
        "out of the domain {led_out}, within it the PBX decides ({led_within}); REFER 405; ?Route= in a URI {}; {reached} of 30 \
         premium calls in a row reached the PBX: rules by prefix and time of day are not built",
        answer.status
    ))
}

const CALLER: &str = "2065550241";
const CALLEE: &str = "2065550242";
const VICTIM: &str = "2065550244";
const OTHER: &str = "2065550245";
/// Inside and outside hosts that are no next hop.
const ELSEWHERE: [(&str, u16); 4] =
    [("127.0.0.1", 5060), (STRANGER, 5060), ("10.1.131.99", 5060), (PBX, 5999)];
const CLAIMS: [(&str, &str); 10] = [
    ("P-Asserted-Identity", "<sip:2065550244@mx.clinic.test>"),
    ("P-Preferred-Identity", "<sip:2065550244@mx.clinic.test>"),
    ("Remote-Party-ID", "<sip:2065550244@mx.clinic.test>;party=calling;screen=yes"),
    ("Diversion", "<sip:2065550244@mx.clinic.test>;reason=unconditional"),
    ("History-Info", "<sip:2065550244@mx.clinic.test>;index=1"),
    ("p-aSSerted-identity", "<sip:2065550244@mx.clinic.test>"),
    ("X-Account", "2065550244"),
    ("x-bypass-me", "2065550244"),
    ("P-Charging-Vector", "icid-value=2065550244"),
    ("Referred-By", "<sip:2065550244@mx.clinic.test>"),
];
const LIMIT: Duration = Duration::from_secs(15);
