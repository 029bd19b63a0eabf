//! What machines that watch are told: `/metrics`, `/livez`, `/readyz`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cordon_lab::{LabPhone, PhoneConfig};
use cordon_sip::Method;
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::handset;
use cordon_tests::kamailio::{Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, on_a_machine};
use cordon_tests::metrics::{Metrics, get};
use cordon_tests::pki::Authority;

#[test]
fn cordon_is_ready_while_the_pbx_is_there() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let (authority, _cordon) = front(folder)?;
        ensure!(get("/livez")?.0 == 200, "alive without a PBX");
        let (status, why) = get("/readyz")?;
        ensure!(status == 503 && why.contains("PBX"), "not ready without a PBX: {status} {why}");
        ensure!(Metrics::read()?.sum("cordon_pbx_up", &[]) == 0.0, "the PBX is down");

        let pbx = Kamailio::start(folder, &authority, Transport::Tls)?;
        await_ready(200)?;
        ensure!(Metrics::read()?.sum("cordon_pbx_up", &[]) == 1.0, "the PBX is up");
        drop(pbx);
        await_ready(503)?;
        ensure!(get("/livez")?.0 == 200, "alive all the time");
        ensure!(get("/nowhere")?.0 == 404, "nothing else is there");
        Ok(())
    });
}

#[test]
fn gauges_follow_connections_registrations_and_calls() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let (authority, _cordon) = front(folder)?;
        let _pbx = Kamailio::start(folder, &authority, Transport::Tls)?;
        await_ready(200)?;
        handset::block_on(async {
            let alice = LabPhone::connect(phone(&authority, "1001")?).await?;
            let bob = LabPhone::connect(phone(&authority, "1002")?).await?;
            is_soon("cordon_flows", 2.0)?;
            is_soon("cordon_bindings", 0.0)?;
            alice.register(60).await?;
            bob.register(60).await?;
            is_soon("cordon_bindings", 2.0)?;
            is_soon("cordon_registrations_total", 2.0)?;

            let (at_alice, at_bob) =
                tokio::try_join!(alice.call("1002"), async { bob.incoming(LIMIT).await?.answer().await })?;
            // Phone to PBX and PBX to phone: two calls, as Cordon sees it.
            is_soon("cordon_calls_active", 2.0)?;
            at_bob.receive(20, LIMIT).await?;
            at_alice.hang_up().await?;
            at_bob.ended(LIMIT).await?;
            is_soon("cordon_calls_active", 0.0)?;
            let metrics = Metrics::read()?;
            for (family, labels, wanted) in [
                ("cordon_calls_started_total", "side=\"handset\"", 1.0),
                ("cordon_calls_started_total", "side=\"pbx\"", 1.0),
                ("cordon_calls_ended_total", "end=\"handset_hung_up\"", 1.0),
                ("cordon_calls_ended_total", "end=\"pbx_hung_up\"", 1.0),
                ("cordon_enforcement_weakened", "", 1.0),
                ("cordon_draining", "", 0.0),
            ] {
                let is = metrics.sum(family, &[labels]);
                ensure!(is == wanted, "{family} {labels} is {is}, not {wanted}:\n{}", metrics.text());
            }
            for labels in [["side=\"handset\"", "fate=\"opened\""], ["side=\"pbx\"", "fate=\"sealed\""]] {
                ensure!(metrics.sum("cordon_media_packets_total", &labels) >= 20.0, "{}", metrics.text());
            }
            // rcgen's certificates end in the year 4096.
            for of in ["of=\"own\"", "of=\"pbx\""] {
                ensure!(metrics.sum("cordon_certificate_days_left", &[of]) > 365.0, "{}", metrics.text());
            }

            bob.register(0).await?;
            is_soon("cordon_bindings", 1.0)?;
            bob.disconnect();
            is_soon("cordon_flows", 1.0)?;
            drop(alice);
            is_soon("cordon_flows", 0.0)?;
            Ok(())
        })
    });
}

