//! RFC 4475 section 3.1.1: valid messages, however odd they look.

use anyhow::Result;
use cordon_tests::machine::on_a_machine;

use crate::case::Case;
use crate::site::Site;
use crate::torture::valid::*;

#[test]
fn section_3_1_1_valid_messages_are_accepted_and_answered() {
    on_a_machine(|machine| Site::open(machine)?.judge(&cases()?));
}

pub(crate) fn cases() -> Result<Vec<Case>> {
    Ok(vec![
        // Its To has a tag: it belongs to a dialog that nobody knows.
        Case::new("wsinv", "3.1.1.1", WSINV).from("jdrosen").answered(481),
        Case::new("intmeth", "3.1.1.2", INTMETH).from("mundane").answered(405),
        Case::new("esc01", "3.1.1.3", ESC01).from("I%20have%20spaces").answered(488),
        Case::new("esc01", "3.1.1.3", ESC01)
            .with_keys("esc01 with keys")?
            .from("I%20have%20spaces")
            .answered(486)
            .asks("INVITE", "sip:sips%3Auser%40example.com@example.net"),
        Case::new("escnull", "3.1.1.4", ESCNULL)
            .from("null-%00-null")
            .answered(200)
            .asks("REGISTER", "sip:example.com"),
        Case::new("esc02", "3.1.1.5", ESC02).from("resource").answered(405),
        Case::new("lwsdisp", "3.1.1.6", LWSDISP).answered(200).asks("OPTIONS", "sip:user@example.com"),
        Case::new("longreq", "3.1.1.7", LONGREQ).from(LONG_USER).answered(488),
        Case::new("longreq", "3.1.1.7", LONGREQ)
            .with_keys("longreq with keys")?
            .from(LONG_USER)
            .answered(486)
            .asks("INVITE", "sip:user@example.com"),
        // The INVITE behind the REGISTER says 150 of its 153 octets: on a stream the rest is no message.
        Case::new("dblreq", "3.1.1.8", DBLREQ)
            .from("j.user")
            .breaks_off()
            .asks("REGISTER", "sip:example.com"),
        Case::new("dblreq without its tail", "3.1.1.8", &DBLREQ[..DBLREQ.len() - 5])
            .answered(200)
            .answered(400)
            .asks("REGISTER", "sip:example.com"),
        Case::new("semiuri", "3.1.1.9", SEMIURI)
            .answered(200)
            .asks("OPTIONS", "sip:user;par=u%40example.net@example.com"),
        Case::new("transports", "3.1.1.10", TRANSPORTS).answered(200).asks("OPTIONS", "sip:user@example.com"),
        Case::new("mpart01", "3.1.1.11", MPART01).from("fluffy").answered(405),
        // Responses that answer nothing go nowhere.
        Case::new("unreason", "3.1.1.12", UNREASON),
        Case::new("noreason", "3.1.1.13", NOREASON),
    ])
}

const LONG_USER: &str = "amazinglylongcallernameamazinglylongcallernameamazinglylongcallernameamazinglylongcallernameamazinglylongcallername";
