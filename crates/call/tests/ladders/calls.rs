//! Calls in both directions, from INVITE to BYE.

use std::time::Duration;

use cordon_call::{AddressChange, Before, CallEnd, End, Event, Protection, Side};
use cordon_rtp::Suite;
use cordon_sdp::Direction;
use cordon_sip::{HeaderName, Method, Origin, Text};

use crate::agent::{Agent, connect, pbx_calls, phone_calls};
use crate::description::{Sdp, key_line, read};
use crate::world::{PBX, World, uri};

#[test]
fn a_phone_calls_through_the_pbx_and_hangs_up() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");

    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    assert_eq!(invite.uri, uri("sip:1002@mx.example.org"), "the Request-URI stays as the phone digests it");
    assert_eq!(invite.contacts.first().unwrap().uri, contact, "the PBX knows the phone by one contact");

    let mut callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond(&invite, 180));
    let ringing = world.phone_hears_status(phone, 180);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    let accepted = world.phone_hears_status(phone, 200);
    assert_eq!(accepted.to.tag(), ringing.to.tag(), "one dialog toward the phone");
    caller.learn(&accepted);
    world.phone_says(phone, caller.ack());

    world.phone_says(phone, caller.request(Method::Bye));
    world.phone_hears_status(phone, 200);
    let bye = world.pbx_hears(Method::Bye);
    world.pbx_says(callee.respond(&bye, 200));
    callee.cseq += 1;

    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::HungUp(Side::Handset)]);
}

#[test]
fn the_pbx_calls_a_phone_over_its_connection_and_hangs_up() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);

    world.pbx_says(caller.invite(&Sdp::pbx()));
    let invite = world.phone_hears(phone, Method::Invite);
    assert_eq!(
        invite.uri,
        uri("sip:1001@10.1.0.200:5060;transport=tls"),
        "the Contact as the phone wrote it"
    );
    let callee = Agent::callee(&mut world, Origin::Handset(phone), &invite);
    world.phone_says(phone, callee.respond_with(&invite, 200, &Sdp::phone()));
    world.phone_hears(phone, Method::Ack);
    let accepted = world.pbx_hears_status(200);
    caller.learn(&accepted);
    world.pbx_says(caller.ack());

    world.pbx_says(caller.request(Method::Bye));
    world.pbx_hears_status(200);
    let bye = world.phone_hears(phone, Method::Bye);
    world.phone_says(phone, callee.respond(&bye, 200));
    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::HungUp(Side::Pbx)]);
}

#[test]
fn the_callee_hangs_up_too() {
    let mut world = World::new();
    let mut call = phone_calls(&mut world);
    world.pbx_says(call.callee.request(Method::Bye));
    world.pbx_hears_status(200);
    let bye = world.hears(call.caller.at, Method::Bye);
    assert!(call.caller.me.tag() == bye.to.tag() && call.caller.call_id == bye.call_id);
    world.says(call.caller.at, call.caller.respond(&bye, 200));
    world.is_clean();
}

#[test]
fn nothing_of_one_side_is_seen_on_the_other_but_what_the_call_needs() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    caller.me.display = Some(Text::from("Nurse Station"));
    let mut invite = caller.invite(&Sdp::phone());
    invite.headers.push(HeaderName::parse("X-Canary").unwrap(), "canary-header");
    invite.headers.push(HeaderName::P_ASSERTED_IDENTITY, "<sip:canary-asserted@mx.example.org>");
    invite.headers.push(HeaderName::SUPPORTED, "timer, 100rel, replaces, norefersub");
    invite.headers.push(HeaderName::SUPPORTED, "Timer");
    invite.headers.push(HeaderName::SUPPORTED, "join, not a token");
    invite.headers.push(HeaderName::SESSION_EXPIRES, "1800");
    invite.headers.push(HeaderName::SUBJECT, "rounds");
    invite.max_forwards = Some(20);
    world.phone_says(phone, invite);

    let seen = world.pbx_hears(Method::Invite);
    let text = String::from_utf8(seen.write().to_vec()).unwrap();
    for secret in
        ["canary", "10.1.0.77", caller.call_id.as_str(), "tag-", "timer", "100rel", "replaces", "1800"]
    {
        assert!(!text.contains(secret), "{secret} is seen in {text}");
    }
    assert_eq!(seen.from.display.as_ref().unwrap(), "Nurse Station");
    assert_eq!(seen.headers.get(&HeaderName::SUBJECT).unwrap(), "rounds");
    assert_eq!(seen.headers.get_all(&HeaderName::SUPPORTED).collect::<Vec<_>>(), ["norefersub"]);
    assert_eq!(seen.max_forwards, Some(19));
    assert_eq!(seen.via.len(), 1);
}

#[test]
fn who_calls_is_asserted_by_the_pbx_alone() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    let mut invite = caller.invite(&Sdp::pbx());
    invite
        .headers
        .push(HeaderName::P_ASSERTED_IDENTITY, "\"Front Desk\" <sip:1002@10.0.0.2:5061>, <tel:+15550100>");
    world.pbx_says(invite);
    let seen = world.phone_hears(phone, Method::Invite);
    let asserted: Vec<&str> =
        seen.headers.get_all(&HeaderName::P_ASSERTED_IDENTITY).map(|value| value.as_str()).collect();
    assert_eq!(asserted, ["\"Front Desk\" <sip:1002@mx.example.org>", "<tel:+15550100>"]);
}

