//! Hold and resume, for every way a phone may come back: with its key or another, under its SSRC, a new one or one
//! that returns, with its roll-over counter or without, after each number of roll-overs.

use cordon_relay::{AddressChange, End};
use cordon_rtp::Suite;
use cordon_srtp::{Inbound, Outbound};

use crate::kit::Call;

#[test]
fn audio_goes_both_ways_in_every_cell() {
    for suite in Suite::ALL {
        for cell in cells() {
            let heard = Resumed::after_hold(suite, cell).heard;
            // A phone may lose the packet its new way is recognised by.
            assert!(heard.0 >= WORDS - 2 && heard.1 >= WORDS - 2, "{suite:?} {cell:?}: heard {heard:?}");
        }
    }
}

#[test]
fn a_phone_that_uses_its_keystream_twice_is_not_heard_until_it_stops() {
    for cell in cells_that_repeat_keystream() {
        let mut resumed = Resumed::after_hold(Suite::AesCm128HmacSha1_80, cell);
        assert_eq!(resumed.heard.0, 0, "{cell:?}: the phone cannot be told from a recording of it");

        resumed.call.a.take_key(77);
        resumed.call.set(End::A, false, Some(AddressChange::Same));

        let heard = resumed.call.talk(WORDS);
        assert!(heard.0 >= WORDS - 2 && heard.1 >= WORDS - 2, "{cell:?}: with a new key {heard:?}");
    }
}

struct Resumed {
    call: Call,
    heard: (usize, usize),
}

impl Resumed {
    /// Phone A talks until its counters reached the cell's ROC, holds, resumes as the cell says, and talks.
    fn after_hold(suite: Suite, cell: Cell) -> Resumed {
        let mut call = Call::talking([suite, Suite::AeadAes256Gcm]);
        let first_ssrc = call.a.ssrc;
        call.reach_roc(End::A, cell.roc);
        call.reach_roc(End::B, cell.roc);
        let first_index = call.a.index;
        if cell.source == Source::Returns {
            (call.a.ssrc, call.a.index) = (0x7777, 40_000);
            assert_eq!(call.talk(5), (5, 5));
        }
        hold(&mut call);

        match cell.source {
            Source::Same => {}
            Source::New => (call.a.ssrc, call.a.index) = (0x8888, (call.a.index & !0xffff) | 50_000),
            Source::Returns => (call.a.ssrc, call.a.index) = (first_ssrc, first_index),
        }
        match cell.key {
            Key::Same => {}
            Key::New => call.a.take_key(42),
        }
        if cell.counter == Counter::Reset {
            // The phone makes both its contexts anew.
            call.a.index &= 0xffff;
            call.a.outbound = Outbound::new(&call.a.key);
            call.a.inbound = Inbound::new(&call.a.relay_key);
        }
        resume(&mut call, cell.key);
        let heard = call.talk(WORDS);
        Resumed { call, heard }
    }
}

fn hold(call: &mut Call) {
    call.a.session.receive = false;
    call.a.session.send = false;
    call.set(End::A, false, None);
    call.set(End::B, false, None);
    assert_eq!(call.talk(3), (0, 0), "held");
    // What was said while on hold was said: the numbers go on.
}

fn resume(call: &mut Call, key: Key) {
    call.a.session.receive = true;
    call.a.session.send = true;
    call.set(End::A, false, (key == Key::New).then_some(AddressChange::Same));
    call.set(End::B, false, None);
}

fn cells() -> impl Iterator<Item = Cell> {
    all_cells().filter(|cell| !cell.repeats_keystream() && !cell.carries_counter())
}

fn cells_that_repeat_keystream() -> impl Iterator<Item = Cell> {
    all_cells().filter(Cell::repeats_keystream)
}

fn all_cells() -> impl Iterator<Item = Cell> {
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

impl Cell {
    /// A new SSRC is a new context and starts at ROC 0 (RFC 3711 §3.2.3); this phone carries its counter into it.
    fn carries_counter(&self) -> bool {
        self.source == Source::New && self.counter == Counter::Kept && self.roc > 0
    }

    /// Same key, same SSRC, indexes from the start: what is sent is XORed with keystream that was used before.
    fn repeats_keystream(&self) -> bool {
        self.key == Key::Same && self.source != Source::New && self.counter == Counter::Reset && self.roc > 0
    }
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
