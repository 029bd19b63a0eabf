//! Session descriptions as phones write them, read and written.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use cordon_rtp::{KeyMaterial, PayloadType, Suite};
use cordon_sdp::{
    AudioLine, Codec, Description, Direction, LineOut, LocalCrypto, MediaKind, Protocol, RejectedLine,
    SdpError, Session,
};

const POLYCOM: &str = "v=0\r\no=- 1449086362 1449086362 IN IP4 10.1.0.20\r\ns=Polycom IP Phone\r\nc=IN IP4 10.1.0.20\r\n\
b=AS:64\r\nt=0 0\r\na=sendrecv\r\nm=audio 2262 RTP/SAVP 9 0 8 127\r\n\
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31\r\n\
a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:127 telephone-event/8000\r\n\
a=fmtp:127 0-15\r\na=ptime:20\r\nm=image 0 udptl t38\r\n";

#[test]
fn an_offer_of_a_desk_phone_is_read() {
    let session = Session::parse(POLYCOM.as_bytes()).unwrap();
    let [audio, image] = &session.media[..] else { panic!("two lines") };
    assert_eq!((&audio.kind, &audio.protocol), (&MediaKind::Audio, &Protocol::RtpSavp));
    assert_eq!(audio.rtp(&session), Some("10.1.0.20:2262".parse().unwrap()));
    assert_eq!(audio.rtcp(&session), Some("10.1.0.20:2263".parse().unwrap()));
    assert_eq!(audio.direction(&session), Direction::SendRecv);
    assert_eq!(audio.usable_crypto().count(), 1);
    let names: Vec<_> = audio.codecs().iter().map(|codec| codec.name.as_str().to_owned()).collect();
    assert_eq!(names, ["G722", "PCMU", "PCMA", "telephone-event"]);
    assert_eq!(audio.codecs()[3].fmtp.as_ref().unwrap().as_str(), "0-15");
    assert_eq!(audio.packet_time(), Some(20));
    assert!(image.is_rejected() && image.rtp(&session).is_none() && image.codecs().is_empty());
}

#[test]
fn bare_line_feeds_and_missing_lines_are_accepted() {
    let body = b"v=0\no=- 1 1 IN IP4 10.1.0.20\nc=IN IP4 10.1.0.20\nm=audio 4000 RTP/AVP 0\n";
    let session = Session::parse(body).unwrap();
    assert_eq!(session.media.len(), 1);
    assert!(session.name.as_str().is_empty() && session.timing.is_empty());
    assert!(session.write().starts_with(b"v=0\r\no=- 1 1 IN IP4 10.1.0.20\r\ns=-\r\n"));
}

#[test]
fn a_key_line_is_dropped_at_both_levels() {
    let body = POLYCOM.replace("t=0 0\r\n", "t=0 0\r\nk=clear:secret\r\n") + "k=base64:c2VjcmV0\r\n";
    let written = Session::parse(body.as_bytes()).unwrap().write();
    assert!(!String::from_utf8(written.to_vec()).unwrap().contains("k="));
}

#[test]
fn keys_outside_a_media_line_or_in_other_attributes_are_dropped() {
    let extra =
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJDREVG\r\na=key-mgmt:mikey QUJDREVG\r\na=X:1\r\n";
    let body = POLYCOM.replace("t=0 0\r\n", &format!("t=0 0\r\n{extra}"));
    let session = Session::parse(body.as_bytes()).unwrap();
    assert_eq!(session.attribute("X"), Some("1"));
    assert!(!String::from_utf8(session.write().to_vec()).unwrap().contains("QUJDREVG"));
}

