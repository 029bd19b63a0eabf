//! Our side of one dialog: what RFC 3261 §12 makes us remember of it.

use std::time::Instant;

use bytes::Bytes;
use cordon_policy::connection::FlowFacts;
use cordon_policy::request::ALLOW;
use cordon_sip::{
    CallId, Contacts, FlowId, HeaderName, Headers, Hop, Method, NameAddr, Origin, Request, Response, Routes,
    Text, Uri,
};

use crate::event::Side;
use crate::headers;
use crate::leg_media::LegMedia;
use crate::registration::BindingId;
use crate::switchboard::Switchboard;

/// Our side of one dialog, from its first INVITE to its BYE.
pub(crate) struct Leg {
    /// How the peer is reached.
    pub(crate) reach: Reach,
    call_id: CallId,
    /// Our own name in this dialog, with our tag.
    local: NameAddr,
    local_tag: Text,
    /// The peer's name, with its tag once it said one.
    remote: NameAddr,
    /// Our last CSeq; the next request takes one more.
    local_cseq: u32,
    /// The peer's last CSeq; a request below it is out of order.
    remote_cseq: Option<u32>,
    /// Route set, first hop first (§12.1).
    routes: Vec<NameAddr>,
    /// Where the peer wants requests: its Contact.
    target: Uri,
    /// Where we want them.
    contact: NameAddr,
    /// A 2xx was sent or seen: the dialog stands, and BYE ends it.
    pub(crate) is_confirmed: bool,
    /// The proof that our last INVITE carried, with its CSeq: its ACK carries the same (§13.2.2.4).
    proof: (u32, Headers),
    /// The last ACK of a 2xx, repeated for each copy of that 2xx (§13.2.2.4).
    acknowledged: Option<Request>,
    /// Since when the peer's connection is gone without a sign of life in the dialog.
    pub(crate) lost_since: Option<Instant>,
    /// Keys and descriptions; there once the ports are.
    pub(crate) media: Option<LegMedia>,
}

/// How the peer of a leg is reached.
#[derive(Clone)]
pub(crate) enum Reach {
    /// A phone, over the connection that owns the leg.
    Handset(Box<Phone>),
    /// The PBX, over whichever verified connection is up.
    Pbx,
}

/// The phone at a leg.
#[derive(Clone)]
pub(crate) struct Phone {
    /// The connection that owns the leg.
    pub(crate) facts: FlowFacts,
    /// What proves another connection to be the same phone; none for emergency calls of unregistered phones.
    pub(crate) binding: Option<BindingId>,
    /// The phone's contact toward the PBX; asks the registrar for its newest connection.
    pub(crate) opaque: Option<Uri>,
}

/// Who a new leg is between.
pub(crate) struct Names {
    /// We, as the callee sees the caller.
    pub(crate) local: NameAddr,
    /// Our tag.
    pub(crate) local_tag: Text,
    /// The callee.
    pub(crate) remote: NameAddr,
    /// The first Request-URI.
    pub(crate) target: Uri,
}

impl Leg {
    /// The leg of a caller, from the INVITE it sent us.
    pub(crate) fn of_caller(reach: Reach, invite: &Request, tag: Text, contact: NameAddr) -> Leg {
        let names = Names {
            local: invite.to.detached(),
            local_tag: tag,
            remote: invite.from.detached(),
            target: target_of(&invite.contacts).unwrap_or_else(|| invite.from.uri.detached()),
        };
        let mut leg =
            Leg::toward_callee(reach, CallId::new(invite.call_id.text().detached()), names, contact);
        leg.remote_cseq = Some(invite.cseq);
        leg.routes = invite.record_route.iter().map(NameAddr::detached).collect();
        leg
    }

    /// The leg toward a callee, before its first INVITE.
    pub(crate) fn toward_callee(reach: Reach, call_id: CallId, names: Names, contact: NameAddr) -> Leg {
        let Names { local, local_tag, remote, target } = names;
        Leg {
            reach,
            call_id,
            local: local.with_tag(local_tag.clone()),
            local_tag,
            remote,
            local_cseq: 0,
            remote_cseq: None,
            routes: Vec::new(),
            target,
            contact,
            is_confirmed: false,
            proof: (0, Headers::new()),
            acknowledged: None,
            lost_since: None,
            media: None,
        }
    }

