//! REGISTER in, REGISTER out, answers back; and where a phone is.

use std::time::{Duration, Instant};

use cordon_policy::refusal::{Door, Refusal};
use cordon_sip::{FlowId, HeaderName, Hop, NameAddr, Request, Response, StatusCode, Text, Uri, Via};
use cordon_transaction::{ClientId, ServerId};

use super::admission::{Admitted, Asked, AskedContact, admit};
use super::answer::{capped, granted_seconds, to_phone};
use super::bindings::{Binding, Bindings};
use super::exchange::{Exchange, Exchanges};
use super::nonces::Nonces;
use super::phone::{Account, BindingId};
use super::request::{envelope, toward_pbx};
use super::upstream::Upstreams;
use crate::call::PBX_SILENCE;
use crate::event::{Event, Side, UnregisterReason};
use crate::rules::{Advertise, SiteRules};
use crate::wire::Wire;

/// Relays every REGISTER to the PBX and remembers what it granted.
#[derive(Default)]
pub(crate) struct Registrar {
    exchanges: Exchanges,
    upstreams: Upstreams,
    bindings: Bindings,
    /// The shortest binding the PBX has insisted on, in seconds (423, Min-Expires): it may ask for more than the site does.
    shortest: u32,
}

/// Where a request of the PBX to one of our contacts goes.
#[expect(clippy::large_enum_variant, reason = "taken apart where it is made, never kept")]
pub(crate) enum Route {
    /// To this phone.
    Phone {
        /// The phone's connection.
        flow: FlowId,
        /// The Request-URI the phone knows itself by: its Contact as written.
        contact: Uri,
        /// Which phone.
        binding: BindingId,
    },
    /// The phone is known, its connection is gone: 480.
    FlowGone,
    /// No phone holds this contact.
    Unknown,
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
            Err(refusal) => return refuse(now, wire, server, Some(flow), &request, refusal),
        };
        nonces.strip_foreign(now, flow, &mut request);
        let client = self.relay(now, wire, &request, &admitted);
        let exchange = Exchange {
            server,
            flow: Some(flow),
            request: envelope(&request),
            admitted,
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
                exchange.server,
                Some(flow),
                &exchange.request,
                Refusal::ForeignRedirect,
            );
        }
        if let Err(refusal) = nonces.relay_challenge(now, flow, &mut response) {
            return refuse(now, wire, exchange.server, Some(flow), &exchange.request, refusal);
        }
        let contacts = match response.status.is_success() {
            true => self.own_contacts(now, flow, exchange.admitted.account),
            false => Vec::new(),
        };
        let maximum = wire.site.registration.maximum;
        let answer = to_phone(&exchange.request, &response, wire.token(), contacts, maximum);
        // A phone whose transaction is gone asks again; there is nobody else to tell.
        let _gone = wire.transactions.respond(now, exchange.server, answer);
    }

    /// A REGISTER of ours timed out or could not be sent.
    pub(crate) fn handle_failure(&mut self, now: Instant, wire: &mut Wire<'_>, client: ClientId) {
        let Some(exchange) = self.exchanges.remove(client) else { return };
        if !exchange.is_answered {
            let refusal = match exchange.silent_at {
                Some(_) => Refusal::PbxUnreachable,
                None => Refusal::PbxSilent, // it said 100 and then nothing
            };
            refuse(now, wire, exchange.server, exchange.flow, &exchange.request, refusal);
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
            refuse(now, wire, *server, *flow, request, Refusal::PbxSilent);
        }
        while let Some((id, binding)) = self.bindings.pop_expired(now) {
            // The loss of the flow has been told already.
            if binding.flow.is_some() {
                unregistered(wire, id, UnregisterReason::Expired);
            }
        }
        self.upstreams.expire(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let next = [self.exchanges.next_silence(), self.bindings.next_expiry(), self.upstreams.next_end()];
        next.into_iter().flatten().min()
    }

    /// Where a request of the PBX with this Request-URI goes.
    pub(crate) fn route(&self, now: Instant, uri: &Uri) -> Route {
        let found = BindingId::of_contact(uri).and_then(|id| Some((id, self.bindings.live(now, id)?)));
        match found {
            None => Route::Unknown,
            Some((_, Binding { flow: None, .. })) => Route::FlowGone,
            Some((binding, Binding { flow: Some(flow), contact, .. })) => {
                Route::Phone { flow: *flow, contact: contact.uri.clone(), binding }
            }
        }
    }

    /// Whether a phone is registered on this connection.
    pub(crate) fn has_live_binding(&self, now: Instant, flow: FlowId) -> bool {
        self.bindings.live_on(now, flow).next().is_some()
    }

    /// Whether a From is of a phone that is registered on this connection.
    pub(crate) fn holds(&self, now: Instant, domain: &Text, flow: FlowId, from: &Uri) -> bool {
        let account = Account::of_user(from, domain);
        account.is_some_and(|account| self.bindings.live_of(now, flow, account).is_some())
    }

    /// The phone on this connection that speaks as `from`; the only one there when `from` names none, as an
    /// anonymous caller's does.
    pub(crate) fn binding_of(
        &self,
        now: Instant,
        domain: &Text,
        flow: FlowId,
        from: &NameAddr,
    ) -> Option<BindingId> {
        let speaker = Account::of_user(&from.uri, domain);
        if let Some(id) = speaker.and_then(|account| self.bindings.live_of(now, flow, account)) {
            return Some(id);
        }
        let mut on_flow = self.bindings.live_on(now, flow);
        let (only, _) = on_flow.next()?;
        on_flow.next().is_none().then_some(only)
    }

    /// The contact the PBX knows this phone by, for requests of the phone that need one.
    pub(crate) fn contact_toward_pbx(
        &self,
        now: Instant,
        site: &SiteRules,
        flow: FlowId,
        from: &NameAddr,
    ) -> Option<Uri> {
        let binding = self.binding_of(now, &site.registration.domain, flow, from);
        binding.map(|id| id.contact(&site.registration))
    }

    /// Whether this phone is now registered on this connection: what an earlier connection of its owned, this one may
    /// go on with.
    pub(crate) fn is_same_phone(&self, now: Instant, binding: BindingId, flow: FlowId) -> bool {
        self.bindings.live(now, binding).is_some_and(|binding| binding.flow == Some(flow))
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
        let names = self.upstreams.next(&admitted.upstream, end, || wire.token());
        let rules = &wire.site.registration;
        let Advertise { host, port, transport } = &rules.advertise;
        let via = Via::new(transport.via(), host.clone(), Some(*port), wire.branch());
        let longest = capped(u32::MAX, rules.maximum).max(self.shortest);
        let out = toward_pbx(request, &admitted.asked, names, via, rules, longest);
        wire.transactions.send_request(now, Hop::Pbx, transport.is_reliable(), out)
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
            }
            Asked::Contacts(contacts) => {
                for contact in contacts {
                    match granted_seconds(response, contact) {
                        0 => self.remove(wire, contact.id, UnregisterReason::Asked),
                        seconds => self.grant(now, wire, exchange, contact, seconds),
                    }
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
        let expires = Duration::from_secs(capped(seconds, wire.site.registration.maximum).into());
        let binding = Binding {
            account: exchange.admitted.account,
            contact: contact.written.clone(),
            flow: Some(flow),
            granted_until: now.checked_add(expires).unwrap_or(now),
        };
        let replaced = self.bindings.put(contact.id, binding).filter(|before| *before != flow);
        let phone = contact.id.pseudonym();
        wire.events.push_back(Event::Registered { flow, phone, expires, replaced });
    }

    /// The PBX has refused. A phone that is no longer welcome loses its binding; a failed attempt on another
    /// connection takes nothing from it.
    fn reject(&mut self, wire: &mut Wire<'_>, exchange: &Exchange, response: &Response) {
        if response.status == StatusCode::INTERVAL_TOO_BRIEF
            && let Some(seconds) = response.headers.seconds(&HeaderName::MIN_EXPIRES)
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

    /// The bindings this phone may see: those of its account on its own connection, with the seconds they have left.
    fn own_contacts(&self, now: Instant, flow: FlowId, account: Account) -> Vec<(NameAddr, u32)> {
        let own = self.bindings.of_account(account).filter_map(|id| self.bindings.live(now, id));
        let own = own.filter(|binding| binding.flow == Some(flow));
        own.map(|binding| (binding.contact.clone(), binding.seconds_left(now))).collect()
    }
}

fn unregistered(wire: &mut Wire<'_>, id: BindingId, reason: UnregisterReason) {
    wire.events.push_back(Event::Unregistered { phone: id.pseudonym(), reason });
}

fn refuse(
    now: Instant,
    wire: &mut Wire<'_>,
    server: ServerId,
    flow: Option<FlowId>,
    request: &Request,
    refusal: Refusal,
) {
    wire.events.push_back(Event::Refused { refusal, side: Side::Handset, flow, call: None });
    let status = StatusCode::new(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = Response::to(request, status).with_to_tag(wire.token());
    let host = wire.site.host.as_ref().map(|host| Uri::sip(None, host.clone(), None).to_text());
    let host = host.as_ref().and_then(|uri| uri.as_str().strip_prefix("sip:"));
    let door = Door { host: host.unwrap_or(wire.site.registration.domain.as_str()), port: SIPS_PORT };
    for warning in refusal.warnings(&door) {
        response.headers.push(HeaderName::WARNING, warning);
    }
    if let Some(seconds) = refusal.retry_after() {
        response.headers.push(HeaderName::RETRY_AFTER, spread(wire, seconds).to_string());
    }
    let _gone = wire.transactions.respond(now, server, response);
}

/// Somewhere between `seconds` and twice as many: phones that lost the PBX together do not come back together.
fn spread(wire: &mut Wire<'_>, seconds: u32) -> u32 {
    let mut byte = [0u8];
    wire.entropy.fill(&mut byte);
    let [byte] = byte;
    seconds.saturating_add(seconds.saturating_mul(byte.into()) / 255)
}

/// 64*T1 for the phone to answer a challenge, and as long again for the PBX.
const KEEP_NAMES: Duration = Duration::from_secs(64);

/// Names are not kept longer than a day, whatever the PBX grants: the phone refreshes at `registration.maximum`.
const LONGEST_GRANT: Duration = Duration::from_secs(86_400);

/// A day: the longest `registration.maximum` there is. No PBX means more.
const LONGEST_INSISTED: u32 = 86_400;

/// RFC 3261 §18: SIP over TLS.
const SIPS_PORT: u16 = 5061;