#[test]
fn what_is_no_session_description_is_refused() {
    let origin = "v=0\r\no=- 1 1 IN IP4 10.1.0.20\r\n";
    for (body, error) in [
        (String::new(), SdpError::Version),
        ("o=- 1 1 IN IP4 10.1.0.20\r\n".into(), SdpError::Version),
        ("v=1\r\n".into(), SdpError::Version),
        ("v=0\r\n".into(), SdpError::Origin),
        ("v=0\r\no=- 1 IN IP4 10.1.0.20\r\n".into(), SdpError::Origin),
        (format!("{origin}nonsense\r\n"), SdpError::Line),
        (format!("{origin}v=0\r\n"), SdpError::Line),
        (format!("{origin}a=x\ry\r\n"), SdpError::Line),
        (format!("{origin}a=x\0y\r\n"), SdpError::Line),
        (format!("{origin}c=IN IP4 300.1.1.1\r\n"), SdpError::Connection),
        (format!("{origin}c=IN IP4 2001:db8::1\r\n"), SdpError::Connection),
        (format!("{origin}c=ATM NSAP 1\r\n"), SdpError::Connection),
        (format!("{origin}m=audio 70000 RTP/AVP 0\r\n"), SdpError::Media),
        (format!("{origin}m=audio 4000 RTP/AVP\r\n"), SdpError::Media),
        (format!("{origin}m=audio 4000/0 RTP/AVP 0\r\n"), SdpError::Media),
        (format!("{origin}m=audio\r\n"), SdpError::Media),
    ] {
        assert_eq!(Session::parse(body.as_bytes()).err(), Some(error), "{body:?}");
        assert_eq!(error.status(), 400);
    }
    assert_eq!(Session::parse(b"v=0\r\ns=\xff\xfe\r\n").err(), Some(SdpError::NotUtf8));
}

#[test]
fn everything_a_peer_can_repeat_has_a_bound() {
    let origin = "v=0\r\no=- 1 1 IN IP4 10.1.0.20\r\n";
    let lines = |line: &str, count: usize| format!("{origin}{}", line.repeat(count));
    for (body, error) in [
        (lines("m=audio 4000 RTP/AVP 0\r\n", 9), SdpError::TooManyMedia),
        (lines("a=x\r\n", 257), SdpError::TooManyAttributes),
        (lines("b=AS:64\r\n", 257), SdpError::TooManyAttributes),
        (lines("t=0 0\r\n", 257), SdpError::TooManyAttributes),
        (
            format!("{origin}m=audio 4000 RTP/AVP 0\r\n{}", "a=crypto:1 X\r\n".repeat(257)),
            SdpError::TooManyAttributes,
        ),
        (format!("{origin}m=audio 4000 RTP/AVP{}\r\n", " 0".repeat(129)), SdpError::TooManyFormats),
    ] {
        assert_eq!(Session::parse(body.as_bytes()).err(), Some(error));
        assert_eq!(error.status(), 488);
    }
    assert_eq!(Session::parse(&vec![b'a'; 64 * 1024 + 1]).err(), Some(SdpError::TooLong));
    assert_eq!(Session::parse(lines("m=audio 4000 RTP/AVP 0\r\n", 8).as_bytes()).unwrap().media.len(), 8);
}

#[test]
fn the_old_hold_address_means_the_peer_receives_nothing() {
    for (attribute, expected) in [
        ("sendrecv", Direction::SendOnly),
        ("sendonly", Direction::SendOnly),
        ("recvonly", Direction::Inactive),
        ("inactive", Direction::Inactive),
    ] {
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 10.1.0.20\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\na={attribute}\r\n"
        );
        let session = Session::parse(body.as_bytes()).unwrap();
        assert_eq!(session.media[0].direction(&session), expected);
    }
}

#[test]
fn the_direction_of_a_line_wins_over_that_of_the_session() {
    let body = "v=0\r\no=- 1 1 IN IP4 10.1.0.20\r\nc=IN IP4 10.1.0.20\r\nt=0 0\r\na=inactive\r\n\
m=audio 4000 RTP/SAVP 0\r\na=sendonly\r\nm=audio 4002 RTP/SAVP 0\r\n";
    let session = Session::parse(body.as_bytes()).unwrap();
    let directions: Vec<_> = session.media.iter().map(|media| media.direction(&session)).collect();
    assert_eq!(directions, [Direction::SendOnly, Direction::Inactive]);
    assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
}

#[test]
fn the_address_of_rtcp_may_be_stated() {
    let with = |line: &str| {
        let body = format!(
            "v=0\r\no=- 1 1 IN IP6 ::1\r\nc=IN IP6 2001:db8::1\r\nm=audio 65535 RTP/SAVP 0\r\n{line}"
        );
        let session = Session::parse(body.as_bytes()).unwrap();
        session.media[0].rtcp(&session)
    };
    assert_eq!(with("a=rtcp:5000\r\n"), Some("[2001:db8::1]:5000".parse().unwrap()));
    assert_eq!(
        with("a=rtcp:5000 IN IP4 10.1.0.20\r\n"),
        Some("10.1.0.20:5000".parse::<SocketAddr>().unwrap())
    );
    assert_eq!(with(""), None, "no port is above 65535");
    assert_eq!(with("a=rtcp:0\r\n"), None);
}

