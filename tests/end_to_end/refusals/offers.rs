//! Offers: SRTP with a usable key, or nothing.

use anyhow::{Context, ensure};
use cordon_tests::cordon::Configuration;
use cordon_tests::machine::on_a_machine;
use cordon_tests::sipp::scenario;

use super::{HANG_UP, KEY, LIMIT, PROVISIONAL, Refused, Site, TARGET, description, refused_invite, request};

#[test]
fn an_offer_without_usable_keys_is_refused_and_says_what_to_change() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let avp = "m=audio 30000 RTP/AVP 0\n";
        let savp = "m=audio 30000 RTP/SAVP 0\n";
        let line = |suite: &str, key: &str| format!("{savp}a=crypto:1 {suite} {key}\n");
        let aes = |key: &str| line("AES_CM_128_HMAC_SHA1_80", key);
        let inline = format!("inline:{KEY}");

        for (name, media, refused) in [
            ("plain", avp.to_owned(), srtp("CD-MEDIA-01", "SRTP is required")),
            (
                "optional",
                format!("{avp}a=crypto:1 AES_CM_128_HMAC_SHA1_80 {inline}\n"),
                srtp("CD-MEDIA-02", "SRTP must be required"),
            ),
            ("no-key", savp.to_owned(), key("CD-MEDIA-03", "SRTP keys are missing")),
            ("unknown-suite", line("F8_128_HMAC_SHA1_80", &inline), key("CD-MEDIA-04", "offer SRTP suite")),
            ("short-tag", line("AES_CM_128_HMAC_SHA1_32", &inline), key("CD-MEDIA-04", "offer SRTP suite")),
            (
                "unencrypted",
                aes(&format!("{inline} UNENCRYPTED_SRTP")),
                key("CD-MEDIA-05", "SRTP must encrypt"),
            ),
            (
                "unencrypted-rtcp",
                aes(&format!("{inline} UNENCRYPTED_SRTCP")),
                key("CD-MEDIA-05", "SRTP must encrypt"),
            ),
            (
                "unauthenticated",
                aes(&format!("{inline} UNAUTHENTICATED_SRTP")),
                key("CD-MEDIA-05", "SRTP must encrypt"),
            ),
            ("lifetime", aes(&format!("{inline}|2^49")), key("CD-MEDIA-06", "lifetime")),
            ("short-key", aes("inline:c2hvcnQ="), key("CD-MEDIA-07", "SRTP key has a wrong length")),
            (
                "two-keys",
                aes(&format!("{inline}|2^20|1:4;{inline}|2^20|2:4")),
                key("CD-MEDIA-08", "write one SRTP key"),
            ),
            ("parameter", aes(&format!("{inline} KDR=1")), key("CD-MEDIA-09", "an SRTP session parameter")),
            (
                "dtls",
                "m=audio 30000 UDP/TLS/RTP/SAVP 0\na=fingerprint:sha-256 00\na=setup:actpass\n".to_owned(),
                srtp("CD-MEDIA-10", "DTLS-SRTP is not supported"),
            ),
        ] {
            site.refuses(name, &refused_invite("", &description(&media), &refused), &refused)?;
        }
        site.pbx_is_content()
    });
}

