//! Whatever happens in whatever order: the layer does what a plain reading of section 17 does.

use cordon_testkit::transaction_walk::walk;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_layer_does_what_the_reference_does(bytes in prop::collection::vec(any::<u8>(), 1..400)) {
        walk(&bytes);
    }
}
