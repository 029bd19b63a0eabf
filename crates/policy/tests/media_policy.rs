//! The media policy as a whole: what offers and answers as phones write them lead to.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use cordon_policy::media::{
    CodecRule, Current, LegRules, MediaRule, OfferedKey, Opportunistic, OurOffer, admit_answer, admit_offer,
    admit_reoffer, refusal_for,
};
use cordon_policy::{PlainReason, Refusal};
use cordon_rtp::{KeyMaterial, Suite};
use cordon_sdp::{Direction, Protocol, SdpError, Session};

mod offers {
    use super::*;

    #[test]
    fn an_offer_of_savp_with_an_accepted_suite_is_admitted() {
        let offer = sdp(&["m=audio 20000 RTP/SAVP 0 8 101", "a=rtpmap:101 telephone-event/8000", KEY_80]);
        let stream = admit_offer(&rules(), &offer).unwrap();
        let secure = stream.protection.secure().unwrap();
        assert_eq!((stream.line, secure.tag, secure.suite), (0, 1, Suite::AesCm128HmacSha1_80));
        assert_eq!(stream.codecs.len(), 3);
        assert!(stream.remote.unwrap().is_inside);
        assert_eq!(stream.key(&offer).unwrap().tag, 1);
    }

    #[test]
    fn the_profile_with_feedback_is_admitted_and_kept_for_the_answer() {
        let stream = admit_offer(&rules(), &sdp(&["m=audio 20000 RTP/SAVPF 0", KEY_80])).unwrap();
        assert_eq!(stream.protocol, Protocol::RtpSavpf);
    }

    #[test]
    fn plain_rtp_offer_is_refused() {
        refused(&["m=audio 20000 RTP/AVP 0"], Refusal::PlainMedia);
        refused(&["m=audio 20000 RTP/AVPF 0"], Refusal::PlainMedia);
    }

    #[test]
    fn avp_with_keys_is_refused_where_srtp_must_be_said() {
        refused(&["m=audio 20000 RTP/AVP 0", KEY_80], Refusal::OpportunisticMedia);
    }

    #[test]
    fn avp_with_keys_is_upgraded_where_that_is_chosen_and_never_taken_without_a_usable_key() {
        let rules = LegRules { opportunistic: Opportunistic::Upgrade, ..rules() };
        let stream = admit_offer(&rules, &sdp(&["m=audio 20000 RTP/AVP 0", KEY_80])).unwrap();
        assert!(stream.protection.is_secure());
        assert_eq!(stream.protocol, Protocol::RtpAvp);
        let weak = sdp(&["m=audio 20000 RTP/AVP 0", KEY_32]);
        assert_eq!(admit_offer(&rules, &weak).unwrap_err(), Refusal::SuiteNotAccepted);
        let plain = sdp(&["m=audio 20000 RTP/AVP 0"]);
        assert_eq!(admit_offer(&rules, &plain).unwrap_err(), Refusal::PlainMedia);
    }

    #[test]
    fn of_a_pair_the_secure_line_lives_wherever_it_stands() {
        let first = sdp(&["m=audio 20000 RTP/SAVP 0", KEY_80, "m=audio 20002 RTP/AVP 0"]);
        assert_eq!(admit_offer(&rules(), &first).unwrap().line, 0);
        let second = sdp(&["m=audio 20000 RTP/AVP 0", "m=audio 20002 RTP/SAVP 0", KEY_80]);
        assert_eq!(admit_offer(&rules(), &second).unwrap().line, 1);
        let upgrading = LegRules { opportunistic: Opportunistic::Upgrade, ..rules() };
        let both = sdp(&["m=audio 20000 RTP/AVP 0", KEY_80, "m=audio 20002 RTP/SAVP 0", KEY_80]);
        assert_eq!(admit_offer(&upgrading, &both).unwrap().line, 1);
    }

    #[test]
    fn the_first_acceptable_line_of_the_offerer_wins_and_an_alias_keeps_its_spelling() {
        let alias = format!("a=crypto:7 AES_CM_256_HMAC_SHA1_80 inline:{}", base64(46));
        let offer = sdp(&["m=audio 20000 RTP/SAVP 0", KEY_32, &alias, KEY_80]);
        let stream = admit_offer(&rules(), &offer).unwrap();
        let secure = stream.protection.secure().unwrap();
        assert_eq!((secure.crypto, secure.tag, secure.spelling.as_str()), (1, 7, "AES_CM_256_HMAC_SHA1_80"));
    }

