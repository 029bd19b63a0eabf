//! re-INVITE from either side: hold, resume, codec, address and key; refusals that change nothing; glare.

use cordon_call::{AddressChange, End, Protection};
use cordon_policy::Refusal;
use cordon_rtp::{KeyMaterial, Suite};
use cordon_sdp::Direction;
use cordon_sip::{Method, Origin, Request, Response};

use crate::agent::{Agent, Standing, connect, pbx_calls, phone_calls};
use crate::description::{Sdp, key_line, line, long_line, read};
use crate::world::{PBX, World};

/// A change that is accepted: what the other side was offered, and what the asker was answered.
fn change(
    world: &mut World,
    asker: &mut Agent,
    other: &Agent,
    offer: &Sdp,
    answer: &Sdp,
) -> (Request, Response) {
    world.says(asker.at, asker.invite(offer));
    let seen = world.hears(other.at, Method::Invite);
    world.says(other.at, other.respond_with(&seen, 200, answer));
    world.hears(other.at, Method::Ack);
    let accepted = world.hears_status(asker.at, 200);
    world.says(asker.at, asker.ack());
    world.is_quiet();
    (seen, accepted)
}

fn keys(world: &World, end: End) -> (&KeyMaterial, &KeyMaterial) {
    match &world.setup(end).protection {
        Protection::Secure { local, remote, .. } => (local, remote),
        Protection::Plain(_) => panic!("SRTP on both ends"),
    }
}

#[test]
fn hold_and_resume_by_the_phone_repeat_every_key() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let (toward_phone, toward_pbx) =
        (keys(&world, End::A).0.hand_to_relay(), keys(&world, End::B).0.hand_to_relay());

    assert!(!world.setup(End::A).renegotiated && !world.setup(End::B).renegotiated);

    let hold = offer.clone().with(|sdp| sdp.direction = "sendonly");
    let held = answer.clone().with(|sdp| sdp.direction = "recvonly");
    let (seen, accepted) = change(&mut world, &mut caller, &callee, &hold, &held);
    let (seen, accepted) = (read(&seen.body), read(&accepted.body));
    assert_eq!(seen.media[0].direction(&seen), Direction::SendOnly);
    assert_eq!(accepted.media[0].direction(&accepted), Direction::RecvOnly);
    assert!(
        key_line(&seen, 0).key.is_same_as(&toward_pbx)
            && key_line(&accepted, 0).key.is_same_as(&toward_phone)
    );
    assert!(world.setup(End::A).receive && !world.setup(End::A).send);

    change(&mut world, &mut caller, &callee, &offer, &answer);
    for end in [End::A, End::B] {
        let setup = world.setup(end);
        assert!(setup.send && setup.receive);
        assert_eq!((setup.local_changed, setup.remote_changed), (false, None));
        assert!(setup.renegotiated, "the same key and address, but the phone may count anew");
    }
}

#[test]
fn hold_by_the_pbx_with_an_unspecified_address_sends_it_nothing_and_is_no_move() {
    let mut world = World::new();
    let Standing { caller: phone, callee: mut pbx, offer, answer } = phone_calls(&mut world);
    let hold = answer.clone().with(|sdp| sdp.ip = "0.0.0.0".to_owned());
    let (seen, _) =
        change(&mut world, &mut pbx, &phone, &hold, &offer.clone().with(|sdp| sdp.direction = "recvonly"));
    let seen = read(&seen.body);
    assert_eq!(seen.media[0].direction(&seen), Direction::SendOnly);
    let setup = world.setup(End::B);
    assert!(!setup.send);
    assert_eq!((setup.local_changed, setup.remote_changed), (false, None));
    assert_eq!(setup.remote_rtp.port(), answer.port);

    change(&mut world, &mut pbx, &phone, &answer, &offer);
    let setup = world.setup(End::B);
    assert!(setup.send);
    assert_eq!((setup.local_changed, setup.remote_changed), (false, None), "resumed at the same place");
}