#[test]
fn each_leg_has_a_key_of_its_own_and_the_relay_gets_both_peers_keys() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let offered = read(&invite.body);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    let answered = read(&world.phone_hears_status(phone, 200).body);

    let (toward_pbx, toward_phone) = (&key_line(&offered, 0).key, &key_line(&answered, 0).key);
    assert!(!toward_pbx.is_same_as(toward_phone), "no key is used on two legs");
    for (end, ours, theirs) in [(End::A, toward_phone, Sdp::phone()), (End::B, toward_pbx, Sdp::pbx())] {
        let setup = world.setup(end);
        let Protection::Secure { local, remote, .. } = &setup.protection else { panic!("SRTP on both ends") };
        assert!(local.is_same_as(ours));
        let peer = read(&theirs.bytes());
        assert!(remote.is_same_as(&key_line(&peer, 0).key));
        assert_eq!(setup.remote_rtp.port(), theirs.port);
        assert_eq!(setup.remote_rtcp.port(), theirs.port + 1);
        assert_eq!(setup.before_proof, Before::SendToSdp);
        assert!(setup.send && setup.receive);
        assert_eq!((setup.local_changed, setup.remote_changed), (false, None::<AddressChange>));
    }
}

#[test]
fn early_media_of_a_183_is_admitted_and_told_to_the_relay_before_the_answer() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 183, &Sdp::pbx()));
    let early = read(&world.phone_hears_status(phone, 183).body);
    assert_eq!(world.told.len(), 2);

    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    let answer = read(&world.phone_hears_status(phone, 200).body);
    assert!(key_line(&early, 0).key.is_same_as(&key_line(&answer, 0).key));
    assert_eq!(early.origin.version, answer.origin.version, "the same description is the same version");
    let setup = world.setup(End::B);
    assert_eq!((setup.local_changed, setup.remote_changed), (false, None), "and no key begins anew");
}

#[test]
fn what_else_than_a_description_comes_with_ringing_stays_behind() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let mut ringing = callee.respond(&invite, 180);
    ringing.set_body("application/media_control+xml", "<x/>");
    world.pbx_says(ringing);
    assert!(world.phone_hears_status(phone, 180).body.is_empty());
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 200);
}

#[test]
fn a_call_prints_as_the_same_pseudonym_in_events_and_in_messages() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let started = world.events.iter().find_map(|event| match event {
        Event::CallStarted { call, .. } => Some(call.to_string()),
        _ => None,
    });
    assert_eq!(started, Some(format!("{:?}", caller.call_id)));
}

#[test]
fn a_200_without_description_after_a_183_with_one_completes_the_call() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 183, &Sdp::pbx()));
    world.phone_hears_status(phone, 183);
    world.pbx_says(callee.respond(&invite, 200));
    assert!(!world.phone_hears_status(phone, 200).body.is_empty());
}

#[test]
fn a_200_is_repeated_until_its_ack_comes() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    let first = world.phone_hears_status(phone, 200);
    world.pass(Duration::from_millis(500));
    let second = world.phone_hears_status(phone, 200);
    world.pass(Duration::from_millis(1000));
    let third = world.phone_hears_status(phone, 200);
    assert!(first == second && second == third);
    caller.learn(&first);
    world.phone_says(phone, caller.ack());
    world.pass(Duration::from_secs(10));
    world.is_quiet();
}

#[test]
fn a_call_whose_ack_never_comes_is_ended_on_both_sides_after_32_seconds() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(callee.respond_with(&invite, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.pass(Duration::from_secs(32));
    world.pbx_hears(Method::Bye);
    loop {
        match world.phone_hears_any(phone) {
            Some(Method::Bye) => break,
            Some(_) => {}
            None => panic!("the phone hears BYE"),
        }
    }
    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::TimedOut]);
}

#[test]
fn copies_of_a_200_of_the_pbx_are_acknowledged_again() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let accepted = callee.respond_with(&invite, 200, &Sdp::pbx());
    world.pbx_says(accepted.clone());
    let first = world.pbx_hears(Method::Ack);
    world.pbx_says(accepted);
    let second = world.pbx_hears(Method::Ack);
    assert_eq!(first, second);
    world.phone_hears_status(phone, 200);
    world.is_quiet();
}

