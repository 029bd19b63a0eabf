//! Canaries: numbers, names, Call-IDs, keys and digests that exist nowhere else, sent through every door. None of them may
//! be found in what Cordon writes at its most talkative, in its metrics, or on the other side of a call.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_lab::{Account, LabPhone, PhoneConfig};
use cordon_sip::{CallId, Contacts, HeaderName, Method, NameAddr, Request, Response};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::handset;
use cordon_tests::kamailio::{DOMAIN, Kamailio, Transport, password};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, on_a_machine};
use cordon_tests::metrics::{Metrics, get};
use cordon_tests::pki::Authority;

#[test]
fn no_canary_is_found_in_logs_metrics_or_on_the_other_side() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let pbx = Kamailio::start(folder, &authority, Transport::Tls)?;
        let configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        let mut cordon = Cordon::start_logging(folder, &configuration, "trace")?;
        cordon.program.await_line("connection to the PBX is up", LIMIT)?;

        let mut canaries = Canaries::default();
        handset::block_on(async {
            a_call_with_every_header(&authority, &mut canaries).await?;
            requests_that_are_refused(&authority, &mut canaries).await?;
            messages_that_break_the_grammar(&authority).await
        })?;
        plain_sip_and_other_noise()?;
        let metrics = Metrics::read()?;
        ensure!(metrics.refused().len() >= 8, "the doors were tried: {:?}", metrics.refused());
        let pages = [metrics.text().to_owned(), get("/readyz")?.1];

        // What was under way toward the PBX ends, too.
        drop(pbx);
        cordon.program.await_line("connection to the PBX is gone", LIMIT)?;
        cordon.program.signal("TERM")?;
        ensure!(cordon.program.await_exit(LIMIT)? == 0, "it ends well");
        let log = cordon.program.text();
        for event in
            ["phone registered", "call receipt", "request refused", "message refused", "connection refused"]
        {
            ensure!(log.contains(event), "{event} is among what happened:\n{log}");
        }
        ensure!(!log.contains("panicked"), "nothing panics:\n{log}");
        ensure!(
            canaries.learned.len() >= 10,
            "nonces, proofs and keys were learned: {}",
            canaries.learned.len()
        );
        ensure!(canaries.are_not_in(&format!("a line with {KEY} in it")).is_err(), "a canary would be heard");
        for text in pages.iter().chain([&log]) {
            canaries.are_not_in(text)?;
        }
        for line in log.lines().filter(|line| line.contains("10.1.0.")) {
            let is_refusal =
                ["CD-TRANSPORT-", "CD-TLS-", "CD-OVERLOAD-"].iter().any(|code| line.contains(code));
            ensure!(is_refusal && line.contains("device="), "a device's address without a refusal: {line}");
        }
        Ok(())
    });
}

/// Registers two phones, lets one call the other with everything a phone can say about itself, and lets them talk.
async fn a_call_with_every_header(authority: &Authority, canaries: &mut Canaries) -> Result<()> {
    let alice = LabPhone::connect(phone(authority, ALICE)?).await?;
    let bob = LabPhone::connect(phone(authority, BOB)?).await?;
    let contact = alice.local_address()?.to_string();
    bob.register(60).await?;

    let mut register = alice.request(Method::Register, &format!("sip:{DOMAIN}"))?;
    dress(&mut register, ALICE)?;
    register.to = register.from.clone().without_tag();
    register.contacts = Contacts::one(NameAddr::parse(format!(
        "<sip:{ALICE}@{contact};transport=tls>;+sip.instance=\"<urn:uuid:{INSTANCE}>\";reg-id=1"
    ))?);
    let granted = ask_with_proof(&alice, register, canaries).await?;
    ensure!(granted.status.code() == 200, "registered: {}", granted.status.code());

    let mut invite = alice.request(Method::Invite, &format!("sip:{BOB}@{DOMAIN}"))?;
    dress(&mut invite, ALICE)?;
    invite.set_body("application/sdp", offer("RTP/SAVP", &format!("AES_CM_128_HMAC_SHA1_80 inline:{KEY}")));
    let calling = ask_with_proof(&alice, invite, canaries);
    let ringing = async {
        let incoming = bob.incoming(LIMIT).await?;
        let seen = String::from_utf8_lossy(&incoming.invite().write()).into_owned();
        incoming.refuse(486).await?;
        anyhow::Ok(seen)
    };
    let (answer, seen) = tokio::try_join!(calling, ringing)?;
    ensure!(answer.status.code() == 486, "the call is refused by the other phone: {}", answer.status.code());
    for secret in [CALL_ID, TAG, AGENT, KEY, INSTANCE, SECRET_HEADER, contact.as_str()] {
        ensure!(!seen.contains(secret), "{secret} has crossed to the other phone:\n{seen}");
    }
    for needed in [ALICE, NAME] {
        ensure!(seen.contains(needed), "the other phone sees who calls:\n{seen}");
    }
    canaries.add(canaries_of_our_own(&seen));

    let (at_alice, at_bob) = tokio::try_join!(async { Ok(alice.call(BOB).await?) }, async {
        let incoming = bob.incoming(LIMIT).await?;
        let seen = String::from_utf8_lossy(&incoming.invite().write()).into_owned();
        let call = incoming.answer().await?;
        anyhow::Ok((call, seen))
    })?;
    let (at_bob, seen) = at_bob;
    canaries.add(canaries_of_our_own(&seen));
    at_bob.receive(20, LIMIT).await?;
    let downgrade = at_alice.reinvite_with(offer("RTP/AVP", "").into()).await?;
    ensure!(downgrade.status.code() == 488, "a downgrade is refused: {}", downgrade.status.code());
    at_alice.hang_up().await?;
    at_bob.ended(LIMIT).await?;
    Ok(())
}