#[test]
fn families_and_series_are_bounded_whatever_is_sent() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let (authority, _cordon) = front(folder)?;
        let families = |metrics: &Metrics| -> BTreeSet<String> {
            let types = metrics.text().lines().filter_map(|line| line.strip_prefix("# TYPE "));
            types.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
        };
        // The first look at the clock is taken beside the start.
        let at_first = Metrics::await_until("certificates are watched", LIMIT, |metrics| {
            metrics.sum("cordon_certificate_days_left", &[]) > 0.0
        })?;
        let before = families(&at_first);
        let series = |metrics: &Metrics| {
            metrics.text().lines().filter(|line| line.starts_with("cordon_refusals_total")).count()
        };
        let at_start = series(&at_first);
        let wanted: BTreeSet<String> = FAMILIES.iter().map(|name| format!("cordon_{name}")).collect();
        ensure!(before == wanted, "dashboards know these families and no others: {before:?}");
        handset::block_on(async {
            let phone = LabPhone::connect(phone(&authority, "1001")?).await?;
            for n in 0..300 {
                let request = phone.request(Method::Invite, &format!("sip:number{n}@mx.clinic.test"))?;
                let response = phone.ask(request).await?;
                ensure!(response.status.code() == 403, "not registered: {}", response.status.code());
            }
            Ok(())
        })?;
        let metrics = Metrics::read()?;
        ensure!(families(&metrics) == before, "nothing a phone sends makes a family");
        let after = series(&metrics);
        ensure!(after == at_start, "300 targets change {at_start} series to {after}:\n{}", metrics.text());
        ensure!(metrics.text().ends_with("# EOF\n"), "OpenMetrics ends with its mark");
        Ok(())
    });
}

fn front(folder: &std::path::Path) -> Result<(Authority, Cordon)> {
    let authority = Authority::new(folder, "lab-ca")?;
    let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
    let cordon = Cordon::start(folder, &Configuration::lab(&authority, &leaf, Transport::Tls))?;
    Ok((authority, cordon))
}

fn phone(authority: &Authority, number: &str) -> Result<PhoneConfig> {
    handset::config(authority, number, format!("{CORDON_LOCATION}:5061").parse()?, "10.1.0.11")
}

fn is_soon(family: &str, wanted: f64) -> Result<()> {
    let what = format!("{family} becomes {wanted}");
    Metrics::await_until(&what, LIMIT, |metrics| metrics.sum(family, &[]) == wanted).map(drop)
}

fn await_ready(wanted: u16) -> Result<()> {
    let until = Instant::now() + LIMIT;
    loop {
        let (status, why) = get("/readyz")?;
        if status == wanted {
            return Ok(());
        }
        ensure!(Instant::now() < until, "/readyz stays {status}: {why}");
        // A page can only be asked for.
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

const FAMILIES: [&str; 41] = [
    "bindings",
    "calls_active",
    "calls_ended",
    "calls_started",
    "certificate_days_left",
    "draining",
    "enforcement_weakened",
    "exposures",
    "flows",
    "log_lines_suppressed",
    "media_batches",
    "media_bytes",
    "media_connected",
    "media_datagrams",
    "media_dropped",
    "media_duplicate_packets",
    "media_expected_packets",
    "media_jitter_seconds",
    "media_lost_packets",
    "media_mos",
    "media_naps",
    "media_other_datagrams",
    "media_packets",
    "media_refused_packets",
    "media_reordered_packets",
    "media_round_trip_seconds",
    "media_silences",
    "media_source_moves",
    "media_streams",
    "media_unsent",
    "media_wakeups",
    "pbx_delay_seconds",
    "pbx_up",
    "proofs_withheld",
    "refusals",
    "refusals_unreported",
    "registrations",
    "reloads",
    "shed",
    "signalling_delay_seconds",
    "tls_handshakes",
];

const LIMIT: Duration = Duration::from_secs(10);