#[test]
fn our_answer_holds_one_bare_crypto_line_and_refused_lines_in_place() {
    let offer = Session::parse(POLYCOM.as_bytes()).unwrap();
    let key = KeyMaterial::new(Suite::AesCm128HmacSha1_80, &[7; 30]).unwrap();
    let mut line = AudioLine::new(Protocol::RtpSavp, 20_000);
    line.codecs = offer.media[0].codecs().into_iter().filter(|codec| !codec.is("G722", 8_000)).collect();
    line.packet_time = Some(20);
    line.direction = Direction::RecvOnly;
    line.crypto.push(LocalCrypto { tag: 1, spelling: "AES_CM_128_HMAC_SHA1_80".into(), key: &key });
    let rejected = RejectedLine::of(&offer.media[1]);
    let lines = vec![LineOut::Audio(line), LineOut::Rejected(rejected)];
    let answer =
        Description { session_id: 5, version: 2, address: Ipv4Addr::new(10, 1, 0, 5).into(), lines }.write();
    let expected = "v=0\r\no=- 5 2 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\nm=audio 20000 RTP/SAVP 0 8 127\r\n\
a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:127 telephone-event/8000\r\na=fmtp:127 0-15\r\na=ptime:20\r\n\
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\r\na=recvonly\r\nm=image 0 udptl t38\r\n";
    assert_eq!(std::str::from_utf8(&answer).unwrap(), expected);
    let read = Session::parse(&answer).unwrap();
    assert!(read.media[0].usable_crypto().next().unwrap().key.is_same_as(&key));
}

#[test]
fn every_suite_survives_writing_and_reading() {
    for suite in Suite::ALL {
        let key = KeyMaterial::generate(suite, |bytes| bytes.fill(0xa5));
        let mut line = AudioLine::new(Protocol::RtpSavp, 20_000);
        line.codecs.push(Codec::new(PayloadType(0), "PCMU", 8_000));
        line.crypto.push(LocalCrypto::offering(3, &key));
        let address: IpAddr = "2001:db8::5".parse().unwrap();
        let body =
            Description { session_id: 1, version: 1, address, lines: vec![LineOut::Audio(line)] }.write();
        let read = Session::parse(&body).unwrap();
        let attribute = read.media[0].usable_crypto().next().unwrap();
        assert_eq!((attribute.tag, attribute.suite), (3, suite));
        assert!(attribute.key.is_same_as(&key));
        assert_eq!(read.media[0].address(&read), Some(address));
    }
}

#[test]
fn a_payload_type_counts_once_and_one_whose_words_have_no_end_not_at_all() {
    let formats = " 0 00".repeat(30);
    let long = |length: usize| "x".repeat(length);
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\nm=audio 20000 RTP/SAVP{formats} 8 9 96 97\r\n\
         a=fmtp:0 {}\r\na=fmtp:8 {}\r\na=rtpmap:96 {}/8000\r\na=rtpmap:97 {}/8000\r\n",
        long(1_024),
        long(1_025),
        long(64),
        long(65),
    );
    let codecs = Session::parse(body.as_bytes()).unwrap().media[0].codecs();
    assert_eq!(codecs.iter().map(|codec| codec.payload_type.0).collect::<Vec<_>>(), [0, 9, 96]);
    assert_eq!(codecs[0].fmtp.as_ref().unwrap().as_str().len(), 1_024);
}

#[test]
fn debug_tells_the_shape_and_nothing_a_peer_wrote() {
    let body = POLYCOM.replace("m=image 0 udptl t38", "m=canary 0 canary/proto canary");
    let session = Session::parse(body.as_bytes()).unwrap();
    let shown = format!("{session:?} {:?} {:?}", session.origin, session.media[0].codecs());
    assert!(shown.contains("Audio") && shown.contains("RtpSavp"));
    for secret in ["10.1.0.20", "1449086362", "Polycom", "WVNf", "canary", "0-15"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
