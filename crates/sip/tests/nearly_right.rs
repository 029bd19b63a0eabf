//! Ten thousand nearly right messages: what is changed without meaning is read as before, and what `rsip` can read is read
//! as `rsip` reads it.
#![cfg(test)]

#[path = "../../../tests/differential/draft.rs"]
mod draft;
#[path = "../../../tests/differential/mutator.rs"]
mod mutator;
#[path = "../../../tests/differential/originals.rs"]
mod originals;
#[path = "../../../tests/differential/random.rs"]
mod random;

use std::collections::BTreeMap;

use bytes::Bytes;
use cordon_sip::{Frame, Framer, Framing, Message, Request};
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;

use mutator::Mutated;
use originals::ORIGINALS;

#[test]
fn what_means_the_same_is_read_the_same() {
    let mut read = 0;
    for number in 0..MESSAGES {
        let (original, mutated) = message(number);
        if !mutated.is_harmless {
            continue;
        }
        let before = first_of(original.as_bytes()).expect("an original is good");
        let after = first_of(&mutated.bytes);
        let after = after.unwrap_or_else(|| panic!("{:?} is not read: {:?}", mutated.changes, mutated.bytes));
        assert_eq!(essence(&before), essence(&after), "{:?} of a {}", mutated.changes, original_name(number));
        read += 1;
    }
    assert!(read > MESSAGES / 4, "{read}");
}

#[test]
fn rsip_reads_the_same_where_it_is_right() {
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..MESSAGES {
        let (original, mutated) = message(number);
        let Some(frame) = whole_frame(&mutated.bytes) else {
            *tally.entry("not cut by us").or_default() += 1;
            continue;
        };
        let Ok(Message::Request(ours)) = Message::parse(frame.clone(), Framing::Stream) else {
            *tally.entry("refused by us").or_default() += 1;
            continue;
        };
        if let Some(reason) = rsip_is_wrong(&frame, &ours) {
            *tally.entry(reason).or_default() += 1;
            continue;
        }
        let theirs = rsip_reads(&frame).map(|values| lower(&values));
        assert_eq!(Ok(lower(&essence_like_rsip(&ours))), theirs, "{:?} of {original:?}", mutated.changes);
        *tally.entry("read alike").or_default() += 1;
    }
    println!("{tally:#?}");
    assert!(tally["read alike"] > MESSAGES / 20, "{tally:?}");
}

fn original_name(number: usize) -> &'static str {
    ORIGINALS[number % ORIGINALS.len()].name
}

/// The `number`-th message, as it was and as it became.
fn message(number: usize) -> (String, Mutated) {
    let original = ORIGINALS[number % ORIGINALS.len()];
    let text = original.of("2001", "10.1.0.11:5061", number);
    let mutated = mutator::mutate(u64::try_from(number).unwrap(), &text);
    (text, mutated)
}

fn first_of(bytes: &[u8]) -> Option<Request> {
    match Message::parse(whole_frame(bytes)?, Framing::Stream) {
        Ok(Message::Request(request)) => Some(request),
        _ => None,
    }
}