/// What a registered phone and one that is not can be refused for.
async fn requests_that_are_refused(authority: &Authority, canaries: &mut Canaries) -> Result<()> {
    let phone = LabPhone::connect(phone(authority, CAROL)?).await?;
    let target = format!("sip:{BOB}@{DOMAIN}");
    let request = |method: Method, body: Option<String>| -> Result<Request> {
        let mut request = phone.request(method, &target)?;
        dress(&mut request, CAROL)?;
        if let Some(body) = body {
            request.set_body("application/sdp", body);
        }
        Ok(request)
    };
    let unregistered = phone.ask(request(Method::Invite, None)?).await?;
    ensure!(unregistered.status.code() == 403, "{}", unregistered.status.code());

    // A proof of the wrong password, made for a challenge of this connection.
    let mut register = phone.request(Method::Register, &format!("sip:{DOMAIN}"))?;
    register.contacts = Contacts::one(NameAddr::parse(format!("<sip:{CAROL}@10.1.0.13;transport=tls>"))?);
    register.to = register.from.clone().without_tag();
    let challenged = phone.ask(register.clone()).await?;
    let (name, mut value) = proof(&challenged, &register, canaries)?;
    let response = value.find("response=\"").context("a proof has a response")? + "response=\"".len();
    value.replace_range(response..response + RESPONSE.len(), RESPONSE);
    register.cseq += 1;
    register.via.clear();
    register.headers.push(name, value);
    let refused = phone.ask(register).await?;
    ensure!(matches!(refused.status.code(), 401 | 403), "{}", refused.status.code());

    phone.register(60).await?;
    for (body, status) in [
        (offer("RTP/AVP", ""), 488),
        (offer("RTP/AVP", &format!("AES_CM_128_HMAC_SHA1_80 inline:{KEY}")), 488),
        (offer("RTP/SAVP", &format!("AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP")), 488),
        (offer("RTP/SAVP", &format!("F8_128_HMAC_SHA1_80 inline:{KEY}")), 488),
        (offer("RTP/SAVP", "AES_CM_128_HMAC_SHA1_80 inline:Y2FuYXJ5LWtleQ=="), 488),
        (format!("v=0\r\no={NAME}\r\nthis is no session: {CAROL} {KEY}\r\n"), 0),
    ] {
        let answer = phone.ask(request(Method::Invite, Some(body))?).await?;
        let code = answer.status.code();
        ensure!(code == status || (status == 0 && (400..500).contains(&code)), "{status} became {code}");
    }
    for method in
        [Method::Subscribe, Method::Message, Method::Refer, Method::Other(format!("CANARY{CAROL}").into())]
    {
        let answer = phone.ask(request(method, Some(format!("{NAME} {CAROL}")))?).await?;
        ensure!(answer.status.is_final() && !answer.status.is_success(), "{}", answer.status.code());
    }
    let mut foreign = request(Method::Register, None)?;
    foreign.to = NameAddr::parse(format!("<sip:{CAROL}@elsewhere.test>"))?;
    ensure!(phone.ask(foreign).await?.status.code() >= 400, "another domain is refused");
    let mut stray = request(Method::Bye, None)?;
    stray.to = stray.to.with_tag(TAG);
    ensure!(phone.ask(stray).await?.status.code() == 481, "a dialog that is not there");
    Ok(())
}

