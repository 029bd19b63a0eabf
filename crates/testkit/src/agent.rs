//! One side of a dialog as a phone or a PBX keeps it.

use cordon_sip::{
    CallId, Contacts, FlowId, HeaderName, Method, NameAddr, Origin, Request, Response, StatusCode, Text, Uri,
};

use crate::description::Sdp;
use crate::world::{PBX, World, uri, via};

/// A phone or the PBX in one dialog.
#[derive(Clone)]
pub struct Agent {
    /// The side it is at.
    pub at: Origin,
    /// The Call-ID of its dialog.
    pub call_id: CallId,
    /// Its own name, with its tag.
    pub me: NameAddr,
    /// The other name, with its tag once there is one.
    pub them: NameAddr,
    /// Where the other side wants requests.
    pub target: Uri,
    /// The CSeq of its last request.
    pub cseq: u32,
    serial: u16,
    requests: u16,
}

impl Agent {
    /// A phone about to call.
    pub fn phone(world: &mut World, flow: FlowId, user: &str, number: &str) -> Agent {
        Agent::caller(
            world,
            Origin::Handset(flow),
            user,
            number,
            uri(&format!("sip:{number}@mx.example.org")),
        )
    }

    /// The PBX about to call a phone by the contact it registered.
    pub fn pbx(world: &mut World, user: &str, number: &str, contact: &Uri) -> Agent {
        Agent::caller(world, Origin::Pbx(PBX), user, number, contact.clone())
    }

    fn caller(world: &mut World, at: Origin, user: &str, number: &str, target: Uri) -> Agent {
        let serial = world.fresh();
        let me = NameAddr::new(uri(&format!("sip:{user}@mx.example.org")))
            .with_tag(format!("tag-{serial}").as_str());
        Agent {
            at,
            call_id: CallId::new(format!("call-{serial}@10.1.0.77").as_str()),
            me,
            them: NameAddr::new(uri(&format!("sip:{number}@mx.example.org"))),
            target,
            cseq: 100,
            serial,
            requests: 0,
        }
    }

    /// Whoever was sent this request, whether it makes a dialog or not.
    pub fn invited(world: &mut World, at: Origin, request: &Request) -> Agent {
        match request.contacts.is_empty() {
            false => Agent::callee(world, at, request),
            true => Agent { at, ..Agent::caller(world, at, "1001", "1002", request.from.uri.clone()) },
        }
    }

    /// Whoever was sent this INVITE.
    pub fn callee(world: &mut World, at: Origin, invite: &Request) -> Agent {
        let serial = world.fresh();
        Agent {
            at,
            call_id: invite.call_id.clone(),
            me: invite.to.clone().with_tag(format!("tag-{serial}").as_str()),
            them: invite.from.clone(),
            target: invite.contacts.first().expect("an INVITE has a Contact").uri.clone(),
            cseq: 500,
            serial,
            requests: 0,
        }
    }

    /// A new request in this dialog, or the one that begins it.
    pub fn request(&mut self, method: Method) -> Request {
        self.cseq += 1;
        self.numbered(method, self.cseq)
    }

    /// An INVITE with this offer.
    pub fn invite(&mut self, offer: &Sdp) -> Request {
        let mut invite = self.request(Method::Invite);
        invite.set_body("application/sdp", offer.bytes());
        invite
    }

    /// The ACK of a 2xx to the last INVITE.
    pub fn ack(&mut self) -> Request {
        self.numbered(Method::Ack, self.cseq)
    }

    /// A response to a request of the other side.
    pub fn respond(&self, request: &Request, status: u16) -> Response {
        let status = StatusCode::new(status).expect("a status");
        let tag = self.me.tag().expect("an agent has a tag").clone();
        let mut response = Response::to(request, status).with_to_tag(tag);
        response.contacts = Contacts::one(self.contact());
        response
    }

    /// A response with a description.
    pub fn respond_with(&self, request: &Request, status: u16, body: &Sdp) -> Response {
        let mut response = self.respond(request, status);
        response.set_body("application/sdp", body.bytes());
        response
    }

    /// Takes tag and target from a response.
    pub fn learn(&mut self, response: &Response) {
        self.them = response.to.clone();
        if let Some(contact) = response.contacts.first() {
            self.target = contact.uri.clone();
        }
    }

    fn numbered(&mut self, method: Method, cseq: u32) -> Request {
        self.requests += 1;
        let (me, them) = (self.me.clone(), self.them.clone());
        let is_invite = method == Method::Invite;
        let mut request = Request::new(method, self.target.clone(), me, them, self.call_id.clone(), cseq);
        request.via.push(via(&format!("z9hG4bK{}x{}", self.serial, self.requests)));
        if is_invite {
            request.contacts = Contacts::one(self.contact());
            request.headers.push(HeaderName::USER_AGENT, "canary-agent/1");
        }
        request
    }

    fn contact(&self) -> NameAddr {
        let user = self.me.uri.user().map_or("x", Text::as_str);
        NameAddr::new(uri(&format!("sip:{user}@10.1.0.77:5061;transport=tls")))
    }
}

/// A call that stands, as both sides see it.
pub struct Standing {
    /// Who called.
    pub caller: Agent,
    /// Who was called.
    pub callee: Agent,
    /// What the caller said.
    pub offer: Sdp,
    /// What the callee said.
    pub answer: Sdp,
}

/// A phone calls 1002 through the PBX and is answered.
pub fn phone_calls(world: &mut World) -> Standing {
    let (flow, _) = world.register(1, "1001");
    phone_calls_on(world, flow)
}

/// As [`phone_calls`], by a phone that is registered.
pub fn phone_calls_on(world: &mut World, flow: FlowId) -> Standing {
    let caller = Agent::phone(world, flow, "1001", "1002");
    connect(world, caller, Origin::Pbx(PBX), Sdp::phone(), Sdp::pbx())
}

/// The PBX calls a phone and is answered.
pub fn pbx_calls(world: &mut World) -> Standing {
    let (flow, contact) = world.register(1, "1001");
    let caller = Agent::pbx(world, "1002", "1001", &contact);
    connect(world, caller, Origin::Handset(flow), Sdp::pbx(), Sdp::phone())
}

/// A phone that the PBX calls and that has said nothing yet.
pub struct Ringing {
    /// The PBX, about to hear.
    pub caller: Agent,
    /// The phone, about to answer.
    pub callee: Agent,
    /// Its connection.
    pub phone: FlowId,
    /// The INVITE as the phone got it.
    pub invite: Request,
}

/// A phone registers, the PBX calls it, the phone is invited.
pub fn pbx_invites(world: &mut World) -> Ringing {
    let (phone, contact) = world.register(1, "1001");
    let mut caller = Agent::pbx(world, "1002", "1001", &contact);
    world.pbx_says(caller.invite(&Sdp::pbx()));
    let invite = world.phone_hears(phone, Method::Invite);
    let callee = Agent::callee(world, Origin::Handset(phone), &invite);
    Ringing { caller, callee, phone, invite }
}

/// One side calls, the other answers, and the ACK is there.
pub fn connect(world: &mut World, mut caller: Agent, to: Origin, offer: Sdp, answer: Sdp) -> Standing {
    world.says(caller.at, caller.invite(&offer));
    let invite = world.hears(to, Method::Invite);
    let callee = Agent::callee(world, to, &invite);
    world.says(to, callee.respond_with(&invite, 200, &answer));
    world.hears(to, Method::Ack);
    let accepted = world.hears_status(caller.at, 200);
    caller.learn(&accepted);
    world.says(caller.at, caller.ack());
    world.is_quiet();
    Standing { caller, callee, offer, answer }
}
