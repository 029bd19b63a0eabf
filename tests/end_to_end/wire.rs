//! What a sniffer in the location sees of a call: not one SIP message, not one readable voice packet.

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
        let capture = Capture::start(folder, "host 10.1.0.11 or host 10.1.0.12")?;
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
        // SIP text anywhere in a payload, whatever the dissector calls it.
        for word in ["SIP/2.0", "INVITE sip", "REGISTER sip", "a=crypto", "1002@"] {
            let seen = capture::read(&file, &format!("frame contains \"{word}\""), &[], &["frame.number"])?;
            ensure!(seen.is_empty(), "{word} crossed the location in clear in frames {seen:?}");
        }
        // Read every UDP packet as RTP and take its payload: a tone in PCMU repeats, what is encrypted does not.
        let payloads = capture::read(
            &file,
            "rtp && rtp.p_type == 0",
            &["-o", "rtp.heuristic_rtp:TRUE"],
            &["rtp.payload"],
        )?;
        ensure!(payloads.len() > 200, "the call's packets were captured: {}", payloads.len());
        for payload in &payloads {
            let bytes: Vec<u8> = payload
                .split(':')
                .flat_map(|part| {
                    part.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or("00"))
                })
                .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
                .collect();
            // 440 Hz at 8 kHz has a period of 200 samples and 660 Hz one of 400, but G.711 knows few values of one
            // amplitude: a tone's packet holds some forty different bytes, 170 random bytes hold about 124.
            let distinct = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
            ensure!(
                distinct > 60,
                "a payload of {} bytes with {distinct} values is voice in clear",
                bytes.len()
            );
        }
        Ok(())
    });
}
