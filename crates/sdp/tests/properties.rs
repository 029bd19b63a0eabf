//! What holds for every body: no panic, a fixed point of writing, and agreement with `sdp-types` where both read it.

use cordon_sdp::{Connection, Session};
use proptest::prelude::*;

/// Lines from which bodies are mixed: good ones, odd ones, broken ones.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("o=- 1 1 IN IP4 192.0.2.1".to_owned()),
        Just("s=call".to_owned()),
        Just("t=0 0".to_owned()),
        Just("k=clear:x".to_owned()),
        "c=IN IP(4|6) [0-9a-f.:]{1,15}(/1)?",
        "m=(audio|video|image|x) [0-9]{1,6}(/[0-9])? (RTP/S?AVPF?|udptl|UDP/TLS/RTP/SAVP|x/y)( [0-9]{1,3}){0,4}",
        "a=rtpmap:[0-9]{1,3} [a-zA-Z0-9-]{0,8}/[0-9]{0,6}(/[0-9])?",
        "a=fmtp:[0-9]{1,3} [ -~]{0,12}",
        "a=(sendrecv|sendonly|recvonly|inactive|ptime:[0-9]{1,6}|rtcp:[0-9]{1,6}|rtcp-mux)",
        "a=crypto:[0-9]{0,3} (AES_CM_128_HMAC_SHA1_80|AEAD_AES_128_GCM|X) inline:[A-Za-z0-9+/]{36,42}={0,3}(\\|2\\^[0-9]{1,3})?(\\|[0-9]{1,3}:[0-9])?( [A-Z-]{1,4}=?[0-9]{0,3})?",
        "[a-z]=\\PC{0,24}",
        "\\PC{0,12}",
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    (proptest::collection::vec(line(), 0..24), prop_oneof![Just("\r\n"), Just("\n")], any::<bool>()).prop_map(
        |(lines, end, proper)| {
            let start = if proper {
                format!("v=0{end}o=- 1 1 IN IP4 192.0.2.1{end}s=-{end}t=0 0{end}")
            } else {
                String::new()
            };
            let mut text = start;
            for line in lines.iter().filter(|line| !proper || !line.starts_with("o=")) {
                text.push_str(line);
                text.push_str(end);
            }
            text.into_bytes()
        },
    )
}

/// A body both parsers must read, with its parts.
fn strict_body() -> impl Strategy<Value = String> {
    let media = (1024_u16..65000, prop_oneof![Just("RTP/SAVP"), Just("RTP/AVP"), Just("udptl")], any::<[u8; 4]>())
        .prop_map(|(port, protocol, ip)| {
            let [a, b, c, d] = ip;
            format!("m=audio {port} {protocol} 0 8\r\nc=IN IP4 {a}.{b}.{c}.{d}\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n")
        });
    proptest::collection::vec(media, 0..8).prop_map(|media| {
        format!("v=0\r\no=- 9 3 IN IP4 192.0.2.1\r\ns=x\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{}", media.concat())
    })
}

fn use_everything(session: &Session) {
    for media in &session.media {
        let _ = (media.codecs(), media.direction(session), media.rtp(session), media.rtcp(session));
        let _ = (media.packet_time(), media.maximum_packet_time(), media.has_rtcp_mux());
    }
    let _ = format!("{session:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        if let Ok(session) = Session::parse(&bytes) {
            use_everything(&session);
        }
    }

    #[test]
    fn what_was_written_is_written_the_same_again(body in body()) {
        if let Ok(session) = Session::parse(&body) {
            use_everything(&session);
            let once = session.write();
            let again = Session::parse(&once).expect("we read what we write").write();
            prop_assert_eq!(once, again);
        }
    }

    #[test]
    fn a_flipped_byte_never_panics(body in body(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = body;
        if !body.is_empty() {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(session) = Session::parse(&body) {
            use_everything(&session);
        }
    }

    #[test]
    fn sdp_types_reads_strict_bodies_as_we_do(body in strict_body()) {
        let ours = Session::parse(body.as_bytes()).expect("a strict body");
        let theirs = sdp_types::Session::parse(body.as_bytes()).expect("a strict body");
        prop_assert_eq!(ours.media.len(), theirs.medias.len());
        for (ours, theirs) in ours.media.iter().zip(&theirs.medias) {
            prop_assert_eq!(ours.port, theirs.port);
            prop_assert_eq!(ours.protocol.as_str(), theirs.proto.as_str());
            let formats: Vec<_> = ours.formats.iter().map(|format| format.as_str()).collect();
            prop_assert_eq!(formats.join(" "), theirs.fmt.as_str());
            let ip = ours.connection.as_ref().and_then(Connection::ip).map(|ip| ip.to_string());
            prop_assert_eq!(ip.as_deref(), theirs.connections.first().map(|c| c.connection_address.as_str()));
            prop_assert_eq!(ours.attributes.len(), theirs.attributes.len());
        }
    }

    #[test]
    fn sdp_types_reads_what_we_write(body in body()) {
        if let Ok(session) = Session::parse(&body) {
            let written = session.write();
            let theirs = sdp_types::Session::parse(&written);
            prop_assert!(theirs.is_ok(), "{:?}: {}", theirs.err(), String::from_utf8_lossy(&written));
            prop_assert_eq!(theirs.unwrap().medias.len(), session.media.len());
        }
    }
}
