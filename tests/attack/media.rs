//! Datagrams at the media ports of calls that are not the attacker's: sprayed, replayed, stolen, forged, and no media at all.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_lab::{LabCall, LabPhone};
use cordon_tests::capture::Capture;
use cordon_tests::cordon::media_addresses;
use cordon_tests::handset;
use cordon_tests::metrics::Metrics;

use crate::attack::Attack;
use crate::intruder::{Intruder, Spray, forged, no_media};
use crate::site::Site;
use crate::vitals::Vitals;

#[test]
fn f01_packets_sprayed_from_elsewhere_reach_nobody_and_bring_nothing_back() {
    Attack::new("F01", "RTP sprayed at every media port 50 times a second by somebody who listens, from before the call is set up")
        .logs_nothing()
        .run(|site| {
            let spray = Spray::begin()?;
            let heard = handset::block_on(async {
                let talk = Talk::begin(site).await?;
                talk.go_on(WORDS).await?;
                talk.end().await
            })?;
            let (sprayed, back) = spray.end()?;
            ensure!(back == 0, "{back} datagrams came to the attacker");
            let refused = refused("forged", 1)?;
            Ok(format!("{heard}; of {sprayed} sprayed 0 relayed, {refused:.0} forged on calls, 0 to the attacker"))
        });
}

#[test]
fn f03_replayed_packets_are_delivered_once_and_move_nobody() {
    Attack::new(
        "F03",
        "authentic packets 0, 1, 64 and 128 behind the newest sniffed, 20 times each, from another address",
    )
    .logs_nothing()
    .run(|site| {
        let sniffing = Capture::start(&site.folder, &format!("udp and src host {CAROL_AT}"))?;
        handset::block_on(async {
            let talk = Talk::begin(site).await?;
            talk.go_on(WORDS).await?;
            let spoken = Spoken::read(sniffing)?;
            let intruder = Intruder::arrive()?;
            let before = replayed()?;
            for behind in BEHIND {
                let (to, packet) = spoken.behind(behind)?;
                (0..COPIES).try_for_each(|_| intruder.send(packet, to))?;
            }
            let sent = COPIES * BEHIND.len();
            let refused = refused("replayed", before as usize + sent)?;
            talk.go_on(WORDS).await?;
            let heard = talk.end().await?;
            ensure!(intruder.heard()? == 0, "{} datagrams came to the attacker", intruder.heard()?);
            ensure!(moves()? == 0.0, "a replayed packet moved a phone");
            Ok(format!("{heard}; {:.0} of {sent} refused, 0 moved, 0 to the attacker", refused - before))
        })
    });
}

#[test]
fn f10_a_stolen_fresh_packet_turns_a_call_until_its_owner_speaks_again() {
    Attack::new(
        "F10",
        "one fresh packet in 250 taken off the wire and sent first from another address, twice (full: 4 times)",
    )
    .logs_nothing()
    .run(|site| {
        handset::block_on(async {
            let talk = Talk::begin(site).await?;
            let thief = Intruder::arrive()?;
            talk.at_carol.rob_every(250, thief.socket());
            let thefts = site.length(2, 4);
            talk.go_on(thefts * 250).await?;
            talk.at_carol.lose_every(0);
            talk.go_on(WORDS).await?;
            let (robbed, back) = (talk.at_carol.media().withheld, thief.heard()?);
            ensure!(robbed >= thefts, "{robbed} packets were stolen");
            // What the thief was sent is sealed for Carol. She wins back with her next packet: within 100 ms, or five packets,
            // where this process is not kept waiting.
            let lost = talk.at_carol.media().missing;
            let most = site.length(50, 5) * robbed;
            ensure!(lost <= most && back <= most, "{robbed} thefts cost {lost}, brought {back}");
            ensure!(talk.at_dave.media().missing == 0, "what was stolen arrives: {:?}", talk.at_dave.media());
            // Where the next packet is read before the stolen one, nothing moves.
            Metrics::await_until("thefts move there and back", LIMIT, |metrics| {
                metrics.sum("cordon_media_source_moves_total", &[]) >= robbed as f64
            })?;
            talk.hang_up().await?;
            Ok(format!(
                "{robbed} thefts: {lost} packets lost, {back} sealed ones to the thief, all of Carol's heard"
            ))
        })
    });
}

#[test]
fn f05_forged_packets_of_a_hundred_thousand_sources_leave_nothing_behind() {
    Attack::new("F05", "forged packets with as many random SSRCs (full: 1,000,000)").logs_nothing().run(
        |site| {
            handset::block_on(async {
                let talk = Talk::begin(site).await?;
                let port = talk.at_carol.media().sends_to.context("Carol sends")?;
                talk.go_on(WORDS).await?;
                let intruder = Intruder::arrive()?;
                (0..1000).try_for_each(|number| intruder.send(&forged(number), port))?;
                let (before, met) = (Vitals::of(&site.cordon)?.memory, refused("forged", 1)?);
                let floods = site.length(100_000, 1_000_000);
                // The kernel drops what a flood is faster than: it goes on until so many were refused.
                let (mut sent, mut refused, begun) = (0, 0.0, Instant::now());
                while refused < f64::from(floods) {
                    ensure!(begun.elapsed() < FLOOD, "{refused:.0} of {sent} refused");
                    (sent..sent + VOLLEY).try_for_each(|number| intruder.send(&forged(number), port))?;
                    sent += VOLLEY;
                    refused = refusals(&Metrics::read()?, "forged") - met;
                }
                let grown = Vitals::of(&site.cordon)?.memory.saturating_sub(before);
                ensure!(grown <= 1024, "{grown} kB for {refused:.0} forged packets");
                ensure!(intruder.heard()? == 0, "something came back");
                ensure!(talk.at_carol.is_up() && talk.at_dave.is_up(), "the call goes on");
                talk.hang_up().await?;
                Ok(format!(
                    "{refused:.0} of {sent} refused (the kernel dropped the others), memory +{grown} kB"
                ))
            })
        },
    );
}

