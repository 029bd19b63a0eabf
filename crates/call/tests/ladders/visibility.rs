//! What one side is, the other must not see: a whole call in which everything either side says carries its mark.

use bytes::Bytes;
use cordon_sip::{Contacts, HeaderName, Headers, Hop, Method, NameAddr, Origin, Request, Response, Text};

use crate::agent::Agent;
use crate::description::Sdp;
use crate::world::{PBX, World, uri};

#[test]
fn of_a_phone_that_calls_the_pbx_sees_only_what_the_call_needs() {
    let mut world = World::new();
    let (phone, _) = world.register(1, "1001");
    world.said.clear();
    let caller = Agent::phone(&mut world, phone, "1001", "1002");
    whole_call(&mut world, caller, Origin::Pbx(PBX));
}

#[test]
fn of_a_pbx_that_calls_the_phone_sees_only_what_the_call_needs() {
    let mut world = World::new();
    let (phone, contact) = world.register(1, "1001");
    world.said.clear();
    let caller = Agent::pbx(&mut world, "1002", "1001", &contact);
    whole_call(&mut world, caller, Origin::Handset(phone));
}

#[test]
fn a_refusal_tells_nothing_of_who_refused() {
    for (status, header) in [(486, "Reason"), (603, "Error-Info"), (488, "Warning")] {
        let mut world = World::new();
        let (phone, _) = world.register(1, "1001");
        world.said.clear();
        let mut caller = Agent::phone(&mut world, phone, "1001", "1002");
        world.says(caller.at, marked_request(caller.invite(&Sdp::phone()), PHONE_MARK));
        let invite = world.pbx_hears(Method::Invite);
        let callee = Agent::callee(&mut world, Origin::Pbx(PBX), &invite);
        let mut refusal = marked_response(callee.respond(&invite, status), PBX_MARK);
        let value = match header {
            "Warning" => format!("304 {PBX_MARK}.example:5060 \"Media type not available\""),
            "Reason" => "Q.850;cause=17".to_owned(),
            _ => format!("<sip:{PBX_MARK}@{PBX_MARK}.example>"),
        };
        refusal.headers.push(HeaderName::parse(header).unwrap(), value);
        world.pbx_says(refusal);
        world.phone_hears_status(phone, status);
        nothing_leaks(&world, &[&caller], &[&callee]);
    }
}

/// INVITE, 183, 200, ACK, hold, BYE, each with the mark of who says it.
fn whole_call(world: &mut World, mut caller: Agent, to: Origin) {
    let (mark, other) = match caller.at {
        Origin::Handset(_) => (PHONE_MARK, PBX_MARK),
        Origin::Pbx(_) => (PBX_MARK, PHONE_MARK),
    };
    let (offer, answer) = match caller.at {
        Origin::Handset(_) => (phone_media(), Sdp::pbx()),
        Origin::Pbx(_) => (Sdp::pbx(), phone_media()),
    };
    let mut invite = marked_request(caller.invite(&offer), mark);
    invite.set_body("application/sdp", marked(&offer, mark));
    world.says(caller.at, invite);
    let seen = world.hears(to, Method::Invite);
    let mut callee = Agent::callee(world, to, &seen);
    for status in [183, 200] {
        let mut response = marked_response(callee.respond(&seen, status), other);
        response.set_body("application/sdp", marked(&answer, other));
        world.says(to, response);
        caller.learn(&world.hears_status(caller.at, status));
    }
    world.hears(to, Method::Ack);
    world.says(caller.at, marked_request(caller.ack(), mark));

    let hold = answer.clone().with(|sdp| sdp.direction = "sendonly");
    let mut change = marked_request(callee.invite(&hold), other);
    change.set_body("application/sdp", marked(&hold, other));
    world.says(to, change);
    let seen = world.hears(caller.at, Method::Invite);
    let held = offer.with(|sdp| sdp.direction = "recvonly");
    let mut response = marked_response(caller.respond(&seen, 200), mark);
    response.set_body("application/sdp", marked(&held, mark));
    world.says(caller.at, response);
    world.hears(caller.at, Method::Ack);
    world.hears_status(to, 200);
    world.says(to, marked_request(callee.ack(), other));

    world.says(caller.at, marked_request(caller.request(Method::Bye), mark));
    world.hears_status(caller.at, 200);
    world.hears(to, Method::Bye);
    match caller.at {
        Origin::Handset(_) => nothing_leaks(world, &[&caller], &[&callee]),
        Origin::Pbx(_) => nothing_leaks(world, &[&callee], &[&caller]),
    }
}

