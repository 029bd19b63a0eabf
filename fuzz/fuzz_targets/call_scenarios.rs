//! Phones, a PBX and a media engine that do anything at any time: no key of ours on two legs or again after a change, no
//! media in clear toward a phone, every port given back, and nothing left of any call in the end.
#![no_main]

use cordon_testkit::call_walk::walk;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| walk(bytes));
