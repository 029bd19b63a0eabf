//! The first INVITE of a call, from either side: admitted, given ports, sent on.

use std::time::{Duration, Instant};

use cordon_phi::Phi;
use cordon_policy::refusal::Refusal;
use cordon_policy::request::Admitted;
use cordon_policy::{Permit, media};
use cordon_sdp::Session;
use cordon_sip::{
    CallId, DeltaSeconds, FlowId, HeaderName, Method, NameAddr, Origin, Request, Scheme, Text, Uri,
};
use cordon_transaction::ServerId;

use crate::call::{Call, Exchange, Offer, PORTS, Stage};
use crate::content::Content;
use crate::description;
use crate::engine::Engine;
use crate::event::{Event, Side};
use crate::headers;
use crate::leg::{Leg, Names, Phone, Reach, SDP};
use crate::leg_media::LegMedia;
use crate::listening::Listening;
use crate::media::{CallKey, End, MediaAddress, MediaRequest, StreamId};
use crate::refresh::Refreshes;
use crate::refuse::Asked;
use crate::registration::Route;
use crate::switchboard::{Switchboard, handset_flow};
use crate::tally::Charge;

impl Engine {
    /// An INVITE outside of a dialog that policy admitted.
    pub(crate) fn handle_invite(
        &mut self,
        now: Instant,
        server: ServerId,
        origin: Origin,
        request: Request,
        admitted: Permit<Admitted>,
    ) {
        let caller = Caller::of(origin, &request);
        if let Some(key) = self.callers.get(&caller).copied()
            && self.calls.get(&key).is_some_and(|call| matches!(call.stage, Stage::Challenged(..)))
        {
            return self.with_call(now, key, |call, board| call.restart(now, board, server, origin, request));
        }
        let is_emergency = *admitted == Admitted::Emergency;
        // Half again as many calls as others may hold are kept free for emergencies, on the smallest machine too.
        let calls = self.board.site.limits.calls;
        let limit = if is_emergency { calls.saturating_add((calls / 2).max(EMERGENCIES)) } else { calls };
        let charge = self.board.charge(now, origin, &request, is_emergency);
        let admitted = match self.call_count() >= limit {
            true => Err(Refusal::TooManyCalls),
            false if self.is_draining && !is_emergency => Err(Refusal::Draining),
            false => self.tally.admit(now, charge),
        };
        if let Err(refusal) = admitted {
            return self.board.refuse(now, &Asked::alone(server, origin, &request), refusal);
        }
        let key = CallKey(self.next_key);
        self.next_key += 1;
        match Call::place(now, &mut self.board, key, origin, &request, is_emergency) {
            Err(refusal) => self.board.refuse(now, &Asked::alone(server, origin, &request), refusal),
            Ok(mut call) => {
                call.charge = charge;
                self.tally.begun(now, charge);
                self.callers.insert(call.caller.clone(), key);
                for end in [End::A, End::B] {
                    self.board.dialogs.insert(call.leg(end).local_tag().clone(), (key, end));
                }
                call.begin(now, &mut self.board, server, origin, request);
                self.calls.insert(key, Box::new(call));
                self.settle_call(now, key);
            }
        }
    }
}

/// What the re-sent INVITE of a challenged caller is recognised by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Caller {
    pub(crate) flow: Option<FlowId>,
    call_id: CallId,
    tag: Option<Text>,
    /// Another number is another call: one to an emergency number above all.
    target: Text,
}

impl Caller {
    /// Of a first INVITE, or of its CANCEL.
    pub(crate) fn of(origin: Origin, invite: &Request) -> Caller {
        Caller {
            flow: handset_flow(origin),
            call_id: CallId::new(invite.call_id.text().detached()),
            tag: invite.from.tag().map(Text::detached),
            target: invite.uri.to_text().detached(),
        }
    }
}