    #[test]
    fn a_key_line_that_cannot_be_taken_is_told_by_its_reason() {
        let key = base64(30);
        let suite = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:";
        for (line, refusal) in [
            (String::new(), Refusal::KeysMissing),
            (KEY_32.to_owned(), Refusal::SuiteNotAccepted),
            (format!("a=crypto:1 F8_128_HMAC_SHA1_80 inline:{key}"), Refusal::SuiteNotAccepted),
            (format!("{suite}{key} UNENCRYPTED_SRTP"), Refusal::ProtectionWeakened),
            (format!("{suite}{key} UNENCRYPTED_SRTCP"), Refusal::ProtectionWeakened),
            (format!("{suite}{key} UNAUTHENTICATED_SRTP"), Refusal::ProtectionWeakened),
            (format!("{suite}{key}|2^49"), Refusal::KeyLifetimeTooLong),
            (format!("{suite}{}", base64(29)), Refusal::KeyMalformed),
            (format!("{suite}{key}|2^20|1:4;inline:{key}|2^20|2:4"), Refusal::SeveralKeys),
            (format!("{suite}{key} MANDATORY=1"), Refusal::KeyParameterUnknown),
        ] {
            refused(&["m=audio 20000 RTP/SAVP 0", &line], refusal);
        }
    }

    #[test]
    fn a_line_that_would_weaken_protection_is_passed_over_for_the_next_one() {
        let weak = format!("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{} UNENCRYPTED_SRTP", base64(30));
        let stream = admit_offer(&rules(), &sdp(&["m=audio 20000 RTP/SAVP 0", &weak, KEY_80])).unwrap();
        assert_eq!(stream.protection.secure().unwrap().tag, 1);
    }

    #[test]
    fn a_key_with_an_identifier_tells_how_long_it_is_in_each_packet() {
        let line = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}|2^31|1:4", base64(30));
        let stream = admit_offer(&rules(), &sdp(&["m=audio 20000 RTP/SAVP 0", &line])).unwrap();
        assert_eq!(stream.protection.secure().unwrap().mki_length, 4);
    }

    #[test]
    fn keys_by_dtls_are_refused() {
        refused(&["m=audio 20000 UDP/TLS/RTP/SAVP 0", "a=setup:actpass"], Refusal::DtlsMedia);
    }

    #[test]
    fn codecs_are_filtered_and_tones_alone_are_refused() {
        let rules = LegRules { codecs: only(&["PCMA", "telephone-event"]), ..rules() };
        let offer = sdp(&["m=audio 20000 RTP/SAVP 0 8 101", "a=rtpmap:101 telephone-event/8000", KEY_80]);
        let stream = admit_offer(&rules, &offer).unwrap();
        let names: Vec<&str> = stream.codecs.iter().map(|codec| codec.name.as_str()).collect();
        assert_eq!(names, ["PCMA", "telephone-event"]);
        let tones = sdp(&["m=audio 20000 RTP/SAVP 0 101", "a=rtpmap:101 telephone-event/8000", KEY_80]);
        assert_eq!(admit_offer(&rules, &tones).unwrap_err(), Refusal::NoCodec);
        assert!(admit_offer(&rules.for_emergency(), &tones).is_ok());
    }

    #[test]
    fn an_emergency_call_is_still_protected() {
        let plain = sdp(&["m=audio 20000 RTP/AVP 0"]);
        assert_eq!(admit_offer(&rules().for_emergency(), &plain).unwrap_err(), Refusal::PlainMedia);
    }

    #[test]
    fn fax_video_and_the_unknown_are_refused_by_name_when_nothing_else_is_there() {
        refused(&["m=image 20000 udptl t38"], Refusal::FaxT38);
        refused(&["m=audio 0 RTP/SAVP 0", "m=image 20000 udptl t38"], Refusal::FaxT38);
        refused(&["m=video 20000 RTP/SAVP 96", "a=rtpmap:96 H264/90000"], Refusal::VideoOnly);
        refused(&["m=application 20000 TCP/BFCP *"], Refusal::MediaUnknown);
        refused(&["m=audio 0 RTP/SAVP 0"], Refusal::AudioMissing);
        refused(&[], Refusal::AudioMissing);
    }

    #[test]
    fn audio_lives_beside_video_and_fax() {
        let offer =
            sdp(&["m=video 20000 RTP/SAVP 96", "a=rtpmap:96 H264/90000", "m=audio 20002 RTP/SAVP 0", KEY_80]);
        assert_eq!(admit_offer(&rules(), &offer).unwrap().line, 1);
    }

    fn refused(lines: &[&str], refusal: Refusal) {
        assert_eq!(admit_offer(&rules(), &sdp(lines)).unwrap_err(), refusal, "{lines:?}");
    }
}

