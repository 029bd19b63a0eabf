//! Whatever phones and the PBX say, in whatever order: nothing breaks, no key is used twice, no phone gets media in
//! clear, and everything is given back in the end.

use std::time::Duration;

use cordon_call::{End, Holdings, PbxTransport, Protection, SiteRules};
use cordon_policy::media::{MediaRule, PlainReason};
use cordon_sip::{FlowId, HeaderName, Message, Method, Origin, Request, Response, Uri};

use crate::agent::Agent;
use crate::description::{Sdp, line, line_of, long_line};
use crate::draws::Draws;
use crate::site::rules;
use crate::world::{PBX, World};

/// Walks as these bytes choose, then everybody goes away.
///
/// # Panics
/// When the engine breaks a rule that holds in every walk.
pub fn walk(bytes: &[u8]) {
    let mut draws = Draws::new(bytes);
    let mut walk = Walk::new(site(&mut draws));
    for _ in 0..MAX_STEPS {
        if draws.is_empty() {
            break;
        }
        let step = Step::draw(&mut draws);
        walk.take(step);
    }
    walk.end();
}

/// A site as it should be, or one of the two that a lab may have.
fn site(draws: &mut Draws<'_>) -> SiteRules {
    let mut rules = rules();
    match draws.below(4) {
        0 => rules.registration.advertise.transport = PbxTransport::Udp,
        1 => rules.pbx.media.media = MediaRule::Rtp(PlainReason::Lab),
        _ => {}
    }
    rules
}

/// One thing somebody does.
#[derive(Clone, Debug)]
enum Step {
    /// A phone calls, with or without an offer.
    PhoneCalls {
        says: Says,
    },
    PbxCalls {
        says: Says,
    },
    /// Whoever was asked something last, or long ago, answers it.
    Answer {
        nth_last: usize,
        status: u16,
        says: Says,
    },
    /// The same answer again, on the same way.
    Again,
    /// Another branch of a fork says the same in its own name.
    Fork {
        says: Says,
    },
    /// An agent in a call asks for something.
    Ask {
        agent: usize,
        what: Method,
        says: Says,
    },
    /// An INVITE that was sent is cancelled.
    Cancel {
        nth_last: usize,
    },
    Disconnect,
    Reconnect,
    /// The phone registers on the connection it has.
    Register,
    LosePbx,
    FindPbx,
    Pass {
        millis: u64,
    },
    Heard {
        is_heard: bool,
    },
    KeySpent {
        at_caller: bool,
    },
    Loop {
        at_caller: bool,
    },
    MediaIsSlow,
    MediaCatchesUp,
    PortsRunOut,
    PortsAreBack,
}

impl Step {
    fn draw(draws: &mut Draws<'_>) -> Step {
        match draws.below(40) {
            0..3 => Step::PhoneCalls { says: Says::draw(draws) },
            3..6 => Step::PbxCalls { says: Says::draw(draws) },
            6..14 => Step::Answer {
                nth_last: draws.below(2),
                status: draws.one_of(&STATUSES),
                says: Says::draw(draws),
            },
            14 => Step::Again,
            15 => Step::Fork { says: Says::draw(draws) },
            16..23 => {
                Step::Ask { agent: draws.below(8), what: draws.one_of(&METHODS), says: Says::draw(draws) }
            }
            23..25 => Step::Cancel { nth_last: draws.below(4) },
            25 => Step::Disconnect,
            26 => Step::Reconnect,
            27 => Step::Register,
            28 => Step::LosePbx,
            29 => Step::FindPbx,
            30 => Step::Pass { millis: draws.wide().into() },
            31 | 32 => Step::Pass { millis: draws.below(40) as u64 * 1_000 },
            33 => Step::Heard { is_heard: draws.flag() },
            34 => Step::KeySpent { at_caller: draws.flag() },
            35 => Step::Loop { at_caller: draws.flag() },
            36 => Step::MediaIsSlow,
            37 => Step::MediaCatchesUp,
            38 => Step::PortsRunOut,
            _ => Step::PortsAreBack,
        }
    }
}

/// The description in a message.
#[derive(Clone, Copy, Debug)]
enum Says {
    Nothing,
    AsAlways,
    Hold,
    /// Another address and another key.
    Elsewhere,
    OtherSuite,
    Plain,
    /// The key we gave out last.
    OurKey,
}

impl Says {
    fn draw(draws: &mut Draws<'_>) -> Says {
        match draws.below(16) {
            0..3 => Says::Nothing,
            3..11 => Says::AsAlways,
            11 => Says::Hold,
            12 => Says::Elsewhere,
            13 => Says::OtherSuite,
            14 => Says::Plain,
            _ => Says::OurKey,
        }
    }
}

