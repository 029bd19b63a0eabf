//! Proofs of a password that somebody has recorded: worth nothing on any connection but the one they were made on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_tests::metrics::Metrics;
use cordon_tests::wire::Answer;

use crate::attack::Attack;
use crate::puppet::{Puppet, value, with_proof};
use crate::site::{ATTACKER, Site};

#[test]
fn c01_a_recorded_proof_is_challenged_afresh_on_every_other_connection() {
    Attack::new(
        "C01",
        "a recorded REGISTER and INVITE replayed: by who was challenged with the same nonce, on other flows, once the phone is gone",
    )
    .run(|site| {
        let mut recorded = record(site)?;
        let before = withheld("shown_elsewhere")?;
        // Whoever was challenged within the same second has the same nonce.
        let answer = recorded.twin.ask(&recorded.register)?;
        ensure!(answer.status == 401, "the same nonce, the phone's proof: {}", answer.text);
        let invite = recorded.insider.invitation("2065550172", "twin", "");
        let stolen = with_proof(&invite, "Proxy-Authorization", &recorded.proxy_proof);
        let answer = recorded.insider.ask(&stolen)?;
        ensure!(answer.status == 407, "the same nonce, the proof of the phone's INVITE: {}", answer.text);
        Metrics::await_until("both are counted", LIMIT, |metrics| {
            metrics.sum("cordon_proofs_withheld_total", &["why=\"shown_elsewhere\""]) == before + 2.0
        })?;
        outlive(site, &recorded.proxy_proof)?;
        let met = site.pbx_met(VICTIM);
        for (what, from) in [("another address", ATTACKER), ("the phone's own address", HOME)] {
            let mut thief = Puppet::connect(site, VICTIM, from)?;
            challenged_afresh(&mut thief, &recorded).context(what)?;
        }
        // A phone of its own account uses what another has proved.
        let mut insider = Puppet::register(site, THIEF, ATTACKER)?;
        let invite = insider.invitation("2065550172", "stolen", "");
        let stolen = with_proof(&invite, "Proxy-Authorization", &recorded.proxy_proof);
        let answer = insider.ask(&stolen)?;
        ensure!(answer.status == 407, "the proof of another phone's INVITE: {}", answer.text);
        // The connection is gone, and the very same bytes come again from where it was.
        drop(recorded.phone.take());
        let mut thief = Puppet::connect(site, VICTIM, HOME)?;
        challenged_afresh(&mut thief, &recorded).context("once the phone is gone")?;
        ensure!(site.pbx_met(VICTIM) == met + 3, "the PBX was asked, and makes the challenges");
        // The phone itself is where its nonce was given.
        let mut phone = Puppet::register(site, VICTIM, HOME)?;
        let answer = phone.ask_with_proof(&phone.registration("back"))?;
        ensure!(answer.status == 200, "the phone registers: {}", answer.text);
        Ok("6 of 6: the proof stays here, the PBX challenges anew; the phone itself registers"
            .to_owned())
    });
}