#[test]
fn f08_what_is_no_media_is_counted_and_dropped() {
    Attack::new("F08", "0 to 11 bytes, versions, contributors, extension and padding that lie, RTCP lies, STUN, DTLS, ZRTP at every port")
        .logs_nothing()
        .run(|_| {
            let intruder = Intruder::arrive()?;
            let (ports, shapes) = (media_addresses()?, no_media());
            ensure!(!ports.is_empty(), "the canary talks");
            let before = dropped(&Metrics::read()?);
            for port in &ports {
                shapes.iter().try_for_each(|shape| intruder.send(shape, *port))?;
            }
            let sent = ports.len() * shapes.len();
            let due = before + sent as f64;
            let metrics = Metrics::await_until("each is counted", LIMIT, |metrics| dropped(metrics) >= due)?;
            ensure!(dropped(&metrics) == due, "{sent} were sent:\n{}", metrics.text());
            ensure!(intruder.heard()? == 0, "something came back");
            Ok(format!("{sent} datagrams of {} shapes at {} ports: all counted, 0 answered", shapes.len(), ports.len()))
        });
}

/// A call beside the canary's, every packet of it counted.
struct Talk {
    at_carol: LabCall,
    at_dave: LabCall,
    _phones: [LabPhone; 2],
}

impl Talk {
    async fn begin(site: &Site) -> Result<Self> {
        let carol = handset::register(site.phone(CAROL, CAROL_AT)?).await?;
        let dave = handset::register(site.phone(DAVE, DAVE_AT)?).await?;
        let (at_carol, at_dave) =
            tokio::try_join!(carol.call(DAVE), async { dave.incoming(LIMIT).await?.answer().await })?;
        Ok(Self { at_carol, at_dave, _phones: [carol, dave] })
    }

    /// Until both have heard so many packets more.
    async fn go_on(&self, packets: u64) -> Result<()> {
        for end in [&self.at_carol, &self.at_dave] {
            end.receive(end.media().received + packets, LIMIT + PACKET * u32::try_from(packets)?).await?;
        }
        Ok(())
    }

    /// Nothing was lost and nothing foreign was heard.
    async fn end(self) -> Result<String> {
        let mut heard = Vec::new();
        for end in [&self.at_carol, &self.at_dave] {
            let media = end.media();
            ensure!(media.missing == 0 && media.refused == 0 && media.sources == 1, "{media:?}");
            heard.push(format!("{0} of {0}", media.received));
        }
        self.hang_up().await?;
        Ok(format!("{} heard", heard.join(" and ")))
    }

    async fn hang_up(&self) -> Result<()> {
        self.at_carol.hang_up().await?;
        self.at_dave.ended(LIMIT).await?;
        Ok(())
    }
}

/// What Carol was heard to send.
struct Spoken(Vec<(SocketAddr, Vec<u8>)>);

impl Spoken {
    fn read(sniffing: Capture) -> Result<Self> {
        let lines = sniffing.finish("udp", &[], &["ip.dst", "udp.dstport", "udp.payload"])?;
        let packet = |line: &String| {
            let mut fields = line.split('\t');
            let to = format!("{}:{}", fields.next()?, fields.next()?).parse().ok()?;
            let digits = fields.next()?.replace(':', "");
            let bytes: Option<Vec<u8>> = (0..digits.len() / 2)
                .map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok())
                .collect();
            // Speech; a report has another second byte.
            bytes.filter(|bytes| bytes.get(1) == Some(&0)).map(|bytes| (to, bytes))
        };
        Ok(Self(lines.iter().filter_map(packet).collect()))
    }

    fn behind(&self, number: usize) -> Result<(SocketAddr, &[u8])> {
        let (to, packet) = self.0.iter().rev().nth(number).context("Carol has said more")?;
        Ok((*to, packet))
    }
}

/// Waits until so many packets were refused for this reason; how many there are.
fn refused(reason: &str, least: usize) -> Result<f64> {
    let count = |metrics: &Metrics| refusals(metrics, reason);
    Ok(count(&Metrics::await_until(reason, LIMIT, |metrics| count(metrics) >= least as f64)?))
}

fn refusals(metrics: &Metrics, reason: &str) -> f64 {
    metrics.sum("cordon_media_refused_packets_total", &[&format!("reason=\"{reason}\"")])
}

/// What did not come from a phone, or was no media.
fn dropped(metrics: &Metrics) -> f64 {
    metrics.sum("cordon_media_other_datagrams_total", &[])
        + refusals(metrics, "forged")
        + refusals(metrics, "malformed")
        + refusals(metrics, "too_many_sources")
}

fn replayed() -> Result<f64> {
    Ok(refusals(&Metrics::read()?, "replayed"))
}

fn moves() -> Result<f64> {
    Ok(Metrics::read()?.sum("cordon_media_source_moves_total", &[]))
}

const CAROL: &str = "2065550175";
const DAVE: &str = "2065550176";
const CAROL_AT: &str = "10.1.131.21";
const DAVE_AT: &str = "10.1.131.22";
/// Five seconds of speech.
const WORDS: u64 = 250;
const PACKET: Duration = Duration::from_millis(20);
/// Longest wait until so many were refused.
const FLOOD: Duration = Duration::from_secs(120);
/// Forged packets between two looks at the count.
const VOLLEY: u32 = 5000;
const COPIES: usize = 20;
const BEHIND: [usize; 4] = [0, 1, 64, 128];
const LIMIT: Duration = Duration::from_secs(20);
