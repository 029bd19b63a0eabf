//! What the receipts and metrics of Cordon say of the media of calls, held against what two phones know of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_lab::{LabCall, LabPhone};
use cordon_tests::baresip::{Baresip, Setup};
use cordon_tests::clinic::Clinic;
use cordon_tests::handset;
use cordon_tests::machine::{CORDON_LOCATION, on_a_machine};
use cordon_tests::metrics::Metrics;

#[test]
fn a_good_call_is_whole_in_its_receipts_and_moves_the_metrics_while_it_lasts() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        handset::block_on(async {
            let (alice, bob) = phones(&clinic).await?;
            let (at_alice, at_bob) = connect(&alice, &bob).await?;
            at_bob.receive(200, LIMIT).await?;
            // Two calls for Cordon: from Alice to the PBX, and from the PBX to Bob. Both are up.
            let metrics = Metrics::await_until("packets are counted in mid-call", LIMIT, |metrics| {
                metrics.sum("cordon_media_packets_total", &["side=\"handset\"", "fate=\"opened\""]) > 100.0
            })?;
            ensure!(metrics.sum("cordon_calls_active", &[]) == 2.0, "{}", metrics.text());
            ensure!(metrics.sum("cordon_media_streams", &[]) == 2.0, "{}", metrics.text());
            let [heard_by_alice, heard_by_bob] = [&at_alice, &at_bob].map(|end| end.media().received);
            at_alice.hang_up().await?;
            at_bob.ended(LIMIT).await?;

            let [from_alice, to_bob] = receipts(&clinic)?;
            let legs =
                [(&from_alice.caller, &at_alice, heard_by_bob), (&to_bob.callee, &at_bob, heard_by_alice)];
            for (leg, phone, heard) in legs {
                // What the other phone has heard before the call ended went through, and no more than was sent; phones
                // go on to speak until they hear of the end.
                let (sent, received) = (phone.media().sent, phone.media().received);
                ensure!(
                    (heard..=sent).contains(&leg.opened),
                    "{heard} of {sent} sent packets were heard: {leg:?}"
                );
                ensure!(leg.sealed >= received, "{received} packets were heard: {leg:?}");
                ensure!(leg.expected == leg.opened && leg.lost == 0, "nothing is lost: {leg:?}");
                ensure!(leg.reports > 0 && leg.lost_by_reports == 0, "the phone says so too: {leg:?}");
                ensure!(leg.has_round_trip, "the phone echoes reports: {leg:?}");
                ensure!(leg.mos_from > 4.0 && leg.mos_to > 4.0, "it sounds well: {leg:?}");
            }
            let metrics = Metrics::read()?;
            for labels in [["side=\"handset\"", "direction=\"from\""], ["side=\"pbx\"", "direction=\"from\""]]
            {
                ensure!(
                    metrics.sum("cordon_media_expected_packets_total", &labels) > 400.0,
                    "{}",
                    metrics.text()
                );
                ensure!(metrics.sum("cordon_media_lost_packets_total", &labels) == 0.0, "{}", metrics.text());
                ensure!(metrics.sum("cordon_media_mos_count", &labels) > 0.0, "{}", metrics.text());
                let below_four = [labels[0], labels[1], "le=\"3.6\""];
                ensure!(metrics.sum("cordon_media_mos_bucket", &below_four) == 0.0, "{}", metrics.text());
            }
            Ok(())
        })
    });
}

#[test]
fn loss_before_cordon_is_on_the_leg_and_in_the_direction_it_happened() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        handset::block_on(async {
            let (alice, bob) = phones(&clinic).await?;
            let (at_alice, at_bob) = connect(&alice, &bob).await?;
            at_alice.lose_every(10);
            at_bob.receive(250, LIMIT).await?;
            let missed = at_bob.media().missing;
            at_alice.hang_up().await?;
            at_bob.ended(LIMIT).await?;

            let withheld = at_alice.media().withheld;
            ensure!(missed >= 20, "packets were lost: {:?}", at_bob.media());
            let [from_alice, to_bob] = receipts(&clinic)?;
            let from = &from_alice.caller;
            // Alice goes on to speak, and to lose, until she hears of the end.
            ensure!((missed..=withheld).contains(&from.lost), "{missed} to {withheld} were lost: {from:?}");
            ensure!(from.expected - from.lost == from.opened, "the others arrived: {from:?}");
            ensure!(from.mos_from < 4.0, "it is to be heard: {from:?}");
            // Alice hears all of Bob, and nothing is lost between Bob and Cordon.
            ensure!(from.lost_by_reports == 0 && from.mos_to > 4.0, "{from:?}");
            ensure!(to_bob.callee.lost == 0 && to_bob.callee.mos_from > 4.0, "{:?}", to_bob.callee);
            // Bob reports what he misses of Alice, wherever it was lost.
            let bob = &to_bob.callee;
            ensure!(
                (10..=withheld).contains(&bob.lost_by_reports) && bob.mos_to < 4.0,
                "{withheld} were lost: {bob:?}"
            );
            let metrics = Metrics::read()?;
            let lost = |direction: &str| {
                metrics.sum("cordon_media_lost_packets_total", &["side=\"handset\"", direction])
            };
            ensure!((lost("direction=\"from\"") - from.lost as f64).abs() < 0.5, "{}", metrics.text());
            ensure!(
                (lost("direction=\"to\"") - bob.lost_by_reports as f64).abs() < 0.5,
                "{}",
                metrics.text()
            );
            Ok(())
        })
    });
}

