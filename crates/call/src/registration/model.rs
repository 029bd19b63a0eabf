//! Whatever phones and the PBX do in whatever order: no panic, no phone on a flow that is gone, and in the end nothing.

use cordon_sip::{Contacts, FlowId, HeaderName, NameAddr};
use proptest::prelude::*;

use super::house::{House, challenge, proof, register, with_expires};
use super::{BindingId, Route};

#[derive(Debug, Clone)]
enum Act {
    Register { flow: u64, user: u8, instance: u8, expires: u32, shape: Shape, with_proof: bool },
    Answer { at: usize, status: u16, expires: u32, lists: bool },
    Close { flow: u64 },
    Wait { seconds: u64 },
    LosePbx,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Instance,
    Plain,
    Star,
    Query,
}

fn act() -> impl Strategy<Value = Act> {
    let shape = prop_oneof![4 => Just(Shape::Instance), 2 => Just(Shape::Plain), 1 => Just(Shape::Star), 1 => Just(Shape::Query)];
    let expires = prop_oneof![Just(0u32), Just(30), Just(3_600), Just(u32::MAX)];
    let status = prop_oneof![6 => Just(200u16), 2 => Just(401), 2 => prop::sample::select(vec![100, 403, 423, 302, 503])];
    prop_oneof![
        5 => (1..4u64, 0..2u8, 0..2u8, expires.clone(), shape, any::<bool>()).prop_map(
            |(flow, user, instance, expires, shape, with_proof)| {
                Act::Register { flow, user, instance, expires, shape, with_proof }
            }
        ),
        5 => (0..4usize, status, expires, any::<bool>())
            .prop_map(|(at, status, expires, lists)| Act::Answer { at, status, expires, lists }),
        1 => (1..4u64).prop_map(|flow| Act::Close { flow }),
        2 => prop_oneof![0..5u64, 0..900u64].prop_map(|seconds| Act::Wait { seconds }),
        1 => Just(Act::LosePbx),
    ]
}

proptest! {
    #[test]
    fn no_phone_is_on_a_flow_that_is_gone_and_everything_ends(acts in proptest::collection::vec(act(), 1..40)) {
        let mut house = House::new();
        let (mut seconds, mut cseq) = (0, 0);
        let mut contacts: Vec<NameAddr> = vec![];
        let mut closed = std::collections::BTreeSet::new();
        for act in acts {
            match act {
                Act::Register { flow, user, instance, expires, shape, with_proof } => {
                    cseq += 1;
                    closed.remove(&flow);
                    let authorization = if with_proof { proof("n1") } else { String::new() };
                    house.phone(FlowId(flow), &text(cseq, user, instance, expires, shape, &authorization));
                }
                Act::Answer { at, status, expires, lists } => answer(&mut house, at, status, expires, lists),
                Act::Close { flow } => {
                    closed.insert(flow);
                    house.close(FlowId(flow));
                    prop_assert!(!house.registrar.has_live_binding(house.now, FlowId(flow)));
                }
                Act::Wait { seconds: more } => {
                    seconds += more;
                    house.until(seconds);
                }
                Act::LosePbx => {
                    house.layer.handle_pbx_unreachable(house.now);
                    house.pump();
                }
            }
            contacts.extend(house.pbx_inbox.iter().flat_map(|request| request.contacts.as_slice().to_vec()));
            for contact in &contacts {
                prop_assert!(BindingId::of_contact(&contact.uri).is_some());
                if let Route::Phone { flow, .. } = house.registrar.route(house.now, &contact.uri) {
                    prop_assert!(!closed.contains(&flow.0));
                    prop_assert!(house.registrar.has_live_binding(house.now, flow));
                }
            }
        }
        house.until(seconds + 200_000);
        prop_assert_eq!(house.registrar.poll_timeout(), None);
        prop_assert_eq!(house.layer.open_transactions(), 0);
    }
}

fn text(cseq: u32, user: u8, instance: u8, expires: u32, shape: Shape, authorization: &str) -> String {
    let text = register(cseq, authorization)
        .replace("100@mx", &format!("10{user}@mx"))
        .replace("uuid:1", &format!("uuid:{instance}"))
        .replace("Expires: 3600", &format!("Expires: {expires}"));
    let contact = text.lines().find(|line| line.starts_with("Contact")).expect("a contact").to_owned();
    match shape {
        Shape::Instance => text,
        Shape::Plain => text.replace(&contact, "Contact: <sip:1@10.1.0.9:5>, <sips:2@10.1.0.9>;expires=0"),
        Shape::Star => text.replace(&contact, "Contact: *"),
        Shape::Query => text.replace(&format!("{contact}\r\n"), ""),
    }
}

fn answer(house: &mut House, at: usize, status: u16, expires: u32, lists: bool) {
    let Some(at) = house.pbx_inbox.len().checked_sub(at + 1) else { return };
    let request = house.pbx_inbox.remove(at);
    let listed: Vec<_> = match &request.contacts {
        Contacts::List(list) if lists => {
            list.iter().map(|contact| with_expires(contact.clone(), expires)).collect()
        }
        Contacts::List(_) | Contacts::Star => vec![],
    };
    let kept = request.clone();
    house.pbx_inbox.push(request);
    house.pbx(status, &[(HeaderName::WWW_AUTHENTICATE, &challenge("n1"))], &listed);
    if status >= 200 {
        house.pbx_inbox.retain(|request| request.cseq != kept.cseq || request.call_id != kept.call_id);
    }
}