/// The world and what its people remember.
struct Walk {
    world: World,
    phone: FlowId,
    is_connected: bool,
    contact: Uri,
    agents: Vec<Agent>,
    invites: Vec<(Origin, Request)>,
    unanswered: Vec<(Agent, Request)>,
    /// The last answer that was given.
    said: Option<(Agent, Response)>,
}

impl Walk {
    fn new(rules: SiteRules) -> Walk {
        let mut world = World::with(rules);
        let (phone, contact) = world.register(1, "1001");
        let (agents, invites, unanswered, said) = (Vec::new(), Vec::new(), Vec::new(), None);
        Walk { world, phone, is_connected: true, contact, agents, invites, unanswered, said }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::PhoneCalls { says } if self.is_connected => {
                let agent = Agent::phone(&mut self.world, self.phone, "1001", "1002");
                self.call(agent, says);
            }
            Step::PbxCalls { says } => {
                let agent = Agent::pbx(&mut self.world, "1002", "1001", &self.contact.clone());
                self.call(agent, says);
            }
            Step::Answer { nth_last, status, says } => self.answer(nth_last, status, says),
            Step::Again => {
                if let Some((agent, response)) = self.said.clone() {
                    self.say(agent.at, Message::Response(response));
                }
            }
            Step::Fork { says } => self.fork(says),
            Step::Ask { agent, what, says } => self.ask(agent, what, says),
            Step::Cancel { nth_last } => {
                if let Some((at, invite)) = self.invites.iter().rev().nth(nth_last).cloned() {
                    self.say(at, Message::Request(invite.cancel()));
                }
            }
            Step::Disconnect if self.is_connected => {
                self.world.disconnect(self.phone);
                self.is_connected = false;
            }
            Step::Reconnect if !self.is_connected => {
                self.phone = FlowId(self.phone.0 + 1);
                self.world.connect(self.phone.0);
                self.is_connected = true;
                self.hear();
            }
            Step::Register if self.is_connected => {
                let register = self.world.register_request("1001");
                self.say(Origin::Handset(self.phone), Message::Request(register));
            }
            Step::LosePbx => self.world.lose_pbx(),
            Step::FindPbx => self.world.find_pbx(),
            Step::Pass { millis } => self.world.pass(Duration::from_millis(millis)),
            Step::Heard { is_heard } if !self.world.asked.is_empty() => {
                let heard = is_heard.then_some(self.world.now);
                self.world.answer_asked(heard, heard);
            }
            Step::KeySpent { at_caller } if !self.world.open.is_empty() => {
                self.world.key_nearly_spent(if at_caller { End::A } else { End::B });
            }
            Step::Loop { at_caller } if !self.world.open.is_empty() => {
                self.world.relay_finds_a_loop(if at_caller { End::A } else { End::B });
            }
            Step::MediaIsSlow => self.world.media_is_slow = true,
            Step::MediaCatchesUp => self.world.media_catches_up(),
            Step::PortsRunOut => self.world.has_ports = false,
            Step::PortsAreBack => self.world.has_ports = true,
            Step::PhoneCalls { .. }
            | Step::Disconnect
            | Step::Reconnect
            | Step::Register
            | Step::Heard { .. }
            | Step::KeySpent { .. }
            | Step::Loop { .. } => {}
        }
        self.hear();
    }

    fn call(&mut self, mut agent: Agent, says: Says) {
        let invite = match self.description(agent.at, says) {
            Some(offer) => agent.invite(&offer),
            None => agent.request(Method::Invite),
        };
        self.invites.push((agent.at, invite.clone()));
        self.agents.push(agent.clone());
        self.say(agent.at, Message::Request(invite));
    }

    fn answer(&mut self, nth_last: usize, status: u16, says: Says) {
        let Some(index) = self.unanswered.len().checked_sub(nth_last + 1) else { return };
        let (agent, request) = match status >= 200 {
            true => self.unanswered.remove(index),
            false => self.unanswered[index].clone(),
        };
        let mut response = match self.description(agent.at, says) {
            Some(description) => agent.respond_with(&request, status, &description),
            None => agent.respond(&request, status),
        };
        if matches!(status, 401 | 407) {
            let challenge = r#"Digest realm="mx", nonce="n-1", qop="auth""#;
            response.headers.push(HeaderName::PROXY_AUTHENTICATE, challenge);
        }
        if request.method == Method::Register {
            response.contacts = request.contacts.clone();
            response.headers.push(HeaderName::EXPIRES, "300");
        }
        self.said = Some((agent.clone(), response.clone()));
        self.say(agent.at, Message::Response(response));
    }

    fn fork(&mut self, says: Says) {
        let Some((agent, mut response)) = self.said.clone() else { return };
        let serial = self.world.fresh();
        response.to = response.to.without_tag().with_tag(format!("fork-{serial}").as_str());
        if let Some(description) = self.description(agent.at, says) {
            response.set_body("application/sdp", description.bytes());
        }
        self.say(agent.at, Message::Response(response));
    }

    fn ask(&mut self, nth: usize, what: Method, says: Says) {
        let Some(at) = self.agents.get(nth).map(|agent| agent.at) else { return };
        let description = self.description(at, says);
        let Some(agent) = self.agents.get_mut(nth) else { return };
        let mut request = match what {
            Method::Ack => agent.ack(),
            method => agent.request(method),
        };
        if let Some(description) = description {
            request.set_body("application/sdp", description.bytes());
        }
        self.say(at, Message::Request(request));
    }

    fn description(&self, at: Origin, says: Says) -> Option<Sdp> {
        let (usual, elsewhere, letter) = match at {
            Origin::Handset(_) => (Sdp::phone(), 4400, 'C'),
            Origin::Pbx(_) => (Sdp::pbx(), 7400, 'D'),
        };
        Some(match says {
            Says::Nothing => return None,
            Says::AsAlways => usual,
            Says::Hold => usual.with(|sdp| sdp.direction = "sendonly"),
            Says::Elsewhere => usual.with(|sdp| {
                sdp.port = elsewhere;
                sdp.crypto = vec![line(1, letter)];
            }),
            Says::OtherSuite => {
                usual.with(|sdp| sdp.crypto = vec![long_line(2, "AEAD_AES_256_GCM", letter), line(1, letter)])
            }
            Says::Plain => usual.with(|sdp| {
                sdp.profile = "RTP/AVP";
                sdp.crypto.clear();
            }),
            Says::OurKey => usual.with(|sdp| {
                let told = self.world.told.last().map(|told| &told.setup.protection);
                if let Some(Protection::Secure { local, .. }) = told {
                    sdp.crypto = vec![line_of(1, local)];
                }
            }),
        })
    }

    fn say(&mut self, at: Origin, message: Message) {
        let at = match at {
            Origin::Handset(_) if !self.is_connected => return,
            Origin::Handset(_) => Origin::Handset(self.phone),
            Origin::Pbx(_) => at,
        };
        match message {
            Message::Request(request) => self.world.says(at, request),
            Message::Response(response) => self.world.says(at, response),
        }
        self.hear();
    }

    /// Everybody reads what came: requests wait for an answer, responses make dialogs.
    fn hear(&mut self) {
        for at in [Origin::Handset(self.phone), Origin::Pbx(PBX)] {
            while let Some(message) = self.world.next_message(at) {
                match message {
                    Message::Request(request) if request.method == Method::Ack => {}
                    Message::Request(request) => {
                        let agent = match self.agents.iter().find(|agent| agent.me.tag() == request.to.tag())
                        {
                            Some(agent) => agent.clone(),
                            None => Agent::invited(&mut self.world, at, &request),
                        };
                        self.agents.push(agent.clone());
                        self.unanswered.push((agent, request));
                    }
                    Message::Response(response) => {
                        let is_theirs = |agent: &&mut Agent| agent.me.tag() == response.from.tag();
                        for agent in self.agents.iter_mut().filter(|agent| is_theirs(agent)) {
                            agent.learn(&response);
                        }
                    }
                }
            }
        }
    }

    /// Everybody goes away; whoever is asked about a stream has heard nothing.
    fn end(mut self) {
        if self.is_connected {
            self.world.disconnect(self.phone);
            self.is_connected = false;
        }
        self.world.lose_pbx();
        self.world.media_catches_up();
        // A lost leg is asked after for the first time when it was not heard for 30 s.
        for _ in 0..2 {
            self.world.pass(Duration::from_secs(31));
            while !self.world.asked.is_empty() {
                self.world.answer_asked(None, None);
            }
        }
        self.world.pass(Duration::from_secs(64));
        assert!(self.world.open.is_empty(), "ports are left");
        let left = self.world.engine.holdings();
        assert_eq!(left, Holdings { bindings: left.bindings, ..Holdings::default() });
        self.world.pass(LONGEST_BINDING);
        assert_eq!(self.world.engine.holdings(), Holdings::default());
        assert_eq!(self.world.engine.poll_timeout(), None, "something still wants to be woken");
    }
}

const STATUSES: [u16; 16] = [100, 180, 183, 183, 200, 200, 200, 200, 302, 401, 407, 481, 486, 487, 491, 503];

const METHODS: [Method; 8] = [
    Method::Invite,
    Method::Invite,
    Method::Invite,
    Method::Ack,
    Method::Ack,
    Method::Bye,
    Method::Options,
    Method::Info,
];

/// Longer walks find nothing that shorter ones do not.
const MAX_STEPS: usize = 64;

/// Twice what the site of these walks grants, and the names toward the PBX after it.
const LONGEST_BINDING: Duration = Duration::from_secs(2 * 600 + 64);
