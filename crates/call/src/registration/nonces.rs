//! Which challenges a flow has been given: a proof made for anybody else's stays outside.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use cordon_policy::refusal::Refusal;
use cordon_sip::{
    AuthenticationInfo, Challenge, Credentials, FlowId, Header, HeaderName, HeaderValue, Headers, Request,
    Response, Text,
};

use crate::headers::{CHALLENGES, CREDENTIALS};

/// The nonces relayed to each flow. The digest itself is between the phone and the PBX.
#[derive(Default)]
pub(crate) struct Nonces {
    flows: BTreeMap<FlowId, Relayed>,
}

#[derive(Default)]
struct Relayed {
    last_used: BTreeMap<Mark, Instant>,
    by_use: BTreeSet<(Instant, Mark)>,
}

/// A nonce by its hash: of one size, whatever the PBX sends.
type Mark = [u8; 16];

impl Nonces {
    /// No flow has been challenged.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Prepares a response of the PBX for this phone: takes `auth-int` out of every challenge, since the body changes
    /// on the way, and remembers every nonce the phone is about to learn. For every response that may carry one.
    ///
    /// # Errors
    /// [`Refusal::AuthIntAlone`] when no challenge is left; tell the phone that instead.
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
        response.headers = kept;
        self.remember(now, flow, response);
        Ok(())
    }

    /// Takes out of a phone's request every proof for a nonce that was not relayed on its flow: the PBX then challenges
    /// afresh, and a recorded proof is worth nothing on another connection.
    ///
    /// Two proofs for one realm go both: which of them the PBX would believe is not to be guessed, and twenty in one
    /// request would be twenty guesses.
    pub(crate) fn strip_foreign(&mut self, now: Instant, flow: FlowId, request: &mut Request) {
        let ambiguous = repeated_realms(&request.headers);
        request.headers.retain(|header| {
            if !CREDENTIALS.contains(&header.name) {
                return true;
            }
            let credentials = Credentials::parse(&header.value).ok().filter(Credentials::is_digest);
            let clear =
                credentials.filter(|proof| !ambiguous.contains(&(header.name.clone(), proof.realm())));
            let nonce = clear.and_then(|credentials| credentials.nonce());
            nonce.is_some_and(|nonce| self.is_known(now, flow, mark(nonce.as_bytes())))
        });
    }

    /// The flow is gone, and with it what it was given.
    pub(crate) fn handle_flow_closed(&mut self, flow: FlowId) {
        self.flows.remove(&flow);
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
                self.flows.entry(flow).or_default().touch(now, mark(nonce.as_bytes()));
            }
        }
    }

    fn is_known(&mut self, now: Instant, flow: FlowId, mark: Mark) -> bool {
        let Some(relayed) = self.flows.get_mut(&flow) else { return false };
        let is_known =
            relayed.last_used.get(&mark).is_some_and(|at| now.duration_since(*at) < NONCE_LIFETIME);
        if is_known {
            relayed.touch(now, mark);
        }
        is_known
    }
}

impl Relayed {
    fn touch(&mut self, now: Instant, mark: Mark) {
        if let Some(before) = self.last_used.insert(mark, now) {
            self.by_use.remove(&(before, mark));
        }
        self.by_use.insert((now, mark));
        if self.last_used.len() > MAX_NONCES_PER_FLOW
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.last_used.remove(&oldest);
        }
    }
}

/// The realms, by header, for which there is more than one proof.
fn repeated_realms(headers: &Headers) -> Vec<(HeaderName, Option<Text>)> {
    let proofs = headers.iter().filter(|header| CREDENTIALS.contains(&header.name));
    let realms = proofs
        .filter_map(|header| Some((header.name.clone(), Credentials::parse(&header.value).ok()?.realm())));
    let (mut once, mut again) = (Vec::new(), Vec::new());
    for realm in realms {
        match once.contains(&realm) {
            true => again.push(realm),
            false => once.push(realm),
        }
    }
    again
}