#[test]
fn c03_a_recorded_proof_that_is_altered_is_never_accepted() {
    Attack::new(
        "C03",
        "a recorded proof without qop, with auth-int, MD5-sess, other realm, uri, opaque, algorithm, nonce; hidden; two proofs",
    )
    .run(|site| {
        let mut recorded = record(site)?;
        let mut seen = Vec::new();
        // With the same nonce on a connection that was given it; the response tells that the proof is known.
        for (what, value) in altered(&recorded.proof) {
            let twin = &mut recorded.twin;
            let mark = format!("twin{}", seen.len());
            let answer = twin.ask(&with_proof(&twin.registration(&mark), "Authorization", &value))?;
            ensure!(answer.status == 401, "{what} with the same nonce: {}", answer.text);
            seen.push(answer.status);
        }
        outlive(site, &recorded.proof)?;
        // Within a quoted string that ends elsewhere for Kamailio, behind a nonce of this flow.
        let mut thief = Puppet::connect(site, VICTIM, ATTACKER)?;
        let nonce = nonce_of(&thief.ask(&thief.registration("fresh"))?)?;
        let proof = hidden(&recorded, &nonce);
        let answer = thief.ask(&with_proof(&thief.registration("hidden"), "Authorization", &proof))?;
        ensure!(answer.status == 401, "hidden in another: {}", answer.text);
        seen.push(answer.status);
        for (what, value) in altered(&recorded.proof) {
            let mut thief = Puppet::connect(site, VICTIM, ATTACKER)?;
            let answer = thief.ask(&with_proof(&thief.registration("alt"), "Authorization", &value))?;
            // Guesses are counted: the account may be locked for these connections by now.
            ensure!(matches!(answer.status, 400 | 401 | 403 | 500), "{what} on another flow: {}", answer.text);
            seen.push(answer.status);
            // The same with a nonce that this flow was given.
            let fresh = thief.ask(&thief.registration("fresh"))?;
            if fresh.status == 500 {
                continue;
            }
            let nonce = nonce_of(&fresh)?;
            let moved = value.replace(&recorded.nonce, &nonce);
            let answer = thief.ask(&with_proof(&thief.registration("moved"), "Authorization", &moved));
            let status = answer?.status;
            ensure!(matches!(status, 400 | 401 | 403 | 500), "{what} with a nonce of this flow: {status}");
            seen.push(status);
        }
        // Its own proof and the stolen one in one request, in both orders.
        for is_first in [true, false] {
            let mut thief = Puppet::connect(site, THIEF, ATTACKER)?;
            let request = thief.registration("two");
            let challenged = thief.ask(&request)?;
            let own = thief.prove(&request, &challenged, &cordon_tests::kamailio::password(THIEF))?;
            let own = value(&own, "Authorization").to_owned();
            let (one, two) = if is_first { (&recorded.proof, &own) } else { (&own, &recorded.proof) };
            let both = format!("{one}\r\nAuthorization: {two}");
            let theirs = request.replace(THIEF, VICTIM);
            let answer = thief.ask(&with_proof(&theirs, "Authorization", &both))?;
            ensure!(matches!(answer.status, 400 | 401 | 403 | 500), "two proofs: {}", answer.text);
            seen.push(answer.status);
        }
        let challenged = seen.iter().filter(|status| **status == 401).count();
        let locked = seen.iter().filter(|status| **status == 500).count();
        Ok(format!("0 of {} accepted: {challenged} challenged, {locked} locked", seen.len()))
    });
}

/// What somebody who reads along has on paper, and two who were challenged with the same nonces as the phone.
struct Recorded {
    phone: Option<Puppet>,
    register: String,
    proof: String,
    nonce: String,
    proxy_proof: String,
    /// Was given the nonce of the phone's REGISTER.
    twin: Puppet,
    /// Has an account of its own, and was given the nonce of the phone's INVITE.
    insider: Puppet,
}

fn record(site: &Site) -> Result<Recorded> {
    let mut phone = Puppet::connect(site, VICTIM, HOME)?;
    let mut twin = Puppet::connect(site, VICTIM, ATTACKER)?;
    let (request, challenged) =
        challenged_together(&mut phone, &mut twin, |puppet, mark| puppet.registration(mark))?;
    let register = phone.prove(&request, &challenged, &cordon_tests::kamailio::password(VICTIM))?;
    let answer = phone.ask(&register)?;
    ensure!(answer.status == 200, "the phone registers: {}", answer.text);
    let mut insider = Puppet::register(site, THIEF, ATTACKER)?;
    let (invite, asked) = challenged_together(&mut phone, &mut insider, |puppet, mark| {
        puppet.invitation("2065550199", mark, "")
    })?;
    let proven = phone.prove(&invite, &asked, &cordon_tests::kamailio::password(VICTIM))?;
    ensure!(phone.ask(&proven)?.status == 404, "nobody has that number");
    let nonce = nonce_of(&challenged)?;
    let proof = value(&register, "Authorization").to_owned();
    let proxy_proof = value(&proven, "Proxy-Authorization").to_owned();
    Ok(Recorded { phone: Some(phone), register, proof, nonce, proxy_proof, twin, insider })
}

/// Asks for both until the PBX gives them the same nonce: Kamailio gives everybody the same one for a second. Returns the
/// request of the first and what challenged it.
fn challenged_together(
    one: &mut Puppet,
    other: &mut Puppet,
    request: impl Fn(&Puppet, &str) -> String,
) -> Result<(String, Answer)> {
    for round in 0..ROUNDS {
        let asked = request(one, &format!("recorded{round}{}", one.number));
        let challenged = one.ask(&asked)?;
        let theirs = other.ask(&request(other, &format!("beside{round}{}", other.number)))?;
        if nonce_of(&challenged)? == nonce_of(&theirs)? {
            return Ok((asked, challenged));
        }
    }
    anyhow::bail!("two challenges one after the other never had the same nonce")
}

