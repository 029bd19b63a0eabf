//! One forwarded message, read by Cordon and by Kamailio.

use bytes::Bytes;
use cordon_sip::{Framing, HeaderName, Host, Message, NameAddr, Request, Scheme, Text, Uri};
use cordon_tests::reading_pbx::Reading;

/// What Cordon wrote, read again by Cordon; an error when Kamailio cut it elsewhere.
pub(crate) fn sent(reading: &Reading) -> Result<Request, String> {
    match Message::parse(Bytes::from(reading.message.clone()), Framing::Stream) {
        Ok(Message::Request(request)) => Ok(request),
        Ok(Message::Response(_)) => Err("a response".to_owned()),
        Err(error) => Err(error.reason().to_owned()),
    }
}

/// Every value that the two do not read alike: its name, ours, theirs.
pub(crate) fn differences(ours: &Request, theirs: &Reading) -> Vec<(&'static str, String, String)> {
    let header = |name: &HeaderName| ours.header(name).map(text).unwrap_or_default();
    let via = ours.via.first();
    let pairs: Vec<(&'static str, String)> = [
        ("method", ours.method.as_str().to_owned()),
        ("uri", text(&ours.uri.to_text())),
        ("uri_user", user(&ours.uri)),
        ("uri_host", host(ours.uri.host())),
        ("uri_port", ours.uri.port().map(|port| port.to_string()).unwrap_or_default()),
        ("from_uri", text(&ours.from.uri.to_text())),
        ("from_user", user(&ours.from.uri)),
        ("from_name", display(&ours.from)),
        ("from_tag", ours.from.tag().map(text).unwrap_or_default()),
        ("to_uri", text(&ours.to.uri.to_text())),
        ("to_user", user(&ours.to.uri)),
        ("to_name", display(&ours.to)),
        ("to_tag", ours.to.tag().map(text).unwrap_or_default()),
        ("call_id", ours.call_id.as_str().to_owned()),
        ("cseq", ours.cseq.to_string()),
        ("content_length", ours.body.len().to_string()),
        ("body", String::from_utf8_lossy(&ours.body).into_owned()),
        ("content_type", ours.content_type.as_ref().map(text).unwrap_or_default()),
        ("max_forwards", ours.max_forwards.map(|hops| hops.to_string()).unwrap_or_default()),
        ("user_agent", header(&HeaderName::USER_AGENT)),
        ("branch", ours.branch().map(text).unwrap_or_default()),
        ("via_host", host(via.map(|via| &via.host))),
        ("subject", header(&HeaderName::SUBJECT)),
        ("expires", header(&HeaderName::EXPIRES)),
    ]
    .into_iter()
    .collect();
    pairs
        .into_iter()
        // Where no port is written Kamailio makes one up.
        .filter(|(name, ours)| *name != "uri_port" || !ours.is_empty())
        .map(|(name, ours)| (name, alike(name, ours, theirs.value(name))))
        .map(|(name, (ours, theirs))| (name, ours, theirs))
        .filter(|(_, ours, theirs)| ours != theirs)
        .collect()
}

/// The same value in the same form: Kamailio leaves a display name in its quotes, and takes the parameters off the user of
/// a telephone number (RFC 3261 §19.1.6). The whole URI is compared besides.
fn alike(name: &str, ours: String, theirs: &str) -> (String, String) {
    let without_params = |user: &str| user.split(';').next().unwrap_or_default().to_owned();
    match name {
        "uri_user" | "from_user" | "to_user" => (without_params(&ours), without_params(theirs)),
        "from_name" | "to_name" => match NameAddr::parse(format!("{theirs} <sip:x>")) {
            Ok(NameAddr { display: Some(display), .. }) => (ours, text(&display)),
            _ => (ours, theirs.to_owned()),
        },
        _ => (ours, theirs.to_owned()),
    }
}

fn text(text: &Text) -> String {
    text.as_str().to_owned()
}

/// Of a scheme it does not know Kamailio names no user.
fn user(uri: &Uri) -> String {
    match uri.scheme() {
        Scheme::Sip | Scheme::Sips | Scheme::Tel => uri.user().map(text).unwrap_or_default(),
        Scheme::Other(_) => String::new(),
    }
}

fn display(address: &NameAddr) -> String {
    address.display.as_ref().map(text).unwrap_or_default()
}

fn host(host: Option<&Host>) -> String {
    match host {
        None => String::new(),
        Some(Host::Name(name)) => text(name),
        Some(Host::V4(address)) => address.to_string(),
        Some(Host::V6(address)) => format!("[{address}]"),
    }
}