mod addresses {
    use super::*;

    #[test]
    fn the_old_hold_has_no_address_and_receives_nothing() {
        let offer = sdp_at("0.0.0.0", &["m=audio 20000 RTP/SAVP 0", KEY_80]);
        let stream = admit_offer(&rules(), &offer).unwrap();
        assert_eq!(stream.remote, None);
        assert_eq!(stream.direction, Direction::SendOnly);
    }

    #[test]
    fn multicast_broadcast_names_and_service_ports_are_refused() {
        for address in ["224.2.0.1", "255.255.255.255", "10.1.255.255"] {
            let offer = sdp_at(address, &["m=audio 20000 RTP/SAVP 0", KEY_80]);
            assert_eq!(
                admit_offer(&rules(), &offer).unwrap_err(),
                Refusal::MediaAddressUnusable,
                "{address}"
            );
        }
        let named = sdp_at("phone.example.org", &["m=audio 20000 RTP/SAVP 0", KEY_80]);
        assert_eq!(admit_offer(&rules(), &named).unwrap_err(), Refusal::MediaAddressUnusable);
        let dns = sdp(&["m=audio 53 RTP/SAVP 0", KEY_80]);
        assert_eq!(admit_offer(&rules(), &dns).unwrap_err(), Refusal::MediaAddressUnusable);
    }

    #[test]
    fn an_address_outside_the_networks_waits_for_proof_when_keys_can_give_it() {
        let offer = sdp_at("192.0.2.7", &["m=audio 20000 RTP/SAVP 0", KEY_80]);
        assert!(!admit_offer(&rules(), &offer).unwrap().remote.unwrap().is_inside);
    }

    #[test]
    fn an_address_outside_the_networks_is_refused_when_no_key_can_prove_it() {
        let offer = sdp_at("192.0.2.7", &["m=audio 20000 RTP/AVP 0"]);
        assert_eq!(admit_offer(&lab_rules(), &offer).unwrap_err(), Refusal::MediaAddressForeign);
    }

    #[test]
    fn rtcp_goes_to_the_next_port_the_same_port_or_where_it_was_asked_for_inside() {
        let next = admit_offer(&rules(), &sdp(&["m=audio 20000 RTP/SAVP 0", KEY_80])).unwrap();
        assert_eq!(next.remote.unwrap().rtcp.unwrap().port(), 20001);
        let mux = admit_offer(&rules(), &sdp(&["m=audio 20000 RTP/SAVP 0", "a=rtcp-mux", KEY_80])).unwrap();
        assert!(mux.mux);
        assert_eq!(mux.remote.unwrap().rtcp.unwrap().port(), 20000);
        let other = sdp(&["m=audio 20000 RTP/SAVP 0", "a=rtcp:30001 IN IP4 10.1.9.9", KEY_80]);
        assert_eq!(admit_offer(&rules(), &other).unwrap().remote.unwrap().rtcp.unwrap().port(), 30001);
        let victim = sdp(&["m=audio 20000 RTP/SAVP 0", "a=rtcp:30001 IN IP4 192.0.2.1", KEY_80]);
        assert_eq!(admit_offer(&rules(), &victim).unwrap().remote.unwrap().rtcp, None);
    }

    #[test]
    fn printing_a_stream_shows_no_address() {
        let stream = admit_offer(&rules(), &sdp(&["m=audio 20000 RTP/SAVP 0", KEY_80])).unwrap();
        let printed = format!("{stream:?}");
        assert!(!printed.contains("10.1.2.3") && !printed.contains("20000"), "{printed}");
    }
}

mod changes {
    use super::*;

    #[test]
    fn a_change_that_would_drop_protection_is_refused_as_that() {
        for lines in [
            &["m=audio 20000 RTP/AVP 0"][..],
            &["m=audio 20000 RTP/SAVP 0"],
            &["m=audio 20000 RTP/AVP 0", KEY_80],
        ] {
            let refusal = admit_reoffer(&rules(), &secure(&[]), &sdp(lines)).unwrap_err();
            assert_eq!(refusal, Refusal::ProtectionDropped, "{lines:?}");
        }
    }