impl Call {
    /// Makes both legs of a call, nothing sent yet.
    fn place(
        now: Instant,
        board: &mut Switchboard,
        key: CallKey,
        origin: Origin,
        invite: &Request,
        is_emergency: bool,
    ) -> Result<Call, Refusal> {
        let (a, b) = match origin {
            Origin::Handset(flow) => legs_from_handset(now, board, flow, invite)?,
            Origin::Pbx(_) => legs_from_pbx(now, board, invite)?,
        };
        Ok(Call {
            key,
            name: Phi::new(invite.call_id.text()).pseudonym(),
            is_emergency,
            a,
            b,
            stage: Stage::Opening(now + PORTS),
            stream: None,
            exchange: None,
            accepted: None,
            given_up: Vec::new(),
            byes: 0,
            branches_ended: 0,
            refreshes: Refreshes::default(),
            redirects: 0,
            bye_at: None,
            look_at: None,
            listening: Listening::default(),
            started: now,
            answered: None,
            is_announced: false,
            caller: Caller::of(origin, invite),
            charge: Charge::Nobody,
            wake: None,
            flows: [None, None],
        })
    }

    /// Looks at the offer and asks for ports.
    fn begin(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        server: ServerId,
        origin: Origin,
        request: Request,
    ) {
        self.open_exchange(now, board, End::A, server, origin, request);
        let Some(exchange) = &self.exchange else { return };
        let like = match self.first_offer(board, &exchange.request) {
            Ok(like) => like,
            Err(refusal) => return self.refuse_and_settle(now, board, refusal),
        };
        let interfaces = [&self.a, &self.b].map(|leg| board.interface(leg.facts(), like));
        match interfaces {
            [Some(a), Some(b)] => {
                let sides = [self.a.side(), self.b.side()];
                board.media.push_back(MediaRequest::Open { call: self.key, a, b, sides });
            }
            _ => self.refuse_and_settle(now, board, Refusal::NoPorts),
        }
    }

    /// Refuses a first offer before anything is reserved for it. Answers where its maker wants media.
    fn first_offer(
        &self,
        board: &Switchboard,
        invite: &Request,
    ) -> Result<Option<std::net::SocketAddr>, Refusal> {
        if invite.body.is_empty() {
            return Ok(None);
        }
        let session = description::of_request(invite)?;
        let permit = media::admit_offer(&self.rules(board, End::A)?, &session)?;
        Ok(permit.remote.map(|remote| remote.rtp))
    }

    /// The ports are there: the callee is invited.
    pub(crate) fn ready(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        stream: StreamId,
        a: MediaAddress,
        b: MediaAddress,
    ) {
        self.stream = Some(stream);
        board.ports.opened(self.key, a.rtp, b.rtp);
        self.a.media = Some(LegMedia::new(a, board.entropy.as_mut()));
        self.b.media = Some(LegMedia::new(b, board.entropy.as_mut()));
        if self.is_ended() {
            return board.media.push_back(MediaRequest::Close { stream });
        }
        self.invite(now, board);
    }

    /// The caller sends its INVITE again after a challenge: same keys, same ports, same dialog toward the callee.
    fn restart(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        server: ServerId,
        origin: Origin,
        request: Request,
    ) {
        self.a.retarget(&request);
        self.open_exchange(now, board, End::A, server, origin, request);
        self.invite(now, board);
    }

    /// Remembers whose INVITE is under way.
    pub(crate) fn open_exchange(
        &mut self,
        now: Instant,
        board: &mut Switchboard,
        from: End,
        server: ServerId,
        origin: Origin,
        request: Request,
    ) {
        // RFC 3261 §8.2.2: one that cannot be read is not there.
        let expires = match request.headers.read(&HeaderName::EXPIRES) {
            Some(Ok(DeltaSeconds(seconds))) => Some(Duration::from_secs(seconds.into())),
            Some(Err(_)) | None => None,
        };
        board.servers.insert(server, self.key);
        board.transactions.speaks_as(server, self.leg(from).local_tag());
        self.exchange = Some(Exchange {
            from,
            server,
            origin,
            request,
            client: None,
            offer: Offer::Late,
            silent_until: None,
            expires_at: expires.and_then(|expires| now.checked_add(expires)),
        });
    }

