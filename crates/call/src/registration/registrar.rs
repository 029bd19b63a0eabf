//! REGISTER in, REGISTER out, answers back.

use std::time::{Duration, Instant};

use cordon_policy::refusal::Refusal;
use cordon_sip::{
    DeltaSeconds, FlowId, HeaderName, HeaderValue, Hop, Request, Response, RetryAfter, StatusCode, Via,
};
use cordon_transaction::{ClientId, ServerId};

use super::admission::{Admitted, Asked, AskedContact, admit};
use super::answer::{capped, granted_seconds, to_phone};
use super::bindings::{Binding, Bindings};
use super::exchange::{Exchange, Exchanges};
use super::guesses::Guesses;
use super::nonces::Nonces;
use super::phone::BindingId;
use super::refuse::{refuse, refuse_for};
use super::request::{envelope, toward_pbx};
use super::upstream::Upstreams;
use crate::call::PBX_SILENCE;
use crate::event::{Event, UnregisterReason};
use crate::in_dialog::Failure;
use crate::rules::{Advertise, SiteRules};
use crate::wire::{Token, Wire};

/// Relays every REGISTER to the PBX and remembers what it granted.
#[derive(Default)]
pub(crate) struct Registrar {
    exchanges: Exchanges,
    upstreams: Upstreams,
    pub(super) bindings: Bindings,
    pub(super) guesses: Guesses,
    /// Until then granted lifetimes are spread; some minutes after the first of this process.
    pub(super) settled_at: Option<Instant>,
    /// The shortest binding the PBX has insisted on, in seconds (423, Min-Expires): it may ask for more than the site does.
    shortest: u32,
}

impl Registrar {
    /// Nobody is registered.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// How many bindings there are.
    pub(crate) fn binding_count(&self) -> usize {
        self.bindings.count()
    }

    /// Relays a phone's REGISTER, or refuses it. Hops, extensions and the like are already looked at.
    pub(crate) fn handle_register(
        &mut self,
        now: Instant,
        wire: &mut Wire<'_>,
        nonces: &mut Nonces,
        server: ServerId,
        flow: FlowId,
        mut request: Request,
    ) {
        let admitted = match self.admit(flow, &request, wire.site) {
            Ok(admitted) => admitted,
            Err(refusal) => return refuse(now, wire, (server, Some(flow)), &request, refusal),
        };
        let proofs = nonces.withhold_foreign(now, flow, &mut request, wire.events);
        let domain = &wire.site.registration.domain;
        let claims = self.claims_of(now, domain, &request, &admitted);
        if let Err(wait) = self.guard(now, flow, &claims) {
            let seconds = wait.seconds(|least, most| wire.between(least, most));
            let asked = (server, Some(flow));
            return refuse_for(now, wire, asked, &request, Refusal::AccountLocked, Some(seconds));
        }
        nonces.show(now, flow, proofs);
        let proved_by = claims.other_than(admitted.account);
        let proved = claims.into_proved();
        self.asked(now, flow, &proved);
        let client = self.relay(now, wire, &request, &admitted);
        let exchange = Exchange {
            server,
            flow: Some(flow),
            request: envelope(&request),
            admitted,
            proved,
            proved_by,
            silent_at: now.checked_add(PBX_SILENCE),
            is_answered: false,
        };
        self.exchanges.insert(client, exchange);
    }

    /// Whether this transaction carries a REGISTER of ours.
    pub(crate) fn owns(&self, client: ClientId) -> bool {
        self.exchanges.contains(client)
    }

