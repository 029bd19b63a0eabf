//! Every rule on offers and answers, as the sender of the INVITE hears of it.

use cordon_call::{Before, End, Protection};
use cordon_policy::Refusal;
use cordon_policy::media::{CodecRule, MediaRule, Opportunistic, PlainReason};
use cordon_rtp::Suite;
use cordon_sdp::Protocol;
use cordon_sip::{HeaderName, Method, Origin, Response};

use crate::agent::{Agent, Standing, pbx_calls};
use crate::description::{Sdp, key_line, line, line_of, long_line, read};
use crate::site::rules;
use crate::world::{PBX, World};

/// A phone offers this and hears a refusal; nothing was reserved and the PBX heard nothing.
fn refused(offer: Sdp, status: u16, refusal: Refusal) -> Response {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&offer));
    let told = world.phone_hears_status(phone, status);
    assert_eq!(world.refusals(), [refusal]);
    assert!(
        told.headers.get_all(&HeaderName::WARNING).any(|warning| warning.as_str().contains(refusal.code()))
    );
    world.is_quiet();
    assert!(world.open.is_empty() && world.engine.is_idle());
    told
}

/// The PBX answers a phone's offer with this; the phone hears 488, the PBX ACK and BYE.
fn answer_refused(answer: Sdp, refusal: Refusal) {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &answer));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, refusal.status());
    let bye = world.pbx_hears(Method::Bye);
    let reason = format!("SIP;cause={};text=\"{}\"", refusal.status(), refusal.code());
    assert_eq!(bye.headers.get(&HeaderName::REASON).unwrap(), reason.as_str());
    assert_eq!(world.refusals(), [refusal]);
    assert!(world.open.is_empty() && world.told.is_empty(), "no media ever flowed");
}

fn plain(sdp: &mut Sdp) {
    sdp.profile = "RTP/AVP";
    sdp.crypto.clear();
}

#[test]
fn plain_rtp_is_refused_with_488_and_both_warnings() {
    let told = refused(Sdp::phone().with(plain), 488, Refusal::PlainMedia);
    assert!(told.headers.get_all(&HeaderName::WARNING).any(|warning| warning.as_str().starts_with("302 ")));
}

#[test]
fn plain_rtp_of_the_pbx_is_refused_alike() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx().with(plain)));
    world.pbx_hears_status(488);
    world.is_quiet_at(Origin::Handset(phone));
}

#[test]
fn rtp_avp_with_keys_is_refused_unless_upgrades_are_allowed() {
    refused(Sdp::phone().with(|sdp| sdp.profile = "RTP/AVP"), 488, Refusal::OpportunisticMedia);
}

#[test]
fn rtp_avp_with_keys_is_answered_with_exactly_one_key_where_upgrades_are_allowed() {
    let mut rules = rules();
    rules.locations[0].media.opportunistic = Opportunistic::Upgrade;
    let mut world = World::with(rules);
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone().with(|sdp| sdp.profile = "RTP/AVP")));
    let invite = world.pbx_hears(Method::Invite);
    assert_eq!(read(&invite.body).media[0].protocol, Protocol::RtpSavp);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    let answered = read(&world.phone_hears_status(phone, 200).body);
    assert_eq!(answered.media[0].protocol, Protocol::RtpAvp);
    key_line(&answered, 0);
}

#[test]
fn of_a_secure_and_a_plain_line_the_secure_one_lives() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let pair = Sdp::phone().with(|sdp| sdp.before = "m=audio 4000 RTP/AVP 0\r\n".to_owned());
    world.phone_says(phone, caller.invite(&pair));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    let answered = read(&world.phone_hears_status(phone, 200).body);
    assert_eq!((answered.media[0].port, answered.media[0].protocol.clone()), (0, Protocol::RtpAvp));
    assert_ne!(answered.media[1].port, 0);
    key_line(&answered, 1);
}

#[test]
fn the_first_acceptable_line_of_the_offerer_wins_and_is_echoed_as_written() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let offer = Sdp::phone().with(|sdp| {
        sdp.crypto = vec![
            "1 F8_128_HMAC_SHA1_80 inline:".to_owned() + &"A".repeat(40),
            line(4, 'A') + " UNENCRYPTED_SRTP",
            long_line(7, "AEAD_AES_256_GCM", 'C') + "|2^31",
            line(9, 'D'),
        ];
    });
    world.phone_says(phone, caller.invite(&offer));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    let answered = read(&world.phone_hears_status(phone, 200).body);
    let ours = key_line(&answered, 0);
    assert_eq!((ours.tag, ours.suite, ours.lifetime), (7, Suite::AeadAes256Gcm, None));
}