fn digest_challenge(header: &Header) -> Option<Challenge> {
    Challenge::parse(&header.value).ok().filter(Challenge::is_digest)
}

fn mark(nonce: &[u8]) -> Mark {
    let hash = digest::digest(&digest::SHA256, nonce);
    let mut mark = Mark::default();
    mark.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    mark
}

const INFO: [HeaderName; 2] = [HeaderName::AUTHENTICATION_INFO, HeaderName::PROXY_AUTHENTICATION_INFO];

/// Three algorithms for each of some hundred lines on one connection; the one unused for longest goes first.
const MAX_NONCES_PER_FLOW: usize = 1_024;

/// Longer than any PBX honours a nonce; forgetting one costs the phone one challenge.
const NONCE_LIFETIME: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use cordon_sip::{Framing, Message};

    use super::*;

    const FLOW: FlowId = FlowId(1);

    fn challenged(lines: &str) -> Response {
        let text = format!(
            "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        match Message::parse(Bytes::from(text), Framing::Stream) {
            Ok(Message::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    fn proof(nonce: &str) -> Request {
        let text = format!(
            "REGISTER sip:b SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: x\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nAuthorization: Digest username=\"a\", \
             realm=\"b\", nonce=\"{nonce}\", uri=\"sip:b\", response=\"0\"\r\nContent-Length: 0\r\n\r\n"
        );
        match Message::parse(Bytes::from(text), Framing::Stream) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn passes(nonces: &mut Nonces, now: Instant, flow: FlowId, nonce: &str) -> bool {
        let mut request = proof(nonce);
        nonces.strip_foreign(now, flow, &mut request);
        request.headers.has(&HeaderName::AUTHORIZATION)
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
    fn basic_is_never_relayed() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        let mut response = challenged("WWW-Authenticate: Basic realm=\"b\"\r\n");
        nonces.relay_challenge(now, FLOW, &mut response).unwrap();
        assert!(!response.headers.has(&HeaderName::WWW_AUTHENTICATE));
    }

    #[test]
    fn a_proof_counts_only_on_the_flow_that_was_challenged_and_while_it_lives() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        let mut response = challenged("WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\"\r\n");
        nonces.relay_challenge(now, FLOW, &mut response).unwrap();
        assert!(!passes(&mut nonces, now, FlowId(2), "n1"));
        assert!(!passes(&mut nonces, now, FLOW, "n9"));
        assert!(passes(&mut nonces, now + Duration::from_secs(3_599), FLOW, "n1"));
        assert!(passes(&mut nonces, now + Duration::from_secs(7_000), FLOW, "n1"), "use keeps it");
        assert!(!passes(&mut nonces, now + Duration::from_secs(20_000), FLOW, "n1"));
        nonces.handle_flow_closed(FLOW);
        assert!(!passes(&mut nonces, now, FLOW, "n1"));
    }

    #[test]
    fn the_next_nonce_of_a_success_counts_too() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        let mut response = challenged("Authentication-Info: qop=auth, nextnonce=\"n7\"\r\n");
        nonces.relay_challenge(now, FLOW, &mut response).unwrap();
        assert!(passes(&mut nonces, now, FLOW, "n7"));
    }

    #[test]
    fn the_table_of_a_flow_is_bounded() {
        let (mut nonces, now) = (Nonces::new(), Instant::now());
        for n in 0..=MAX_NONCES_PER_FLOW {
            let at = now + Duration::from_millis(n as u64);
            let mut response =
                challenged(&format!("WWW-Authenticate: Digest realm=\"b\", nonce=\"n{n}\"\r\n"));
            nonces.relay_challenge(at, FLOW, &mut response).unwrap();
        }
        let end = now + Duration::from_secs(10);
        assert!(!passes(&mut nonces, end, FLOW, "n0"));
        assert!(passes(&mut nonces, end, FLOW, "n1"));
    }
}
