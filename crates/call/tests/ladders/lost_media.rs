//! The media engine promised ports it cannot serve: nobody would hear a word, so the call ends, with the code of no ports.

use cordon_policy::Refusal;
use cordon_sip::{Method, Origin};

use crate::agent::{Agent, phone_calls};
use crate::description::Sdp;
use crate::world::{PBX, World};

#[test]
fn a_call_that_loses_its_media_while_it_rings_is_answered_503() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
    world.phone_says(phone, caller.invite(&Sdp::phone()));
    let invite = world.pbx_hears(Method::Invite);
    let pbx = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
    world.pbx_says(pbx.respond_with(&invite, 183, &Sdp::pbx()));
    world.phone_hears_status(phone, 183);

    world.media_is_lost();

    world.phone_hears_status(phone, 503);
    let cancel = world.pbx_hears(Method::Cancel);
    world.pbx_says(pbx.respond(&cancel, 200));
    world.pbx_says(pbx.respond(&invite, 487));
    world.pbx_hears(Method::Ack);
    assert_eq!(world.refusals(), [Refusal::NoPorts]);
    world.is_clean();
}

#[test]
fn a_call_that_loses_its_media_while_it_stands_is_hung_up_on_both_sides() {
    let mut world = World::new();
    let call = phone_calls(&mut world);

    world.media_is_lost();

    for agent in [&call.caller, &call.callee] {
        let bye = world.hears(agent.at, Method::Bye);
        world.says(agent.at, agent.respond(&bye, 200));
    }
    assert_eq!(world.refusals(), [Refusal::NoPorts]);
    world.is_clean();
}
