//! What arrives, and who looks after it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use cordon_policy::connection::{FlowFacts, refusal_for};
use cordon_policy::overload::PbxPace;
use cordon_policy::refusal::Refusal;
use cordon_sip::{FlowId, Message, Origin, Response};
use cordon_transaction::{ClientId, Layer, Limits, Timers, Transmit};

use crate::call::Call;
use crate::event::Event;
use crate::first_words::FirstWords;
use crate::in_dialog::Failure;
use crate::invite::Caller;
use crate::media::{CallKey, End, MediaReply, MediaRequest, StreamId};
use crate::media_map::MediaMap;
use crate::options::RelayedOptions;
use crate::registration::{Nonces, Registrar, Withheld};
use crate::rules::SiteRules;
use crate::switchboard::{Purpose, Switchboard};
use crate::tally::{Charge, Tally};
use crate::wire::Entropy;

/// All of signalling, without hands: driven with messages, media replies and the time.
///
/// After each `handle_*` the driver drains [`poll_transmit`](Self::poll_transmit), [`poll_media`](Self::poll_media) and
/// [`poll_event`](Self::poll_event), and comes back at [`poll_timeout`](Self::poll_timeout).
pub struct Engine {
    pub(crate) board: Switchboard,
    /// In boxes: a call is 4 kB, and a table keeps the size it once had.
    pub(crate) calls: BTreeMap<CallKey, Box<Call>>,
    /// Who may send its INVITE again after a challenge.
    pub(crate) callers: BTreeMap<Caller, CallKey>,
    /// How many calls phones have begun and not ended.
    pub(crate) tally: Tally,
    pub(crate) next_key: u64,
    pub(crate) is_draining: bool,
    pub(crate) options: RelayedOptions,
    /// Which calls have a leg on which phone's connection.
    pub(crate) on_flow: BTreeSet<(FlowId, CallKey)>,
    /// When which call wants to be woken.
    pub(crate) wakes: BTreeSet<(Instant, CallKey)>,
    /// Calls that are over but for the answers to their BYEs.
    pub(crate) parting: BTreeSet<CallKey>,
}

impl Engine {
    /// An engine without calls and registrations.
    pub fn new(site: SiteRules, entropy: Box<dyn Entropy + Send>) -> Engine {
        Engine {
            board: Switchboard {
                site,
                transactions: Layer::new(Timers::default(), Limits::default()),
                entropy,
                events: VecDeque::new(),
                media: VecDeque::new(),
                registrar: Registrar::new(),
                nonces: Nonces::new(),
                flows: BTreeMap::new(),
                pbx_is_up: false,
                first_words: FirstWords::default(),
                clients: BTreeMap::new(),
                servers: BTreeMap::new(),
                streams: BTreeMap::new(),
                dialogs: BTreeMap::new(),
                ports: MediaMap::default(),
            },
            calls: BTreeMap::new(),
            callers: BTreeMap::new(),
            tally: Tally::default(),
            next_key: 1,
            is_draining: false,
            options: RelayedOptions::default(),
            on_flow: BTreeSet::new(),
            wakes: BTreeSet::new(),
            parting: BTreeSet::new(),
        }
    }

    /// A phone's connection was accepted; comes before its first message.
    pub fn handle_flow_opened(&mut self, _now: Instant, facts: FlowFacts) {
        self.board.flows.insert(facts.flow, facts);
    }

    /// A connection is gone, a phone's or one with the PBX.
    pub fn handle_flow_closed(&mut self, now: Instant, flow: FlowId) {
        let was_a_phone = self.board.flows.remove(&flow).is_some();
        self.board.transactions.handle_flow_closed(now, flow);
        self.pump(now);
        if was_a_phone {
            self.board.with_registrar(|registrar, nonces, wire| {
                nonces.handle_flow_closed(flow);
                registrar.handle_flow_closed(now, wire, flow);
            });
            let on_it = self.on_flow.range((flow, CallKey(0))..).take_while(|(at, _)| *at == flow);
            let keys = on_it.map(|(_, key)| *key).collect();
            self.with_calls(now, keys, |call, board| call.handle_flow_closed(now, board, flow));
        }
    }