/// Waits until the PBX challenges with another nonce than a proof was made for.
fn outlive(site: &Site, proof: &str) -> Result<()> {
    let mut passer_by = Puppet::connect(site, "2065550189", HOME)?;
    for round in 0.. {
        let answer = passer_by.ask(&passer_by.registration(&format!("round{round}")))?;
        if !proof.contains(&nonce_of(&answer)?) {
            break;
        }
    }
    Ok(())
}

/// The PBX asks anew, with a nonce of its own.
fn challenged_afresh(thief: &mut Puppet, recorded: &Recorded) -> Result<()> {
    let answer = thief.ask(&recorded.register)?;
    ensure!(answer.status == 401, "{}", answer.text);
    ensure!(nonce_of(&answer)? != recorded.nonce, "the challenge is a new one");
    Ok(())
}

fn nonce_of(answer: &Answer) -> Result<String> {
    let challenge = answer.header("WWW-Authenticate").or_else(|| answer.header("Proxy-Authenticate"));
    let challenge = challenge.with_context(|| answer.text.clone())?;
    let (_, rest) = challenge.split_once("nonce=\"").context("a challenge has a nonce")?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

/// The proof, changed in one way each.
fn altered(proof: &str) -> Vec<(&'static str, String)> {
    let swap = |from: &str, to: &str| proof.replacen(from, to, 1);
    let realm = "realm=\"mx.clinic.test\"";
    let cnonce = parameter(proof, "cnonce");
    let fields = format!(", algorithm=MD5, cnonce=\"{cnonce}\", qop=auth, nc=00000001");
    vec![
        ("as it is", proof.to_owned()),
        ("no qop", swap(&fields, ", algorithm=MD5")),
        ("auth-int", swap("qop=auth", "qop=auth-int")),
        ("MD5-sess", swap("algorithm=MD5", "algorithm=MD5-sess")),
        ("no algorithm", swap("algorithm=MD5, ", "")),
        ("SHA-256", swap("algorithm=MD5", "algorithm=SHA-256")),
        ("another realm", swap(realm, "realm=\"elsewhere.test\"")),
        ("another uri", swap("uri=\"sip:mx.clinic.test\"", "uri=\"sip:elsewhere.test\"")),
        ("an opaque", swap(realm, "realm=\"mx.clinic.test\", opaque=\"5ccc\"")),
        ("a higher count", swap("nc=00000001", "nc=00000002")),
        ("another cnonce", swap(cnonce, "0cn5f1ab")),
        ("the nonce in capitals", swap("nonce=", "NONCE=")),
        ("Basic", "Basic MjA2NTU1MDE4MzpzZWNyZXQ=".to_owned()),
    ]
}

/// A proof for this nonce, and behind an escaped quote the recorded one: Kamailio ends a string at every quote, and believes
/// the last of two nonces.
fn hidden(recorded: &Recorded, nonce: &str) -> String {
    let response = parameter(&recorded.proof, "response");
    let seen = recorded.proof.replace(&recorded.nonce, nonce).replace(response, &"0".repeat(response.len()));
    format!("{seen}, opaque=\"\\\", nonce={}, response={response}, x=\\\"y\"", recorded.nonce)
}

/// The value of a quoted parameter.
fn parameter<'a>(proof: &'a str, name: &str) -> &'a str {
    let (_, rest) = proof.split_once(&format!("{name}=\"")).unwrap_or_default();
    rest.split('"').next().unwrap_or_default()
}

fn withheld(why: &str) -> Result<f64> {
    Ok(Metrics::read()?.sum("cordon_proofs_withheld_total", &[&format!("why=\"{why}\"")]))
}

const LIMIT: Duration = Duration::from_secs(10);
/// Two challenges that follow each other are of two seconds once in some hundred times.
const ROUNDS: usize = 20;
const VICTIM: &str = "2065550183";
const THIEF: &str = "2065550184";
/// Where the victim sits.
const HOME: &str = "10.1.131.20";
