//! Challenges on their way to phones and proofs on their way to the PBX: a proof that somebody else was asked for, or has
//! shown, stays outside.

use std::collections::VecDeque;
use std::time::Instant;

use cordon_policy::refusal::Refusal;
use cordon_sip::{
    AuthenticationInfo, Challenge, Credentials, FlowId, Header, HeaderName, HeaderValue, Headers, Request,
    Response, Text,
};

use super::nonce_table::{Mark, NonceTable};
use super::withheld::Withheld;
use crate::event::Event;
use crate::headers::{CHALLENGES, CREDENTIALS};

/// The nonces relayed to each flow, and what was proved with them. The digest itself is between the phone and the PBX.
#[derive(Default)]
pub(crate) struct Nonces {
    table: NonceTable,
    withheld: [u64; Withheld::COUNT],
}

impl Nonces {
    /// No flow has been challenged.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Prepares a response of the PBX for this phone: takes `auth-int` out of every challenge, since the body changes
    /// on the way, and remembers every nonce the phone is about to learn. For every response that may carry one.
    ///
    /// # Errors
    /// [`Refusal::AuthIntAlone`] or [`Refusal::ChallengeUnusable`] when no challenge is left; tell the phone that instead.
    pub(crate) fn relay_challenge(
        &mut self,
        now: Instant,
        flow: FlowId,
        response: &mut Response,
    ) -> Result<(), Refusal> {
        let mut kept = Headers::new();
        let (mut is_challenge, mut has_auth_int_alone) = (false, false);
        for header in &response.headers {
            if !CHALLENGES.contains(&header.name) {
                kept.push(header.name.clone(), &header.value);
                continue;
            }
            // What is not a readable digest challenge stays here: Basic would have the phone send its password.
            let Some(challenge) = digest_challenge(header) else { continue };
            match challenge.without_auth_int() {
                Some(same) if same == challenge => kept.push(header.name.clone(), &header.value),
                Some(changed) => kept.push(header.name.clone(), changed.to_text()),
                None => {
                    has_auth_int_alone = true;
                    continue;
                }
            }
            is_challenge = true;
        }
        if has_auth_int_alone && !is_challenge {
            return Err(Refusal::AuthIntAlone);
        }
        // Elsewhere a challenge means nothing, and its absence neither (RFC 3261 §22.2, §22.3).
        if !is_challenge && matches!(response.status.code(), 401 | 407) {
            return Err(Refusal::ChallengeUnusable);
        }
        response.headers = kept;
        self.remember(now, flow, response);
        Ok(())
    }

    /// Takes out of a phone's request every proof for a nonce that was not relayed on its flow, and every proof that another
    /// flow has shown before: the PBX then challenges afresh, and a recorded proof is worth nothing on another connection,
    /// not even on one that was challenged with the same nonce. Told of once for each request, by the gravest reason.
    ///
    /// What is left counts as shown when the request goes on, by [`Nonces::show`]: who is refused has shown nothing.
    pub(crate) fn withhold_foreign(
        &mut self,
        now: Instant,
        flow: FlowId,
        request: &mut Request,
        events: &mut VecDeque<Event>,
    ) -> Proofs {
        let (mut gravest, mut proofs, mut read) = (None, Vec::new(), 0);
        let ambiguous = repeated_realms(&request.headers);
        request.headers.retain(|header| {
            if !CREDENTIALS.contains(&header.name) {
                return true;
            }
            read += 1;
            let proof = match read {
                1..=MAX_PROOFS => Proof::of(header, &ambiguous),
                _ => Err(Withheld::Unclear),
            };
            let known = proof.and_then(|proof| {
                self.table.check(now, flow, proof.nonce, proof.response)?;
                proofs.push(proof);
                Ok(())
            });
            if let Err(why) = known {
                gravest = gravest.max(Some(why));
                if let Some(count) = self.withheld.get_mut(why.index()) {
                    *count = count.saturating_add(1);
                }
            }
            known.is_ok()
        });
        events.extend(gravest.map(|why| Event::ProofWithheld { flow, why }));
        Proofs(proofs)
    }

    /// The request with these proofs goes on to the PBX, or may: from now on they count on this flow only.
    pub(crate) fn show(&mut self, now: Instant, flow: FlowId, proofs: Proofs) {
        for proof in proofs.0 {
            // Checked a moment ago.
            let _ = self.table.show(now, flow, proof.nonce, proof.response);
        }
    }

    /// How many proofs were taken out since the start, in the order of [`Withheld::ALL`].
    pub(crate) fn withheld(&self) -> [u64; Withheld::COUNT] {
        self.withheld
    }

    /// The flow is gone, and with it what it was given.
    pub(crate) fn handle_flow_closed(&mut self, flow: FlowId) {
        self.table.handle_flow_closed(flow);
    }

