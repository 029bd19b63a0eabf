//! Registrations of what is not one's own, passwords that are guessed, and requests of nobody.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_tests::kamailio::DOMAIN;
use cordon_tests::metrics::Metrics;
use cordon_tests::wire::Answer;

use crate::attack::Attack;
use crate::puppet::{Puppet, again, value};
use crate::requests::{INTRUDER, request};
use crate::site::ATTACKER;

#[test]
fn c05_guessing_locks_the_account_and_nobody_else_at_its_address() {
    Attack::new("C05", "wrong passwords for one account from the address that its phone and others share")
        .logs(&["CD-REG-08"])
        .run(|site| {
            let guesses = site.length(40, 400);
            let mut phone = Puppet::register(site, VICTIM, NAT)?;
            let mut neighbour = Puppet::register(site, NEIGHBOUR, NAT)?;
            let met = site.pbx_met(VICTIM);
            let mut guesser = Puppet::connect(site, VICTIM, NAT)?;
            let (mut wrong, mut locked, mut longest) = (0, 0, 0);
            for guess in 0..guesses {
                let request = guesser.registration(&format!("guess{guess}"));
                let mut answer = guesser.ask(&request)?;
                if answer.status == 401 {
                    let proven = guesser.prove(&request, &answer, &format!("guess-{guess}"))?;
                    answer = guesser.ask(&proven)?;
                }
                match answer.status {
                    401 | 403 => wrong += 1,
                    500 => {
                        let wait: u32 = answer.header("Retry-After").context("it says when")?.parse()?;
                        ensure!(answer.text.contains("CD-REG-08"), "{}", answer.text);
                        longest = longest.max(wait);
                        locked += 1;
                    }
                    other => anyhow::bail!("a guess is answered {other}: {}", answer.text),
                }
                // Ten a second, as a patient guesser does.
                std::thread::park_timeout(site.length(Duration::ZERO, Duration::from_millis(100)));
            }
            ensure!(wrong <= 10, "{wrong} guesses reached the PBX");
            let asked = site.pbx_met(VICTIM) - met;
            // The right one, of somebody who has it only now, does not get in before the lock ends.
            let late = guesser.ask(&guesser.registration("right"))?;
            ensure!(late.status == 500, "locked for that connection: {}", late.text);

            refreshes(&mut phone, "the phone itself")?;
            refreshes(&mut neighbour, "its neighbour")?;
            let mut newcomer = Puppet::register(site, "2065550187", NAT).context("a newcomer at the same address")?;
            refreshes(&mut newcomer, "a newcomer")?;
            Ok(format!(
                "{wrong} wrong answers, {locked} of {guesses} locked (Retry-After up to {longest} s), the PBX was asked \
                 {asked} times; the phone, a neighbour and a newcomer at the address register"
            ))
        });
}

#[test]
fn c06_nobody_registers_what_is_not_its_own() {
    Attack::new(
        "C06",
        "a registered phone registers another account: To, From, foreign hosts, *, tel:, http:, its instance, 500 contacts",
    )
    .logs(&["CD-REG-07", "CD-REG-04", "CD-REG-02"])
    .run(|site| {
        let instance = "+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-00000000c061>\"";
        let mut victim = Puppet::connect(site, VICTIM, NAT)?;
        let registration = victim.registration("first").replacen(";transport=tls>", &format!(";transport=tls>;{instance}"), 1);
        let answer = victim.ask_with_proof(&registration)?;
        ensure!(answer.status == 200, "{}", answer.text);
        let before = binding(&mut victim, "before")?;
        let mut thief = Puppet::register(site, THIEF, ATTACKER)?;
        let (met, bindings) = (site.pbx_met(VICTIM), registered()?);
        // Victim and thief may not be counted yet.
        let mut own = 2.0;

        let plain = thief.registration("theft");
        let contact = format!("<sip:{THIEF}@{};transport=tls>", thief.local);
        let line = |name: &str| format!("{name}: {}", value(&plain, name));
        let mut seen = Vec::new();
        for (what, from, to, expected) in [
            ("To of another", line("To"), format!("To: <sip:{VICTIM}@{DOMAIN}>"), 403),
            ("From of another", line("From"), format!("From: <sip:{VICTIM}@{DOMAIN}>;tag=x"), 403),
            ("anonymous From", line("From"), "From: <sip:anonymous@anonymous.invalid>;tag=x".to_owned(), 403),
            ("another domain", line("To"), format!("To: <sip:{THIEF}@elsewhere.test>"), 403),
            ("* without Expires 0", line("Contact"), "Contact: *".to_owned(), 400),
            ("* with another", line("Contact"), format!("Contact: *\r\nContact: {contact}"), 400),
            ("* in a list", line("Contact"), format!("Contact: {contact}, *"), 400),
            ("tel:", line("Contact"), "Contact: <tel:+12065550183>".to_owned(), 400),
            ("http:", line("Contact"), "Contact: <http://10.1.130.1/>".to_owned(), 400),
            ("500 contacts", line("Contact"), contacts(500), 400),
        ] {
            let request = plain.replacen(&from, &to, 1).replace("theft", &format!("theft{}", seen.len()));
            // Some readings of it end the connection: then it is the next one's.
            let answer = thief.ask(&request).or_else(|_| {
                thief = Puppet::register(site, THIEF, ATTACKER)?;
                own += 1.0;
                thief.ask(&request.replace("theft", "again"))
            });
            let status = answer.map(|answer| answer.status).unwrap_or_default();
            ensure!(status == expected || what == "500 contacts" && matches!(status, 0 | 400 | 513), "{what}: {status}");
            seen.push(status);
        }
        ensure!(site.pbx_met(VICTIM) == met, "the PBX hears nothing of it");

        // Taken, since they are its own account's: a contact elsewhere, and the victim's instance. Neither moves a call.
        let mut thief = Puppet::register(site, THIEF, ATTACKER)?;
        let elsewhere = format!("Contact: <sip:{VICTIM}@10.9.0.66:5060>;{instance};reg-id=1");
        let request = thief.registration("elsewhere");
        let request = request.replacen(&format!("Contact: {contact}"), &elsewhere, 1);
        let request = request.replacen(&format!("Contact: {}", value(&request, "Contact")), &elsewhere, 1);
        ensure!(request.contains(instance), "the victim's instance: {request}");
        let answer = thief.ask_with_proof(&request)?;
        ensure!(answer.status == 200, "its own account: {}", answer.text);
        own += 2.0;

        ensure!(binding(&mut victim, "after")? == before, "the victim's binding is what it was");
        let grown = registered()? - bindings;
        // Two of the canary's newcomers may be there at the moment, or may have been.
        ensure!((-2.0..=own + 2.0).contains(&grown), "at most the thief's own {own}: {grown}");
        Ok(format!("{} of {} refused ({seen:?}); the victim's binding at the PBX is the same byte for byte", seen.len(), seen.len()))
    });
}

