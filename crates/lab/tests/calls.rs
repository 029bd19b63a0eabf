//! Two lab phones call each other through the lab PBX, over real sockets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on may panic")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cordon_lab::{
    Account, Algorithm, CallEnd, Dial, LabCa, LabCall, LabPbx, LabPhone, PbxConfig, PhoneConfig, PhoneTls,
    Reach, RocChange, SessionChange, SsrcChange, Trace, Transport,
};
use cordon_rtp::Suite;
use cordon_sip::Method;

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phones_register_talk_hold_resume_and_hang_up_over_tls() {
    let lab = Lab::start(|_| {}).await;
    let (alice, bob) = lab.registered_pair().await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    hear_each_other(&at_alice, &at_bob).await;

    for hold in [SessionChange::hold(), SessionChange::inactive(), SessionChange::zero_address()] {
        at_alice.change(hold).await.unwrap();
        at_alice.change(SessionChange::resume()).await.unwrap();
        hear_each_other(&at_alice, &at_bob).await;
    }
    // Two reports a second: in two seconds of audio there is one.
    at_alice.receive(at_alice.media().received + 100, LIMIT).await.unwrap();
    at_bob.hang_up().await.unwrap();
    assert_eq!(at_alice.ended(LIMIT).await.unwrap(), CallEnd::PeerHungUp);
    let report = at_alice.media();
    assert!(report.rtcp_received > 0 && report.refused == 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_suite_carries_a_call() {
    for suite in Suite::ALL {
        let lab = Lab::start(|_| {}).await;
        let (alice, bob) = lab.registered_pair_with(&[suite]).await;
        let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
        hear_each_other(&at_alice, &at_bob).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_offer_is_answered_in_the_ack() {
    let lab = Lab::start(|_| {}).await;
    let (alice, bob) = lab.registered_pair().await;
    let dial = Dial { late_offer: true, ..Dial::default() };
    let (at_alice, at_bob) = connect(&alice, &bob, dial).await;
    hear_each_other(&at_alice, &at_bob).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pbx_challenges_invites_and_the_phone_answers_with_the_same_offer() {
    let lab = Lab::start(|config| config.challenge_invites = true).await;
    let (alice, bob) = lab.registered_pair().await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    hear_each_other(&at_alice, &at_bob).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pbx_works_over_tcp_with_md5_only() {
    let lab = Lab::start(|config| {
        config.transport = Transport::Tcp;
        config.algorithms = vec![Algorithm::Md5];
        config.qop = "auth,auth-int".into();
    })
    .await;
    let (alice, bob) = lab.registered_pair().await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    hear_each_other(&at_alice, &at_bob).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_can_be_cancelled_and_refused() {
    let lab = Lab::start(|_| {}).await;
    let (alice, bob) = lab.registered_pair().await;
    let mut outgoing = alice.dial("bob", Dial::default()).await.unwrap();
    let incoming = bob.incoming(LIMIT).await.unwrap();
    outgoing.ringing().await.unwrap();
    let (status, cancelled) = tokio::join!(outgoing.cancel(), incoming.cancelled(LIMIT));
    assert_eq!(status.unwrap(), 487);
    cancelled.unwrap();

    let outgoing = alice.dial("bob", Dial::default()).await.unwrap();
    let incoming = bob.incoming(LIMIT).await.unwrap();
    let (answer, refused) = tokio::join!(outgoing.answered(), incoming.refuse(603));
    refused.unwrap();
    assert_eq!(answer.err().unwrap().status(), Some(603));

    assert_eq!(alice.call("nobody").await.err().unwrap().status(), Some(404));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_and_other_certificates_are_refused() {
    let lab = Lab::start(|_| {}).await;
    let mut config = lab.phone_config("alice", 500.0);
    config.account = Account::new("alice", "wrong");
    let phone = LabPhone::connect(config).await.unwrap();
    assert_eq!(phone.register(60).await.err().unwrap().status(), Some(403));

    let mut config = lab.phone_config("alice", 500.0);
    config.tls.as_mut().unwrap().name = "other.lab".into();
    assert!(LabPhone::connect(config).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unregistering_takes_the_binding_away() {
    let lab = Lab::start(|_| {}).await;
    let alice = lab.phone("alice", 500.0).await;
    assert_eq!(alice.register(60).await.unwrap().requests, 2);
    assert_eq!(lab.pbx.registered("alice").await.unwrap(), 1);
    alice.register(0).await.unwrap();
    assert_eq!(lab.pbx.registered("alice").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_survives_the_loss_of_the_connection_and_the_phone_hangs_up_on_a_new_one() {
    let lab = Lab::start(|_| {}).await;
    let (alice, bob) = lab.registered_pair().await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    alice.reconnect().await.unwrap();
    alice.register(60).await.unwrap();
    hear_each_other(&at_alice, &at_bob).await;
    at_alice.hang_up().await.unwrap();
    assert_eq!(at_bob.ended(LIMIT).await.unwrap(), CallEnd::PeerHungUp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_keys_sources_and_counters_are_followed_after_hold() {
    let lab = Lab::start(|_| {}).await;
    let (alice, bob) = lab.registered_pair().await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    at_alice.advance_to_roc(1);
    hear_each_other(&at_alice, &at_bob).await;
    for ssrc in [SsrcChange::Same, SsrcChange::New, SsrcChange::Returning] {
        at_alice.change(SessionChange::hold()).await.unwrap();
        let change = SessionChange { new_key: true, ssrc, roc: RocChange::Reset, ..SessionChange::resume() };
        at_alice.change(change).await.unwrap();
        hear_each_other(&at_alice, &at_bob).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_ones_own_is_refused_when_nothing_in_it_can_be_met() {
    let lab = Lab::start(|_| {}).await;
    let (alice, bob) = lab.registered_pair().await;
    let plain =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let dial = Dial { body: Some(plain.into()), ..Dial::default() };
    let outgoing = alice.dial("bob", dial).await.unwrap();
    let incoming = bob.incoming(LIMIT).await.unwrap();
    let (placed, taken) = tokio::join!(outgoing.answered(), incoming.answer());
    assert_eq!(placed.err().unwrap().status(), Some(488));
    assert!(taken.is_err());

    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    assert_eq!(at_alice.reinvite_with(plain.into()).await.unwrap().status.code(), 488);
    hear_each_other(&at_alice, &at_bob).await;
    assert_eq!(at_alice.ask(Method::Options).await.unwrap().status.code(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ladder_holds_no_key_number_or_address() {
    let lab = Lab::start(|_| {}).await;
    let (alice, bob) = lab.registered_pair().await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    at_alice.hang_up().await.unwrap();
    at_bob.ended(LIMIT).await.unwrap();
    let steps = lab.trace.steps();
    let text =
        steps.iter().map(|step| format!("{} {}", step.what, step.media)).collect::<Vec<_>>().join("\n");
    assert!(
        text.contains("INVITE audio RTP/SAVP sendrecv AES_CM_128_HMAC_SHA1_80 key *** or one more suite"),
        "{text}"
    );
    assert!(!text.contains("127.0.0.1") && !text.contains("inline") && !text.contains("alice"), "{text}");
    assert!(steps.iter().any(|step| &*step.witness == "PBX" && step.sent && !step.on_callers_side));
}

/// A PBX with two accounts, and what phones need to reach it.
struct Lab {
    ca: LabCa,
    pbx: LabPbx,
    transport: Transport,
    trace: Trace,
    folder: PathBuf,
}

impl Lab {
    async fn start(adapt: impl FnOnce(&mut PbxConfig)) -> Lab {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("cordon-lab-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let ca = LabCa::create(&folder).unwrap();
        let leaf = ca.issue("pbx", &["pbx.lab", "127.0.0.1"]).unwrap();
        let trace = Trace::default();
        let accounts = vec![Account::new("alice", "secret-a"), Account::new("bob", "secret-b")];
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut config = PbxConfig::new(listen, Transport::Tls, "lab", accounts);
        config.certificate = Some(leaf.server_config().unwrap());
        config.trust = Some(ca.client_config().unwrap());
        config.trace = trace.clone();
        adapt(&mut config);
        let transport = config.transport;
        assert_eq!(config.reach, Reach::Registered);
        let pbx = LabPbx::start(config).await.unwrap();
        Lab { ca, pbx, transport, trace, folder }
    }

    fn phone_config(&self, user: &str, tone: f64) -> PhoneConfig {
        let tls = (self.transport == Transport::Tls)
            .then(|| PhoneTls { config: self.ca.client_config().unwrap(), name: "pbx.lab".into() });
        PhoneConfig {
            name: user.into(),
            account: Account::new(user, if user == "alice" { "secret-a" } else { "secret-b" }),
            domain: "lab".into(),
            server: self.pbx.address(),
            tls,
            ip: Ipv4Addr::LOCALHOST.into(),
            suites: vec![Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm],
            tone,
            user_agent: "lab phone".into(),
            trace: self.trace.clone(),
        }
    }

    async fn phone(&self, user: &str, tone: f64) -> LabPhone {
        LabPhone::connect(self.phone_config(user, tone)).await.unwrap()
    }

    async fn registered_pair(&self) -> (LabPhone, LabPhone) {
        self.registered_pair_with(&[Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm]).await
    }

    async fn registered_pair_with(&self, suites: &[Suite]) -> (LabPhone, LabPhone) {
        let mut phones = Vec::new();
        for (user, tone) in [("alice", ALICE_TONE), ("bob", BOB_TONE)] {
            let config = PhoneConfig { suites: suites.to_vec(), ..self.phone_config(user, tone) };
            let phone = LabPhone::connect(config).await.unwrap();
            phone.register(60).await.unwrap();
            phones.push(phone);
        }
        let bob = phones.pop().unwrap();
        (phones.pop().unwrap(), bob)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn connect(alice: &LabPhone, bob: &LabPhone, dial: Dial) -> (LabCall, LabCall) {
    let outgoing = alice.dial("bob", dial).await.unwrap();
    let answering = async { bob.incoming(LIMIT).await?.answer().await };
    let (at_alice, at_bob) = tokio::join!(outgoing.answered(), answering);
    (at_alice.unwrap(), at_bob.unwrap())
}

async fn hear_each_other(at_alice: &LabCall, at_bob: &LabCall) {
    at_alice.forget_tone();
    at_bob.forget_tone();
    let (one, two) = tokio::join!(at_alice.hear(BOB_TONE, LIMIT), at_bob.hear(ALICE_TONE, LIMIT));
    one.unwrap();
    two.unwrap();
}

const ALICE_TONE: f64 = 440.0;
const BOB_TONE: f64 = 1_000.0;