fn nothing_leaks(world: &World, phones: &[&Agent], pbxs: &[&Agent]) {
    let secrets = |agents: &[&Agent], mark: &str, network: &str| {
        let mut secrets = vec![mark.to_owned(), network.to_owned()];
        for agent in agents {
            secrets.extend(agent.me.tag().map(|tag| format!("tag={}\r", tag.as_str())));
            // The caller's own; toward the callee we made one, which is no secret from it.
            secrets.extend(Some(agent.call_id.as_str().to_owned()).filter(|id| id.contains('@')));
        }
        secrets
    };
    let of_phone = secrets(phones, PHONE_MARK, PHONE_MEDIA);
    let of_pbx = secrets(pbxs, PBX_MARK, "10.0.0.");
    assert!(!world.said.is_empty());
    for (hop, text) in &world.said {
        let foreign = match hop {
            Hop::Handset(_) => &of_pbx,
            Hop::Pbx | Hop::PbxFlow(_) => &of_phone,
        };
        for secret in foreign {
            assert!(!text.contains(secret.as_str()), "{secret} is seen in\n{text}");
        }
    }
}

fn marked_request(mut request: Request, mark: &str) -> Request {
    mark_headers(&mut request.headers, mark);
    request.from = with_mark(&request.from, mark);
    request.contacts = marked_contacts(&request.contacts, mark);
    if request.method == Method::Invite {
        request.record_route = vec![NameAddr::new(uri(&format!("sip:{mark}.example;lr")))];
    }
    request
}

fn marked_response(mut response: Response, mark: &str) -> Response {
    mark_headers(&mut response.headers, mark);
    response.contacts = marked_contacts(&response.contacts, mark);
    response.headers.push(HeaderName::SERVER, mark);
    response
}

fn with_mark(person: &NameAddr, mark: &str) -> NameAddr {
    let mut person = person.clone();
    person.params.set("x-mark", Some(Text::from(mark)));
    person
}

fn marked_contacts(contacts: &Contacts, mark: &str) -> Contacts {
    match contacts.first() {
        Some(contact) => Contacts::one(with_mark(contact, mark)),
        None => contacts.clone(),
    }
}

fn mark_headers(headers: &mut Headers, mark: &str) {
    for name in [
        "X-Thing",
        "User-Agent",
        "In-Reply-To",
        "P-Charging-Vector",
        "Allow-Events",
        "P-Early-Media",
        "Identity",
        "P-Access-Network-Info",
    ] {
        headers.push(HeaderName::parse(name).unwrap(), mark);
    }
    for name in [
        "P-Preferred-Identity",
        "Referred-By",
        "Refer-To",
        "Call-Info",
        "Reply-To",
        "History-Info",
        "Geolocation",
        "Path",
        "Service-Route",
        "P-Associated-URI",
    ] {
        headers.push(HeaderName::parse(name).unwrap(), format!("<sip:{mark}@{mark}.example>"));
    }
    for name in ["Replaces", "Join", "Target-Dialog"] {
        headers.push(HeaderName::parse(name).unwrap(), format!("{mark};to-tag=1;from-tag=2"));
    }
    for name in ["P-Asserted-Identity", "Remote-Party-ID", "Diversion"] {
        headers.push(HeaderName::parse(name).unwrap(), format!("<sip:1002@{mark}.example:5060;x={mark}>"));
    }
}

/// A description with the mark wherever a writer may put its own words.
fn marked(sdp: &Sdp, mark: &str) -> Bytes {
    let text = String::from_utf8(sdp.bytes().to_vec()).unwrap();
    let text = text
        .replace("o=- ", &format!("o={mark} "))
        .replace(
            "s=-\r\n",
            &format!("s={mark}\r\ni={mark}\r\nu=http://{mark}.example\r\ne={mark}@example.org\r\n"),
        )
        .replace("t=0 0\r\n", &format!("t=0 0\r\na=tool:{mark}\r\na=ice-ufrag:{mark}\r\n"));
    let own = format!(
        "a=label:{mark}\r\na=ssrc:1 cname:{mark}\r\na=candidate:1 1 UDP 1 {ip} 4000 typ host\r\na=x-{mark}\r\n",
        ip = sdp.ip
    );
    Bytes::from(text + &own)
}

/// Nobody but the phone's media is at this address.
fn phone_media() -> Sdp {
    Sdp::phone().with(|sdp| sdp.ip = PHONE_MEDIA.to_owned())
}

const PHONE_MEDIA: &str = "10.1.9.9";
const PHONE_MARK: &str = "mark-of-phone";
const PBX_MARK: &str = "mark-of-pbx";