#[test]
fn an_offer_of_something_else_than_audio_is_refused() {
    on_a_machine(|machine| {
        let codecs = |configuration: &mut Configuration| {
            configuration.location.push_str("codecs = [\"PCMU\", \"telephone-event\"]\n");
        };
        let mut site = Site::with(machine, codecs, Some(scenario("pbx_answers")))?;
        let crypto = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n");
        let codec = |text| Refused { status: 488, code: "CD-MEDIA-11", standard: Some(305), text };
        let kind = |code, text| Refused { status: 488, code, standard: Some(304), text };

        for (name, media, refused) in [
            (
                "codec",
                format!("m=audio 30000 RTP/SAVP 8\n{crypto}a=rtpmap:8 PCMA/8000\n"),
                codec("none of the codecs"),
            ),
            (
                "tones",
                format!("m=audio 30000 RTP/SAVP 101 13\n{crypto}a=rtpmap:101 telephone-event/8000\n"),
                codec("none of the codecs"),
            ),
            ("fax", "m=image 30000 udptl t38\n".to_owned(), kind("CD-MEDIA-12", "T.38 cannot be encrypted")),
            (
                "video",
                format!("m=video 30000 RTP/SAVP 96\n{crypto}a=rtpmap:96 VP8/90000\n"),
                kind("CD-MEDIA-13", "video is not allowed"),
            ),
            ("chat", "m=message 30000 TCP/TLS/MSRP *\n".to_owned(), kind("CD-MEDIA-14", "only audio")),
            ("off", format!("m=audio 0 RTP/SAVP 0\n{crypto}"), kind("CD-MEDIA-15", "no audio line in use")),
        ] {
            site.refuses(name, &refused_invite("", &description(&media), &refused), &refused)?;
        }
        let lines = |code, text| Refused { status: 488, code, standard: None, text };
        let secure = format!("m=audio 30000 RTP/SAVP 0\n{crypto}");
        for (name, media, refused) in [
            (
                "multicast",
                format!("{secure}c=IN IP4 224.2.1.1/127\n"),
                lines("CD-MEDIA-24", "media address or port cannot be used"),
            ),
            ("many-lines", secure.repeat(9), lines("CD-MEDIA-28", "too many media lines")),
            (
                "many-attributes",
                format!("{secure}{}", "a=x\n".repeat(257)),
                lines("CD-MEDIA-30", "too many attributes"),
            ),
            (
                "many-formats",
                secure.replace("SAVP 0", &format!("SAVP{}", " 0".repeat(129))),
                lines("CD-MEDIA-29", "too many formats"),
            ),
        ] {
            site.refuses(name, &refused_invite("", &description(&media), &refused), &refused)?;
        }
        let refused = Refused {
            status: 400,
            code: "CD-MEDIA-27",
            standard: None,
            text: "session description cannot be read",
        };
        site.refuses("unreadable", &refused_invite("", "v=0\nthis is no description\n", &refused), &refused)?;
        site.pbx_is_content()
    });
}

#[test]
fn a_call_without_a_free_media_port_is_refused_with_503() {
    on_a_machine(|machine| {
        // Two pairs on each side, one for each call: they rest for a minute after it.
        let two_pairs = |configuration: &mut Configuration| {
            configuration.media = "[media]\nports = \"20000-20003\"\n".to_owned();
        };
        let mut site = Site::with(machine, two_pairs, Some(scenario("pbx_answers")))?;
        let secure = format!("m=audio 30000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n");
        let call = [
            &request("INVITE", TARGET, "", &description(&secure)),
            PROVISIONAL,
            "<recv response=\"200\" rrs=\"true\"/>\n",
            HANG_UP,
        ]
        .concat();
        site.plays("first", &call)?;
        site.plays("second", &call)?;
        let refused =
            Refused { status: 503, code: "CD-OVERLOAD-03", standard: None, text: "no media port is free" };
        site.refuses("third", &refused_invite("", &description(&secure), &refused), &refused)?;
        Ok(())
    });
}

#[test]
fn of_a_secure_and_a_plain_line_the_secure_one_lives_and_the_plain_one_is_port_zero() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let media = format!(
            "m=audio 30000 RTP/AVP 0\nm=audio 30002 RTP/SAVP 0\na=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n"
        );
        let call = [
            &request("INVITE", TARGET, "", &description(&media)),
            PROVISIONAL,
            "<recv response=\"200\" rrs=\"true\">\n<action>\n\
             <ereg regexp=\"m=audio 0 RTP/AVP .*m=audio [1-9][0-9]* RTP/SAVP \" search_in=\"body\" check_it=\"true\" assign_to=\"1\"/>\n\
             <ereg regexp=\"a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:\" search_in=\"body\" check_it=\"true\" assign_to=\"2\"/>\n\
             <ereg regexp=\"a=crypto.*a=crypto\" search_in=\"body\" check_it_inverse=\"true\" assign_to=\"3\"/>\n\
             </action>\n</recv>\n<Reference variables=\"1,2,3\"/>\n",
            HANG_UP,
        ]
        .concat();
        site.plays("pair", &call)?;
        site.pbx_is_content()
    });
}

