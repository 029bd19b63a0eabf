//! Hold and resume, for every way a phone may come back: with its key or another, under its SSRC, a new one or one
//! that returns, with its roll-over counter or without, after each number of roll-overs.

use cordon_relay::{AddressChange, End};
use cordon_rtp::Suite;
use cordon_srtp::{Inbound, Outbound};

use crate::kit::Call;

#[test]
fn audio_goes_both_ways_in_every_cell() {
    for suite in Suite::ALL {
        for end in [End::A, End::B] {
            for cell in cells() {
                let heard = hold_and_resume(suite, end, cell);
                // A phone may lose the packet its new way is recognised by.
                assert!(
                    heard.0 >= WORDS - 2 && heard.1 >= WORDS - 2,
                    "{suite:?} {end:?} {cell:?}: {heard:?}"
                );
            }
        }
    }
}

#[test]
fn a_phone_that_comes_back_anew_again_and_again_is_heard_each_time() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut call = Call::talking([suite, Suite::AeadAes256Gcm]);
    let cell = Cell { key: Key::Same, source: Source::Same, counter: Counter::Reset, roc: 1 };
    for _ in 0..6 {
        call.reach_roc(End::A, 1);
        hold(&mut call);
        let (ssrc, index) = (call.a.ssrc, call.a.index);
        come_back(&mut call, End::A, cell, ssrc, index);
        assert_eq!(call.talk(WORDS), (WORDS, WORDS));
    }
}

/// The phone on `end` talks until its counters reached the cell's ROC, holds, resumes as the cell says, and talks.
fn hold_and_resume(suite: Suite, end: End, cell: Cell) -> (usize, usize) {
    let mut call = Call::talking([suite, Suite::AeadAes256Gcm]);
    if end == End::B {
        call = Call::talking([Suite::AeadAes256Gcm, suite]);
    }
    let first_ssrc = call.phone(end).ssrc;
    call.reach_roc(End::A, cell.roc);
    call.reach_roc(End::B, cell.roc);
    let first_index = call.phone(end).index;
    if cell.source == Source::Returns {
        (call.phone(end).ssrc, call.phone(end).index) = (0x7777, 40_000);
        assert_eq!(call.talk(5), (5, 5));
    }
    hold(&mut call);
    come_back(&mut call, end, cell, first_ssrc, first_index);
    call.talk(WORDS)
}

fn come_back(call: &mut Call, end: End, cell: Cell, first_ssrc: u32, first_index: u64) {
    let phone = call.phone(end);
    match cell.source {
        Source::Same => {}
        Source::New => (phone.ssrc, phone.index) = (0x8888, (phone.index & !0xffff) | 50_000),
        Source::Returns => (phone.ssrc, phone.index) = (first_ssrc, first_index),
    }
    match cell.key {
        Key::Same => {}
        Key::New => phone.take_key(42),
    }
    if cell.counter == Counter::Reset {
        // The phone makes both its contexts anew.
        phone.index &= 0xffff;
        phone.outbound = Outbound::new(&phone.key);
        phone.inbound = Inbound::new(&phone.relay_key);
    }
    resume(call, end, cell.key);
}

fn hold(call: &mut Call) {
    call.a.session.receive = false;
    call.a.session.send = false;
    call.set(End::A, false, None);
    call.set(End::B, false, None);
    assert_eq!(call.talk(3), (0, 0), "held");
    // What was said while on hold was said: the numbers go on.
}

fn resume(call: &mut Call, end: End, key: Key) {
    call.a.session.receive = true;
    call.a.session.send = true;
    call.set(end, false, (key == Key::New).then_some(AddressChange::Same));
    call.set(end.other(), false, None);
}

fn cells() -> impl Iterator<Item = Cell> {
    [Key::Same, Key::New].into_iter().flat_map(|key| {
        [Source::Same, Source::New, Source::Returns].into_iter().flat_map(move |source| {
            [Counter::Kept, Counter::Reset]
                .into_iter()
                .flat_map(move |counter| (0..=2).map(move |roc| Cell { key, source, counter, roc }))
        })
    })
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    key: Key,
    source: Source,
    counter: Counter,
    roc: u64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Key {
    Same,
    New,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Source {
    Same,
    New,
    Returns,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Counter {
    Kept,
    Reset,
}

const WORDS: usize = 20;
