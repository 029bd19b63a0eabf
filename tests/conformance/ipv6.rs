//! RFC 5118: addresses of IPv6 in every place, from a phone that speaks it.

use anyhow::Result;
use cordon_tests::machine::on_a_machine;

use crate::case::Case;
use crate::site::Site;
use crate::torture::ipv6::*;

#[test]
fn rfc_5118_messages_are_answered_over_ipv6() {
    on_a_machine(|machine| Site::open_v6(machine)?.judge(&cases()?));
}

pub(crate) fn cases() -> Result<Vec<Case>> {
    let keyed = |name, section, message| Case::new(name, section, message).with_keys(name);
    Ok(vec![
        Case::new("ipv6-good", "4.1", IPV6_GOOD)
            .from("user")
            .answered(200)
            .asks("REGISTER", "sip:[2001:db8::10]"),
        Case::new("ipv6-bad", "4.2", IPV6_BAD).from("user").answered(400),
        Case::new("port-ambiguous", "4.3", PORT_AMBIGUOUS)
            .from("user")
            .answered(200)
            .asks("REGISTER", "sip:[2001:db8::10:5070]"),
        Case::new("port-unambiguous", "4.4", PORT_UNAMBIGUOUS)
            .from("user")
            .answered(200)
            .asks("REGISTER", "sip:[2001:db8::10]:5070"),
        Case::new("via-received-param-with-delim", "4.5", VIA_RECEIVED_PARAM_WITH_DELIM)
            .from("user")
            .answered(481),
        Case::new("via-received-param-no-delim", "4.5", VIA_RECEIVED_PARAM_NO_DELIM)
            .from("user")
            .answered(200),
        Case::new("ipv6-in-sdp", "4.6", IPV6_IN_SDP).from("user").answered(488),
        keyed("ipv6-in-sdp with keys", "4.6", IPV6_IN_SDP)?
            .from("user")
            .answered(486)
            .asks("INVITE", "sip:user@[2001:db8::10]"),
        Case::new("mult-ip-in-header", "4.7", MULT_IP_IN_HEADER).from("user").answered(481),
        Case::new("mult-ip-in-sdp", "4.8", MULT_IP_IN_SDP).from("user").answered(488),
        Case::new("ipv4-mapped-ipv6", "4.9", IPV4_MAPPED_IPV6).from("user").answered(488),
        keyed("ipv4-mapped-ipv6 with keys", "4.9", IPV4_MAPPED_IPV6)?
            .from("user")
            .answered(486)
            .asks("INVITE", "sip:user@example.com"),
        Case::new("ipv6-bug-abnf-3-colons", "4.10", IPV6_BUG_ABNF_3_COLONS)
            .from("user")
            .answered(200)
            .asks("OPTIONS", "sip:user@[2001:db8::c000:201]"),
        Case::new("ipv6-correct-abnf-2-colons", "4.10", IPV6_CORRECT_ABNF_2_COLONS)
            .from("user")
            .answered(200)
            .asks("OPTIONS", "sip:user@[2001:db8::192.0.2.1]"),
    ])
}
