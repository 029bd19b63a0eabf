//! What the PBX answers is held to the same rules: the caller is told, and the PBX's half of the call is ended.

use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_tests::cordon::Configuration;
use cordon_tests::machine::{CORDON_PBX_SIDE, Machine, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::sipp::variant;

use super::{HANG_UP, KEY, PROVISIONAL, Refused, Site, TARGET, description, refused_invite, request};

#[test]
fn an_answer_without_keys_ends_the_call_on_both_sides() {
    on_a_machine(|machine| {
        let plain = answered(&description("m=audio 40000 RTP/AVP 0\n"), ACK_AND_BYE);
        let refused = Refused {
            status: 488,
            code: "CD-MEDIA-16",
            standard: Some(302),
            text: "the far side answered without SRTP",
        };
        ends(machine, "pbx-plain", &plain, &offer(), &refused)
    });
}

#[test]
fn an_answer_of_savp_without_a_key_ends_the_call_on_both_sides() {
    on_a_machine(|machine| {
        let keyless = answered(&description("m=audio 40000 RTP/SAVP 0\n"), ACK_AND_BYE);
        let refused = Refused {
            status: 488,
            code: "CD-MEDIA-16",
            standard: Some(302),
            text: "the far side answered without SRTP",
        };
        ends(machine, "pbx-keyless", &keyless, &offer(), &refused)
    });
}

#[test]
fn an_answer_that_is_none_to_our_offer_ends_the_call_on_both_sides() {
    on_a_machine(|machine| {
        let line = |media: &str, tag: u32| {
            description(&format!("{media}a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n"))
        };
        let refused = |code, standard, text| Refused { status: 488, code, standard, text };
        for (name, body, refused) in [
            (
                "pbx-tag",
                line("m=audio 40000 RTP/SAVP 0\n", 7),
                refused("CD-MEDIA-17", None, "the far side answered with another SRTP key"),
            ),
            (
                "pbx-profile",
                line("m=audio 40000 RTP/AVP 0\n", 1),
                refused("CD-MEDIA-18", Some(302), "the far side mixed RTP/AVP and RTP/SAVP"),
            ),
            (
                "pbx-lines",
                format!("{}m=audio 40002 RTP/SAVP 0\n", line("m=audio 40000 RTP/SAVP 0\n", 1)),
                refused("CD-MEDIA-19", None, "the answer does not fit the offer"),
            ),
        ] {
            ends(machine, name, &answered(&body, ACK_AND_BYE), &offer(), &refused)?;
        }
        let silent = [
            &response("200 OK", "Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n", ""),
            ACK_AND_BYE,
        ]
        .concat();
        let refused = refused("CD-MEDIA-20", None, "the far side answered without a description");
        ends(machine, "pbx-bodiless", &silent, &offer(), &refused)
    });
}

#[test]
fn an_unprotected_offer_in_the_200_is_declined_in_the_ack_and_ended() {
    on_a_machine(|machine| {
        // The ACK must carry an answer, and its answer is port 0.
        let declined = ACK_AND_BYE.replace(
            "<recv request=\"ACK\" crlf=\"true\"/>",
            "<recv request=\"ACK\" crlf=\"true\"><action><ereg regexp=\"m=audio 0 RTP/AVP\" search_in=\"body\" \
             check_it=\"true\" assign_to=\"1\"/></action></recv><Reference variables=\"1\"/>",
        );
        let late = answered(&description("m=audio 40000 RTP/AVP 0\n"), &declined);
        let refused = Refused {
            status: 488,
            code: "CD-MEDIA-22",
            standard: Some(302),
            text: "the offer in the 200 has no SRTP",
        };
        ends(machine, "pbx-late", &late, "", &refused)
    });
}

#[test]
fn a_redirection_out_of_the_domain_is_not_followed() {
    on_a_machine(|machine| {
        let redirects = [
            &response("302 Moved Temporarily", "Contact: <sip:5550100@elsewhere.test>\n", ""),
            "<recv request=\"ACK\" next=\"end\"/>\n",
        ]
        .concat();
        let refused = Refused {
            status: 480,
            code: "CD-CALL-09",
            standard: None,
            text: "redirect to a foreign target is not followed",
        };
        ends(machine, "pbx-redirects", &redirects, &offer(), &refused)
    });
}

#[test]
fn an_answer_with_our_own_key_ends_the_call_on_both_sides() {
    on_a_machine(|machine| {
        // The first INVITE is sent elsewhere, so that the second can be read here.
        let echo = description("m=audio 40000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 [$1]\n");
        let echoes = [
            &response("302 Moved Temporarily", "Contact: <sip:2001@mx.clinic.test>\n", ""),
            "<recv request=\"ACK\"/>\n<recv request=\"INVITE\" rrs=\"true\" crlf=\"true\"><action>\
             <ereg regexp=\"inline:[A-Za-z0-9+/]*\" search_in=\"body\" check_it=\"true\" assign_to=\"1\"/>\
             </action></recv>\n",
            &answered(&echo, ACK_AND_BYE),
        ]
        .concat();
        let refused = Refused {
            status: 488,
            code: "CD-MEDIA-21",
            standard: None,
            text: "the peer sent our own SRTP key back",
        };
        ends(machine, "pbx-echoes", &echoes, &offer(), &refused)
    });
}

#[test]
fn an_answer_that_leads_media_back_to_ourselves_ends_the_call_on_both_sides() {
    on_a_machine(|machine| {
        // The first INVITE is sent elsewhere, so that the second can be read here: its media port is ours.
        let ours =
            description(&format!("[$1] RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n"))
                .replace("[media_ip]", CORDON_PBX_SIDE);
        let loops = [
            &response("302 Moved Temporarily", "Contact: <sip:2001@mx.clinic.test>\n", ""),
            "<recv request=\"ACK\"/>\n<recv request=\"INVITE\" rrs=\"true\" crlf=\"true\"><action>\
             <ereg regexp=\"m=audio [0-9]*\" search_in=\"body\" check_it=\"true\" assign_to=\"1\"/>\
             </action></recv>\n",
            &answered(&ours, ACK_AND_BYE),
        ]
        .concat();
        let refused = Refused {
            status: 482,
            code: "CD-MEDIA-26",
            standard: None,
            text: "media would return to itself",
        };
        ends(machine, "pbx-loops", &loops, &offer(), &refused)
    });
}

#[test]
fn an_answer_that_sends_plain_media_out_of_the_networks_ends_the_call_on_both_sides() {
    on_a_machine(|machine| {
        let elsewhere = description("m=audio 40000 RTP/AVP 0\n")
            .replace("c=IN IP[media_ip_type] [media_ip]", "c=IN IP4 10.9.0.66");
        let elsewhere = answered(&elsewhere, ACK_AND_BYE);
        let pbx = variant(machine.folder(), "pbx_answers", "pbx-elsewhere", &elsewhere)?;
        let plain = |configuration: &mut Configuration| {
            configuration.pbx = configuration.pbx.replace("media = \"srtp\"", "media = \"rtp\"");
        };
        let refused = Refused {
            status: 488,
            code: "CD-MEDIA-25",
            standard: None,
            text: "media address is outside the networks of this leg",
        };
        ends_at(Site::with(machine, plain, Some(pbx))?, &offer(), &refused)
    });
}

#[test]
fn redirections_that_do_not_end_are_given_up() {
    on_a_machine(|machine| {
        let redirect = |number: usize| {
            let contact = format!("Contact: <sip:{}@mx.clinic.test>\n", 2001 + number);
            response("302 Moved Temporarily", &contact, "")
        };
        let again = |number| {
            format!("<recv request=\"ACK\"/>\n<recv request=\"INVITE\" crlf=\"true\"/>\n{}", redirect(number))
        };
        // Five are followed, the sixth is one too many.
        let redirects =
            [redirect(0), (1..=5).map(again).collect(), "<recv request=\"ACK\" next=\"end\"/>\n".to_owned()]
                .concat();
        let refused =
            Refused { status: 480, code: "CD-CALL-10", standard: None, text: "redirection did not end" };
        ends(machine, "pbx-circles", &redirects, &offer(), &refused)
    });
}

#[test]
fn a_redirection_within_the_domain_is_followed() {
    on_a_machine(|machine| {
        let keys = format!("m=audio 40000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n");
        let redirects = [
            &response("302 Moved Temporarily", "Contact: <sip:2001@mx.clinic.test>\n", ""),
            "<recv request=\"ACK\"/>\n<recv request=\"INVITE\" rrs=\"true\" crlf=\"true\"><action>\
             <ereg regexp=\"^INVITE sip:2001@mx.clinic.test\" search_in=\"msg\" check_it=\"true\" assign_to=\"1\"/>\
             </action></recv><Reference variables=\"1\"/>\n",
            &answered(&description(&keys), ACK_AND_BYE),
        ]
        .concat();
        let mut site = Site::with_pbx(machine, "pbx-forwards", &redirects)?;
        let call = [
            &request("INVITE", TARGET, "", &offer()),
            PROVISIONAL,
            "<recv response=\"200\" rrs=\"true\"/>\n",
            HANG_UP,
        ]
        .concat();
        site.plays("phone", &call)?;
        let pbx = site.pbx.as_ref().expect("the site has a PBX");
        pbx.await_statistic("SuccessfulCall(C)", 2.0, Duration::from_secs(5))?;
        ensure!(Metrics::read()?.sum("cordon_refusals_total", &[]) == 0.0, "nothing was refused");
        site.pbx_is_content()
    });
}

/// A phone calls, the PBX answers as `answer` says; the phone is refused and nothing is left of the call.
fn ends(machine: &Machine, name: &str, answer: &str, offer: &str, refused: &Refused) -> Result<()> {
    ends_at(Site::with_pbx(machine, name, answer)?, offer, refused)
}

/// The same at a site of the test's making.
fn ends_at(mut site: Site, offer: &str, refused: &Refused) -> Result<()> {
    let phone = refused_invite("", offer, refused).replace(
        "<recv response=\"100\" optional=\"true\"/>",
        "<recv response=\"100\" optional=\"true\"/><recv response=\"180\" optional=\"true\"/>",
    );
    site.refuses("phone", &phone, refused)?;
    let metrics = Metrics::await_until("the call is over", Duration::from_secs(5), |metrics| {
        metrics.sum("cordon_calls_active", &[]) == 0.0
    })?;
    ensure!(metrics.sum("cordon_calls_ended_total", &["end=\"refused\""]) == 1.0, "{}", metrics.text());
    // Registration and call, each played to the end of the PBX's scenario, its ACK and BYE with it.
    let pbx = site.pbx.as_ref().expect("the site has a PBX");
    pbx.await_statistic("SuccessfulCall(C)", 2.0, Duration::from_secs(5))?;
    site.pbx_is_content()
}

/// The PBX takes the call with this description, and then plays `after`.
pub(super) fn answered(description: &str, after: &str) -> String {
    let contact =
        "Contact: <sip:[local_ip]:[local_port];transport=[transport]>\nContent-Type: application/sdp\n";
    [&response("180 Ringing", "", ""), &response("200 OK", contact, description), after].concat()
}

pub(super) fn response(status: &str, more: &str, body: &str) -> String {
    format!(
        "<send>\n<![CDATA[\n\nSIP/2.0 {status}\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]Answer[call_number]\n\
         [last_Call-ID:]\n[last_CSeq:]\n{more}Content-Length: [len]\n\n{body}\n]]>\n</send>\n"
    )
}

pub(super) fn offer() -> String {
    description(&format!("m=audio 30000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n"))
}

/// What the PBX sees of a call that is over before it began.
const ACK_AND_BYE: &str = "<recv request=\"ACK\" crlf=\"true\"/>\n<recv request=\"BYE\"/>\n\
    <send next=\"end\">\n<![CDATA[\n\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n\
    Content-Length: 0\n\n]]>\n</send>\n";