#[test]
fn c08_requests_of_nobody_reach_nobody() {
    Attack::new("C08", "MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH, INFO, REFER, UPDATE, PRACK, INVITE unauthenticated; MWI of 600 bytes")
        .logs(&["CD-REG-01", "CD-CALL-01"])
        .run(|site| {
            let mut seen = Vec::new();
            let methods = ["MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO", "REFER", "UPDATE", "PRACK", "INVITE", "FROB"];
            let uri = format!("sip:2065550172@{DOMAIN}");
            for method in methods {
                let mut wire = site.wire()?;
                wire.send(request(method, &uri, "nobody", "Content-Length: 0\r\n").as_bytes())?;
                let answer = final_answer(&mut wire)?;
                ensure!(matches!(answer.status, 401 | 403 | 405 | 489), "{method}: {}", answer.text);
                seen.push(answer.status);
            }
            // GHSA-8jw3-ccr9-xrmf: a Message-Account that is longer than anybody has room for.
            let body = format!("Messages-Waiting: yes\r\nMessage-Account: sip:{}@{DOMAIN}\r\n", "a".repeat(600));
            let head = format!(
                "Event: message-summary\r\nSubscription-State: active\r\nContent-Type: application/simple-message-summary\r\n\
                 Content-Length: {}\r\n",
                body.len()
            );
            let mut wire = site.wire()?;
            wire.send(format!("{}{body}", request("NOTIFY", &uri, "mwi", &head)).as_bytes())?;
            ensure!(matches!(final_answer(&mut wire)?.status, 401 | 403 | 405 | 489), "the NOTIFY is refused");
            ensure!(site.pbx_met(INTRUDER) == 0, "the PBX hears nothing of it");
            // A registered phone has no more of them: what is not built does not pass.
            let mut phone = Puppet::register(site, THIEF, ATTACKER)?;
            let met = site.pbx_met(THIEF);
            for method in ["MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO", "REFER"] {
                let answer = phone.ask(&phone.text(method, &uri, &format!("known{method}"), "", ""))?;
                ensure!(matches!(answer.status, 405 | 481 | 489), "{method}: {}", answer.text);
            }
            ensure!(site.pbx_met(THIEF) == met, "the PBX hears nothing of it");
            Ok(format!("strangers: {seen:?}, registered phones: 405; the PBX was asked nothing"))
        });
}

fn refreshes(phone: &mut Puppet, who: &str) -> Result<()> {
    let answer = phone.ask_with_proof(&again(&phone.registration("again")))?;
    ensure!(answer.status == 200, "{who} registers: {}", answer.text);
    Ok(())
}

/// The contact that the PBX has for a phone, without the time that is left.
fn binding(phone: &mut Puppet, mark: &str) -> Result<String> {
    let request = phone.registration(mark);
    let contact = format!("Contact: {}\r\n", value(&request, "Contact"));
    let asked = request.replacen(&contact, "", 1).replacen("Expires: 120\r\n", "", 1);
    let answer = phone.ask_with_proof(&asked)?;
    ensure!(answer.status == 200, "a phone may ask what it has: {}", answer.text);
    let contacts: Vec<&str> = answer.text.lines().filter(|line| line.starts_with("Contact:")).collect();
    ensure!(contacts.len() == 1, "{contacts:?}");
    let (before, rest) = contacts[0].split_once(";expires=").unwrap_or((contacts[0], ""));
    Ok(format!("{before}{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit())))
}

fn registered() -> Result<f64> {
    Ok(Metrics::read()?.sum("cordon_bindings", &[]))
}

fn contacts(count: usize) -> String {
    let contact = |index: usize| format!("Contact: <sip:{THIEF}@10.1.130.1:{}>", 1024 + index);
    (0..count).map(contact).collect::<Vec<_>>().join("\r\n")
}

fn final_answer(wire: &mut cordon_tests::wire::Wire) -> Result<Answer> {
    loop {
        let answer = wire.answer(LIMIT)?.context("it is answered")?;
        if answer.status >= 200 {
            return Ok(answer);
        }
    }
}

const VICTIM: &str = "2065550185";
const THIEF: &str = "2065550186";
const NEIGHBOUR: &str = "2065550188";
/// One address for all the phones of a clinic.
const NAT: &str = "10.1.131.30";
const LIMIT: Duration = Duration::from_secs(10);
