//! RFC 4475 sections 3.2 to 3.4: what only transactions and the application can judge.

use anyhow::Result;
use cordon_tests::machine::on_a_machine;

use crate::case::Case;
use crate::site::Site;
use crate::torture::layers::*;

#[test]
fn sections_3_2_to_3_4_are_answered_by_the_layer_they_concern() {
    on_a_machine(|machine| Site::open(machine)?.judge(&cases()?));
}

pub(crate) fn cases() -> Result<Vec<Case>> {
    Ok(vec![
        Case::new("badbranch", "3.2.1", BADBRANCH).answered(400),
        Case::new("insuf", "3.3.1", INSUF).answered(400),
        Case::new("unkscm", "3.3.2", UNKSCM).answered(416),
        Case::new("novelsc", "3.3.3", NOVELSC).answered(416),
        Case::new("unksm2", "3.3.4", UNKSM2).answered(403),
        Case::new("bext01", "3.3.5", BEXT01).answered(420),
        Case::new("invut", "3.3.6", INVUT).answered(415),
        Case::new("regaut01", "3.3.7", REGAUT01)
            .from("j.user")
            .answered(200)
            .asks("REGISTER", "sip:example.com"),
        Case::new("multi01", "3.3.8", MULTI01).answered(400),
        Case::new("mcl01", "3.3.9", MCL01).from("other").answered(400).ends_flow(),
        Case::new("bcast", "3.3.10", BCAST),
        Case::new("zeromf", "3.3.11", ZEROMF).answered(483),
        Case::new("cparam01", "3.3.12", CPARAM01)
            .from("watson")
            .answered(200)
            .asks("REGISTER", "sip:example.com"),
        Case::new("cparam02", "3.3.13", CPARAM02)
            .from("watson")
            .answered(200)
            .asks("REGISTER", "sip:example.com"),
        Case::new("regescrt", "3.3.14", REGESCRT)
            .from("user")
            .answered(200)
            .asks("REGISTER", "sip:example.com"),
        Case::new("sdp01", "3.3.15", SDP01).answered(406),
        Case::new("sdp01", "3.3.15", SDP01).with_keys("sdp01 with keys")?.answered(406),
        // It has no Content-Length, which a stream cannot do without.
        Case::new("inv2543", "3.4.1", INV2543).from("+13035551111").answered(400).ends_flow(),
    ])
}