    fn remember(&mut self, now: Instant, flow: FlowId, response: &Response) {
        for header in &response.headers {
            let nonce = if CHALLENGES.contains(&header.name) {
                digest_challenge(header).and_then(|challenge| challenge.nonce())
            } else if INFO.contains(&header.name) {
                // RFC 7616 §3.5: a success may bring the next nonce.
                AuthenticationInfo::read(&header.value).ok().and_then(|info| info.next_nonce())
            } else {
                None
            };
            if let Some(nonce) = nonce {
                self.table.give(now, flow, Mark::of(nonce.as_bytes()));
            }
        }
    }
}

/// The proofs that a request was left with.
#[must_use = "what goes to the PBX has to count as shown"]
pub(crate) struct Proofs(Vec<Proof>);

/// What the PBX would judge, by its hashes.
struct Proof {
    nonce: Mark,
    response: Mark,
}

impl Proof {
    /// Reads the one proof that every PBX would find in a header.
    ///
    /// Two proofs for one realm are none: which of them the PBX would believe is not to be guessed, and twenty in one
    /// request would be twenty guesses. Nor is one with an escaped quote: Kamailio ends the string there, and finds another
    /// nonce and another response in the rest of it.
    fn of(header: &Header, ambiguous: &[Realm]) -> Result<Self, Withheld> {
        let credentials = Credentials::parse(&header.value).ok().filter(Credentials::is_digest);
        let credentials = credentials.filter(|_| !header.value.as_str().contains(ESCAPED_QUOTE));
        let credentials =
            credentials.filter(|proof| !ambiguous.contains(&(header.name.clone(), realm_of(proof))));
        let credentials = credentials.ok_or(Withheld::Unclear)?;
        let (nonce, response) = credentials.nonce().zip(credentials.response()).ok_or(Withheld::Unclear)?;
        Ok(Self { nonce: Mark::of(nonce.as_bytes()), response: Mark::of(&digits(&response)) })
    }
}

/// The hexadecimal digits of a response in one spelling: some compare them without regard to case. Nothing else in a proof
/// tells it from another, since all of it is hashed into these.
fn digits(response: &Text) -> Vec<u8> {
    let digits = response.as_bytes().iter().filter(|byte| byte.is_ascii_hexdigit());
    digits.map(u8::to_ascii_lowercase).collect()
}

/// The realms, by header, for which there is more than one proof.
fn repeated_realms(headers: &Headers) -> Vec<Realm> {
    let proofs = headers.iter().filter(|header| CREDENTIALS.contains(&header.name));
    let realms = proofs
        .filter_map(|header| Some((header.name.clone(), realm_of(&Credentials::parse(&header.value).ok()?))));
    let (mut once, mut again) = (Vec::new(), Vec::new());
    for realm in realms {
        match once.contains(&realm) {
            true => again.push(realm),
            false => once.push(realm),
        }
    }
    again
}

/// A header and a realm in it.
type Realm = (HeaderName, Option<Vec<u8>>);

/// In one spelling: where a PBX looks for its realm without regard to case, two spellings are one realm.
fn realm_of(credentials: &Credentials) -> Option<Vec<u8>> {
    credentials.realm().map(|realm| realm.as_bytes().to_ascii_lowercase())
}

/// A challenge that a phone can answer: with a nonce, and without an escaped quote, which the phone would have to repeat in a
/// proof that is withheld for it.
fn digest_challenge(header: &Header) -> Option<Challenge> {
    let challenge = Challenge::parse(&header.value).ok().filter(Challenge::is_digest)?;
    (challenge.nonce().is_some() && !header.value.as_str().contains(ESCAPED_QUOTE)).then_some(challenge)
}

const ESCAPED_QUOTE: &str = "\\\"";

/// Proofs of one request that are looked up: for the PBX and for a proxy behind it, twice over. A request has room for a hundred.
const MAX_PROOFS: usize = 4;