#[test]
fn a_phone_that_is_not_heard_is_told_of_while_the_call_lasts() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        handset::block_on(async {
            let (alice, bob) = phones(&clinic).await?;
            let (at_alice, at_bob) = connect(&alice, &bob).await?;
            at_alice.lose_every(1);
            let line = clinic.cordon.program.await_line("one-way audio", Duration::from_secs(25))?;
            ensure!(line.contains("handset") || line.contains("pbx"), "it says who is not heard: {line}");
            Metrics::await_until("both legs are told of", LIMIT, |metrics| {
                let silences = |who| metrics.sum("cordon_media_silences_total", &[who]);
                silences("not_heard=\"handset\"") == 1.0 && silences("not_heard=\"pbx\"") == 1.0
            })?;
            ensure!(at_bob.is_up(), "the call goes on");
            at_alice.hang_up().await?;
            at_bob.ended(LIMIT).await?;
            let [from_alice, _] = receipts(&clinic)?;
            ensure!(from_alice.caller.silences == 1 && from_alice.callee.silences == 0, "{from_alice:?}");
            Ok(())
        })
    });
}

#[test]
fn the_round_trip_to_baresip_is_measured_by_its_own_reports() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        let proxy = format!("{CORDON_LOCATION}:5061");
        let _baresip = Baresip::register(
            machine.folder(),
            &Setup {
                number: "1001",
                interface: "phone1",
                address: "10.1.0.11",
                tone: 660.0,
                encryption: "srtp-mand",
                proxy: &proxy,
                anchor: &clinic.authority.anchor,
            },
        )?;
        handset::block_on(async {
            let phone = handset::register(clinic.phone("1002", "10.1.0.12")?).await?;
            let call = phone.call("1001").await?;
            while call.media().reported.is_none() {
                call.receive(call.media().received + 5, LIMIT).await?;
                ensure!(call.media().received < REPORT_DUE, "no report about us: {:?}", call.media());
            }
            call.hang_up().await?;
            let [_, to_baresip] = receipts(&clinic)?;
            let leg = &to_baresip.callee;
            ensure!(leg.has_round_trip && leg.reports > 0, "{leg:?}");
            ensure!(leg.lost == 0 && leg.mos_from > 4.0 && leg.mos_to > 4.0, "{leg:?}");
            Ok(())
        })
    });
}

/// One call as its receipt tells it.
#[derive(Debug)]
struct Receipt {
    caller: Leg,
    callee: Leg,
}

/// One leg of a receipt.
#[derive(Debug)]
struct Leg {
    opened: u64,
    sealed: u64,
    expected: u64,
    lost: u64,
    mos_from: f64,
    lost_by_reports: u64,
    reports: u64,
    mos_to: f64,
    has_round_trip: bool,
    silences: u64,
}

impl Receipt {
    fn read(line: &str) -> Result<Self> {
        let field = |name: &str| line.split_once(&format!(" {name}=")).map(|(_, behind)| behind);
        let leg = |name: &str| {
            let packets = field(name).with_context(|| format!("{name} is in {line}"))?;
            let media =
                field(&format!("{name}_media")).with_context(|| format!("{name}_media is in {line}"))?;
            Leg::read(packets, media).with_context(|| format!("{name} can be read in {line}"))
        };
        Ok(Self { caller: leg("caller")?, callee: leg("callee")? })
    }
}

impl Leg {
    fn read(packets: &str, media: &str) -> Result<Self> {
        let (from, to) = media.split_once("; to ").context("two directions")?;
        let (to, rest) = to.split_once("; ").context("a round trip")?;
        Ok(Self {
            opened: number_before(packets, " opened")?,
            sealed: number_before(packets, " sealed")?,
            lost: number_before(from, " of ")?,
            expected: number_before(from, " lost")?,
            mos_from: number_after(from, "MOS ").unwrap_or(0.0),
            lost_by_reports: number_before(to, " of ")?,
            reports: number_before(to, " reports")?,
            mos_to: number_after(to, "MOS ").unwrap_or(0.0),
            has_round_trip: !rest.starts_with("round trip -"),
            silences: number_before(rest, " times")?,
        })
    }
}

fn number_before(text: &str, mark: &str) -> Result<u64> {
    let (before, _) = text.split_once(mark).with_context(|| format!("{mark:?} is in {text:?}"))?;
    Ok(before.rsplit(' ').next().unwrap_or_default().parse()?)
}

fn number_after(text: &str, mark: &str) -> Result<f64> {
    let (_, after) = text.split_once(mark).with_context(|| format!("{mark:?} is in {text:?}"))?;
    let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
    Ok(after[..end].parse()?)
}

async fn phones(clinic: &Clinic) -> Result<(LabPhone, LabPhone)> {
    let alice = handset::register(clinic.phone("1001", "10.1.0.11")?).await?;
    let bob = handset::register(clinic.phone("1002", "10.1.0.12")?).await?;
    Ok((alice, bob))
}

/// Of the call of the one phone, and of the call to the other.
fn receipts(clinic: &Clinic) -> Result<[Receipt; 2]> {
    let program = &clinic.cordon.program;
    let from = program.await_line("caller=handset", LIMIT)?;
    let to = program.await_line("caller=pbx", LIMIT)?;
    Ok([Receipt::read(&from)?, Receipt::read(&to)?])
}

async fn connect(caller: &LabPhone, callee: &LabPhone) -> Result<(LabCall, LabCall)> {
    Ok(tokio::try_join!(caller.call("1002"), async { callee.incoming(LIMIT).await?.answer().await })?)
}

const LIMIT: Duration = Duration::from_secs(15);
/// Packets in which baresip reports, which it does each five seconds: 15 s.
const REPORT_DUE: u64 = 750;