#[test]
fn a_phone_that_forgets_a_line_is_answered_without_it() {
    let mut world = World::new();
    let (flow, _) = world.register(1, "1001");
    let caller = Agent::phone(&mut world, flow, "1001", "1002");
    let offer = Sdp::phone().with(|sdp| sdp.after = "m=video 5000 RTP/SAVP 96\r\n".to_owned());
    let Standing { mut caller, callee, offer, answer } =
        connect(&mut world, caller, Origin::Pbx(PBX), offer, Sdp::pbx());
    let hold = offer.with(|sdp| {
        sdp.after.clear();
        sdp.direction = "sendonly";
    });
    let (_, told) =
        change(&mut world, &mut caller, &callee, &hold, &answer.with(|sdp| sdp.direction = "recvonly"));
    assert_eq!(read(&told.body).media.len(), 1, "an answer has the lines of its offer");
}

#[test]
fn hold_on_both_sides_is_inactive() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = pbx_calls(&mut world);
    let hold = offer.with(|sdp| sdp.direction = "inactive");
    change(&mut world, &mut caller, &callee, &hold, &answer.with(|sdp| sdp.direction = "inactive"));
    for end in [End::A, End::B] {
        assert!(!world.setup(end).send && !world.setup(end).receive);
    }
}

#[test]
fn a_new_key_of_the_phone_is_told_to_the_relay_and_changes_no_key_of_ours() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let ours = keys(&world, End::A).0.hand_to_relay();
    let rekeyed = offer.with(|sdp| sdp.crypto = vec![line(1, 'C')]);
    change(&mut world, &mut caller, &callee, &rekeyed, &answer);
    let setup = world.setup(End::A);
    assert_eq!((setup.local_changed, setup.remote_changed), (false, Some(AddressChange::Same)));
    let (local, remote) = keys(&world, End::A);
    assert!(local.is_same_as(&ours));
    assert!(remote.is_same_as(&key_line(&read(&rekeyed.bytes()), 0).key));
    assert_eq!(world.setup(End::B).remote_changed, None);
}

#[test]
fn a_phone_that_moves_gets_a_new_key_of_ours_and_the_other_leg_keeps_its() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let (before_a, before_b) =
        (keys(&world, End::A).0.hand_to_relay(), keys(&world, End::B).0.hand_to_relay());
    let moved = offer.with(|sdp| {
        sdp.port = 4444;
        sdp.crypto = vec![line(1, 'C')];
    });
    let (_, accepted) = change(&mut world, &mut caller, &callee, &moved, &answer);
    let setup = world.setup(End::A);
    assert_eq!((setup.local_changed, setup.remote_changed), (true, Some(AddressChange::Changed)));
    let (local, _) = keys(&world, End::A);
    assert!(!local.is_same_as(&before_a), "RFC 4568 §7.1.4: a new address takes a new key");
    assert!(key_line(&read(&accepted.body), 0).key.is_same_as(local));
    assert!(keys(&world, End::B).0.is_same_as(&before_b));

    // And at the new place it stays.
    let (local, told) = (local.hand_to_relay(), world.told.len());
    change(&mut world, &mut caller, &callee, &moved.with(|sdp| sdp.direction = "sendonly"), &answer);
    assert!(world.told.len() > told && keys(&world, End::A).0.is_same_as(&local));
}

#[test]
fn another_suite_brings_another_key_and_an_old_suite_does_not_bring_its_old_one_back() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let first = keys(&world, End::A).0.hand_to_relay();
    let strong = offer.clone().with(|sdp| sdp.crypto = vec![long_line(3, "AEAD_AES_256_GCM", 'C')]);
    let (_, accepted) = change(&mut world, &mut caller, &callee, &strong, &answer);
    let read_back = read(&accepted.body);
    let line = key_line(&read_back, 0);
    assert_eq!((line.tag, line.suite), (3, Suite::AeadAes256Gcm));
    assert!(world.setup(End::A).local_changed);

    change(&mut world, &mut caller, &callee, &offer, &answer);
    assert!(world.setup(End::A).local_changed);
    assert!(!keys(&world, End::A).0.is_same_as(&first));
}

