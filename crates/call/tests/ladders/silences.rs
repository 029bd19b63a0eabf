//! Answered calls in which somebody is not heard: told of once, never of one on hold, and asked about when nobody is heard.

use std::time::{Duration, Instant};

use cordon_call::{CallEnd, Event, Side, Silence, StreamStatistics};
use cordon_sip::Method;

use crate::agent::phone_calls;
use crate::world::World;

/// After which a side that says nothing is silent.
const SILENT: Duration = Duration::from_secs(15);

#[test]
fn a_side_that_is_never_heard_is_told_of_once() {
    let mut world = World::new();
    phone_calls(&mut world);
    let begun = world.now;
    for _ in 0..4 {
        world.pass(SILENT);
        answer(&mut world, begun, None, Some(Duration::from_millis(20)));
    }
    assert_eq!(silences(&world), [Silence::OneWay(Side::Handset)]);
}

#[test]
fn a_side_that_falls_silent_is_told_of_within_twenty_seconds_and_again_when_it_does_so_again() {
    let mut world = World::new();
    phone_calls(&mut world);
    let begun = world.now;
    world.pass(SILENT);
    answer(&mut world, begun, Some(Duration::from_secs(1)), Some(Duration::ZERO));
    assert_eq!(silences(&world), []);
    // Fourteen seconds later the phone could have been silent for fifteen.
    world.pass(Duration::from_secs(14));
    answer(&mut world, begun, Some(Duration::from_secs(15)), Some(Duration::ZERO));
    assert_eq!(silences(&world).len(), 1);
    world.pass(SILENT);
    answer(&mut world, begun, Some(Duration::ZERO), Some(Duration::ZERO));
    world.pass(SILENT);
    answer(&mut world, begun, Some(SILENT), Some(Duration::ZERO));
    assert_eq!(silences(&world), [Silence::OneWay(Side::Handset); 2]);
}

#[test]
fn a_call_in_which_nobody_is_heard_has_no_media() {
    let mut world = World::new();
    phone_calls(&mut world);
    let begun = world.now;
    world.pass(SILENT);
    answer(&mut world, begun, None, None);
    assert_eq!(silences(&world), [Silence::Both]);
}

#[test]
fn on_hold_nobody_is_silent_with_music_or_without() {
    for has_music in [true, false] {
        let mut world = World::new();
        phone_calls(&mut world);
        let begun = world.now;
        for _ in 0..40 {
            world.pass(SILENT);
            let mut statistics = StreamStatistics::default();
            // The PBX side holds (sendonly), and the phone may not speak.
            statistics.b.heard_from = Some(begun);
            statistics.b.last_heard = Some(if has_music { world.now } else { begun });
            world.answer_asked_with(statistics);
            world.is_quiet();
        }
        assert_eq!(silences(&world), [], "music: {has_music}");
    }
}

#[test]
fn a_call_resumed_after_a_long_hold_has_fifteen_seconds_to_speak() {
    let mut world = World::new();
    phone_calls(&mut world);
    let begun = world.now;
    world.pass(SILENT);
    let mut statistics = StreamStatistics::default();
    // The phone held without music: what it may do has not changed, what the other side may do has.
    statistics.a.heard_from = Some(begun);
    statistics.b.heard_from = Some(world.now - Duration::from_secs(10));
    statistics.b.last_heard = Some(world.now);
    world.answer_asked_with(statistics);
    assert_eq!(silences(&world), []);

    world.pass(SILENT);
    answer(&mut world, begun, None, Some(Duration::ZERO));
    assert_eq!(silences(&world), [Silence::OneWay(Side::Handset)], "it never spoke again");
}

#[test]
fn time_before_the_answer_is_not_counted() {
    let mut world = World::new();
    let long_ago = world.now;
    world.pass(Duration::from_secs(40));
    phone_calls(&mut world);
    world.pass(Duration::from_secs(15));
    answer(&mut world, long_ago, Some(Duration::from_secs(14)), Some(Duration::ZERO));
    assert_eq!(silences(&world), []);
}

#[test]
fn five_silent_minutes_ask_both_peers_and_one_that_has_forgotten_the_call_ends_it() {
    let mut world = World::new();
    let call = phone_calls(&mut world);
    let begun = world.now;
    for _ in 0..19 {
        world.pass(SILENT);
        answer(&mut world, begun, None, None);
        world.is_quiet();
    }
    world.pass(SILENT);
    answer(&mut world, begun, None, None);
    let probe = world.hears(call.caller.at, Method::Options);
    world.says(call.caller.at, call.caller.respond(&probe, 200));
    let probe = world.pbx_hears(Method::Options);
    world.pbx_says(call.callee.respond(&probe, 481));
    let bye = world.hears(call.caller.at, Method::Bye);
    world.says(call.caller.at, call.caller.respond(&bye, 200));
    world.is_clean();
    assert_eq!(world.ends(), [CallEnd::Lost(Side::Pbx)]);
    assert_eq!(world.receipts()[0].legs.each_ref().map(|leg| leg.silences), [1, 1]);
}

#[test]
fn a_silent_call_that_both_peers_know_goes_on_and_they_are_asked_again_after_five_more_minutes() {
    let mut world = World::new();
    let call = phone_calls(&mut world);
    let begun = world.now;
    for _ in 0..2 {
        for _ in 0..20 {
            world.is_quiet();
            world.pass(SILENT);
            answer(&mut world, begun, None, None);
        }
        let probe = world.hears(call.caller.at, Method::Options);
        world.says(call.caller.at, call.caller.respond(&probe, 200));
        let probe = world.pbx_hears(Method::Options);
        world.pbx_says(call.callee.respond(&probe, 200));
    }
    assert_eq!(world.open.len(), 1);
}

/// Answers the relay's figures: media has been allowed both ways since `from`, and each end was last heard so long ago.
fn answer(world: &mut World, from: Instant, a: Option<Duration>, b: Option<Duration>) {
    let mut statistics = StreamStatistics::default();
    for (end, ago) in [(&mut statistics.a, a), (&mut statistics.b, b)] {
        end.heard_from = Some(from);
        end.last_heard = ago.and_then(|ago| world.now.checked_sub(ago));
    }
    world.answer_asked_with(statistics);
}

fn silences(world: &World) -> Vec<Silence> {
    let silence = |event: &Event| match event {
        Event::MediaSilent { silence, .. } => Some(*silence),
        _ => None,
    };
    world.events.iter().filter_map(silence).collect()
}
