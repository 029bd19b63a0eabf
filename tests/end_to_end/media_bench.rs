//! The benches of the media relay, for a second: every packet is verified, and no time is looked at.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_load::{Load, Tally, Trial};
use cordon_tests::cordon::Cordon;
use cordon_tests::machine::on_a_machine;
use cordon_tests::rtpengine::Rtpengine;

#[test]
fn bench_media_verifies_every_packet_on_both_ways_of_datagrams() {
    on_a_machine(|_| {
        for io in ["per-port", "steered"] {
            let words = ["bench", "media", "--calls", "4", "--seconds", "1", "--io", io, "--json"];
            let output = Cordon::verb(&words)?;
            let text = String::from_utf8_lossy(&output.stdout);
            ensure!(output.status.success(), "{io}: {text}{}", String::from_utf8_lossy(&output.stderr));
            for part in [format!("\"io\": \"{io}\""), "\"streams\": 8".to_owned(), "\"lost\": 0".to_owned()] {
                ensure!(text.contains(&part), "{part} is missing: {text}");
            }
        }
        Ok(())
    });
}

#[test]
fn rtpengine_carries_calls_of_the_same_generator() {
    on_a_machine(|_| {
        let load = Load {
            settling: Duration::from_millis(200),
            length: Duration::from_secs(1),
            ..Load::of_calls(4)
        };
        let trial = Trial::run(&mut Rtpengine::start(None)?, &load)?;
        is_all_there(&trial.tally).context("rtpengine")
    });
}

fn is_all_there(tally: &Tally) -> Result<()> {
    ensure!(tally.sent == 8 * 50 && tally.lost() == 0, "{} of {} are lost", tally.lost(), tally.sent);
    ensure!(tally.wrong() == 0, "{} packets are wrong", tally.wrong());
    Ok(())
}