/// Each on a connection of its own, since some of them end it.
async fn messages_that_break_the_grammar(authority: &Authority) -> Result<()> {
    let head = |method: &str| {
        format!(
            "{method} sip:{CAROL}@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.0.13;branch=z9hG4bK{TAG}\r\n\
             From: \"{NAME}\" <sip:{CAROL}@{DOMAIN}>;tag={TAG}\r\nTo: <sip:{BOB}@{DOMAIN}>\r\nCall-ID: {CALL_ID}\r\n\
             User-Agent: {AGENT}\r\n"
        )
    };
    let broken = [
        format!("{}Content-Length: 0\r\n\r\n", head("INVITE")),
        format!("{}CSeq: {CAROL}{CAROL} INVITE\r\nContent-Length: 0\r\n\r\n", head("INVITE")),
        format!("{}CSeq: 1 INVITE\r\nContent-Length: x{CAROL}\r\n\r\n", head("INVITE")),
        format!("{}CSeq: 1 INVITE\r\nContent-Length: 99999999\r\n\r\n", head("INVITE")),
        format!("{}CSeq: 1 {NAME}\r\nContent-Length: 0\r\n\r\n", head("INVITE")),
        format!("{}CSeq: 1 OPTIONS\r\nContact: <<{CAROL}>>\r\nContent-Length: 0\r\n\r\n", head("OPTIONS")),
        format!("{NAME} {CAROL} {KEY}\r\n\r\n"),
        format!("SIP/2.0 200 {NAME}\r\n{CALL_ID}\r\n\r\n"),
        format!("INVITE sip:{CAROL}@{DOMAIN} SIP/9.0\r\nCall-ID: {CALL_ID}\r\nContent-Length: 0\r\n\r\n"),
        format!("INVITE {CAROL} SIP/2.0\r\n\x01{NAME}\r\nContent-Length: 0\r\n\r\n"),
        format!("INVITE sip:{CAROL} {}", "x".repeat(70_000)),
    ];
    for message in broken {
        let phone = LabPhone::connect(phone(authority, CAROL)?).await?;
        phone.send_raw(message.as_bytes())?;
        // What comes after it on the same connection is answered, or the connection is gone.
        let _ = tokio::time::timeout(Duration::from_secs(2), phone.options(&format!("sip:{HOST}"))).await;
    }
    Ok(())
}

/// Plain SIP at each door, old TLS, and what is neither.
fn plain_sip_and_other_noise() -> Result<()> {
    let plain = |method: &str, transport: &str| {
        format!(
            "{method} sip:{CAROL}@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/{transport} 10.1.0.13;branch=z9hG4bK{TAG};rport\r\n\
             From: \"{NAME}\" <sip:{CAROL}@{DOMAIN}>;tag={TAG}\r\nTo: <sip:{CAROL}@{DOMAIN}>\r\nCall-ID: {CALL_ID}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\nUser-Agent: {AGENT}\r\n\
             Authorization: Digest username=\"{CAROL}\", realm=\"{DOMAIN}\", nonce=\"{NONCE}\", uri=\"sip:{DOMAIN}\", response=\"{RESPONSE}\"\r\n\
             Content-Length: 0\r\n\r\n"
        )
    };
    let phone = UdpSocket::bind("10.1.0.13:0")?;
    phone.set_read_timeout(Some(LIMIT))?;
    phone.send_to(plain("REGISTER", "UDP").as_bytes(), (CORDON_LOCATION, 5060))?;
    phone.recv(&mut [0; 4096])?;
    phone.send_to(format!("{NAME} {CAROL}\r\n\r\n").as_bytes(), (CORDON_LOCATION, 5060))?;
    for port in [5060, 5061] {
        for noise in [
            plain("INVITE", "TCP"),
            format!("GET /{CAROL} HTTP/1.1\r\nHost: {NAME}\r\n\r\n"),
            format!("\0{KEY}"),
        ] {
            let mut stream = TcpStream::connect((CORDON_LOCATION, port))?;
            stream.set_read_timeout(Some(Duration::from_secs(7)))?;
            stream.write_all(noise.as_bytes())?;
            stream.shutdown(std::net::Shutdown::Write)?;
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &format!("{CORDON_LOCATION}:5061"),
            "-tls1_1",
            "-cipher",
            "ALL:@SECLEVEL=0",
        ])
        .stdin(Stdio::null())
        .output()?;
    Ok(())
}

/// What may be found nowhere.
#[derive(Default)]
struct Canaries {
    learned: BTreeSet<String>,
}

impl Canaries {
    fn add(&mut self, more: impl IntoIterator<Item = String>) {
        self.learned.extend(more.into_iter().filter(|canary| canary.len() >= 8));
    }