/// The first message, as the framer cuts it.
fn whole_frame(bytes: &[u8]) -> Option<Bytes> {
    let mut framer = Framer::default();
    framer.push(bytes);
    loop {
        match framer.next_frame() {
            Ok(Some(Frame::Message(framed))) => return Some(framed.bytes().clone()),
            Ok(Some(Frame::Ping | Frame::Pong)) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Everything a reader acts on.
fn essence(request: &Request) -> Request {
    let mut essence = request.clone();
    essence.headers = Default::default();
    essence
}

/// What `rsip` reads too, as text.
fn essence_like_rsip(ours: &Request) -> Vec<String> {
    let text =
        |text: Option<&cordon_sip::Text>| text.map(|text| text.as_str().to_owned()).unwrap_or_default();
    vec![
        ours.method.as_str().to_owned(),
        ours.uri.to_text().as_str().to_owned(),
        text(ours.branch()),
        text(ours.via.first().map(|via| &via.transport)),
        ours.from.uri.to_text().as_str().to_owned(),
        text(ours.from.tag()),
        ours.to.uri.to_text().as_str().to_owned(),
        text(ours.to.tag()),
        ours.call_id.as_str().to_owned(),
        ours.cseq.to_string(),
        ours.contacts.first().map(|contact| contact.uri.to_text().as_str().to_owned()).unwrap_or_default(),
        String::from_utf8_lossy(&ours.body).into_owned(),
    ]
}

fn rsip_reads(frame: &Bytes) -> Result<Vec<String>, String> {
    let theirs = rsip::Request::try_from(frame.as_ref()).map_err(|error| error.to_string())?;
    let read = || -> Result<Vec<String>, rsip::Error> {
        let via = theirs.via_header()?.typed()?;
        let (from, to) = (theirs.from_header()?.typed()?, theirs.to_header()?.typed()?);
        let contact = match theirs.contact_header() {
            Ok(contact) => contact.typed()?.uri.to_string(),
            Err(_) => String::new(),
        };
        let tag =
            |tag: Option<&rsip::common::uri::param::Tag>| tag.map(ToString::to_string).unwrap_or_default();
        Ok(vec![
            theirs.method.to_string(),
            theirs.uri.to_string(),
            via.branch().map(ToString::to_string).unwrap_or_default(),
            via.transport.to_string(),
            from.uri.to_string(),
            tag(from.tag()),
            to.uri.to_string(),
            tag(to.tag()),
            theirs.call_id_header()?.value().to_owned(),
            theirs.cseq_header()?.seq()?.to_string(),
            contact,
            String::from_utf8_lossy(theirs.body()).into_owned(),
        ])
    };
    read().map_err(|error| error.to_string())
}

/// Case apart: `rsip` writes a transport in capitals.
fn lower(values: &[String]) -> Vec<String> {
    values.iter().map(|value| value.to_ascii_lowercase()).collect()
}

/// Why `rsip` 0.4 cannot be asked about this message.
fn rsip_is_wrong(frame: &[u8], ours: &Request) -> Option<&'static str> {
    let text = String::from_utf8_lossy(frame);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let lines = || head.split("\r\n").skip(1);
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let is_taken_apart =
        |line: &&str| TAKEN_APART.iter().any(|one| name(line).trim().eq_ignore_ascii_case(one));
    let uris = || {
        let contacts = ours.contacts.as_slice().iter().map(|contact| &contact.uri);
        [&ours.uri, &ours.from.uri, &ours.to.uri].into_iter().chain(contacts)
    };
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let transports = || {
        let of_uris = uris().filter_map(|uri| uri.transport());
        ours.via.iter().map(|via| &via.transport).chain(of_uris)
    };
    let is_known = |transport: &str| {
        ["tls", "tcp", "udp", "ws", "wss", "sctp"].contains(&transport.to_ascii_lowercase().as_str())
    };
    let tags = [ours.from.tag(), ours.to.tag(), ours.branch()];
    let is_token =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte));
    let rules = [
        ("it knows no folds", head.contains("\r\n ") || head.contains("\r\n\t")),
        ("it knows no compact forms", lines().any(|line| name(line).trim().len() == 1)),
        ("it knows no white space before a colon", lines().any(|line| name(line).ends_with([' ', '\t']))),
        ("it keeps white space at the end of a line", lines().any(|line| line.ends_with([' ', '\t']))),
        ("it knows no tabs", head.contains('\t')),
        ("it takes one address from a line", lines().filter(is_taken_apart).any(|line| line.contains(','))),
        ("it cuts quoted strings", lines().filter(is_taken_apart).any(|line| line.contains(['"', '\\']))),
        (
            "it knows few letters of a user",
            uris().filter_map(|uri| uri.user()).any(|user| !is_plain(user.as_str())),
        ),
        (
            "it knows few letters of a parameter",
            uris().flat_map(|uri| uri.params().iter()).any(|(name, _)| !is_plain(name.as_str())),
        ),
        (
            "it knows sip: and SIP/2.0 in one case",
            head.to_ascii_uppercase().matches("SIP/2.0").count() != head.matches("SIP/2.0").count(),
        ),
        ("its transports are its own", transports().any(|transport| !is_known(transport.as_str()))),
        (
            "we take more than a token for a tag",
            tags.into_iter().flatten().any(|tag| !is_token(tag.as_str())),
        ),
        ("its methods are its own", matches!(ours.method, cordon_sip::Method::Other(_))),
    ];
    rules.into_iter().find(|(_, holds)| *holds).map(|(reason, _)| reason)
}

/// Headers whose values `rsip` takes apart.
const TAKEN_APART: [&str; 5] = ["Via", "From", "To", "Contact", "CSeq"];

const MESSAGES: usize = 10_000;
