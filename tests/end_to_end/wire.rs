//! What a sniffer in the location sees of a call: not one SIP message, not one readable voice packet.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use cordon_tests::baresip::{Baresip, Setup};
use cordon_tests::capture::{self, Capture};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::{Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, on_a_machine};
use cordon_tests::pki::Authority;

#[test]
fn a_sniffer_in_the_location_sees_no_sip_and_no_voice() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let _pbx = Kamailio::start(folder, &authority, Transport::Tls)?;
        // The location is one network here; port 4444 is how the test tells a phone what to do.
        let capture = Capture::start(folder, "net 10.1.0.0/16 and not port 4444")?;
        let _cordon = Cordon::start(folder, &Configuration::lab(&authority, &leaf, Transport::Tls))?;
        let proxy = format!("{CORDON_LOCATION}:5061");
        let phone = |number, interface, address, tone| {
            let anchor = &authority.anchor;
            Baresip::register(
                folder,
                &Setup { number, interface, address, tone, encryption: "srtp-mand", proxy: &proxy, anchor },
            )
        };
        let alice = phone("1001", "phone1", "10.1.0.11", 440.0)?;
        let bob = phone("1002", "phone2", "10.1.0.12", 660.0)?;
        alice.call("1002")?;
        bob.await_heard(440.0, 3.0, Duration::from_secs(15))?;
        alice.command("hangup", "")?;
        bob.program.await_line("session closed", Duration::from_secs(10))?;

        let file = capture.into_file()?;
        let handshakes = capture::read(&file, "tls.handshake", &[], &["frame.number"])?;
        ensure!(!handshakes.is_empty(), "the phones' connections were captured");
        // SIP text anywhere in a payload, whatever the dissector calls it.
        for word in ["SIP/2.0", "INVITE sip", "REGISTER sip", "a=crypto", "1002@"] {
            let seen = capture::read(&file, &format!("frame contains \"{word}\""), &[], &["frame.number"])?;
            ensure!(seen.is_empty(), "{word} crossed the location in clear in frames {seen:?}");
        }
        // Read every datagram as RTP and look at its voice: a tone in PCMU repeats, what is encrypted does not.
        let datagrams = capture::read(&file, "udp", &[], &["udp.payload"])?;
        let voice: Vec<Vec<u8>> =
            datagrams.iter().filter_map(|datagram| voice_of(&bytes_of(datagram))).collect();
        ensure!(voice.len() > 200, "the call's packets were captured: {}", voice.len());
        for voice in &voice {
            // 440 Hz at 8 kHz has a period of 200 samples and 660 Hz one of 400, but G.711 knows few values of one
            // amplitude: a tone's packet holds some forty different bytes, 160 random bytes hold about 119.
            let distinct = voice.iter().collect::<BTreeSet<_>>().len();
            ensure!(distinct > 60, "a packet with {distinct} different bytes is voice in clear");
        }
        Ok(())
    });
}

/// The voice of an RTP packet of 20 ms PCMU; `None` for anything else.
fn voice_of(datagram: &[u8]) -> Option<Vec<u8>> {
    let is_pcmu = datagram.first()? >> 6 == 2 && datagram.get(1)? & 0x7f == 0;
    Some(datagram.get(12..172)?.to_vec()).filter(|_| is_pcmu)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.bytes().filter_map(|digit| u8::try_from((digit as char).to_digit(16)?).ok()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
