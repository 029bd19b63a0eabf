//! A description through the rules of media: what they let live is protected, and what Cordon answers keeps to it.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use cordon_policy::media::{
    CodecRule, Current, LegRules, MediaRule, OfferedKey, Opportunistic, OurOffer, Stream, admit_answer,
    admit_offer, admit_reoffer,
};
use cordon_policy::refusal::Refusal;
use cordon_rtp::{KeyMaterial, Suite};
use cordon_sdp::{AudioLine, Description, LineOut, LocalCrypto, Protocol, RejectedLine, Session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(session) = Session::parse(data) else { return };
    for opportunistic in [Opportunistic::Refuse, Opportunistic::Upgrade] {
        let rules = rules(opportunistic);
        if let Ok(stream) = admit_offer(&rules, &session) {
            check_stream(&rules, &session, &stream);
            answer(&rules, &session, &stream);
            reoffer(&rules, &session, &stream);
        }
        measure(&rules, &session);
    }
});

/// What was chosen is protected by a key that stands where it was said to stand.
fn check_stream(rules: &LegRules, session: &Session, stream: &Stream) {
    let secure = stream.protection.secure().expect("a leg of SRTP has no other stream");
    let media = &session.media[stream.line];
    assert!(!media.is_rejected() && media.crypto.len() > secure.crypto);
    let line = stream.key(session).expect("the key line is usable");
    assert_eq!((line.tag, line.suite, line.key.suite()), (secure.tag, secure.suite, secure.suite));
    assert!(rules.suites.contains(&secure.suite), "no suite but those allowed");
    assert!(stream.protocol.is_secure() || rules.opportunistic == Opportunistic::Upgrade);
    assert!(!stream.codecs.is_empty());
}

/// Our answer has as many lines, one of them alive with one key, and admits itself where it was offered.
fn answer(rules: &LegRules, session: &Session, stream: &Stream) {
    let secure = stream.protection.secure().expect("a leg of SRTP has no other stream");
    let ours = KeyMaterial::generate(secure.suite, |bytes| bytes.fill(0xa5));
    let mut audio = AudioLine::new(stream.protocol.clone(), 20_000);
    audio.codecs = stream.codecs.clone();
    audio.direction = stream.direction.reversed();
    audio.rtcp_mux = stream.mux;
    audio.crypto = vec![LocalCrypto { tag: secure.tag, spelling: secure.spelling.clone(), key: &ours }];
    let mut audio = Some(audio);
    let lines = session.media.iter().enumerate().map(|(index, media)| {
        match audio.take_if(|_| index == stream.line) {
            Some(audio) => LineOut::Audio(audio),
            None => LineOut::Rejected(RejectedLine::of(media)),
        }
    });
    let written = description(lines.collect());
    let read = Session::parse(&written).expect("what Cordon writes it can read");
    assert_eq!(read.media.len(), session.media.len(), "one line for each of the offer's");
    let alive: Vec<_> = read.media.iter().filter(|media| !media.is_rejected()).collect();
    assert_eq!(alive.len(), 1, "one stream lives");
    assert_eq!(alive[0].crypto.len(), 1, "with one key");
    assert_eq!(alive[0].usable_crypto().next().map(|line| line.key.is_same_as(&ours)), Some(true));
    // The peer measures our answer by its offer, with the key that it wrote there.
    let theirs = stream.key(session).expect("the key line is usable");
    let keys = [OfferedKey { tag: theirs.tag, suite: theirs.suite, key: &theirs.key }];
    let offer =
        OurOffer { lines: session.media.len(), line: stream.line, protocol: &stream.protocol, keys: &keys };
    match admit_answer(rules, &offer, &read) {
        Ok(answered) => check_stream(rules, &read, &answered),
        Err(refusal) => assert!(theirs.key.has_bytes_of(&ours), "our answer was refused: {refusal:?}"),
    }
}

/// The same offer again is fine; with our key in it, it is not.
fn reoffer(rules: &LegRules, session: &Session, stream: &Stream) {
    let key = &stream.key(session).expect("the key line is usable").key;
    let other = KeyMaterial::generate(key.suite(), |bytes| bytes.fill(0x3c));
    let echoes = key.has_bytes_of(&other);
    let fine = admit_reoffer(rules, &Current { is_secure: true, own_keys: &[&other] }, session);
    assert_eq!(fine.is_ok(), !echoes);
    let echoed = admit_reoffer(rules, &Current { is_secure: true, own_keys: &[&other, key] }, session);
    assert!(matches!(echoed, Err(Refusal::KeyEchoed)));
}

/// The description as the answer to an offer of ours: nothing it says makes clear media of it.
fn measure(rules: &LegRules, session: &Session) {
    for protocol in [Protocol::RtpSavp, Protocol::RtpAvp] {
        let ours = KeyMaterial::generate(Suite::ALL[0], |bytes| bytes.fill(0x11));
        let keys = [OfferedKey { tag: 1, suite: Suite::ALL[0], key: &ours }];
        let offer = OurOffer { lines: session.media.len(), line: 0, protocol: &protocol, keys: &keys };
        if let Ok(stream) = admit_answer(rules, &offer, session) {
            check_stream(
                &LegRules { opportunistic: Opportunistic::Upgrade, ..rules.clone() },
                session,
                &stream,
            );
            let key = stream.key(session).expect("the key line is usable");
            assert!(!key.key.has_bytes_of(&ours) && key.suite == Suite::ALL[0] && key.tag == 1);
        }
        let plain = OurOffer { keys: &[], ..offer };
        assert!(admit_answer(rules, &plain, session).is_err(), "RTP is no answer on a leg of SRTP");
    }
}

fn rules(opportunistic: Opportunistic) -> LegRules {
    LegRules {
        suites: Suite::ALL.to_vec(),
        codecs: CodecRule::Any,
        opportunistic,
        media: MediaRule::Srtp,
        networks: Vec::new(),
    }
}

fn description(lines: Vec<LineOut<'_>>) -> Vec<u8> {
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    Description { session_id: 7, version: 1, address, lines }.write().to_vec()
}