#[test]
fn an_alias_of_a_suite_is_echoed_as_the_phone_wrote_it() {
    let mut rules = rules();
    rules.locations[0].media.suites = vec![Suite::AesCm256HmacSha1_80];
    let mut world = World::with(rules);
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    let key = format!("inline:{}A==", "C".repeat(61));
    let offer = Sdp::phone().with(|sdp| sdp.crypto = vec![format!("5 AES_CM_256_HMAC_SHA1_80 {key}")]);
    world.phone_says(phone, caller.invite(&offer));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    let answered = read(&world.phone_hears_status(phone, 200).body);
    let ours = key_line(&answered, 0);
    assert_eq!((ours.tag, ours.spelling.as_str()), (5, "AES_CM_256_HMAC_SHA1_80"));
}

#[test]
fn the_length_of_a_phones_key_identifier_is_told_to_the_relay_and_ours_has_none() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(
        phone,
        caller.invite(&Sdp::phone().with(|sdp| sdp.crypto = vec![line(1, 'A') + "|2^31|1:4"])),
    );
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    let answered = read(&world.phone_hears_status(phone, 200).body);
    assert_eq!(key_line(&answered, 0).mki, None);
    let Protection::Secure { remote_mki_len, .. } = &world.setup(End::A).protection else { panic!("SRTP") };
    assert_eq!(*remote_mki_len, 4);
}

#[test]
fn offers_without_a_usable_key_line_are_refused() {
    refused(Sdp::phone().with(|sdp| sdp.crypto.clear()), 488, Refusal::KeysMissing);
    refused(
        Sdp::phone().with(|sdp| sdp.crypto = vec![line(1, 'A') + " UNAUTHENTICATED_SRTP"]),
        488,
        Refusal::ProtectionWeakened,
    );
    refused(
        Sdp::phone().with(|sdp| {
            sdp.crypto = vec!["1 AES_CM_128_HMAC_SHA1_32 inline:".to_owned() + &"A".repeat(40)];
        }),
        488,
        Refusal::SuiteNotAccepted,
    );
}

#[test]
fn fax_and_video_alone_are_refused() {
    let fax = Sdp::phone().with(|sdp| {
        sdp.before = "m=image 5100 udptl t38\r\n".to_owned();
        sdp.port = 0;
    });
    refused(fax, 488, Refusal::FaxT38);
    let video = Sdp::phone().with(|sdp| {
        sdp.before = "m=video 5000 RTP/SAVP 96\r\n".to_owned();
        sdp.port = 0;
    });
    refused(video, 488, Refusal::VideoOnly);
}

#[test]
fn telephone_events_alone_are_no_codec() {
    let offer = Sdp::phone().with(|sdp| sdp.codecs = vec![(101, "telephone-event/8000"), (13, "CN/8000")]);
    let told = refused(offer, 488, Refusal::NoCodec);
    assert!(told.headers.get_all(&HeaderName::WARNING).any(|warning| warning.as_str().starts_with("305 ")));
}

#[test]
fn a_codec_the_other_leg_does_not_take_is_taken_out_of_its_offer() {
    let mut rules = rules();
    rules.locations[0].media.codecs =
        CodecRule::Only(vec!["PCMA".parse().unwrap(), "telephone-event".parse().unwrap()]);
    let mut world = World::with(rules);
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let seen = read(&world.phone_hears(phone, Method::Invite).body);
    let names: Vec<String> =
        seen.media[0].codecs().iter().map(|codec| codec.name.as_str().to_owned()).collect();
    assert_eq!(names, ["PCMA", "telephone-event"]);

    let mut other = Agent::pbx(&mut world, "1003", "1001", &contact);
    world.pbx_says(other.invite(&Sdp::pbx().with(|sdp| sdp.codecs = vec![(0, "PCMU/8000")])));
    world.pbx_hears_status(488);
    assert_eq!(world.refusals(), [Refusal::NoCodec]);
}

#[test]
fn answers_that_break_what_was_offered_end_the_call_with_488() {
    answer_refused(Sdp::pbx().with(plain), Refusal::AnswerUnprotected);
    answer_refused(Sdp::pbx().with(|sdp| sdp.profile = "RTP/AVP"), Refusal::AnswerMixesProfiles);
    answer_refused(Sdp::pbx().with(|sdp| sdp.crypto = vec![line(2, 'B')]), Refusal::AnswerKeyMismatch);
    answer_refused(Sdp::pbx().with(|sdp| sdp.crypto.push(line(2, 'C'))), Refusal::AnswerKeyMismatch);
    answer_refused(
        Sdp::pbx().with(|sdp| sdp.after = "m=video 0 RTP/AVP 96\r\n".to_owned()),
        Refusal::AnswerMismatch,
    );
}

#[test]
fn a_peer_that_sends_our_key_back_is_refused() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let offered = read(&invite.body);
    let echo = Sdp::pbx().with(|sdp| sdp.crypto = vec![line_of(1, &key_line(&offered, 0).key)]);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &echo));
    world.phone_hears_status(phone, 488);
    assert_eq!(world.refusals(), [Refusal::KeyEchoed]);
}

