//! Lab phones call each other through Cordon and the lab PBX: phone - Cordon - PBX - Cordon - phone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on may panic")]

use std::time::Duration;

use cordon_lab::{
    Account, CallEnd, Dial, LabCall, LabPhone, LabSite, PhoneConfig, SessionChange, SitePlan, Transport,
};
use cordon_rtp::Suite;
use cordon_sip::Method;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_suite_carries_a_call_to_the_other_phones_suite() {
    let all = "srtp_suites = [\"AES_CM_128_HMAC_SHA1_80\", \"AES_CM_128_HMAC_SHA1_32\", \"AEAD_AES_256_GCM\", \
               \"AEAD_AES_128_GCM\", \"AES_256_CM_HMAC_SHA1_80\"]";
    let site = site(|plan| plan.location = all.to_owned()).await;
    for suite in Suite::ALL {
        let config = PhoneConfig { suites: vec![suite], ..site.phone_config("alice", ALICE_TONE).unwrap() };
        let alice = LabPhone::connect(config).await.unwrap();
        alice.register(60).await.unwrap();
        let bob = registered(&site, "bob", BOB_TONE).await;
        let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
        hear_each_other(&at_alice, &at_bob).await;
        at_bob.hang_up().await.unwrap();
        assert_eq!(at_alice.ended(LIMIT).await.unwrap(), CallEnd::PeerHungUp);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_hold_and_resume_works_from_either_side() {
    let site = site(|_| {}).await;
    let (alice, bob) = registered_pair(&site).await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    for holder in [&at_alice, &at_bob] {
        for hold in [SessionChange::hold(), SessionChange::inactive(), SessionChange::zero_address()] {
            holder.change(hold).await.unwrap();
            holder.change(SessionChange::resume()).await.unwrap();
            hear_each_other(&at_alice, &at_bob).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_offer_is_protected_on_every_leg() {
    let site = site(|_| {}).await;
    let (alice, bob) = registered_pair(&site).await;
    let dial = Dial { late_offer: true, ..Dial::default() };
    let (at_alice, at_bob) = connect(&alice, &bob, dial).await;
    hear_each_other(&at_alice, &at_bob).await;
    at_alice.hang_up().await.unwrap();
    at_bob.ended(LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pbx_may_be_reached_over_udp_and_tcp_in_a_lab() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let site = site(|plan| plan.pbx_transport = transport).await;
        let (alice, bob) = registered_pair(&site).await;
        let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
        hear_each_other(&at_alice, &at_bob).await;
        at_alice.hang_up().await.unwrap();
        at_bob.ended(LIMIT).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_cancelled_and_refused_through_cordon() {
    let site = site(|_| {}).await;
    let (alice, bob) = registered_pair(&site).await;
    let mut outgoing = alice.dial("bob", Dial::default()).await.unwrap();
    let (ringing, incoming) = tokio::join!(outgoing.ringing(), bob.incoming(LIMIT));
    ringing.unwrap();
    let (status, cancelled) = tokio::join!(outgoing.cancel(), incoming.unwrap().cancelled(LIMIT));
    assert_eq!(status.unwrap(), 487);
    cancelled.unwrap();

    let outgoing = alice.dial("bob", Dial::default()).await.unwrap();
    let refusing = async { bob.incoming(LIMIT).await.unwrap().refuse(486).await };
    let (answer, refused) = tokio::join!(outgoing.answered(), refusing);
    refused.unwrap();
    assert_eq!(answer.err().unwrap().status(), Some(486));
    assert_eq!(alice.call("nobody").await.err().unwrap().status(), Some(404));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_ends_no_call_and_the_phone_hangs_up_on_its_new_one() {
    let site = site(|_| {}).await;
    let (alice, bob) = registered_pair(&site).await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    hear_each_other(&at_alice, &at_bob).await;
    alice.reconnect().await.unwrap();
    hear_each_other(&at_alice, &at_bob).await;
    alice.register(60).await.unwrap();
    at_alice.hang_up().await.unwrap();
    assert_eq!(at_bob.ended(LIMIT).await.unwrap(), CallEnd::PeerHungUp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reinvite_that_would_drop_protection_is_refused_and_the_call_goes_on() {
    let site = site(|_| {}).await;
    let (alice, bob) = registered_pair(&site).await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    let plain =
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let answer = at_alice.reinvite_with(plain.into()).await.unwrap();
    assert_eq!(answer.status.code(), 488);
    hear_each_other(&at_alice, &at_bob).await;
    assert_eq!(at_alice.ask(Method::Options).await.unwrap().status.code(), 200);
    hear_each_other(&at_alice, &at_bob).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_survive_the_loss_of_the_connection_to_the_pbx() {
    let site = site(|_| {}).await;
    let (alice, bob) = registered_pair(&site).await;
    let (at_alice, at_bob) = connect(&alice, &bob, Dial::default()).await;
    site.pbx.drop_connections().await.unwrap();
    hear_each_other(&at_alice, &at_bob).await;
    site.wait_for_pbx().await.unwrap();
    at_alice.hang_up().await.unwrap();
    at_bob.ended(LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_pbx_is_answered_for_within_four_seconds() {
    let site = site(|_| {}).await;
    let (alice, _bob) = registered_pair(&site).await;
    site.pbx.set_silent(true).await.unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(alice.call("bob").await.err().unwrap().status(), Some(503));
    assert_eq!(alice.register(60).await.err().unwrap().status(), Some(503));
    // Each at 3.5 s in virtual time, by the ladders; here it is told from the 32 s after which its transaction ends.
    assert!(begun.elapsed() < Duration::from_secs(16), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_has_not_registered_on_its_connection_places_no_call() {
    let site = site(|_| {}).await;
    let (alice, _bob) = registered_pair(&site).await;
    alice.reconnect().await.unwrap();
    let refused = alice.call("bob").await.err().unwrap();
    assert_eq!(refused.status(), Some(403));
    assert!(refused.warnings().iter().any(|warning| warning.contains("399")), "{:?}", refused.warnings());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_whose_connection_is_gone_is_not_available_at_once() {
    let site = site(|_| {}).await;
    let (alice, bob) = registered_pair(&site).await;
    bob.disconnect();
    let begun = std::time::Instant::now();
    assert_eq!(alice.call("bob").await.err().unwrap().status(), Some(480));
    // Sooner than a PBX that says nothing is given up.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

async fn site(adapt: impl FnOnce(&mut SitePlan)) -> LabSite {
    let mut plan = SitePlan::new(vec![Account::new("alice", "secret-a"), Account::new("bob", "secret-b")]);
    adapt(&mut plan);
    LabSite::start(plan).await.unwrap()
}

async fn registered(site: &LabSite, user: &str, tone: f64) -> LabPhone {
    let phone = site.phone(user, tone).await.unwrap();
    phone.register(60).await.unwrap();
    phone
}

async fn registered_pair(site: &LabSite) -> (LabPhone, LabPhone) {
    (registered(site, "alice", ALICE_TONE).await, registered(site, "bob", BOB_TONE).await)
}

async fn connect(alice: &LabPhone, bob: &LabPhone, dial: Dial) -> (LabCall, LabCall) {
    let outgoing = alice.dial("bob", dial).await.unwrap();
    let answering = async { bob.incoming(LIMIT).await?.answer().await };
    let (at_alice, at_bob) = tokio::join!(outgoing.answered(), answering);
    (at_alice.unwrap(), at_bob.unwrap())
}

async fn hear_each_other(at_alice: &LabCall, at_bob: &LabCall) {
    hear(at_alice, at_bob).await.unwrap();
}

async fn hear(at_alice: &LabCall, at_bob: &LabCall) -> Result<(), String> {
    at_alice.forget_tone();
    at_bob.forget_tone();
    let (one, two) = tokio::join!(at_alice.hear(BOB_TONE, LIMIT), at_bob.hear(ALICE_TONE, LIMIT));
    one.map_err(|error| format!("alice: {error}, {:?}", at_alice.media()))?;
    two.map_err(|error| format!("bob: {error}, {:?}", at_bob.media()))
}

const LIMIT: Duration = Duration::from_secs(10);
const ALICE_TONE: f64 = 440.0;
const BOB_TONE: f64 = 1_000.0;