    fn are_not_in(&self, text: &str) -> Result<()> {
        let key_in_hex: String = KEY_BYTES.iter().map(|byte| format!("{byte:02x}")).collect();
        let key_in_decimals = format!("{:?}", &KEY_BYTES[..8]).trim_end_matches(']').to_owned();
        let fixed = [
            ALICE,
            BOB,
            CAROL,
            NAME,
            CALL_ID,
            TAG,
            AGENT,
            INSTANCE,
            KEY,
            NONCE,
            RESPONSE,
            SECRET_HEADER,
            SUBJECT,
            &key_in_hex,
            &key_in_decimals,
        ];
        let text = text.to_lowercase();
        for canary in fixed.into_iter().chain(self.learned.iter().map(String::as_str)) {
            let found = text.lines().find(|line| line.contains(&canary.to_lowercase()));
            ensure!(found.is_none(), "{canary} is told in: {}", found.unwrap_or_default());
        }
        Ok(())
    }
}

/// Cordon's own secrets in a message to a phone: the Call-ID, tag and branch of that leg, and the key.
fn canaries_of_our_own(message: &str) -> Vec<String> {
    let after = |mark: &str| {
        let start = message.find(mark)? + mark.len();
        message.get(start..)?.split(['\r', ';', ' ', '|', '>']).next().map(str::to_owned)
    };
    ["Call-ID: ", "inline:", ";tag=", "branch="].iter().filter_map(|mark| after(mark)).collect()
}

/// Everything a phone can say about itself.
fn dress(request: &mut Request, number: &str) -> Result<()> {
    request.from = NameAddr::parse(format!("\"{NAME}\" <sip:{number}@{DOMAIN}>;tag={TAG}"))?;
    request.call_id = CallId::new(format!("{CALL_ID}-{}", request.call_id.as_str()));
    request.headers.push(HeaderName::USER_AGENT, AGENT);
    request.headers.push(HeaderName::SUBJECT, SUBJECT);
    request.headers.push(HeaderName::parse("X-Patient")?, SECRET_HEADER);
    Ok(())
}

/// Asks, meets the challenge and asks again. The nonce and the proof are canaries from then on.
async fn ask_with_proof(phone: &LabPhone, mut request: Request, canaries: &mut Canaries) -> Result<Response> {
    let challenged = phone.ask(request.clone()).await?;
    let (name, value) = proof(&challenged, &request, canaries)?;
    request.cseq += 1;
    request.via.clear();
    request.headers.push(name, value);
    Ok(phone.ask(request).await?)
}

fn proof(challenged: &Response, request: &Request, canaries: &mut Canaries) -> Result<(HeaderName, String)> {
    let (name, value) = handset::proof(challenged, request)?;
    let field = |name: &str| value.split(&format!("{name}=\"")).nth(1)?.split('"').next().map(str::to_owned);
    canaries.add(["nonce", "response", "cnonce"].into_iter().filter_map(field));
    Ok((name, value))
}

fn phone(authority: &Authority, number: &str) -> Result<PhoneConfig> {
    let config = handset::config(authority, number, format!("{CORDON_LOCATION}:5061").parse()?, "10.1.0.11")?;
    Ok(PhoneConfig {
        account: Account::new(number, &password(number)),
        user_agent: AGENT.to_owned(),
        ..config
    })
}

fn offer(profile: &str, crypto: &str) -> String {
    let crypto = if crypto.is_empty() { String::new() } else { format!("a=crypto:1 {crypto}\r\n") };
    format!(
        "v=0\r\no={TAG} 1 1 IN IP4 10.1.0.11\r\ns={SUBJECT}\r\nc=IN IP4 10.1.0.11\r\nt=0 0\r\n\
         m=audio 30000 {profile} 0\r\na=rtpmap:0 PCMU/8000\r\n{crypto}"
    )
}

const ALICE: &str = "5550147931";
const BOB: &str = "5550162284";
const CAROL: &str = "5550191077";
const NAME: &str = "Quixotica Canaryson";
const CALL_ID: &str = "canary-call-7f3a91";
const TAG: &str = "canarytag5521";
const AGENT: &str = "CanaryPhone/9.71";
const INSTANCE: &str = "00000000-0000-1000-8000-c0a0ca0a0001";
const SUBJECT: &str = "canary-oncology";
const SECRET_HEADER: &str = "canary-in-room-7";
const NONCE: &str = "canarynonce8813";
const RESPONSE: &str = "c0ffeec0ffee0123456789abcdefc0de";
const KEY_BYTES: &[u8; 30] = b"canary-key-canary-key-30-bytes";
/// [`KEY_BYTES`] as a phone writes it.
const KEY: &str = "Y2FuYXJ5LWtleS1jYW5hcnkta2V5LTMwLWJ5dGVz";
const LIMIT: Duration = Duration::from_secs(10);