const INFO: [HeaderName; 2] = [HeaderName::AUTHENTICATION_INFO, HeaderName::PROXY_AUTHENTICATION_INFO];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use cordon_sip::{Framing, Message};

    use super::*;

    const FLOW: FlowId = FlowId(1);

    fn challenged(lines: &str) -> Response {
        answered("401 Unauthorized", lines)
    }

    fn answered(status: &str, lines: &str) -> Response {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        match Message::parse(Bytes::from(text), Framing::Stream) {
            Ok(Message::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    fn proof(nonce: &str) -> Request {
        carrying(&format!(
            "Authorization: Digest username=\"a\", realm=\"b\", nonce=\"{nonce}\", uri=\"sip:b\", response=\"0a\"\r\n"
        ))
    }

    fn carrying(lines: &str) -> Request {
        let text = format!(
            "REGISTER sip:b SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: x\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        match Message::parse(Bytes::from(text), Framing::Stream) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn passes(nonces: &mut Nonces, now: Instant, flow: FlowId, nonce: &str) -> bool {
        let mut request = proof(nonce);
        goes_on(nonces, now, flow, &mut request);
        has_proof(&request)
    }

    /// The request goes on to the PBX with the proofs that it is left with.
    fn goes_on(nonces: &mut Nonces, now: Instant, flow: FlowId, request: &mut Request) {
        let proofs = nonces.withhold_foreign(now, flow, request, &mut VecDeque::new());
        nonces.show(now, flow, proofs);
    }

    #[test]
    fn every_algorithm_is_relayed_as_it_came() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        let lines = "WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\", algorithm=SHA-512-256, qop=\"auth\"\r\n\
                     WWW-Authenticate: Digest realm=\"b\", nonce=\"n2\", algorithm=SHA-256\r\n\
                     Proxy-Authenticate: Digest nonce=n3,realm=\"b\"\r\n";
        let mut response = challenged(lines);
        let before = response.clone();
        nonces.relay_challenge(now, FLOW, &mut response).unwrap();
        assert_eq!(response, before);
        for nonce in ["n1", "n2", "n3"] {
            assert!(passes(&mut nonces, now, FLOW, nonce), "{nonce}");
        }
    }

    #[test]
    fn auth_int_is_taken_out_and_alone_it_is_refused() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        let both = "WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\", qop=\"auth,auth-int\"\r\n";
        let mut response = challenged(both);
        nonces.relay_challenge(now, FLOW, &mut response).unwrap();
        let challenge =
            Challenge::parse(response.headers.get(&HeaderName::WWW_AUTHENTICATE).unwrap()).unwrap();
        assert_eq!(challenge.qop(), ["auth"]);

        let alone = "WWW-Authenticate: Digest realm=\"b\", nonce=\"n2\", qop=\"auth-int\"\r\n";
        let refused = nonces.relay_challenge(now, FLOW, &mut challenged(alone));
        assert_eq!(refused, Err(Refusal::AuthIntAlone));
        assert!(!passes(&mut nonces, now, FLOW, "n2"));

        let mut one_left = challenged(&format!("{alone}{both}"));
        nonces.relay_challenge(now, FLOW, &mut one_left).unwrap();
        assert_eq!(one_left.headers.get_all(&HeaderName::WWW_AUTHENTICATE).count(), 1);
    }

    #[test]
    fn basic_is_never_relayed_and_alone_it_is_refused() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        let basic = "WWW-Authenticate: Basic realm=\"b\"\r\n";
        let digest = "WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\"\r\n";
        let mut both = challenged(&format!("{basic}{digest}"));
        nonces.relay_challenge(now, FLOW, &mut both).unwrap();
        let left: Vec<&[u8]> =
            both.headers.get_all(&HeaderName::WWW_AUTHENTICATE).map(|value| value.as_bytes()).collect();
        assert_eq!(left, [&b"Digest realm=\"b\", nonce=\"n1\""[..]]);

        let refused = nonces.relay_challenge(now, FLOW, &mut challenged(basic));
        assert_eq!(refused, Err(Refusal::ChallengeUnusable));
        let endless: String = (0..33).map(|n| format!(", p{n}=1")).collect();
        let endless = format!("{}{endless}\r\n", digest.trim_end());
        let quoted = digest.replace("realm=\"b\"", r#"realm="the \"b\"""#);
        let without_nonce = digest.replace(", nonce=\"n1\"", "");
        for unusable in ["", &endless, &quoted, &without_nonce] {
            let refused = nonces.relay_challenge(now, FLOW, &mut challenged(unusable));
            assert_eq!(refused, Err(Refusal::ChallengeUnusable), "{unusable}");
        }
    }

    #[test]
    fn a_proof_counts_only_on_the_flow_that_was_challenged_and_while_it_lives() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        let mut response = challenged("WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\"\r\n");
        nonces.relay_challenge(now, FLOW, &mut response).unwrap();
        assert!(!passes(&mut nonces, now, FlowId(2), "n1"));
        assert!(!passes(&mut nonces, now, FLOW, "n9"));
        assert!(passes(&mut nonces, now + Duration::from_secs(599), FLOW, "n1"));
        assert!(!passes(&mut nonces, now + Duration::from_secs(600), FLOW, "n1"));
        assert_eq!(nonces.withheld()[Withheld::ForeignNonce.index()], 3);
        nonces.handle_flow_closed(FLOW);
        assert!(!passes(&mut nonces, now, FLOW, "n1"));
    }

    #[test]
    fn a_shown_proof_is_known_in_every_spelling_and_whatever_stands_beside_it() {
        let (mut nonces, now, thief) = (Nonces::new(), Instant::now(), FlowId(2));
        for flow in [FLOW, thief] {
            let mut response = challenged("WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\"\r\n");
            nonces.relay_challenge(now, flow, &mut response).unwrap();
        }
        assert!(passes(&mut nonces, now, FLOW, "n1"));
        let spellings = [
            "Authorization: Digest username=\"a\", realm=\"b\", nonce=\"n1\", uri=\"sip:b\", response=\"0a\"\r\n",
            "Proxy-Authorization: DIGEST realm=\"b\",response=0A,nonce=n1\r\n",
            "Authorization: Digest nonce=\"n1\", realm=\"c\", RESPONSE=\" 0\\A \", nc=00000007, qop=auth, cnonce=\"x\"\r\n",
        ];
        for line in spellings {
            let mut request = carrying(line);
            goes_on(&mut nonces, now, thief, &mut request);
            assert!(!has_proof(&request), "{line}");
        }
        assert_eq!(nonces.withheld()[Withheld::ShownElsewhere.index()], 3);
    }

    #[test]
    fn a_proof_in_which_others_could_read_another_one_is_none() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        let mut response = challenged("WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\"\r\n");
        nonces.relay_challenge(now, FLOW, &mut response).unwrap();
        for more in [
            // What Kamailio reads as a nonce and a response of their own.
            "opaque=\"\\\", nonce=n9, response=ff, x=\\\"b\"",
            "opaque=\"\\\\\"",
            "response=\"ff\"",
        ] {
            let mut request = carrying(&format!(
                "Authorization: Digest username=\"a\", realm=\"b\", nonce=\"n1\", response=\"0a\", {more}\r\n"
            ));
            goes_on(&mut nonces, now, FLOW, &mut request);
            assert!(!has_proof(&request), "{more}");
        }
        assert_eq!(nonces.withheld()[Withheld::Unclear.index()], 3);
    }

    #[test]
    fn the_next_nonce_of_a_success_counts_too() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        let mut response = answered("200 OK", "Authentication-Info: qop=auth, nextnonce=\"n7\"\r\n");
        nonces.relay_challenge(now, FLOW, &mut response).unwrap();
        assert!(passes(&mut nonces, now, FLOW, "n7"));
    }

    fn has_proof(request: &Request) -> bool {
        CREDENTIALS.iter().any(|name| request.headers.has(name))
    }

    #[test]
    fn two_proofs_for_one_realm_stay_outside_however_it_is_written() {
        let now = Instant::now();
        for other in ["b", "B"] {
            let mut nonces = Nonces::new();
            let mut response = challenged("WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\"\r\n");
            nonces.relay_challenge(now, FLOW, &mut response).unwrap();
            let line = |realm: &str, response: &str| {
                format!("Authorization: Digest realm=\"{realm}\", nonce=\"n1\", response=\"{response}\"\r\n")
            };
            let mut request = carrying(&[line("b", "0a"), line(other, "0b")].concat());
            let proofs = nonces.withhold_foreign(now, FLOW, &mut request, &mut VecDeque::new());
            assert!(proofs.0.is_empty() && !has_proof(&request), "{other}");
            assert_eq!(nonces.withheld()[Withheld::Unclear.index()], 2);
        }
    }

    #[test]
    fn of_a_hundred_proofs_in_a_request_four_are_read_and_the_theft_is_what_is_told() {
        let (mut nonces, now, thief) = (Nonces::new(), Instant::now(), FlowId(2));
        for flow in [FLOW, thief] {
            let mut response = challenged("WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\"\r\n");
            nonces.relay_challenge(now, flow, &mut response).unwrap();
        }
        assert!(passes(&mut nonces, now, FLOW, "n1"));

        let line = |realm: usize, nonce: &str, response: &str| {
            format!("Authorization: Digest realm=\"{realm}\", nonce=\"{nonce}\", response=\"{response}\"\r\n")
        };
        let invented: String = (2..100).map(|n| line(n, "n1", &format!("{n:02x}"))).collect();
        let mut request = carrying(&format!("{}{}{invented}", line(0, "noise", "0a"), line(1, "n1", "0a")));
        let mut events = VecDeque::new();
        let proofs = nonces.withhold_foreign(now, thief, &mut request, &mut events);

        assert_eq!(proofs.0.len(), 2);
        assert_eq!(request.headers.iter().filter(|header| CREDENTIALS.contains(&header.name)).count(), 2);
        assert_eq!(nonces.withheld()[Withheld::Unclear.index()], 96);
        let told: Vec<_> = events.into_iter().collect();
        assert!(
            matches!(told[..], [Event::ProofWithheld { flow, why: Withheld::ShownElsewhere }] if flow == thief),
            "{told:?}"
        );
    }
}