    /// A verified connection to the PBX is up.
    pub fn handle_pbx_up(&mut self, _now: Instant) {
        self.board.pbx_is_up = true;
    }

    /// No connection to the PBX is up and none could be opened.
    pub fn handle_pbx_unreachable(&mut self, now: Instant) {
        // Told again with each request that finds no way: only the first time costs a look at every call.
        let was_up = std::mem::replace(&mut self.board.pbx_is_up, false);
        self.board.transactions.handle_pbx_unreachable(now);
        self.pump(now);
        if was_up {
            let keys = self.calls.keys().copied().collect();
            self.with_calls(now, keys, |call, board| call.handle_pbx_unreachable(now, board));
        }
    }

    /// A message arrived.
    pub fn handle_message(&mut self, now: Instant, origin: Origin, message: Message) {
        let is_reliable = self.board.is_reliable(origin.reply_hop());
        self.board.transactions.handle_message(now, origin, is_reliable, message);
        self.pump(now);
    }

    /// The media engine answered.
    pub fn handle_media(&mut self, now: Instant, reply: MediaReply) {
        match reply {
            MediaReply::Ready { call, stream, a, b } => match self.calls.contains_key(&call) {
                true => {
                    self.board.streams.insert(stream, call);
                    self.with_call(now, call, |call, board| call.ready(now, board, stream, a, b));
                }
                // The caller gave up while the ports were bound.
                false => self.board.media.push_back(MediaRequest::Close { stream }),
            },
            MediaReply::NoPorts { call } => {
                self.with_call(now, call, |call, board| call.refuse_and_settle(now, board, Refusal::NoPorts));
            }
            MediaReply::Lost { stream } => {
                self.with_stream(now, stream, |call, board| {
                    call.break_off(now, board, End::A, Refusal::NoPorts);
                });
            }
            MediaReply::Counted { stream, statistics } => {
                self.with_stream(now, stream, |call, board| call.handle_counted(now, board, &statistics));
            }
            MediaReply::LoopRefused { stream, end } => {
                self.with_stream(now, stream, |call, board| {
                    call.break_off(now, board, end, Refusal::MediaLoop);
                });
            }
            MediaReply::KeyNearlySpent { stream, end } => {
                self.with_stream(now, stream, |call, board| call.renew_keys(now, board, end));
            }
            MediaReply::Closed { stream, statistics } => {
                self.with_stream(now, stream, |call, board| call.closed(now, board, statistics));
            }
        }
        self.pump(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.board.transactions.handle_timeout(now);
        self.pump(now);
        self.board.with_registrar(|registrar, _, wire| registrar.handle_timeout(now, wire));
        self.options.handle_timeout(now, &mut self.board);
        while let Some((at, key)) = self.wakes.first().copied().filter(|(at, _)| *at <= now) {
            self.wakes.remove(&(at, key));
            self.with_call(now, key, |call, board| {
                call.wake = None;
                call.handle_timeout(now, board);
            });
        }
        self.pump(now);
    }

    /// A reload: holds for everything that is decided from now on.
    pub fn handle_rules(&mut self, _now: Instant, site: SiteRules) {
        self.board.site = site;
    }

    /// Takes nothing new from now on: calls and registrations are answered with 503. Standing calls go on.
    pub fn drain(&mut self, _now: Instant) {
        self.is_draining = true;
    }

    /// Whether no call is left; the answer to a BYE may be on its way still.
    pub fn is_idle(&self) -> bool {
        self.call_count() == 0
    }

    /// How many calls there are, ringing and ending ones included.
    pub fn call_count(&self) -> usize {
        self.calls.len() - self.parting.len()
    }

    /// How many calls are over and wait for nothing but the answer to a BYE.
    pub fn parting_count(&self) -> usize {
        self.parting.len()
    }

    /// Whether a phone is registered on this connection, or has a call: one that is worth keeping.
    pub fn keeps(&self, now: Instant, flow: FlowId) -> bool {
        self.tally.has_calls_of(flow) || self.board.registrar.has_live_binding(now, flow)
    }

    /// Ends every call, with BYE on each leg that stands and an answer for each that rings: the process is about to end.
    pub fn end_calls(&mut self, now: Instant) {
        let keys = self.calls.keys().copied().collect();
        self.with_calls(now, keys, |call, board| call.cut(now, board));
    }

    /// How many phones are registered, those whose connection is gone included.
    pub fn binding_count(&self) -> usize {
        self.board.registrar.binding_count()
    }

    /// How many proofs of passwords were taken out of phones' requests since the start, in the order of [`Withheld::ALL`].
    pub fn withheld_proofs(&self) -> [u64; Withheld::COUNT] {
        self.board.nonces.withheld()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let calls = self.wakes.first().map(|(at, _)| *at);
        let others = [
            self.board.transactions.poll_timeout(),
            self.board.registrar.poll_timeout(),
            self.options.poll_timeout(),
        ];
        others.into_iter().chain([calls]).flatten().min()
    }

    /// The next message for the wire.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.board.transactions.poll_transmit()
    }

