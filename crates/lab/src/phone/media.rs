use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use cordon_rtp::report::{self, Stamp, Statement};
use cordon_rtp::{KeyMaterial, PacketBuf, PacketIndex, Roc, Seq, Ssrc, demux, rtcp};
use cordon_srtp::{AddressChange, Inbound, Outbound, RtcpPacket, RtpPacket, SrtcpPacket, SrtpPacket};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Duration, MissedTickBehavior, interval, timeout};

use crate::phone::continuity::Continuity;
use crate::tone::{ToneMeter, ToneSource};
use crate::{LabError, random};

/// One end of a call's audio: two sockets, a tone going out every 20 ms, and what comes in measured.
pub(crate) struct MediaEnd {
    state: Arc<Mutex<State>>,
    heard: watch::Receiver<u64>,
    port: u16,
    task: AbortHandle,
}

/// What one end of a call has sent and heard.
#[derive(Clone, Debug, Default)]
pub struct MediaReport {
    /// SRTP packets sent.
    pub sent: u64,
    /// Packets that were lost on purpose instead.
    pub withheld: u64,
    /// SRTP packets that authenticated.
    pub received: u64,
    /// Of the packets sent to this phone, by their indices: those that were passed over and have not come since.
    pub missing: u64,
    /// SRTP packets that came behind a later one.
    pub late: u64,
    /// Datagrams on the RTP port that did not authenticate.
    pub refused: u64,
    /// Datagrams that came before a key was agreed.
    pub early: u64,
    /// SRTCP packets that authenticated.
    pub rtcp_received: u64,
    /// The SSRC the last audio came from.
    pub heard: Option<u32>,
    /// The SSRC the last report came from.
    pub reporter: Option<u32>,
    /// What the peer last reported about the audio of this phone, as it named it.
    pub reported: Option<Reported>,
    /// Different SSRCs heard.
    pub sources: usize,
    /// Where this phone's own stream is: its SSRC and the index of its next packet, roll-over counter included.
    pub sending: (u32, u64),
    /// Where this phone's peer receives audio.
    pub sends_to: Option<SocketAddr>,
    /// When the first authenticated packet came.
    pub first: Option<Instant>,
    /// When the last authenticated packet came.
    pub last: Option<Instant>,
    /// The tone in the last 200 ms, in Hz.
    pub tone: Option<f64>,
}

/// A block of a report about a phone's audio (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The source the block is about.
    pub ssrc: u32,
    /// The highest sequence number received, extended by the roll-overs the peer counted.
    pub highest: u32,
}

/// Where and how the peer wants media.
pub(crate) struct Remote<'a> {
    pub(crate) rtp: Option<SocketAddr>,
    pub(crate) rtcp: Option<SocketAddr>,
    pub(crate) key: &'a KeyMaterial,
}

/// What a phone does to its own SSRC when it changes its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SsrcChange {
    /// It goes on with the one it has.
    #[default]
    Same,
    /// It takes a fresh one.
    New,
    /// It goes back to the first one it had in this call.
    Returning,
}

/// What a phone does to its roll-over counter when it changes its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RocChange {
    /// It goes on counting.
    #[default]
    Kept,
    /// It starts again at zero, for what it sends and for what it receives: the phone makes its SRTP session anew.
    Reset,
}

