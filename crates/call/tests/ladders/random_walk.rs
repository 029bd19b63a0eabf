//! Whatever phones and the PBX say, in whatever order; what must hold is in the walk itself.

use cordon_testkit::call_walk::walk;
use proptest::prelude::*;

#[test]
fn walks_that_once_went_wrong_go_well() {
    for bytes in FOUND {
        walk(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_ends_with_nothing_left(bytes in prop::collection::vec(any::<u8>(), 1..160)) {
        walk(&bytes);
    }
}

/// Each was found by a walk at random; the comment tells what it met.
const FOUND: &[&[u8]] = &[
    // The PBX lost while it called over a connection of its own: its INVITE was never answered.
    &[0, 39, 23, 0, 226, 40, 0, 31, 0, 83, 0, 188],
    // The call ended for want of an ACK while a change of the other side was under way, which nobody answered.
    &[
        6, 40, 51, 56, 0, 107, 0, 126, 30, 116, 51, 191, 2, 31, 40, 198, 31, 40, 136, 1, 8, 0, 31, 0, 136, 0,
        94, 0, 46, 1, 0, 0, 0, 0, 14, 146, 40, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 70, 118,
    ],
];