    #[test]
    fn a_protected_stream_does_not_become_plain_even_where_plain_could_begin() {
        let plain = sdp(&["m=audio 20000 RTP/AVP 0"]);
        assert!(admit_offer(&lab_rules(), &plain).is_ok());
        assert_eq!(
            admit_reoffer(&lab_rules(), &secure(&[]), &plain).unwrap_err(),
            Refusal::ProtectionDropped
        );
    }

    #[test]
    fn hold_and_resume_pass() {
        let hold = sdp(&["m=audio 20000 RTP/SAVP 0", "a=sendonly", KEY_80]);
        assert_eq!(admit_reoffer(&rules(), &secure(&[]), &hold).unwrap().direction, Direction::SendOnly);
        let resume = sdp(&["m=audio 20000 RTP/SAVP 0", KEY_80]);
        assert_eq!(admit_reoffer(&rules(), &secure(&[]), &resume).unwrap().direction, Direction::SendRecv);
    }

    #[test]
    fn a_change_that_brings_our_own_key_is_refused() {
        let offer = sdp(&["m=audio 20000 RTP/SAVP 0", KEY_80]);
        let ours = offer.media[0].crypto[0].usable().unwrap().key.hand_to_relay();
        assert_eq!(admit_reoffer(&rules(), &secure(&[&ours]), &offer).unwrap_err(), Refusal::KeyEchoed);
    }

    #[test]
    fn our_own_key_under_another_suite_is_our_own_key_too() {
        let offer = sdp(&["m=audio 20000 RTP/SAVP 0", KEY_80]);
        let line = offer.media[0].crypto[0].usable().unwrap();
        let ours = KeyMaterial::new(Suite::AesCm128HmacSha1_32, line.key.as_bytes()).unwrap();
        assert_eq!(admit_reoffer(&rules(), &secure(&[&ours]), &offer).unwrap_err(), Refusal::KeyEchoed);
    }

    fn secure<'a>(own_keys: &'a [&'a KeyMaterial]) -> Current<'a> {
        Current { is_secure: true, own_keys }
    }
}

mod answers {
    use super::*;

    #[test]
    fn an_answer_with_one_of_our_lines_is_admitted() {
        let stream = answered(&["m=audio 20000 RTP/SAVP 0", KEY_80]).unwrap();
        assert_eq!(stream, (1, Suite::AesCm128HmacSha1_80));
        assert!(answered(&["m=audio 20000 RTP/SAVPF 0", KEY_80]).is_ok());
    }

    #[test]
    fn an_answer_without_keys_ends_the_call() {
        assert_eq!(answered(&["m=audio 20000 RTP/AVP 0"]), Err(Refusal::AnswerUnprotected));
        assert_eq!(answered(&["m=audio 20000 RTP/SAVP 0"]), Err(Refusal::AnswerUnprotected));
    }

    #[test]
    fn an_answer_in_another_profile_is_refused() {
        assert_eq!(answered(&["m=audio 20000 RTP/AVP 0", KEY_80]), Err(Refusal::AnswerMixesProfiles));
        assert_eq!(
            answered(&["m=audio 20000 UDP/TLS/RTP/SAVP 0", KEY_80]),
            Err(Refusal::AnswerMixesProfiles)
        );
    }

    #[test]
    fn an_answer_with_another_tag_suite_or_number_of_lines_is_refused() {
        let other_tag = KEY_80.replace("crypto:1", "crypto:9");
        assert_eq!(answered(&["m=audio 20000 RTP/SAVP 0", &other_tag]), Err(Refusal::AnswerKeyMismatch));
        let other_suite = KEY_32.replace("crypto:2", "crypto:1");
        assert_eq!(answered(&["m=audio 20000 RTP/SAVP 0", &other_suite]), Err(Refusal::AnswerKeyMismatch));
        assert_eq!(answered(&["m=audio 20000 RTP/SAVP 0", KEY_80, KEY_32]), Err(Refusal::AnswerKeyMismatch));
    }