#[test]
fn where_optional_srtp_is_upgraded_the_answer_is_avp_with_exactly_one_key() {
    on_a_machine(|machine| {
        let upgrade = |configuration: &mut Configuration| {
            configuration.location.push_str("opportunistic_srtp = \"upgrade\"\n");
        };
        let mut site = Site::with(machine, upgrade, Some(scenario("pbx_answers")))?;
        let media = format!("m=audio 30000 RTP/AVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n");
        let call = [
            &request("INVITE", TARGET, "", &description(&media)),
            PROVISIONAL,
            "<recv response=\"200\" rrs=\"true\">\n<action>\n\
             <ereg regexp=\"m=audio [1-9][0-9]* RTP/AVP .*a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\" search_in=\"body\" \
             check_it=\"true\" assign_to=\"1\"/>\n\
             <ereg regexp=\"a=crypto.*a=crypto\" search_in=\"body\" check_it_inverse=\"true\" assign_to=\"2\"/>\n\
             </action>\n</recv>\n<Reference variables=\"1,2\"/>\n",
            HANG_UP,
        ]
        .concat();
        site.plays("upgraded", &call)?;

        let plain = srtp("CD-MEDIA-01", "SRTP is required");
        let call = refused_invite("", &description("m=audio 30000 RTP/AVP 0\n"), &plain);
        site.refuses("still-plain", &call, &plain)?;
        site.pbx_is_content()
    });
}

#[test]
fn a_change_that_would_drop_protection_is_refused_and_the_call_goes_on() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 488,
            code: "CD-MEDIA-23",
            standard: Some(302),
            text: "a call does not go back to plain RTP",
        };
        let text = std::fs::read_to_string(scenario("phone_calls"))?;
        let (_, call) = text.split_once("<!-- call:").context("the scenario marks its call")?;
        let (_, call) = call.split_once("-->").context("the mark ends")?;
        let (call, _) =
            call.split_once("<!-- end of call -->").context("the scenario marks its call's end")?;
        let (talk, hang_up) = call
            .split_once("<nop><action><exec rtp_stream=\"pauseapattern\"/></action></nop>")
            .context("it plays")?;
        // The change comes in the middle of the talk, with the branch of its own that `request` gives an INVITE.
        let change = refused_invite("", &description("m=audio 30000 RTP/AVP 0\n"), &refused)
            .replace("CSeq: 1 INVITE", "CSeq: 2 INVITE")
            .replace("CSeq: 1 ACK", "CSeq: 2 ACK")
            .replace("To: <sip:2000@mx.clinic.test>\n", "To: <sip:2000@mx.clinic.test>[peer_tag_param]\n")
            .replace("INVITE sip:2000@mx.clinic.test", "INVITE [next_url]")
            .replace("ACK sip:2000@mx.clinic.test", "ACK [next_url]");
        let call = [
            talk,
            &change,
            "<pause milliseconds=\"2000\"/>\n",
            &hang_up.replace("CSeq: 2 BYE", "CSeq: 3 BYE"),
        ]
        .concat();

        let phone = site.refuses("downgrade", &call, &refused)?;

        // A phone compares what is back before its next packet is due; Cordon counts all of it, three seconds before the
        // change and two after it.
        let (same, different) = phone.heard()?;
        ensure!(same > 0 && different == 0, "{same} packets came back, {different} changed");
        let receipt = site.cordon.program.await_line("call receipt", LIMIT)?;
        for side in ["caller", "callee"] {
            let (_, leg) =
                receipt.split_once(&format!(" {side}_media=")).context("the receipt has both legs")?;
            let (_, counted) =
                leg.split_once(" bytes, 0 of ").with_context(|| format!("{side} lost some: {receipt}"))?;
            let counted: u64 = counted.split(' ').next().unwrap_or_default().parse()?;
            ensure!(counted > 200, "{side} sent {counted}: {receipt}");
        }
        site.pbx_is_content()
    });
}

fn srtp(code: &'static str, text: &'static str) -> Refused {
    Refused { status: 488, code, standard: Some(302), text }
}

fn key(code: &'static str, text: &'static str) -> Refused {
    Refused { status: 488, code, standard: None, text }
}