    fn invite(&mut self, now: Instant, board: &mut Switchboard) {
        self.stage = Stage::Inviting;
        if let Err(refusal) = self.forward_invite(now, board) {
            return self.refuse_and_settle(now, board, refusal);
        }
        if !std::mem::replace(&mut self.is_announced, true) {
            let (call, emergency) = (self.name, self.is_emergency);
            board.events.push_back(Event::CallStarted { call, from: self.a.side(), emergency });
        }
    }

    /// Writes and sends the INVITE of the other leg for the exchange under way, the first or a later one.
    pub(crate) fn forward_invite(&mut self, now: Instant, board: &mut Switchboard) -> Result<(), Refusal> {
        let Some(exchange) = &self.exchange else { return Ok(()) };
        board.asked(now, exchange.origin, &exchange.request);
        let (from, to) = (exchange.from, exchange.from.other());
        let offer = match exchange.request.body.is_empty() {
            true => Offer::Late,
            false => {
                let session = description::of_request(&exchange.request)?;
                Offer::Early(self.take_offer(board, from, session)?.filtered(&self.rules(board, to)?)?)
            }
        };
        let body = match &offer {
            Offer::Early(content) => Some(self.write_offer(board, to, content)?),
            Offer::Late => None,
        };
        let side = self.leg(from).side();
        let mut invite = self.leg_mut(to).next_request(Method::Invite, board);
        if let Some(exchange) = &mut self.exchange {
            exchange.offer = offer;
            // It may ring for minutes: from here on only its head is asked for.
            exchange.request = exchange.request.detached_head();
            headers::copy_onward(side, &board.site.registration.domain, &exchange.request, &mut invite);
        }
        if let Some(body) = body {
            invite.set_body(SDP, body);
        }
        self.send_invite(now, board, to, invite);
        Ok(())
    }

    /// Drafts an offer of this leg's peer.
    pub(crate) fn take_offer(
        &mut self,
        board: &Switchboard,
        from: End,
        session: Session,
    ) -> Result<Content, Refusal> {
        let rules = self.rules(board, from)?;
        let call = self.key;
        let media = self.leg_mut(from).media.as_mut().ok_or(Refusal::NoPorts)?;
        let permit = media.admit_offer(&rules, &session)?;
        if permit.remote.is_some_and(|remote| board.ports.would_loop(call, remote.rtp)) {
            return Err(Refusal::MediaLoop);
        }
        media.take_offer(permit, session)
    }

    /// Our offer to this leg's peer.
    pub(crate) fn write_offer(
        &mut self,
        board: &mut Switchboard,
        to: End,
        content: &Content,
    ) -> Result<bytes::Bytes, Refusal> {
        let rules = self.rules(board, to)?;
        let media = self.leg_mut(to).media.as_mut().ok_or(Refusal::NoPorts)?;
        Ok(media.write_offer(&rules, content, board.entropy.as_mut()))
    }

    /// The media rules of a leg; an emergency call takes any codec.
    pub(crate) fn rules(&self, board: &Switchboard, end: End) -> Result<media::LegRules, Refusal> {
        let rules = board.leg_rules(self.leg(end).facts()).ok_or(Refusal::ForeignNetwork)?;
        Ok(if self.is_emergency { rules.for_emergency() } else { rules.clone() })
    }
}