#[test]
fn a_phone_calls_a_phone_through_the_pbx_and_cordon_twice() {
    let mut world = World::new();
    let (alice, _) = world.register(1, "1001");
    let (bob, bobs_contact) = world.register(2, "1002");
    let mut caller = Agent::phone(&mut world, alice, "1001", "1002");
    world.phone_says(alice, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);

    // A PBX that leaves media alone passes our description on: the second call sends to a port of the first.
    let first = read(&invite.body);
    let ours = first.media[0].rtp(&first).unwrap();
    let mut pbx = Agent::pbx(&mut world, "1001", "1002", &bobs_contact);
    let mut onward = pbx.request(Method::Invite);
    onward.set_body("application/sdp", invite.body.clone());
    world.pbx_says(onward);
    let at_bob = world.phone_hears(bob, Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Handset(bob), &at_bob);
    world.phone_says(bob, callee.respond_with(&at_bob, 200, &Sdp::phone().with(|sdp| sdp.port = 4500)));
    world.phone_hears(bob, Method::Ack);
    let answered = world.pbx_hears_status(200);
    assert_eq!(world.setup(End::A).remote_rtp, ours);
    assert_eq!(
        world.setup(End::A).before_proof,
        Before::SendToSdp,
        "a port of ours, though in no network of the leg"
    );

    let back = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let mut response = back.respond(&invite, 200);
    response.set_body("application/sdp", answered.body.clone());
    world.pbx_says(response);
    world.phone_hears_status(alice, 200);
    assert!(world.refusals().is_empty());
}

#[test]
fn a_second_branch_that_accepts_is_acknowledged_and_ended() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let one = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let two = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(one.respond_with(&invite, 200, &Sdp::pbx()));
    world.pbx_hears(Method::Ack);
    world.phone_hears_status(phone, 200);
    world.pbx_says(two.respond_with(&invite, 200, &Sdp::pbx()));
    let ack = world.pbx_hears(Method::Ack);
    let bye = world.pbx_hears(Method::Bye);
    assert_eq!(ack.to.tag(), two.me.tag());
    assert_eq!(bye.to.tag(), two.me.tag());
    assert_eq!(world.open.len(), 1, "the call with the first branch goes on");
}

#[test]
fn the_receipt_tells_what_protected_each_leg_and_no_name() {
    let mut world = World::new();
    let mut call = pbx_calls(&mut world);
    world.says(call.callee.at, call.callee.request(Method::Bye));
    let receipts = world.receipts();
    let receipt = receipts.first().unwrap();
    assert_eq!(receipt.legs.each_ref().map(|leg| leg.side), [Side::Pbx, Side::Handset]);
    assert_eq!(receipt.legs.each_ref().map(|leg| leg.suite), [Some(Suite::AesCm128HmacSha1_80); 2]);
    assert!(receipt.legs[0].tls.is_none() && receipt.legs[1].tls.is_some());
    assert!(receipt.answered.is_some());
    let printed = world.printed_events();
    for secret in ["1001", "1002", "10.1.0", "call-", "inline"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    assert!(world.events.iter().any(|event| matches!(event, Event::CallStarted { from: Side::Pbx, .. })));
}

#[test]
fn codecs_and_direction_cross_and_media_lines_beside_the_audio_are_closed() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let offer = Sdp::phone().with(|sdp| {
        sdp.before = "m=video 5000 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\n".to_owned();
        sdp.after = "m=image 5100 udptl t38\r\n".to_owned();
        sdp.direction = "sendonly";
    });
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&offer));
    let invite = world.pbx_hears(Method::Invite);
    let seen = read(&invite.body);
    assert_eq!(seen.media.len(), 1);
    assert_eq!(seen.media[0].direction(&seen), Direction::SendOnly);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let answer = Sdp::pbx().with(|sdp| {
        sdp.codecs = vec![(8, "PCMA/8000")];
        sdp.direction = "recvonly";
    });
    world.pbx_says(callee.respond_with(&invite, 200, &answer));
    let accepted = read(&world.phone_hears_status(phone, 200).body);
    let ports: Vec<bool> = accepted.media.iter().map(|media| media.port == 0).collect();
    assert_eq!(ports, [true, false, true]);
    assert_eq!(accepted.media[1].direction(&accepted), Direction::RecvOnly);
    let names: Vec<String> =
        accepted.media[1].codecs().iter().map(|codec| codec.name.as_str().to_owned()).collect();
    assert_eq!(names, ["PCMA"]);
    let (a, b) = (world.setup(End::A), world.setup(End::B));
    assert!(a.receive && !a.send && b.send && !b.receive);
}

#[test]
fn route_headers_of_a_dialog_with_a_proxy_are_kept_and_never_steer_us() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    let mut accepted = callee.respond_with(&invite, 200, &Sdp::pbx());
    let proxy = cordon_sip::NameAddr::parse("<sip:10.0.0.2:5061;transport=tls;lr>").unwrap();
    accepted.record_route = vec![proxy.clone()];
    world.pbx_says(accepted);
    let ack = world.pbx_hears(Method::Ack);
    assert_eq!(ack.route, [proxy]);
    assert_eq!(ack.uri, callee.respond(&invite, 200).contacts.first().unwrap().uri);
}

#[test]
fn a_connected_call_is_the_same_whoever_calls() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    let caller = Agent::pbx(&mut world, "1003", "1001", &contact);
    let call = connect(&mut world, caller, Origin::Handset(phone), Sdp::pbx(), Sdp::phone());
    assert_eq!(world.setup(End::A).remote_rtp.port(), call.offer.port);
    assert_eq!(world.setup(End::B).remote_rtp.port(), call.answer.port);
}