    /// The next wish for the media engine.
    pub fn poll_media(&mut self) -> Option<MediaRequest> {
        self.board.media.pop_front()
    }

    /// What has changed in how the PBX answers, since this was asked last.
    pub fn poll_pbx_pace(&mut self) -> Option<PbxPace> {
        self.board.first_words.poll()
    }

    /// The next thing worth a log line, a counter or a record.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.board.events.pop_front()
    }

    /// Lets a call act, then looks when it wants to be woken and whether it is over.
    pub(crate) fn with_call(
        &mut self,
        now: Instant,
        key: CallKey,
        act: impl FnOnce(&mut Call, &mut Switchboard),
    ) {
        if let Some(call) = self.calls.get_mut(&key) {
            act(call, &mut self.board);
            self.settle_call(now, key);
        }
    }

    /// After a call has acted.
    pub(crate) fn settle_call(&mut self, _now: Instant, key: CallKey) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        let wake = call.deadline();
        if call.wake != wake {
            if let Some(before) = std::mem::replace(&mut call.wake, wake) {
                self.wakes.remove(&(before, key));
            }
            self.wakes.extend(wake.map(|at| (at, key)));
        }
        if call.has_given_back_its_ports() && call.charge.is_of_stranger() {
            // Whoever redials in need is not held up by what still waits for a silent PBX.
            self.tally.ended(std::mem::replace(&mut call.charge, Charge::Nobody));
        }
        let flows = [call.a.flow(), call.b.flow()];
        if call.flows != flows {
            let before = std::mem::replace(&mut call.flows, flows);
            before.into_iter().flatten().for_each(|flow| _ = self.on_flow.remove(&(flow, key)));
            self.on_flow.extend(flows.into_iter().flatten().map(|flow| (flow, key)));
        }
        if !call.is_over() {
            return;
        }
        if !call.awaits_answers_to_bye() || self.parting.len() >= MAX_PARTING {
            return self.forget(key);
        }
        // It counts no more: who calls again is not held up by a peer that leaves a BYE without an answer.
        self.parting.insert(key);
        self.tally.ended(std::mem::replace(&mut call.charge, Charge::Nobody));
    }

    fn forget(&mut self, key: CallKey) {
        let Some(call) = self.calls.remove(&key) else { return };
        self.parting.remove(&key);
        if let Some(at) = call.wake {
            self.wakes.remove(&(at, key));
        }
        call.flows.into_iter().flatten().for_each(|flow| _ = self.on_flow.remove(&(flow, key)));
        for end in [End::A, End::B] {
            self.board.dialogs.remove(call.leg(end).local_tag());
        }
        self.tally.ended(call.charge);
        if self.callers.get(&call.caller) == Some(&key) {
            self.callers.remove(&call.caller);
        }
    }

    fn with_calls(&mut self, now: Instant, keys: Vec<CallKey>, act: impl Fn(&mut Call, &mut Switchboard)) {
        for key in keys {
            self.with_call(now, key, &act);
        }
        self.pump(now);
    }

    fn with_stream(&mut self, now: Instant, stream: StreamId, act: impl FnOnce(&mut Call, &mut Switchboard)) {
        if let Some(key) = self.board.streams.get(&stream).copied() {
            self.with_call(now, key, act);
        }
    }

    /// Looks after everything the transactions have to say.
    fn pump(&mut self, now: Instant) {
        while let Some(event) = self.board.transactions.poll_event() {
            self.handle_event(now, event);
        }
    }

    fn handle_event(&mut self, now: Instant, event: cordon_transaction::Event) {
        use cordon_transaction::Event as Happened;
        match event {
            Happened::Request { server, origin, request } => {
                self.handle_request(now, server, origin, request)
            }
            Happened::TurnedAway { origin, request, why } => {
                self.handle_turned_away(now, origin, &request, why);
            }
            Happened::Ack { origin, request } => self.handle_ack(now, origin, &request),
            Happened::Cancelled { server, headers } => {
                if let Some(key) = self.board.servers.remove(&server) {
                    self.with_call(now, key, |call, board| call.handle_cancel(now, board, server, &headers));
                }
            }
            Happened::Response { client, origin, response } => {
                self.handle_response(now, client, origin, response)
            }
            Happened::TimedOut { client } => self.handle_failure(now, client, Failure::Silence),
            Happened::TransportFailed { client } => self.handle_failure(now, client, Failure::Transport),
            Happened::TooLong { client, rule } => {
                self.handle_failure(now, client, Failure::TooLong(refusal_for(rule)))
            }
            Happened::ServerTimedOut { server } => _ = self.board.servers.remove(&server),
            Happened::StrayResponse { origin, response } => {
                let leg = response.from.tag().and_then(|tag| self.board.dialogs.get(tag)).copied();
                if let Some((key, _)) = leg {
                    self.with_call(now, key, |call, board| {
                        call.handle_late_response(now, board, origin, &response)
                    });
                }
            }
        }
    }

    fn handle_response(&mut self, now: Instant, client: ClientId, origin: Origin, response: Response) {
        self.board.first_words.heard(now, client);
        if self.board.registrar.owns(client) {
            return self.board.with_registrar(|registrar, nonces, wire| {
                registrar.handle_response(now, wire, nonces, client, response);
            });
        }
        if self.options.owns(client) {
            return self.options.handle_response(now, &mut self.board, client, &response);
        }
        // Whoever sent it may be forgotten by now: its entry goes with the last response all the same.
        let sent = match response.status.is_final() {
            true => self.board.clients.remove(&client),
            false => self.board.clients.get(&client).copied(),
        };
        match sent {
            Some((key, Purpose::Invite)) => {
                self.with_call(now, key, |call, board| {
                    call.handle_response(now, board, client, origin, response)
                });
            }
            Some((key, Purpose::Refresh)) => {
                self.with_call(now, key, |call, board| {
                    call.handle_refreshed(now, board, client, Some(&response))
                });
            }
            Some((key, Purpose::Probe(end))) => {
                self.with_call(now, key, |call, board| call.handle_probed(now, board, end, Some(&response)));
            }
            // Whatever it says, the dialog is over.
            Some((key, Purpose::Bye)) if response.status.is_final() => {
                self.with_call(now, key, |call, _| call.byes = call.byes.saturating_sub(1));
            }
            Some((_, Purpose::Bye)) | None => {}
        }
    }

    fn handle_failure(&mut self, now: Instant, client: ClientId, failure: Failure) {
        self.board.first_words.lost(client);
        if self.board.registrar.owns(client) {
            return self
                .board
                .with_registrar(|registrar, _, wire| registrar.handle_failure(now, wire, client, failure));
        }
        if self.options.owns(client) {
            return self.options.handle_failure(now, &mut self.board, client, failure);
        }
        match self.board.clients.remove(&client) {
            Some((key, Purpose::Invite)) => {
                self.with_call(now, key, |call, board| call.handle_failure(now, board, client, failure));
            }
            Some((key, Purpose::Refresh)) => {
                self.with_call(now, key, |call, board| call.handle_refreshed(now, board, client, None));
            }
            Some((key, Purpose::Probe(end))) => {
                self.with_call(now, key, |call, board| call.handle_probed(now, board, end, None));
            }
            Some((key, Purpose::Bye)) => {
                self.with_call(now, key, |call, _| call.byes = call.byes.saturating_sub(1));
            }
            None => {}
        }
    }
}

/// Calls that may wait for the answer to a BYE at once, 1 MB of them: a hundred calls a second end with peers that answer within
/// two seconds. Beyond it a BYE that crosses ours is refused.
const MAX_PARTING: usize = 256;
