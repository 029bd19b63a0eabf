//! Two hundred calls of SIPp phones to a SIPp PBX, twenty new ones per second, TLS and SRTP on every leg.

use std::time::Duration;

use anyhow::ensure;
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::Transport;
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::pki::Authority;
use cordon_tests::sipp::{Sipp, scenario};

#[test]
fn two_hundred_calls_at_twenty_per_second_are_heard_both_ways() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let pbx = Sipp::pbx(folder, &authority, &scenario("pbx_answers"))?;
        let _cordon = Cordon::start(folder, &Configuration::lab(&authority, &leaf, Transport::Tls))?;

        let numbers: Vec<u32> = (3000..3000 + CALLS).collect();
        let mut phones = Sipp::phones(folder, &authority, &scenario("phone_calls"), "10.1.0.11", &numbers)?
            .comparing_voice()
            .with(["-r", "20"])
            .start()?;
        // Its exit code counts a packet that came back late as lost; what was compared is counted here.
        phones.program.await_exit(Duration::from_secs(60))?;

        let calls = f64::from(CALLS);
        ensure!(phones.statistic("SuccessfulCall(C)")? == calls, "{}", phones.errors());
        ensure!(phones.statistic("FailedCall(C)")? == 0.0, "{}", phones.errors());
        ensure!(pbx.errors().is_empty(), "the PBX saw what it expects: {}", pbx.errors());
        // The PBX sends back what it hears and each phone compares: what is right was carried rightly both ways.
        let (same, different) = phones.heard()?;
        ensure!(different == 0, "{different} voice packets came back changed");
        // A phone compares only what is back before its next packet is due, which on a busy machine is not much.
        ensure!(same > PACKETS_PER_CALL * numbers.len() / 10, "{same} voice packets came back in time");

        let metrics = Metrics::await_until("every call is over", Duration::from_secs(5), |metrics| {
            metrics.sum("cordon_calls_active", &[]) == 0.0 && metrics.sum("cordon_flows", &[]) == 0.0
        })?;
        ensure!(metrics.refused().is_empty(), "{:?}", metrics.refused());
        ensure!(metrics.sum("cordon_calls_ended_total", &["end=\"handset_hung_up\""]) == calls);
        // How many packets SIPp sends and sends back depends on the machine; what comes in goes out on the other side.
        let count = |side, fate| metrics.sum("cordon_media_packets_total", &[side, fate]);
        for (one, other) in [(HANDSET, PBX), (PBX, HANDSET)] {
            let (opened, sealed) = (count(one, "fate=\"opened\""), count(other, "fate=\"sealed\""));
            ensure!(opened > PACKETS_PER_CALL as f64 * calls / 2.0, "{}", metrics.text());
            ensure!((opened - sealed).abs() * 1000.0 < opened, "{}", metrics.text());
            // A phone's first packet can be there before the relay thread has its key.
            ensure!(count(one, "fate=\"refused\"") * 100.0 < opened, "{}", metrics.text());
        }
        Ok(())
    });
}

const HANDSET: &str = "side=\"handset\"";
const PBX: &str = "side=\"pbx\"";
const CALLS: u32 = 200;
/// A packet every 20 ms for the 3 s of the scenario.
const PACKETS_PER_CALL: usize = 150;
