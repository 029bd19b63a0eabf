//! The canary call: two phones that talk through Cordon and the PBX while the attack goes on, every packet counted.

use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_lab::{LabCall, LabPhone, MediaReport};
use cordon_tests::handset;

use crate::canary::{ALICE, BOB};
use crate::site::Site;

/// A call that is up, and what its ends had counted when the watch began.
pub(crate) struct CanaryCall {
    at_alice: LabCall,
    at_bob: LabCall,
    before: [MediaReport; 2],
    // A phone that is dropped drops its connection.
    _phones: [LabPhone; 2],
}

impl CanaryCall {
    /// Calls, and waits until both hear each other.
    pub(crate) async fn begin(site: &Site) -> Result<Self> {
        let mut bob = site.phone(BOB, "10.1.0.12")?;
        bob.tone = BOB_TONE;
        let alice = handset::register(site.phone(ALICE, "10.1.0.11")?).await?;
        let bob = handset::register(bob).await?;
        let (at_alice, at_bob) =
            tokio::try_join!(alice.call(BOB), async { bob.incoming(LIMIT).await?.answer().await })?;
        at_bob.hear(ALICE_TONE, LIMIT).await?;
        at_alice.hear(BOB_TONE, LIMIT).await?;
        // A peer that stays gets a socket of its own: it belongs to what is held before the attack.
        at_alice.receive(STAYED, LIMIT).await?;
        at_bob.receive(STAYED, LIMIT).await?;
        let before = [at_alice.media(), at_bob.media()];
        Ok(Self { at_alice, at_bob, before, _phones: [alice, bob] })
    }

    /// Both still hear each other, nothing was lost, late or foreign since the watch began, and the call can be ended.
    pub(crate) async fn end(self) -> Result<String> {
        let mut heard = Vec::new();
        for (call, before) in [&self.at_alice, &self.at_bob].into_iter().zip(&self.before) {
            // What is under way now has arrived, or shows as a gap.
            call.receive(call.media().received + SETTLING, LIMIT).await?;
            let now = call.media();
            let [missing, late, refused] =
                [now.missing - before.missing, now.late - before.late, now.refused - before.refused];
            ensure!(
                missing == 0 && late == 0 && refused == 0 && now.sources == 1,
                "of {} packets {missing} were lost and {late} reordered, {refused} were foreign, from {} sources",
                now.received - before.received,
                now.sources
            );
            heard.push((now.received - before.received).to_string());
        }
        self.at_bob.forget_tone();
        self.at_bob.hear(ALICE_TONE, LIMIT).await?;
        self.at_alice.hang_up().await?;
        self.at_bob.ended(LIMIT).await?;
        Ok(format!("SRTP {}, 0 lost", heard.join("+")))
    }
}

const ALICE_TONE: f64 = 440.0; // what a phone of `handset` plays
const BOB_TONE: f64 = 660.0;
const STAYED: u64 = 75; // packets: a second and a half
const SETTLING: u64 = 10; // packets: a fifth of a second
const LIMIT: Duration = Duration::from_secs(15);