    /// Which side the peer is on.
    pub(crate) fn side(&self) -> Side {
        match self.reach {
            Reach::Handset(_) => Side::Handset,
            Reach::Pbx => Side::Pbx,
        }
    }

    /// The phone's connection, the last one known.
    pub(crate) fn facts(&self) -> Option<&FlowFacts> {
        match &self.reach {
            Reach::Handset(phone) => Some(&phone.facts),
            Reach::Pbx => None,
        }
    }

    /// The phone's connection by its name.
    pub(crate) fn flow(&self) -> Option<FlowId> {
        self.facts().map(|facts| facts.flow)
    }

    /// Our tag: the key of this dialog among all others.
    pub(crate) fn local_tag(&self) -> &Text {
        &self.local_tag
    }

    /// Our Contact in this dialog.
    pub(crate) fn contact(&self) -> &NameAddr {
        &self.contact
    }

    /// The next request of ours in this dialog (§12.2.1.1), complete but for a body.
    pub(crate) fn next_request(&mut self, method: Method, board: &mut Switchboard) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.request(method, self.local_cseq, board)
    }

    /// Remembers what our INVITE proves of its sender.
    pub(crate) fn sends_invite(&mut self, invite: &Request) {
        self.proof = (invite.cseq, headers::proof_of(&invite.headers));
    }

    /// The ACK of the 2xx to the INVITE with this CSeq (§13.2.2.4). Kept, to be repeated for copies of that 2xx.
    pub(crate) fn acknowledge(&mut self, cseq: u32, body: Option<Bytes>, board: &mut Switchboard) -> Request {
        let mut ack = self.request(Method::Ack, cseq, board);
        if self.proof.0 == cseq {
            ack.headers = self.proof.1.clone();
        }
        if let Some(body) = body {
            ack.set_body(SDP, body);
        }
        self.acknowledged = Some(ack.clone());
        ack
    }

    /// The ACK to repeat for another copy of a 2xx, when we have acknowledged that one.
    pub(crate) fn repeated_ack(&self, response: &Response) -> Option<Request> {
        let is_same = |ack: &&Request| ack.cseq == response.cseq && ack.to.tag() == response.to.tag();
        self.acknowledged.as_ref().filter(is_same).cloned()
    }

    /// The 2xx of the peer makes or refreshes the dialog (§12.1.2, §12.2.1.2).
    pub(crate) fn accepted_by(&mut self, response: &Response) {
        if !self.is_confirmed {
            self.remote = response.to.detached();
            self.routes = response.record_route.iter().rev().map(NameAddr::detached).collect();
            self.is_confirmed = true;
        }
        if let Some(target) = target_of(&response.contacts) {
            self.target = target;
        }
    }

    /// A copy of this leg for another branch of a fork that accepted too: good for one ACK and one BYE.
    pub(crate) fn forked(&self, response: &Response) -> Leg {
        let names = Names {
            local: self.local.clone(),
            local_tag: self.local_tag.clone(),
            remote: self.remote.clone(),
            target: self.target.clone(),
        };
        let mut leg =
            Leg::toward_callee(self.reach.clone(), self.call_id.clone(), names, self.contact.clone());
        leg.local_cseq = response.cseq;
        leg.proof = self.proof.clone();
        leg.accepted_by(response);
        leg
    }

    /// Whether an INVITE of ours can have had this CSeq.
    pub(crate) fn can_have_asked(&self, cseq: u32) -> bool {
        cseq <= self.local_cseq
    }

    /// Whether another branch than the one we talk to sent this response.
    pub(crate) fn is_other_branch(&self, response: &Response) -> bool {
        self.is_confirmed && self.remote.tag() != response.to.tag()
    }

    /// Whether a request with our tag really belongs to this dialog: Call-ID and the peer's tag too (§12.2.2).
    pub(crate) fn matches(&self, request: &Request) -> bool {
        self.call_id == request.call_id && self.remote.tag() == request.from.tag()
    }

    /// Whether a message with our tag belongs to this dialog's Call-ID.
    pub(crate) fn has_call_id(&self, call_id: &CallId) -> bool {
        self.call_id == *call_id
    }

    /// Whether the sender owns the leg: the connection it lives on, the same phone on a new one, or the PBX. A phone's
    /// new connection becomes the leg's.
    pub(crate) fn is_owned_by(&mut self, now: Instant, origin: Origin, board: &Switchboard) -> bool {
        match (&mut self.reach, origin) {
            (Reach::Pbx, Origin::Pbx(_)) => true,
            (Reach::Handset(phone), Origin::Handset(from)) => phone.is_on(now, from, board),
            (Reach::Handset(_), Origin::Pbx(_)) | (Reach::Pbx, Origin::Handset(_)) => false,
        }
    }

    /// Takes a request's CSeq; false when it is not above the last one (§12.2.2).
    pub(crate) fn advance(&mut self, request: &Request) -> bool {
        let is_next = self.remote_cseq.is_none_or(|last| request.cseq > last);
        if is_next {
            self.remote_cseq = Some(request.cseq);
        }
        is_next
    }

    /// An INVITE of the peer, in the dialog or again after a challenge, may move its Contact (§12.2.2).
    pub(crate) fn retarget(&mut self, invite: &Request) {
        self.remote_cseq = self.remote_cseq.max(Some(invite.cseq));
        if let Some(target) = target_of(&invite.contacts) {
            self.target = target;
        }
    }

    /// The next INVITE goes to this URI: the target of a redirection.
    pub(crate) fn aim(&mut self, target: Uri) {
        self.target = target;
    }

    /// A sign of life in the dialog: the peer still knows it.
    pub(crate) fn proved_alive(&mut self) {
        self.lost_since = None;
    }

    /// Where requests go now: a phone may have come back on a new connection.
    pub(crate) fn hop(&mut self, now: Instant, board: &Switchboard) -> Hop {
        match &mut self.reach {
            Reach::Pbx => Hop::Pbx,
            Reach::Handset(phone) => Hop::Handset(phone.newest_flow(now, board)),
        }
    }

    /// Whether a request would find a connection now.
    pub(crate) fn is_reachable(&mut self, now: Instant, board: &Switchboard) -> bool {
        match self.hop(now, board) {
            Hop::Handset(flow) => board.flows.contains_key(&flow),
            Hop::Pbx | Hop::PbxFlow(_) => board.pbx_is_up,
        }
    }

    fn request(&self, method: Method, cseq: u32, board: &mut Switchboard) -> Request {
        let mut target = self.target.clone();
        let mut routes = self.routes.clone();
        // §12.2.1.1: a strict router wants its own URI on top and the target at the end.
        if routes.first().is_some_and(|first| !Routes::is_loose(first)) {
            let strict = routes.remove(0);
            routes.push(NameAddr::new(std::mem::replace(&mut target, strict.uri.for_request_line())));
        }
        let is_invite = method == Method::Invite;
        let (from, to) = (self.local.clone(), self.remote.clone());
        let mut request = Request::new(method, target, from, to, self.call_id.clone(), cseq);
        request.via.push(board.via(self.facts()));
        request.route = routes;
        if is_invite {
            request.contacts = Contacts::one(self.contact.clone());
            request.headers.push(HeaderName::ALLOW, ALLOW);
        }
        request
    }
}

impl Phone {
    /// Whether this connection is the leg's, or the same phone's new one, which then becomes the leg's.
    fn is_on(&mut self, now: Instant, flow: FlowId, board: &Switchboard) -> bool {
        if self.facts.flow == flow {
            return true;
        }
        let is_same = self.binding.is_some_and(|binding| board.registrar.is_same_phone(now, binding, flow));
        match board.flows.get(&flow).filter(|_| is_same) {
            Some(newest) => {
                self.facts = newest.clone();
                true
            }
            None => false,
        }
    }

    /// A phone that has come back is reached where it is now, though its old connection may linger.
    fn newest_flow(&mut self, now: Instant, board: &Switchboard) -> FlowId {
        if let Some(newest) = self.opaque.as_ref().and_then(|contact| board.facts_of(now, contact))
            && newest.flow != self.facts.flow
        {
            self.facts = newest.clone();
        }
        self.facts.flow
    }
}

/// The Contact a peer wants requests at.
fn target_of(contacts: &Contacts) -> Option<Uri> {
    contacts.first().map(|contact| contact.uri.detached().for_request_line())
}

/// The type of every body that crosses.
pub(crate) const SDP: &str = "application/sdp";
