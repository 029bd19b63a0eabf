//! Whatever phones and the PBX say, in whatever order: nothing breaks, and everything is given back in the end.

use std::time::Duration;

use cordon_call::{End, Protection};
use cordon_sip::{FlowId, Message, Method, Origin, Request, Uri};
use proptest::prelude::*;

use crate::agent::Agent;
use crate::description::{Sdp, line, line_of, long_line};
use crate::world::{PBX, World};

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
    /// Whoever was asked something last answers the nth request it heard.
    Answer {
        status: u16,
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
        nth: usize,
    },
    Disconnect,
    Reconnect,
    LosePbx,
    FindPbx,
    Pass {
        seconds: u16,
    },
    Heard {
        is_heard: bool,
    },
    KeySpent {
        at_caller: bool,
    },
    MediaIsSlow,
    MediaCatchesUp,
    PortsRunOut,
    PortsAreBack,
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

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = prop_oneof![
        Just(100u16),
        Just(180),
        Just(183),
        Just(200),
        Just(200),
        Just(200),
        Just(302),
        Just(401),
        Just(407),
        Just(481),
        Just(486),
        Just(487),
        Just(491),
        Just(503)
    ];
    let method = prop_oneof![
        Just(Method::Invite),
        Just(Method::Invite),
        Just(Method::Ack),
        Just(Method::Bye),
        Just(Method::Options),
        Just(Method::Info)
    ];
    let step = prop_oneof![
        2 => says().prop_map(|says| Step::PhoneCalls { says }),
        2 => says().prop_map(|says| Step::PbxCalls { says }),
        8 => (status, says()).prop_map(|(status, says)| Step::Answer { status, says }),
        6 => (0usize..6, method, says()).prop_map(|(agent, what, says)| Step::Ask { agent, what, says }),
        2 => (0usize..4).prop_map(|nth| Step::Cancel { nth }),
        1 => Just(Step::Disconnect),
        1 => Just(Step::Reconnect),
        1 => Just(Step::LosePbx),
        1 => Just(Step::FindPbx),
        3 => (0u16..40).prop_map(|seconds| Step::Pass { seconds }),
        1 => any::<bool>().prop_map(|is_heard| Step::Heard { is_heard }),
        1 => any::<bool>().prop_map(|at_caller| Step::KeySpent { at_caller }),
        1 => Just(Step::MediaIsSlow),
        2 => Just(Step::MediaCatchesUp),
        1 => Just(Step::PortsRunOut),
        2 => Just(Step::PortsAreBack),
    ];
    prop::collection::vec(step, 1..40)
}

fn says() -> impl Strategy<Value = Says> {
    prop_oneof![
        4 => Just(Says::Nothing),
        8 => Just(Says::AsAlways),
        1 => Just(Says::Hold),
        1 => Just(Says::Elsewhere),
        1 => Just(Says::OtherSuite),
        1 => Just(Says::Plain),
        1 => Just(Says::OurKey),
    ]
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
}

impl Walk {
    fn new() -> Walk {
        let mut world = World::new();
        let (phone, contact) = world.register(1, "1001");
        let (agents, invites, unanswered) = (Vec::new(), Vec::new(), Vec::new());
        Walk { world, phone, is_connected: true, contact, agents, invites, unanswered }
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
            Step::Answer { status, says } => self.answer(status, says),
            Step::Ask { agent, what, says } => self.ask(agent, what, says),
            Step::Cancel { nth } => {
                if let Some((at, invite)) = self.invites.get(nth).cloned() {
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
            Step::LosePbx => self.world.lose_pbx(),
            Step::FindPbx => self.world.find_pbx(),
            Step::Pass { seconds } => self.world.pass(Duration::from_secs(seconds.into())),
            Step::Heard { is_heard } if !self.world.asked.is_empty() => {
                let heard = is_heard.then_some(self.world.now);
                self.world.answer_asked(heard, heard);
            }
            Step::KeySpent { at_caller } if !self.world.open.is_empty() => {
                self.world.key_nearly_spent(if at_caller { End::A } else { End::B });
            }
            Step::MediaIsSlow => self.world.media_is_slow = true,
            Step::MediaCatchesUp => self.world.media_catches_up(),
            Step::PortsRunOut => self.world.has_ports = false,
            Step::PortsAreBack => self.world.has_ports = true,
            Step::PhoneCalls { .. }
            | Step::Disconnect
            | Step::Reconnect
            | Step::Heard { .. }
            | Step::KeySpent { .. } => {}
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

    fn answer(&mut self, status: u16, says: Says) {
        let Some((agent, request)) = self.unanswered.last().cloned() else { return };
        if status >= 200 {
            self.unanswered.pop();
        }
        let response = match self.description(agent.at, says) {
            Some(description) => agent.respond_with(&request, status, &description),
            None => agent.respond(&request, status),
        };
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
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_ends_with_nothing_left(steps in steps()) {
        let mut walk = Walk::new();
        for step in steps {
            walk.take(step);
        }
        // Everybody goes away; whoever is asked about a stream has heard nothing.
        if walk.is_connected {
            walk.world.disconnect(walk.phone);
            walk.is_connected = false;
        }
        walk.world.lose_pbx();
        walk.world.media_catches_up();
        for _ in 0..20 {
            walk.world.pass(Duration::from_secs(30));
            while !walk.world.asked.is_empty() {
                walk.world.answer_asked(None, None);
            }
        }
        prop_assert!(walk.world.engine.is_idle(), "{} calls are left", walk.world.engine.call_count());
        prop_assert!(walk.world.open.is_empty(), "ports are left");
    }
}