/// A phone calls: the PBX sees its opaque contact, and the Request-URI exactly as the phone digested it.
fn legs_from_handset(
    now: Instant,
    board: &mut Switchboard,
    flow: FlowId,
    invite: &Request,
) -> Result<(Leg, Leg), Refusal> {
    let facts = board.flows.get(&flow).cloned().ok_or(Refusal::RegisterFirst)?;
    let binding = board.registrar.binding_of(now, &board.site.registration.domain, flow, &invite.from);
    let opaque = board.registrar.contact_toward_pbx(now, &board.site, flow, &invite.from);
    let toward_handset = as_asked(board.contact(Some(&facts), None), asks_for_sips(invite));
    let toward_pbx = match &opaque {
        Some(contact) => NameAddr::new(contact.clone()),
        None => board.contact(None, None),
    };
    let toward_pbx = as_asked(toward_pbx, board.keeps_sips_toward_pbx() && is_sips(&invite.uri));
    let tag = board.token();
    let a = Leg::of_caller(
        Reach::Handset(Box::new(Phone { facts, binding, opaque })),
        invite,
        tag,
        toward_handset,
    );
    let b = leg_toward(board, Reach::Pbx, invite, invite.uri.detached(), toward_pbx);
    Ok((a, b))
}

/// The PBX calls: the contact it calls tells the phone.
fn legs_from_pbx(now: Instant, board: &mut Switchboard, invite: &Request) -> Result<(Leg, Leg), Refusal> {
    let (flow, target, binding) = match board.registrar.route(now, &invite.uri) {
        Route::Phone { flow, contact, binding } => (flow, contact, binding),
        Route::FlowGone => return Err(Refusal::PhoneUnreachable),
        Route::Unknown => return Err(Refusal::PhoneUnknown),
    };
    let facts = board.flows.get(&flow).cloned().ok_or(Refusal::PhoneUnreachable)?;
    let opaque: Uri = invite.uri.detached();
    let toward_pbx = board.contact(None, opaque.user().map(Text::as_str));
    let toward_pbx = as_asked(toward_pbx, board.keeps_sips_toward_pbx() && asks_for_sips(invite));
    let toward_handset = as_asked(board.contact(Some(&facts), None), is_sips(&target));
    let tag = board.token();
    let a = Leg::of_caller(Reach::Pbx, invite, tag, toward_pbx);
    let reach = Reach::Handset(Box::new(Phone { facts, binding: Some(binding), opaque: Some(opaque) }));
    let b = leg_toward(board, reach, invite, target, toward_handset);
    Ok((a, b))
}

/// §12.1.1: whoever asks by a sips URI, or wants to be asked by one, finds a sips Contact.
fn asks_for_sips(invite: &Request) -> bool {
    let back = invite.record_route.first().or(invite.contacts.first());
    is_sips(&invite.uri) || back.is_some_and(|back| is_sips(&back.uri))
}

fn is_sips(uri: &Uri) -> bool {
    *uri.scheme() == Scheme::Sips
}

/// Our Contact as sips where it was asked for so; what transport that takes, the scheme says.
fn as_asked(contact: NameAddr, as_sips: bool) -> NameAddr {
    match as_sips {
        true => NameAddr { uri: contact.uri.without_param("transport").with_scheme(Scheme::Sips), ..contact },
        false => contact,
    }
}

fn leg_toward(
    board: &mut Switchboard,
    reach: Reach,
    invite: &Request,
    target: Uri,
    contact: NameAddr,
) -> Leg {
    let domain = board.site.registration.domain.clone();
    let from = match reach {
        Reach::Pbx => Side::Handset,
        Reach::Handset(_) => Side::Pbx,
    };
    let names = Names {
        local: headers::caller_across(from, &invite.from, &domain),
        local_tag: board.token(),
        remote: headers::as_seen_across(&invite.to, &domain),
        target: target.for_request_line(),
    };
    let call_id = CallId::new(board.token());
    Leg::toward_callee(reach, call_id, names, contact)
}

/// Calls kept free for emergencies however few a site allows: as many as a floor of a clinic has phones.
const EMERGENCIES: usize = 32;