impl MediaEnd {
    /// Binds an even port for RTP and the one above it for RTCP.
    pub(crate) async fn bind(ip: IpAddr, tone: f64) -> Result<MediaEnd, LabError> {
        let (rtp, rtcp) = bind_pair(ip).await?;
        let port = rtp.local_addr().map_err(LabError::io("reading an address"))?.port();
        let (count, heard) = watch::channel(0);
        let state = Arc::new(Mutex::new(State::new(tone)));
        let task = tokio::spawn(run(rtp, rtcp, state.clone(), count)).abort_handle();
        Ok(MediaEnd { state, heard, port, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Takes the peer's key and addresses. A key that is the old one keeps its context, as RFC 3711 wants.
    pub(crate) fn set_remote(&self, remote: &Remote<'_>) {
        let mut state = self.lock();
        let moved = state.rtp.is_some() && remote.rtp.is_some() && state.rtp != remote.rtp;
        let is_same_key = state.remote_key.as_ref().is_some_and(|key| key.is_same_as(remote.key));
        let is_same_suite = state.remote_key.as_ref().is_some_and(|key| key.suite() == remote.key.suite());
        if !is_same_key {
            let change = if moved { AddressChange::Changed } else { AddressChange::Same };
            match &mut state.inbound {
                Some(inbound) if is_same_suite => inbound.rekey(Instant::now(), remote.key, change),
                other => *other = Some(Inbound::new(remote.key)),
            }
            state.remote_key = Some(remote.key.hand_to_relay());
        }
        (state.rtp, state.rtcp) = (remote.rtp, remote.rtcp);
    }

    /// Sends with this key from now on; with `None` and no change the old context goes on.
    pub(crate) fn set_local(&self, key: &KeyMaterial, ssrc: SsrcChange, roc: RocChange) {
        let mut state = self.lock();
        let is_same_key = state.local_key.as_ref().is_some_and(|old| old.is_same_as(key));
        state.change_source(ssrc, roc);
        // A phone that resets its counter does so by making its context anew, even with the key it had.
        if !is_same_key || roc == RocChange::Reset {
            state.outbound = Some(Outbound::new(key));
            state.local_key = Some(key.hand_to_relay());
        }
        if roc == RocChange::Reset {
            state.inbound = state.remote_key.as_ref().map(Inbound::new);
        }
    }

    /// Starts or stops the tone.
    pub(crate) fn set_sending(&self, sending: bool) {
        self.lock().sending = sending;
    }

    /// Plays another tone.
    pub(crate) fn set_tone(&self, frequency: f64) {
        self.lock().source = ToneSource::new(frequency);
    }

    /// Moves the sending index to this roll-over count, in steps a receiver can follow, one packet each.
    pub(crate) fn advance_to_roc(&self, roc: u32) {
        self.lock().target_roc = Some(Roc(roc));
    }

    /// Loses each packet of this number from now on, as a bad network would; 0 loses none.
    pub(crate) fn lose_every(&self, number: u64) {
        let mut state = self.lock();
        (state.lose_every, state.thief) = (number, None);
    }

    /// The same, and a thief sends what was lost in this phone's place.
    pub(crate) fn rob_every(&self, number: u64, thief: Arc<std::net::UdpSocket>) {
        let mut state = self.lock();
        (state.lose_every, state.thief) = (number, Some(thief));
    }

    pub(crate) fn report(&self) -> MediaReport {
        let (report, sources, meter) = {
            let state = self.lock();
            let sending = (state.ssrc, state.next.as_u64());
            let heard = state.heard.map(|(ssrc, _)| ssrc);
            let Continuity { missing, late, .. } = state.continuity;
            let sends_to = state.rtp;
            let report = MediaReport { sending, sends_to, heard, missing, late, ..state.report.clone() };
            (report, state.seen.len(), state.meter.clone())
        };
        MediaReport { sources, tone: meter.dominant(), ..report }
    }

    /// Forgets the tone heard so far; counts stay.
    pub(crate) fn forget_tone(&self) {
        self.lock().meter.forget();
    }

    /// Waits until this tone is heard, to the nearest 10 Hz.
    pub(crate) async fn wait_for_tone(&self, frequency: f64, limit: Duration) -> Result<(), LabError> {
        let mut heard = self.heard.clone();
        let waiting = async {
            loop {
                if self.report().tone.is_some_and(|tone| (tone - frequency).abs() <= 10.0) {
                    return Ok(());
                }
                // The meter is not cheap: every fifth packet is soon enough.
                let due = *heard.borrow() + 5;
                heard.wait_for(|received| *received >= due).await.map_err(|_| LabError::Closed)?;
            }
        };
        timeout(limit, waiting).await.map_err(|_| LabError::TimedOut("the tone"))?
    }

    /// Waits until so many packets have authenticated since the call began.
    pub(crate) async fn wait_for_packets(&self, count: u64, limit: Duration) -> Result<(), LabError> {
        let mut heard = self.heard.clone();
        match timeout(limit, heard.wait_for(|received| *received >= count)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(LabError::Closed),
            Err(_) => Err(LabError::TimedOut("the media")),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for MediaEnd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct State {
    inbound: Option<Inbound>,
    outbound: Option<Outbound>,
    remote_key: Option<KeyMaterial>,
    local_key: Option<KeyMaterial>,
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
    sending: bool,
    source: ToneSource,
    first_ssrc: u32,
    /// Where the first source goes on when it returns.
    first_next: PacketIndex,
    ssrc: u32,
    next: PacketIndex,
    timestamp: u32,
    target_roc: Option<Roc>,
    /// Each packet of this number is lost on the way; 0 loses none.
    lose_every: u64,
    /// Who sends what is lost.
    thief: Option<Arc<std::net::UdpSocket>>,
    /// The stamp of the peer's last sender report, and when it came.
    stamped: Option<(Stamp, Instant)>,
    meter: ToneMeter,
    seen: Vec<u32>,
    continuity: Continuity,
    /// The source heard last and its index.
    heard: Option<(u32, PacketIndex)>,
    report: MediaReport,
}

impl State {
    fn new(tone: f64) -> Self {
        let ssrc = random::number() as u32;
        let next = first_index(Roc(0));
        State {
            inbound: None,
            outbound: None,
            remote_key: None,
            local_key: None,
            rtp: None,
            rtcp: None,
            sending: false,
            source: ToneSource::new(tone),
            first_ssrc: ssrc,
            first_next: next,
            ssrc,
            next,
            timestamp: random::number() as u32,
            target_roc: None,
            lose_every: 0,
            thief: None,
            stamped: None,
            meter: ToneMeter::default(),
            seen: Vec::new(),
            continuity: Continuity::default(),
            heard: None,
            report: MediaReport::default(),
        }
    }

    fn change_source(&mut self, ssrc: SsrcChange, roc: RocChange) {
        if self.ssrc == self.first_ssrc {
            self.first_next = self.next;
        }
        match ssrc {
            SsrcChange::New => {
                self.ssrc = random::number() as u32;
                self.next = first_index(self.next.roc());
            }
            SsrcChange::Returning => (self.ssrc, self.next) = (self.first_ssrc, self.first_next),
            SsrcChange::Same => {}
        }
        if roc == RocChange::Reset {
            self.next = PacketIndex::new(Roc(0), self.next.seq());
        }
    }

    /// The next packet for the wire, when the tone is playing and there is somebody to play it to.
    fn next_packet(&mut self) -> Option<(PacketBuf, SocketAddr)> {
        let to = self.rtp.filter(|to| self.sending && !to.ip().is_unspecified())?;
        self.step_towards_target();
        let mut payload = [0; SAMPLES];
        self.source.fill(&mut payload);
        let mut packet = [0; 12 + SAMPLES];
        packet[0] = 0x80; // version 2, no padding, no extension, no contributors; payload type 0 is PCMU
        packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        packet[12..].copy_from_slice(&payload);
        let mut buf = PacketBuf::from_slice(&packet)?;
        let rtp = RtpPacket::originate(&mut buf, self.next).ok()?;
        self.outbound.as_mut()?.seal_rtp(rtp).ok()?;
        self.timestamp = self.timestamp.wrapping_add(SAMPLES as u32);
        self.next = PacketIndex::from_u64(self.next.as_u64() + 1).unwrap_or(PacketIndex::new(Roc(0), Seq(0)));
        if self.lose_every > 0 && self.next.as_u64().is_multiple_of(self.lose_every) {
            self.report.withheld += 1;
            if let Some(thief) = &self.thief {
                // A datagram that does not leave at once is lost for the thief as well.
                let _ = thief.send_to(buf.as_slice(), to);
            }
            return None;
        }
        self.report.sent += 1;
        Some((buf, to))
    }

    fn step_towards_target(&mut self) {
        let Some(target) = self.target_roc else { return };
        if self.next.roc() >= target {
            self.target_roc = None;
        } else if let Some(next) = PacketIndex::from_u64(self.next.as_u64() + ROC_STEP) {
            self.next = next;
        }
    }

    /// A sender report about both directions, with the name every phone must give (RFC 3550 §6.1).
    fn next_report(&mut self) -> Option<(PacketBuf, SocketAddr)> {
        let to = self.rtcp.filter(|to| self.sending && !to.ip().is_unspecified())?;
        let ssrc = self.ssrc.to_be_bytes();
        let (blocks, words) = if self.heard.is_some() { (1, 12) } else { (0, 6) };
        let mut packet = vec![0x80 | blocks, 200, 0, words];
        packet.extend_from_slice(&ssrc);
        packet.extend_from_slice(&wall_clock());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&(self.report.sent as u32).to_be_bytes());
        packet.extend_from_slice(&((self.report.sent * SAMPLES as u64) as u32).to_be_bytes());
        if let Some((source, highest)) = self.heard {
            packet.extend_from_slice(&source.to_be_bytes());
            packet.extend_from_slice(&(self.continuity.missing as u32 & 0x00ff_ffff).to_be_bytes());
            packet.extend_from_slice(&(highest.as_u64() as u32).to_be_bytes());
            packet.extend_from_slice(&[0; 4]); // no jitter
            let (stamp, held) = self.stamped.map_or((0, 0), |(Stamp(stamp), at)| (stamp, since(at)));
            packet.extend_from_slice(&stamp.to_be_bytes());
            packet.extend_from_slice(&held.to_be_bytes());
        }
        packet.extend_from_slice(&[0x81, 202, 0, 3]);
        packet.extend_from_slice(&ssrc);
        packet.extend_from_slice(&[1, 3, b'l', b'a', b'b', 0, 0, 0]);
        let mut buf = PacketBuf::from_slice(&packet)?;
        let rtcp = RtcpPacket::originate(&mut buf).ok()?;
        self.outbound.as_mut()?.seal_rtcp(rtcp).ok()?;
        Some((buf, to))
    }

    fn take_rtp(&mut self, buf: &mut PacketBuf) {
        let now = Instant::now();
        let Some(inbound) = &mut self.inbound else {
            self.report.early += 1;
            return;
        };
        let Ok(packet) = inbound.open_rtp(now, SrtpPacket::received(buf)) else {
            self.report.refused += 1;
            return;
        };
        self.meter.hear(packet.payload());
        let ssrc = packet.ssrc().0;
        self.heard = Some((ssrc, packet.index()));
        self.continuity.note(ssrc, packet.index());
        if !self.seen.contains(&ssrc) && self.seen.len() < MAX_SOURCES {
            self.seen.push(ssrc);
        }
        self.report.received += 1;
        self.report.first.get_or_insert(now);
        self.report.last = Some(now);
    }

    fn take_rtcp(&mut self, buf: &mut PacketBuf) {
        let now = Instant::now();
        let opened =
            self.inbound.as_mut().map(|inbound| inbound.open_rtcp(now, SrtcpPacket::received(buf)).is_ok());
        if opened != Some(true) {
            return;
        }
        self.report.rtcp_received += 1;
        report::read(buf.as_slice(), |statement| {
            if let Statement::Stamped(stamp) = statement {
                self.stamped = Some((stamp, now));
            }
        });
        self.report.reporter = rtcp::sender(buf.as_slice()).map(|sender| sender.0);
        let mut blocks = Blocks { last: self.report.reported };
        // A compound that is malformed behind its last block says nothing more.
        let _ = rtcp::rewrite(buf.as_mut_slice(), &mut blocks);
        self.report.reported = blocks.last;
    }
}

/// Reads the report blocks of a compound packet and leaves it as it is.
struct Blocks {
    last: Option<Reported>,
}

impl rtcp::Rewrite for Blocks {
    fn sender(&mut self, ssrc: Ssrc) -> Ssrc {
        ssrc
    }

    fn reported(&mut self, ssrc: Ssrc) -> Ssrc {
        ssrc
    }

    fn highest_sequence(&mut self, source: Ssrc, sequence: u32) -> u32 {
        self.last = Some(Reported { ssrc: source.0, highest: sequence });
        sequence
    }
}

/// Receives until aborted, and sends a packet every 20 ms.
async fn run(rtp: UdpSocket, rtcp: UdpSocket, state: Arc<Mutex<State>>, count: watch::Sender<u64>) {
    let mut tick = interval(Duration::from_millis(20));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut voice, mut control) = (PacketBuf::new(), PacketBuf::new());
    let mut ticks = 0_u64;
    loop {
        voice.truncate(0);
        control.truncate(0);
        tokio::select! {
            received = rtp.recv_from(voice.spare_mut()) => {
                let Ok((length, _)) = received else { continue };
                voice.set_len(length);
                let mut state = lock(&state);
                match demux(voice.as_slice()) {
                    cordon_rtp::Kind::Rtcp => state.take_rtcp(&mut voice),
                    _ => state.take_rtp(&mut voice),
                }
                let received = state.report.received;
                drop(state);
                count.send_replace(received);
            }
            received = rtcp.recv_from(control.spare_mut()) => {
                let Ok((length, _)) = received else { continue };
                control.set_len(length);
                lock(&state).take_rtcp(&mut control);
            }
            _ = tick.tick() => {
                ticks += 1;
                let packet = lock(&state).next_packet();
                if let Some((packet, to)) = packet {
                    // A full socket or a vanished peer is what media over UDP lives with.
                    let _ = rtp.send_to(packet.as_slice(), to).await;
                }
                if ticks.is_multiple_of(TICKS_PER_REPORT) {
                    let report = lock(&state).next_report();
                    if let Some((report, to)) = report {
                        let _ = rtcp.send_to(report.as_slice(), to).await;
                    }
                }
            }
        }
    }
}

async fn bind_pair(ip: IpAddr) -> Result<(UdpSocket, UdpSocket), LabError> {
    for _ in 0..BIND_ATTEMPTS {
        let rtp = UdpSocket::bind((ip, 0)).await.map_err(LabError::io("binding a media port"))?;
        let port = rtp.local_addr().map_err(LabError::io("reading an address"))?.port();
        if !port.is_multiple_of(2) {
            continue;
        }
        if let Ok(rtcp) = UdpSocket::bind((ip, port + 1)).await {
            return Ok((rtp, rtcp));
        }
    }
    Err(LabError::Misbehaved("no free pair of media ports"))
}

/// A fresh sequence number in the lower half, so that the counter cannot roll over before the peer has locked on.
fn first_index(roc: Roc) -> PacketIndex {
    PacketIndex::new(roc, Seq((random::number() as u16) & 0x3fff))
}

/// The time of day as NTP has it: seconds, and 2^-32 of them.
fn wall_clock() -> [u8; 8] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
    ((now.as_secs() << 32) | fraction).to_be_bytes()
}

/// In 1/65,536 s.
fn since(at: Instant) -> u32 {
    (at.elapsed().as_nanos() * 65_536 / 1_000_000_000) as u32
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

const SAMPLES: usize = 160; // 20 ms at 8 kHz
const ROC_STEP: u64 = 30_000; // below 2^15, so that every step is estimated rightly
const TICKS_PER_REPORT: u64 = 25; // half a second
const MAX_SOURCES: usize = 64; // more is a fault the report shows anyway
const BIND_ATTEMPTS: usize = 64; // half of the free ports are odd
