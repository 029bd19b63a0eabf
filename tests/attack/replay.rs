//! Proofs of a password that somebody has recorded: worth nothing on any connection but the one they were made on.

use std::sync::atomic::{AtomicUsize, Ordering};
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
    .logs(&["shown_elsewhere", "foreign_nonce"])
    .run(|site| {
        let mut recorded = record(site)?;
        let before = Withheld::now()?;
        // Whoever was challenged within the same second has the same nonce.
        let answer = recorded.twin.ask(&recorded.register)?;
        ensure!(answer.status == 401, "the same nonce, the phone's proof: {}", answer.text);
        let invite = recorded.insider.invitation("2065550172", "twin", "");
        let stolen = with_proof(&invite, "Proxy-Authorization", &recorded.proxy_proof);
        let answer = recorded.insider.ask(&stolen)?;
        ensure!(answer.status == 407, "the same nonce, the proof of the phone's INVITE: {}", answer.text);
        before.await_grown(Withheld { shown_elsewhere: 2, foreign_nonce: 0, unclear: 0 })?;
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
    .logs(&["shown_elsewhere", "foreign_nonce", "unclear", "CD-REG-08"])
    .run(|site| {
        let mut recorded = record(site)?;
        let altered = altered(&recorded.proof);
        // With the same nonce on a connection that was given it; the response tells that the proof is known.
        let count = Withheld::now()?;
        for (what, value) in &altered {
            let twin = &mut recorded.twin;
            let answer = twin.ask(&with_proof(&twin.registration(&mark()), "Authorization", value))?;
            ensure!(answer.status == 401, "{what} with the same nonce: {}", answer.text);
            nonce_of(&answer).with_context(|| format!("{what} is challenged"))?;
        }
        // Basic is no proof that anybody could know again.
        count.await_grown(Withheld { shown_elsewhere: altered.len() - 1, foreign_nonce: 0, unclear: 1 })?;

        outlive(site, &recorded.proof)?;
        let (count, met) = (Withheld::now()?, site.pbx_met(VICTIM));
        for (what, value) in &altered {
            let mut thief = Puppet::connect(site, VICTIM, ATTACKER)?;
            let answer = thief.ask(&with_proof(&thief.registration(&mark()), "Authorization", value))?;
            challenges_anew(&answer, &recorded).with_context(|| format!("{what} on another flow"))?;
        }
        // Within a quoted string that ends elsewhere for Kamailio, behind a nonce of this flow.
        let mut thief = Puppet::connect(site, VICTIM, ATTACKER)?;
        let nonce = nonce_of(&thief.ask(&thief.registration(&mark()))?)?;
        let proof = hidden(&recorded, &nonce);
        let answer = thief.ask(&with_proof(&thief.registration(&mark()), "Authorization", &proof))?;
        challenges_anew(&answer, &recorded).context("hidden in another")?;
        // Its own proof and the stolen one in one request, in both orders.
        for is_first in [true, false] {
            let answer = with_two_proofs(site, &recorded.proof, is_first)?;
            challenges_anew(&answer, &recorded).context("two proofs")?;
        }
        count.await_grown(Withheld { shown_elsewhere: 0, foreign_nonce: altered.len() - 1, unclear: 1 + 1 + 4 })?;
        ensure!(site.pbx_met(VICTIM) == met + altered.len() + 4, "the PBX was asked, and makes the challenges");

        // With a nonce of its own flow each is a guess that the PBX sees, until the account is locked.
        let (mut wrong, mut locked) = (0, 0);
        for (what, value) in altered.iter().filter(|(what, _)| *what != "Basic") {
            let mut thief = Puppet::connect(site, VICTIM, ATTACKER)?;
            let fresh = thief.ask(&thief.registration(&mark()))?;
            if wrong == GUESSES {
                ensure!(fresh.status == 500 && fresh.text.contains("CD-REG-08"), "{what}: {}", fresh.text);
                locked += 1;
                continue;
            }
            // Two of one response and one nonce would be the same guess.
            let guess = format!("{:032x}", wrong + 1);
            let moved = value.replace(&recorded.nonce, &nonce_of(&fresh)?);
            let moved = moved.replace(parameter(&recorded.proof, "response"), &guess);
            let answer = thief.ask(&with_proof(&thief.registration(&mark()), "Authorization", &moved))?;
            ensure!(answer.status == 401, "{what} with a nonce of this flow: {}", answer.text);
            wrong += 1;
        }
        let answer = recorded.phone.as_mut().context("the phone is there")?;
        let answer = answer.ask_with_proof(&answer.registration(&mark()))?;
        ensure!(answer.status == 200, "the phone itself registers: {}", answer.text);
        let altered = altered.len();
        Ok(format!(
            "0 of {} accepted: {altered} with the nonce of this flow and {} on other flows each answered 401 with a fresh challenge, \
             no proof reached the PBX; {wrong} guesses with a nonce of the flow 401, {locked} of {locked} after them 500 (locked); \
             the phone itself registers",
            2 * altered + 3 + wrong + locked,
            altered + 3
        ))
    });
}

/// The thief's own proof and the stolen one in one request for the victim's account.
fn with_two_proofs(site: &Site, stolen: &str, is_first: bool) -> Result<Answer> {
    let mut thief = Puppet::connect(site, THIEF, ATTACKER)?;
    let request = thief.registration(&mark());
    let challenged = thief.ask(&request)?;
    let own = thief.prove(&request, &challenged, &cordon_tests::kamailio::password(THIEF))?;
    let own = value(&own, "Authorization").to_owned();
    let (one, two) = if is_first { (stolen, own.as_str()) } else { (own.as_str(), stolen) };
    let both = format!("{one}\r\nAuthorization: {two}");
    thief.ask(&with_proof(&request.replace(THIEF, VICTIM), "Authorization", &both))
}

/// It is a 401 of the PBX's with another nonce than the recorded one.
fn challenges_anew(answer: &Answer, recorded: &Recorded) -> Result<()> {
    ensure!(answer.status == 401, "{}", answer.text);
    ensure!(nonce_of(answer)? != recorded.nonce, "the challenge is a new one");
    Ok(())
}

/// Tells one request from another.
fn mark() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("altered{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// How many proofs have stayed outside so far, by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Withheld {
    shown_elsewhere: usize,
    foreign_nonce: usize,
    unclear: usize,
}

impl Withheld {
    fn now() -> Result<Self> {
        Ok(Self::of(&Metrics::read()?))
    }

    fn of(metrics: &Metrics) -> Self {
        let count = |why| metrics.sum("cordon_proofs_withheld_total", &[&format!("why=\"{why}\"")]) as usize;
        Self {
            shown_elsewhere: count("shown_elsewhere"),
            foreign_nonce: count("foreign_nonce"),
            unclear: count("unclear"),
        }
    }

    /// They are counted once a second, and there are exactly so many more.
    fn await_grown(self, by: Self) -> Result<()> {
        let due = Self {
            shown_elsewhere: self.shown_elsewhere + by.shown_elsewhere,
            foreign_nonce: self.foreign_nonce + by.foreign_nonce,
            unclear: self.unclear + by.unclear,
        };
        let what = format!("from {self:?} to {due:?}");
        Metrics::await_until(&what, LIMIT, |metrics| Self::of(metrics) == due).map(drop)
    }
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
    challenges_anew(&thief.ask(&recorded.register)?, recorded)
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

const LIMIT: Duration = Duration::from_secs(10);
/// Wrong answers of the PBX before an account is locked.
const GUESSES: usize = 10;
/// Two challenges that follow each other are of two seconds once in some hundred times.
const ROUNDS: usize = 20;
const VICTIM: &str = "2065550183";
const THIEF: &str = "2065550184";
/// Where the victim sits.
const HOME: &str = "10.1.131.20";
