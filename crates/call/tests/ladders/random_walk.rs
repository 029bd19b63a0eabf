//! Whatever phones and the PBX say, in whatever order: nothing breaks, and everything is given back in the end.

use std::time::Duration;

use cordon_call::End;
use cordon_sip::{FlowId, Message, Method, Origin, Request, Uri};
use proptest::prelude::*;

use crate::agent::Agent;
use crate::description::Sdp;
use crate::world::{PBX, World};

/// One thing somebody does.
#[derive(Clone, Debug)]
enum Step {
    /// A phone calls, with or without an offer.
    PhoneCalls {
        offers: bool,
    },
    PbxCalls {
        offers: bool,
    },
    /// Whoever was asked something last answers the nth request it heard.
    Answer {
        status: u16,
        describes: bool,
    },
    /// An agent in a call asks for something.
    Ask {
        agent: usize,
        what: Method,
        describes: bool,
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
        2 => any::<bool>().prop_map(|offers| Step::PhoneCalls { offers }),
        2 => any::<bool>().prop_map(|offers| Step::PbxCalls { offers }),
        8 => (status, any::<bool>()).prop_map(|(status, describes)| Step::Answer { status, describes }),
        6 => (0usize..6, method, any::<bool>()).prop_map(|(agent, what, describes)| Step::Ask { agent, what, describes }),
        2 => (0usize..4).prop_map(|nth| Step::Cancel { nth }),
        1 => Just(Step::Disconnect),
        1 => Just(Step::Reconnect),
        1 => Just(Step::LosePbx),
        1 => Just(Step::FindPbx),
        3 => (0u16..40).prop_map(|seconds| Step::Pass { seconds }),
        1 => any::<bool>().prop_map(|is_heard| Step::Heard { is_heard }),
        1 => any::<bool>().prop_map(|at_caller| Step::KeySpent { at_caller }),
    ];
    prop::collection::vec(step, 1..40)
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
            Step::PhoneCalls { offers } if self.is_connected => {
                let agent = Agent::phone(&mut self.world, self.phone, "1001", "1002");
                self.call(agent, offers);
            }
            Step::PbxCalls { offers } => {
                let agent = Agent::pbx(&mut self.world, "1002", "1001", &self.contact.clone());
                self.call(agent, offers);
            }
            Step::Answer { status, describes } => self.answer(status, describes),
            Step::Ask { agent, what, describes } => self.ask(agent, what, describes),
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
            Step::PhoneCalls { .. }
            | Step::Disconnect
            | Step::Reconnect
            | Step::Heard { .. }
            | Step::KeySpent { .. } => {}
        }
        self.hear();
    }

    fn call(&mut self, mut agent: Agent, offers: bool) {
        let invite = match offers {
            true => agent.invite(&description(agent.at)),
            false => agent.request(Method::Invite),
        };
        self.invites.push((agent.at, invite.clone()));
        self.agents.push(agent.clone());
        self.say(agent.at, Message::Request(invite));
    }

    fn answer(&mut self, status: u16, describes: bool) {
        let Some((agent, request)) = self.unanswered.last().cloned() else { return };
        if status >= 200 {
            self.unanswered.pop();
        }
        let response = match describes {
            true => agent.respond_with(&request, status, &description(agent.at)),
            false => agent.respond(&request, status),
        };
        self.say(agent.at, Message::Response(response));
    }

    fn ask(&mut self, nth: usize, what: Method, describes: bool) {
        let Some(agent) = self.agents.get_mut(nth) else { return };
        let mut request = match what {
            Method::Ack => agent.ack(),
            method => agent.request(method),
        };
        if describes {
            request.set_body("application/sdp", description(agent.at).bytes());
        }
        let at = agent.at;
        self.say(at, Message::Request(request));
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

fn description(at: Origin) -> Sdp {
    match at {
        Origin::Handset(_) => Sdp::phone(),
        Origin::Pbx(_) => Sdp::pbx(),
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