    #[test]
    fn an_answer_that_weakens_protection_is_refused() {
        let weak = format!("{KEY_80} UNAUTHENTICATED_SRTP");
        assert_eq!(answered(&["m=audio 20000 RTP/SAVP 0", &weak]), Err(Refusal::ProtectionWeakened));
    }

    #[test]
    fn an_answer_with_our_own_key_is_refused() {
        let line = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}", base64_of(&[9; 30]));
        assert_eq!(answered(&["m=audio 20000 RTP/SAVP 0", &line]), Err(Refusal::KeyEchoed));
    }

    #[test]
    fn an_answer_must_fit_line_by_line() {
        assert_eq!(answered(&[]), Err(Refusal::AnswerMismatch));
        assert_eq!(answered(&["m=video 20000 RTP/SAVP 0", KEY_80]), Err(Refusal::AnswerMismatch));
        assert_eq!(answered(&["m=audio 0 RTP/SAVP 0"]), Err(Refusal::AudioMissing));
    }

    #[test]
    fn an_answer_of_tones_only_is_refused() {
        let lines = ["m=audio 20000 RTP/SAVP 101", "a=rtpmap:101 telephone-event/8000", KEY_80];
        assert_eq!(answered(&lines), Err(Refusal::NoCodec));
    }

    #[test]
    fn plain_is_answered_plain_only_where_the_leg_allows_it() {
        let offer = OurOffer { lines: 1, line: 0, protocol: &Protocol::RtpAvp, keys: &[] };
        let plain = sdp(&["m=audio 20000 RTP/AVP 0"]);
        assert!(!admit_answer(&lab_rules(), &offer, &plain).unwrap().protection.is_secure());
        assert_eq!(admit_answer(&rules(), &offer, &plain).unwrap_err(), Refusal::AnswerUnprotected);
        let mixed = sdp(&["m=audio 20000 RTP/SAVP 0", KEY_80]);
        assert_eq!(admit_answer(&lab_rules(), &offer, &mixed).unwrap_err(), Refusal::AnswerMixesProfiles);
    }

    /// The answer to an offer of one RTP/SAVP line whose key is all nines.
    fn answered(lines: &[&str]) -> Result<(u32, Suite), Refusal> {
        let ours = KeyMaterial::new(Suite::AesCm128HmacSha1_80, &[9; 30]).unwrap();
        let keys = [OfferedKey { tag: 1, suite: ours.suite(), key: &ours }];
        let offer = OurOffer { lines: 1, line: 0, protocol: &Protocol::RtpSavp, keys: &keys };
        admit_answer(&rules(), &offer, &sdp(lines)).map(|stream| {
            let secure = stream.protection.secure().unwrap();
            (secure.tag, secure.suite)
        })
    }
}

#[test]
fn descriptions_that_cannot_be_read_have_a_refusal_with_the_status_the_reader_named() {
    for error in [SdpError::TooManyMedia, SdpError::NotUtf8, SdpError::Line, SdpError::TooManyFormats] {
        assert_eq!(refusal_for(error).status(), error.status(), "{error}");
    }
}

fn rules() -> LegRules {
    LegRules {
        suites: vec![Suite::AesCm128HmacSha1_80, Suite::AesCm256HmacSha1_80],
        codecs: CodecRule::Any,
        opportunistic: Opportunistic::Refuse,
        media: MediaRule::Srtp,
        networks: vec!["10.1.0.0/16".parse().unwrap()],
    }
}

fn lab_rules() -> LegRules {
    LegRules { media: MediaRule::Rtp(PlainReason::Lab), ..rules() }
}

fn only(names: &[&str]) -> CodecRule {
    CodecRule::Only(names.iter().map(|name| name.parse().unwrap()).collect())
}

fn sdp(lines: &[&str]) -> Session {
    sdp_at("10.1.2.3", lines)
}

fn sdp_at(address: &str, lines: &[&str]) -> Session {
    let mut text = format!("v=0\r\no=- 1 1 IN IP4 10.1.2.3\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n");
    for line in lines.iter().filter(|line| !line.is_empty()) {
        text.push_str(line);
        text.push_str("\r\n");
    }
    Session::parse(text.as_bytes()).unwrap()
}

/// A key of so many bytes, none of them 9.
fn base64(length: usize) -> String {
    base64_of(&vec![0x5a; length])
}

fn base64_of(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(ALPHABET[(word >> (18 - 6 * place)) as usize & 63] as char);
        }
        text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    text
}

const KEY_80: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const KEY_32: &str = "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
