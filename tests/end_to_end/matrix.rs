//! Hold and resume, for every way a phone may come back: with its key or another, under its SSRC, a new one or one that
//! returns, with its roll-over counters or without, after each number of roll-overs, and from each way to hold.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_lab::{LabCall, LabPhone, RocChange, SessionChange, SsrcChange};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::handset;
use cordon_tests::kamailio::{Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, on_a_machine};
use cordon_tests::pki::Authority;

#[test]
fn audio_goes_both_ways_in_every_cell() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let _pbx = Kamailio::start(folder, &authority, Transport::Tls)?;
        let _cordon = Cordon::start(folder, &Configuration::lab(&authority, &leaf, Transport::Tls))?;
        let cells: Cells = Arc::new(Mutex::new(cells().collect()));
        handset::block_on(async {
            let mut pairs = tokio::task::JoinSet::new();
            for number in 0..PAIRS {
                pairs.spawn(walk(Pair::register(&authority, number).await?, cells.clone()));
            }
            while let Some(walked) = pairs.join_next().await {
                walked??;
            }
            Ok(())
        })
    });
}

/// Takes cells until none is left.
async fn walk(pair: Pair, cells: Cells) -> Result<()> {
    loop {
        let next = cells.lock().expect("no holder panics").pop_front();
        let Some(cell) = next else { return Ok(()) };
        pair.hold_and_resume(cell).await.with_context(|| format!("{cell:?}"))?;
    }
}

/// Two phones that call each other.
struct Pair {
    caller: LabPhone,
    callee: LabPhone,
    callee_number: String,
}

impl Pair {
    async fn register(authority: &Authority, number: usize) -> Result<Self> {
        let proxy = format!("{CORDON_LOCATION}:5061").parse()?;
        let callee_number = format!("2{number:03}");
        let caller = handset::config(authority, &format!("1{number:03}"), proxy, "10.1.0.11")?;
        let callee = handset::config(authority, &callee_number, proxy, "10.1.0.12")?;
        let (caller, callee) = tokio::try_join!(handset::register(caller), handset::register(callee))?;
        Ok(Self { caller, callee, callee_number })
    }

    /// Both talk until their counters reached the cell's ROC; the cell's phone holds, resumes as the cell says, and both
    /// are heard again.
    async fn hold_and_resume(&self, cell: Cell) -> Result<()> {
        let (caller, callee) = tokio::try_join!(self.caller.call(&self.callee_number), async {
            self.callee.incoming(LIMIT).await?.answer().await
        })?;
        let (holder, other) = if cell.caller_holds { (&caller, &callee) } else { (&callee, &caller) };
        hear_each_other(holder, other, [500.0, 900.0]).await.context("before")?;
        for phone in [holder, other] {
            phone.advance_to_roc(cell.roc);
        }
        hear_each_other(holder, other, [600.0, 1100.0]).await.context("after the roll-overs")?;
        for phone in [holder, other] {
            let rolled = phone.media().sending.1 >> 16;
            ensure!(rolled == u64::from(cell.roc), "{rolled} roll-overs");
        }
        if cell.ssrc == SsrcChange::Returning {
            let elsewhere = SessionChange { ssrc: SsrcChange::New, ..SessionChange::resume() };
            holder.change(elsewhere).await.context("to another source")?;
            hear_each_other(holder, other, [500.0, 900.0]).await.context("under another source")?;
        }

        holder.change(cell.hold).await.context("hold")?;
        let Cell { new_key, ssrc, counter: roc, .. } = cell;
        let resume = SessionChange { new_key, ssrc, roc, ..SessionChange::resume() };
        holder.change(resume).await.context("resume")?;

        hear_each_other(holder, other, [700.0, 1300.0]).await.context("after resuming")?;
        let rolled = holder.media().sending.1 >> 16;
        let expected = if cell.counter == RocChange::Reset { 0 } else { u64::from(cell.roc) };
        ensure!(rolled == expected, "{rolled} roll-overs after resuming");
        reports_agree(holder, other).await?;
        caller.hang_up().await?;
        callee.ended(LIMIT).await?;
        Ok(())
    }
}

/// Each plays a tone it did not play before, and the other hears it.
async fn hear_each_other(one: &LabCall, two: &LabCall, [tone_of_one, tone_of_two]: [f64; 2]) -> Result<()> {
    one.play(tone_of_one);
    two.play(tone_of_two);
    let (to_two, to_one) = tokio::join!(two.hear(tone_of_one, LIMIT), one.hear(tone_of_two, LIMIT));
    ensure!(
        to_two.is_ok() && to_one.is_ok(),
        "heard from the holder: {to_two:?} {:?}; by the holder: {to_one:?} {:?}",
        two.media(),
        one.media()
    );
    Ok(())
}

/// Reports come under the name of the audio, and tell each phone of its own audio by its own name and numbers.
async fn reports_agree(one: &LabCall, two: &LabCall) -> Result<()> {
    for phone in [one, two] {
        let before = phone.media().rtcp_received;
        let until = tokio::time::Instant::now() + LIMIT;
        loop {
            let media = phone.media();
            let (ssrc, next) = media.sending;
            let is_about_us = media.reported.is_some_and(|reported| {
                reported.ssrc == ssrc && (next as u32).wrapping_sub(reported.highest) < UNREPORTED
            });
            if media.rtcp_received > before && is_about_us && media.reporter == media.heard {
                break;
            }
            ensure!(tokio::time::Instant::now() < until, "no report fits this phone: {media:?}");
            phone.receive(media.received + 5, LIMIT).await?;
        }
    }
    Ok(())
}

fn cells() -> impl Iterator<Item = Cell> {
    let ways_to_hold = [SessionChange::hold(), SessionChange::inactive(), SessionChange::zero_address()];
    let cells = ways_to_hold.into_iter().flat_map(|hold| {
        [false, true].into_iter().flat_map(move |new_key| {
            [SsrcChange::Same, SsrcChange::New, SsrcChange::Returning].into_iter().flat_map(move |ssrc| {
                [RocChange::Kept, RocChange::Reset].into_iter().flat_map(move |counter| {
                    (0..=2).map(move |roc| Cell { hold, new_key, ssrc, counter, roc, caller_holds: true })
                })
            })
        })
    });
    // From either side: over the ways to hold each cell is taken by the caller and by the callee.
    cells.enumerate().map(|(number, cell)| Cell { caller_holds: (number + number / 36) % 2 == 0, ..cell })
}

type Cells = Arc<Mutex<VecDeque<Cell>>>;

#[derive(Clone, Copy, Debug)]
struct Cell {
    hold: SessionChange,
    new_key: bool,
    ssrc: SsrcChange,
    counter: RocChange,
    roc: u32,
    caller_holds: bool,
}

/// Packets sent since the peer reported: it does so twice a second, in a build without optimisation a little later.
const UNREPORTED: u32 = 200;
const PAIRS: usize = 12; // calls at once: what two cores carry in a build without optimisation
const LIMIT: Duration = Duration::from_secs(5);
