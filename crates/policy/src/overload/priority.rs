//! What matters less than what.

use cordon_sip::{Method, Request};

use crate::request::{EmergencyNumbers, Sender, is_emergency};

/// What may be shed, the least important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Anything but a REGISTER from a connection on which nobody is registered: scanners, and phones with nothing to
    /// lose.
    Stranger,
    /// OPTIONS, SUBSCRIBE and whatever else begins neither a registration nor a call.
    Probe,
    /// A registration on a connection that has none.
    Register,
    /// A new call.
    Invite,
    /// A phone that is registered says so again; were it shed for long, calls would not reach it.
    Refresh,
}

impl Priority {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// All, the least important first.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Stranger, Self::Probe, Self::Register, Self::Invite, Self::Refresh];

    /// Its place in [`Priority::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Stranger => 0,
            Self::Probe => 1,
            Self::Register => 2,
            Self::Invite => 3,
            Self::Refresh => 4,
        }
    }

    /// As it stands in labels and log lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Probe => "probe",
            Self::Register => "register",
            Self::Invite => "invite",
            Self::Refresh => "refresh",
        }
    }
}

/// How much a request matters; `None` for what is never shed: whatever ends something, what belongs to a call that is
/// up, what the PBX asks, and calls for help. A phone `is_kept` where it is registered, or calls, on the connection that the
/// request came on.
pub fn priority(
    sender: Sender,
    is_kept: bool,
    request: &Request,
    numbers: &EmergencyNumbers,
) -> Option<Priority> {
    if sender == Sender::Pbx || is_emergency(request, numbers) {
        return None;
    }
    match &request.method {
        Method::Ack | Method::Bye | Method::Cancel => None,
        Method::Register if is_kept => Some(Priority::Refresh),
        Method::Register => Some(Priority::Register),
        _ if !is_kept => Some(Priority::Stranger),
        _ if request.to.tag().is_some() => None,
        Method::Invite => Some(Priority::Invite),
        Method::Options
        | Method::Prack
        | Method::Update
        | Method::Info
        | Method::Message
        | Method::Subscribe
        | Method::Notify
        | Method::Refer
        | Method::Publish
        | Method::Other(_) => Some(Priority::Probe),
    }
}

#[cfg(test)]
mod tests {
    use cordon_sip::{Framing, Message};

    use super::*;

    #[test]
    fn whatever_ends_something_is_never_shed() {
        for method in ["BYE", "ACK", "CANCEL"] {
            assert_eq!(of(STRANGER, method, "sip:100@mx.example.org", ""), None, "{method}");
            assert_eq!(of(PHONE, method, "sip:100@mx.example.org", ";tag=b"), None, "{method}");
        }
    }

    #[test]
    fn a_call_for_help_is_never_shed_registered_or_not() {
        for facts in [STRANGER, PHONE] {
            assert_eq!(of(facts, "INVITE", "sip:911@mx.example.org", ""), None);
        }
    }

    #[test]
    fn what_belongs_to_a_call_is_never_shed() {
        for method in ["INVITE", "UPDATE", "INFO", "OPTIONS", "REFER"] {
            assert_eq!(of(PHONE, method, "sip:100@mx.example.org", ";tag=b"), None, "{method}");
        }
    }

    #[test]
    fn the_pbx_is_never_shed() {
        for method in ["INVITE", "OPTIONS", "NOTIFY", "REGISTER"] {
            assert_eq!(of(PBX, method, "sip:100@mx.example.org", ""), None, "{method}");
        }
    }

    #[test]
    fn a_stranger_with_a_tag_of_its_own_making_is_a_stranger() {
        assert_eq!(of(STRANGER, "INVITE", "sip:100@mx.example.org", ";tag=b"), Some(Priority::Stranger));
    }

    #[test]
    fn requests_of_phones_are_told_apart_by_what_they_begin() {
        let cases = [
            (STRANGER, "OPTIONS", Priority::Stranger),
            (STRANGER, "INVITE", Priority::Stranger),
            (PHONE, "OPTIONS", Priority::Probe),
            (PHONE, "SUBSCRIBE", Priority::Probe),
            (PHONE, "HELLO", Priority::Probe),
            (STRANGER, "REGISTER", Priority::Register),
            (PHONE, "INVITE", Priority::Invite),
            (PHONE, "REGISTER", Priority::Refresh),
        ];
        for (facts, method, expected) in cases {
            assert_eq!(of(facts, method, "sip:100@mx.example.org", ""), Some(expected), "{method}");
        }
        assert!(Priority::ALL.is_sorted());
        assert!(Priority::ALL.iter().enumerate().all(|(at, priority)| priority.index() == at));
    }

    const STRANGER: (Sender, bool) = (Sender::Handset, false);
    const PHONE: (Sender, bool) = (Sender::Handset, true);
    const PBX: (Sender, bool) = (Sender::Pbx, true);

    fn of((sender, is_kept): (Sender, bool), method: &str, uri: &str, tag: &str) -> Option<Priority> {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS 10.1.0.9:5061;branch=z9hG4bK1\r\n\
             From: <sip:100@mx.example.org>;tag=a\r\nTo: <{uri}>{tag}\r\nCall-ID: c@10.1.0.9\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let Ok(Message::Request(request)) = Message::parse(text.into(), Framing::Stream) else {
            panic!("a request was written")
        };
        priority(sender, is_kept, &request, &EmergencyNumbers::new(["911".to_owned()]).unwrap())
    }
}