#[test]
fn an_early_answer_without_keys_gives_the_call_up() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 183, &Sdp::pbx().with(plain)));
    world.phone_hears_status(phone, 488);
    world.pbx_hears(Method::Cancel);
    assert!(world.open.is_empty());
}

#[test]
fn a_200_without_description_is_refused() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond(&invite, 200));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, Refusal::AnswerMissing.status());
    world.pbx_hears(Method::Bye);
}

#[test]
fn before_it_is_proven_media_goes_to_no_address_outside_the_legs_networks() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone().with(|sdp| sdp.ip = "192.0.2.66".to_owned())));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    world.phone_hears_status(phone, 200);
    assert_eq!(world.setup(End::A).before_proof, Before::HoldUntilProven);
    assert_eq!(world.setup(End::B).before_proof, Before::SendToSdp);
}

#[test]
fn media_addresses_nobody_can_have_are_refused() {
    for ip in ["224.0.0.1", "255.255.255.255"] {
        refused(Sdp::phone().with(|sdp| sdp.ip = ip.to_owned()), 488, Refusal::MediaAddressUnusable);
    }
}

#[test]
fn a_call_whose_media_would_come_back_to_itself_is_refused() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let offered = read(&invite.body);
    let ours = offered.media[0].rtp(&offered).unwrap();
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let loops = Sdp::pbx().with(|sdp| {
        sdp.ip = ours.ip().to_string();
        sdp.port = ours.port();
    });
    world.pbx_says(callee.respond_with(&invite, 200, &loops));
    world.phone_hears_status(phone, Refusal::MediaLoop.status());
    assert_eq!(world.refusals(), [Refusal::MediaLoop]);
}

#[test]
fn in_a_lab_the_leg_to_the_pbx_may_be_plain_and_the_phones_is_not() {
    let mut rules = rules();
    rules.pbx.media.media = MediaRule::Rtp(PlainReason::Lab);
    let mut world = World::with(rules);
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let offered = read(&invite.body);
    assert_eq!(offered.media[0].protocol, Protocol::RtpAvp);
    assert!(offered.media[0].crypto.is_empty());
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx().with(plain)));
    key_line(&read(&world.phone_hears_status(phone, 200).body), 0);
    assert!(matches!(world.setup(End::B).protection, Protection::Plain(_)));
    assert!(matches!(world.setup(End::A).protection, Protection::Secure { .. }));
}

#[test]
fn in_a_lab_a_pbx_that_began_with_srtp_is_offered_srtp_again() {
    let mut rules = rules();
    rules.pbx.media.media = MediaRule::Rtp(PlainReason::Lab);
    let mut world = World::with(rules);
    let Standing { caller, mut callee, offer, answer } = pbx_calls(&mut world);
    let hold = answer.with(|sdp| sdp.direction = "sendonly");
    world.says(callee.at, callee.invite(&hold));
    let seen = world.hears(caller.at, Method::Invite);
    let offered = read(&seen.body);
    assert_eq!(offered.media[0].protocol, Protocol::RtpSavp);
    key_line(&offered, 0);
    world.says(caller.at, caller.respond_with(&seen, 200, &offer.with(|sdp| sdp.direction = "recvonly")));
    world.hears(caller.at, Method::Ack);
    world.hears_status(callee.at, 200);
    assert!(world.refusals().is_empty());
}

#[test]
fn a_codec_the_caller_does_not_take_is_taken_out_of_the_answer_or_ends_the_call() {
    for (codecs, left) in [
        (vec![(8, "PCMA/8000"), (97, "speex/8000")], Some("PCMA")),
        (vec![(97, "speex/8000"), (101, "telephone-event/8000")], None),
    ] {
        let mut rules = rules();
        rules.locations[0].media.codecs =
            CodecRule::Only(vec!["PCMA".parse().unwrap(), "telephone-event".parse().unwrap()]);
        let mut world = World::with(rules);
        let (phone, _) = world.register(1, "1001");
        let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
        world.phone_says(phone, caller.invite(&Sdp::phone()));
        let invite = world.pbx_hears(Method::Invite);
        let offered: Vec<String> =
            read(&invite.body).media[0].codecs().iter().map(|codec| codec.name.as_str().to_owned()).collect();
        assert_eq!(offered, ["PCMA", "telephone-event"]);
        let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
        world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx().with(|sdp| sdp.codecs = codecs)));
        world.pbx_hears(Method::Ack);
        match left {
            Some(name) => {
                let answer = read(&world.phone_hears_status(phone, 200).body);
                let codecs = answer.media[0].codecs();
                assert_eq!(codecs.len(), 1);
                assert_eq!(codecs[0].name.as_str(), name);
            }
            None => {
                let told = world.phone_hears_status(phone, 488);
                let mut warnings = told.headers.get_all(&HeaderName::WARNING);
                assert!(warnings.any(|warning| warning.as_str().starts_with("305 ")));
                world.pbx_hears(Method::Bye);
                assert!(world.open.is_empty());
            }
        }
    }
}