    /// Takes a response of the PBX to a REGISTER of ours.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        wire: &mut Wire<'_>,
        nonces: &mut Nonces,
        client: ClientId,
        mut response: Response,
    ) {
        if response.status.is_provisional() {
            return self.exchanges.hear(client);
        }
        let Some(exchange) = self.exchanges.remove(client) else { return };
        self.judge(now, wire, exchange.flow, &exchange.proved, Some(&response));
        if response.status.is_success() {
            self.accept(now, wire, &exchange, &response);
        } else {
            self.reject(wire, &exchange, &response);
        }
        let Some(flow) = exchange.flow.filter(|_| !exchange.is_answered) else { return };
        if response.status.is_redirection() {
            // A phone sent elsewhere would register past us.
            return refuse(
                now,
                wire,
                (exchange.server, Some(flow)),
                &exchange.request,
                Refusal::ForeignRedirect,
            );
        }
        if let Err(refusal) = nonces.relay_challenge(now, flow, &mut response) {
            return refuse(now, wire, (exchange.server, Some(flow)), &exchange.request, refusal);
        }
        let contacts = match response.status.is_success() {
            true => self.own_contacts(now, flow, exchange.admitted.account),
            false => Vec::new(),
        };
        let maximum = wire.site.registration.maximum;
        let mut answer = to_phone(&exchange.request, &response, wire.token(), contacts, maximum);
        if answer.status == StatusCode::SERVICE_UNAVAILABLE && !answer.headers.has(&HeaderName::RETRY_AFTER) {
            // There is one registrar: whatever else would be registered now hears the same (RFC 3261 §16.7 step 6). Without
            // a time each phone would choose one, and many the same.
            let seconds = wire.retry_after(Refusal::PbxUnreachable).unwrap_or_default();
            answer.headers.push(HeaderName::RETRY_AFTER, RetryAfter::new(seconds).to_text());
        }
        // A phone whose transaction is gone asks again; there is nobody else to tell.
        let _gone = wire.transactions.respond(now, exchange.server, answer);
    }

    /// A REGISTER of ours timed out or could not be sent.
    pub(crate) fn handle_failure(
        &mut self,
        now: Instant,
        wire: &mut Wire<'_>,
        client: ClientId,
        failure: Failure,
    ) {
        let Some(exchange) = self.exchanges.remove(client) else { return };
        self.judge(now, wire, exchange.flow, &exchange.proved, None);
        if !exchange.is_answered {
            let refusal = match (failure, exchange.silent_at) {
                (Failure::TooLong(refusal), _) => refusal,
                (Failure::Silence | Failure::Transport, Some(_)) => Refusal::PbxUnreachable,
                (Failure::Silence | Failure::Transport, None) => Refusal::PbxSilent, // it said 100 and then nothing
            };
            refuse(now, wire, (exchange.server, exchange.flow), &exchange.request, refusal);
        }
    }

    /// A phone's connection is gone. Its bindings stay until they expire, so that the PBX's calls are answered 480 at
    /// once, and the phone finds its contact again when it comes back.
    pub(crate) fn handle_flow_closed(&mut self, _now: Instant, wire: &mut Wire<'_>, flow: FlowId) {
        self.exchanges.detach(flow);
        for id in self.bindings.detach(flow) {
            unregistered(wire, id, UnregisterReason::FlowClosed);
        }
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant, wire: &mut Wire<'_>) {
        while let Some(exchange) = self.exchanges.pop_silent(now) {
            let Exchange { server, flow, request, .. } = exchange;
            refuse(now, wire, (*server, *flow), request, Refusal::PbxSilent);
        }
        while let Some((id, binding)) = self.bindings.pop_expired(now) {
            // The loss of the flow has been told already.
            if binding.flow.is_some() {
                unregistered(wire, id, UnregisterReason::Expired);
            }
        }
        self.upstreams.expire(now);
        self.guesses.expire(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let next = [
            self.exchanges.next_silence(),
            self.bindings.next_expiry(),
            self.upstreams.next_end(),
            self.guesses.next_end(),
        ];
        next.into_iter().flatten().min()
    }

    fn admit(&self, flow: FlowId, request: &Request, site: &SiteRules) -> Result<Admitted, Refusal> {
        let admitted = admit(request, &site.registration)?;
        if !self.exchanges.has_room(flow) {
            return Err(Refusal::TooManyTransactions);
        }
        if let Asked::Contacts(contacts) = &admitted.asked {
            let most = site.limits.registrations;
            let adds = |contact: &AskedContact| contact.seconds != Some(0);
            let has_room =
                |contact: &AskedContact| self.bindings.has_room(most, flow, admitted.account, contact.id);
            if contacts.iter().any(|contact| adds(contact) && !has_room(contact)) {
                return Err(Refusal::TooManyBindings);
            }
        }
        Ok(admitted)
    }

    /// Sends the PBX's own form of the REGISTER.
    fn relay(
        &mut self,
        now: Instant,
        wire: &mut Wire<'_>,
        request: &Request,
        admitted: &Admitted,
    ) -> ClientId {
        let end = now.checked_add(KEEP_NAMES).unwrap_or(now);
        let names = self.upstreams.next(&admitted.upstream, end, || Token::draw(wire.entropy));
        let rules = &wire.site.registration;
        let Advertise { host, port, transport } = &rules.advertise;
        let via = Via::new(transport.via(), host.clone(), Some(*port), wire.branch());
        let longest = capped(u32::MAX, rules.maximum).max(self.shortest);
        let out = toward_pbx(request, &admitted.asked, names, via, rules, longest);
        let client = wire.transactions.send_request(now, Hop::Pbx, transport.is_reliable(), out);
        wire.first_words.asked(now, client);
        client
    }

    /// The PBX has done what was asked.
    fn accept(&mut self, now: Instant, wire: &mut Wire<'_>, exchange: &Exchange, response: &Response) {
        match &exchange.admitted.asked {
            Asked::List => {}
            Asked::RemoveAll => {
                let all: Vec<BindingId> = self.bindings.of_account(exchange.admitted.account).collect();
                for id in all {
                    self.remove(wire, id, UnregisterReason::Asked);
                }
                self.upstreams.forget(&exchange.admitted.upstream);
            }
            Asked::Contacts(contacts) => {
                let mut longest = 0;
                for contact in contacts {
                    let seconds = granted_seconds(response, contact);
                    longest = longest.max(seconds);
                    match seconds {
                        0 => self.remove(wire, contact.id, UnregisterReason::Asked),
                        _ => self.grant(now, wire, exchange, contact, seconds),
                    }
                }
                if longest == 0 {
                    self.upstreams.forget(&exchange.admitted.upstream);
                }
            }
        }
    }

    fn grant(
        &mut self,
        now: Instant,
        wire: &mut Wire<'_>,
        exchange: &Exchange,
        contact: &AskedContact,
        seconds: u32,
    ) {
        let kept = Duration::from_secs(seconds.into()).min(LONGEST_GRANT) + KEEP_NAMES;
        self.upstreams.keep(&exchange.admitted.upstream, now.checked_add(kept).unwrap_or(now));
        // A phone that is gone again has nothing to be reached by.
        let Some(flow) = exchange.flow else { return };
        let capped = capped(seconds, wire.site.registration.maximum);
        let expires = Duration::from_secs(self.spread(now, wire, capped).into());
        let names = exchange.admitted.upstream;
        // The PBX knows the phone by its new names from now on.
        let earlier = self.bindings.get(contact.id).map(|earlier| earlier.names);
        if let Some(earlier) = earlier.filter(|earlier| *earlier != names) {
            self.upstreams.forget(&earlier);
        }
        let binding = Binding {
            account: exchange.admitted.account,
            names,
            proved_by: exchange.proved_by,
            contact: contact.written.clone(),
            flow: Some(flow),
            moved_from: None,
            granted_until: now.checked_add(expires).unwrap_or(now),
            kept_until: now.checked_add(Duration::from_secs(capped.into())).unwrap_or(now),
        };
        let replaced = self.bindings.put(contact.id, binding).filter(|before| *before != flow);
        let phone = contact.id.pseudonym();
        wire.events.push_back(Event::Registered { flow, phone, expires, replaced });
    }

    /// A little less than was granted in the first minutes after a start, so that phones that all came at once do not all come
    /// back at once. A phone may always refresh earlier than the PBX asks for.
    fn spread(&mut self, now: Instant, wire: &mut Wire<'_>, seconds: u32) -> u32 {
        let settled_at = *self.settled_at.get_or_insert_with(|| now.checked_add(SETTLING).unwrap_or(now));
        match now < settled_at {
            true => wire.between(seconds - seconds / 5, seconds),
            false => seconds,
        }
    }

    /// The PBX has refused. A phone that is no longer welcome loses its binding; a failed attempt on another
    /// connection takes nothing from it.
    fn reject(&mut self, wire: &mut Wire<'_>, exchange: &Exchange, response: &Response) {
        if response.status == StatusCode::INTERVAL_TOO_BRIEF
            && let Some(Ok(DeltaSeconds(seconds))) = response.headers.read(&HeaderName::MIN_EXPIRES)
        {
            self.shortest = seconds.min(LONGEST_INSISTED);
        }
        let Asked::Contacts(contacts) = &exchange.admitted.asked else { return };
        if !matches!(response.status.code(), 403 | 404 | 410 | 604) {
            return;
        }
        for contact in contacts {
            let owner = self.bindings.get(contact.id).and_then(|binding| binding.flow);
            if owner.is_some() && owner == exchange.flow {
                self.remove(wire, contact.id, UnregisterReason::Refused);
            }
        }
    }

    fn remove(&mut self, wire: &mut Wire<'_>, id: BindingId, reason: UnregisterReason) {
        if self.bindings.remove(id).is_some() {
            unregistered(wire, id, reason);
        }
    }
}

fn unregistered(wire: &mut Wire<'_>, id: BindingId, reason: UnregisterReason) {
    wire.events.push_back(Event::Unregistered { phone: id.pseudonym(), reason });
}

/// 64*T1 for the phone to answer a challenge, and as long again for the PBX.
const KEEP_NAMES: Duration = Duration::from_secs(64);

/// As long as the longest lifetime a site grants by default: whoever came in the storm has refreshed once by then.
const SETTLING: Duration = Duration::from_secs(600);

/// Names are not kept longer than a day, whatever the PBX grants: the phone refreshes at `registration.maximum`.
const LONGEST_GRANT: Duration = Duration::from_secs(86_400);

/// A day: the longest `registration.maximum` there is. No PBX means more.
const LONGEST_INSISTED: u32 = 86_400;