#[test]
fn a_change_of_codec_crosses_and_changes_nothing_else() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let wide = |sdp: &mut Sdp| sdp.codecs = vec![(9, "G722/8000"), (101, "telephone-event/8000")];
    let (seen, accepted) = change(&mut world, &mut caller, &callee, &offer.with(wide), &answer.with(wide));
    for body in [&seen.body, &accepted.body] {
        let description = read(body);
        let codecs = description.media[0].codecs();
        assert!(codecs[0].is("G722", 8000) && codecs.len() == 2);
    }
    for end in [End::A, End::B] {
        let setup = world.setup(end);
        assert_eq!((setup.local_changed, setup.remote_changed), (false, None));
    }
}

#[test]
fn a_pbx_that_moves_in_its_answer_keeps_our_key_and_is_sent_new_sources() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let before = keys(&world, End::B).0.hand_to_relay();
    let moved = answer.with(|sdp| {
        sdp.port = 7700;
        sdp.crypto = vec![line(1, 'D')];
    });
    change(&mut world, &mut caller, &callee, &offer, &moved);
    let setup = world.setup(End::B);
    assert_eq!((setup.local_changed, setup.remote_changed), (true, Some(AddressChange::Changed)));
    assert!(keys(&world, End::B).0.is_same_as(&before), "it was offered already");
}

#[test]
fn a_change_that_drops_protection_is_refused_and_the_call_goes_on() {
    for weaken in [
        (|sdp: &mut Sdp| {
            sdp.profile = "RTP/AVP";
            sdp.crypto.clear();
        }) as fn(&mut Sdp),
        |sdp| sdp.crypto.clear(),
        |sdp| sdp.crypto = vec![line(1, 'A') + " UNENCRYPTED_SRTP"],
    ] {
        let mut world = World::new();
        let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
        let told = world.told.len();
        world.says(caller.at, caller.invite(&offer.clone().with(weaken)));
        let refused = world.hears_status(caller.at, 488);
        assert!(refused.headers.has(&cordon_sip::HeaderName::WARNING));
        let mut ack = caller.ack();
        ack.via = refused.via.clone();
        world.says(caller.at, ack);
        world.is_quiet();
        assert_eq!(world.told.len(), told, "the relay hears nothing of it");
        assert_eq!(world.open.len(), 1);
        change(&mut world, &mut caller, &callee, &offer, &answer);
        assert_eq!(world.setup(End::A).remote_changed, None);
    }
}

#[test]
fn a_change_the_other_side_refuses_leaves_keys_and_media_as_they_were() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    let told = world.told.len();
    let ours = keys(&world, End::A).0.hand_to_relay();
    let moved = offer.clone().with(|sdp| sdp.port = 4444);
    world.says(caller.at, caller.invite(&moved));
    let seen = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond(&seen, 488));
    world.hears(callee.at, Method::Ack);
    let refused = world.hears_status(caller.at, 488);
    let mut ack = caller.ack();
    ack.via = refused.via.clone();
    world.says(caller.at, ack);
    assert_eq!(world.told.len(), told);
    change(&mut world, &mut caller, &callee, &offer, &answer);
    assert!(keys(&world, End::A).0.is_same_as(&ours));
}

#[test]
fn both_sides_changing_at_once_hear_491() {
    let mut world = World::new();
    let Standing { mut caller, mut callee, offer, answer } = phone_calls(&mut world);
    world.says(caller.at, caller.invite(&offer));
    let seen = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.invite(&answer));
    world.hears_status(callee.at, 491);
    world.says(callee.at, callee.respond(&seen, 491));
    world.hears(callee.at, Method::Ack);
    world.hears_status(caller.at, 491);
    assert_eq!(world.open.len(), 1);
}

#[test]
fn a_second_invite_before_the_first_is_answered_is_the_askers_mistake() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, .. } = phone_calls(&mut world);
    world.says(caller.at, caller.invite(&offer));
    world.hears(callee.at, Method::Invite);
    world.says(caller.at, caller.invite(&offer));
    world.hears_status(caller.at, 500);
    assert_eq!(world.refusals(), [Refusal::InviteOverlaps]);
}

#[test]
fn a_cancelled_change_leaves_the_call_standing() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, .. } = phone_calls(&mut world);
    let invite = caller.invite(&offer.with(|sdp| sdp.direction = "sendonly"));
    world.says(caller.at, invite.clone());
    let seen = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond(&seen, 180));
    world.hears_status(caller.at, 180);
    world.says(caller.at, invite.cancel());
    world.hears_status(caller.at, 200);
    world.hears_status(caller.at, 487);
    let cancel = world.hears(callee.at, Method::Cancel);
    world.says(callee.at, callee.respond(&cancel, 200));
    world.says(callee.at, callee.respond(&seen, 487));
    world.hears(callee.at, Method::Ack);
    assert_eq!(world.open.len(), 1);
    assert!(!world.engine.is_idle());
}

#[test]
fn an_answer_to_a_change_without_keys_ends_the_call() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, answer } = phone_calls(&mut world);
    world.says(caller.at, caller.invite(&offer));
    let seen = world.hears(callee.at, Method::Invite);
    let plain = answer.with(|sdp| {
        sdp.profile = "RTP/AVP";
        sdp.crypto.clear();
    });
    world.says(callee.at, callee.respond_with(&seen, 200, &plain));
    world.hears(callee.at, Method::Ack);
    world.hears_status(caller.at, 488);
    world.hears(caller.at, Method::Bye);
    world.hears(callee.at, Method::Bye);
    assert_eq!(world.refusals(), [Refusal::AnswerUnprotected]);
    assert!(world.open.is_empty());
}

#[test]
fn the_number_of_media_lines_never_shrinks() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let two_lines = Sdp::phone().with(|sdp| sdp.before = "m=video 5000 RTP/SAVP 96\r\n".to_owned());
    let caller = Agent::phone(&mut world, phone, "1001", "1002");
    let pbx = Origin::Pbx(PBX);
    let Standing { caller, mut callee, answer, .. } =
        connect(&mut world, caller, pbx, two_lines.clone(), Sdp::pbx());
    let closed = two_lines.with(|sdp| sdp.before = "m=video 0 RTP/SAVP 96\r\n".to_owned());
    let (seen, _) = change(&mut world, &mut callee, &caller, &answer, &closed);
    let seen = read(&seen.body);
    let ports: Vec<bool> = seen.media.iter().map(|media| media.port == 0).collect();
    assert_eq!(ports, [true, false]);
}

#[test]
fn a_request_out_of_order_is_told_so() {
    let mut world = World::new();
    let Standing { mut caller, offer, .. } = phone_calls(&mut world);
    caller.cseq -= 5;
    world.says(caller.at, caller.invite(&offer));
    world.hears_status(caller.at, 500);
    assert_eq!(world.refusals(), [Refusal::SequenceOutOfOrder]);
}

#[test]
fn a_change_when_the_other_side_has_forgotten_the_dialog_ends_the_call() {
    let mut world = World::new();
    let Standing { mut caller, callee, offer, .. } = phone_calls(&mut world);
    world.says(caller.at, caller.invite(&offer));
    let seen = world.hears(callee.at, Method::Invite);
    world.says(callee.at, callee.respond(&seen, 481));
    world.hears(callee.at, Method::Ack);
    world.hears_status(caller.at, 481);
    world.hears(caller.at, Method::Bye);
    assert!(world.open.is_empty());
}

#[test]
fn options_within_a_call_tell_that_it_stands() {
    let mut world = World::new();
    let Standing { mut caller, .. } = phone_calls(&mut world);
    let options = caller.request(Method::Options);
    world.says(caller.at, options);
    world.hears_status(caller.at, 200);
}
