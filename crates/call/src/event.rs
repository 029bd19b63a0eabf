//! What the layer above hears. Nothing here tells who called whom: calls and phones are pseudonyms.

use std::time::{Duration, Instant};

use cordon_phi::Pseudonym;
use cordon_policy::connection::TlsVersion;
use cordon_policy::refusal::Refusal;
use cordon_rtp::Suite;
use cordon_sip::FlowId;

use crate::media::EndStatistics;
use crate::registration::Withheld;

/// Something worth a log line, a counter or a record.
#[derive(Clone, Debug)]
pub enum Event {
    /// A request or an answer met a rule.
    Refused {
        /// Which rule; carries code, label and text.
        refusal: Refusal,
        /// Who was refused.
        side: Side,
        /// On which connection, when it was a phone.
        flow: Option<FlowId>,
        /// The call it belonged to, when there was one.
        call: Option<Pseudonym>,
    },
    /// The PBX granted a binding, new or refreshed.
    Registered {
        /// The connection of the phone.
        flow: FlowId,
        /// AOR + instance + reg-id, else AOR + Contact.
        phone: Pseudonym,
        /// As granted to the phone.
        expires: Duration,
        /// The connection this one took over from.
        replaced: Option<FlowId>,
    },
    /// A binding ended.
    Unregistered {
        /// As in `Registered`.
        phone: Pseudonym,
        /// Why.
        reason: UnregisterReason,
    },
    /// Too many wrong passwords for an account: connections on which it is not registered wait.
    AccountLocked {
        /// Of the account.
        account: Pseudonym,
        /// The connection that brought the last of them; `None` when it is gone already.
        flow: Option<FlowId>,
        /// For how long.
        lasts: Duration,
    },
    /// A proof of a password was taken out of a phone's request: the PBX challenges afresh. Told once for a request,
    /// whatever it carried.
    ProofWithheld {
        /// The connection that brought it.
        flow: FlowId,
        /// Of the first of them.
        why: Withheld,
    },
    /// An INVITE was admitted and is on its way to the other side.
    CallStarted {
        /// Of the caller's Call-ID.
        call: Pseudonym,
        /// Where it came from.
        from: Side,
        /// It was an emergency call.
        emergency: bool,
    },
    /// The callee accepted and both offer and answer are admitted.
    CallAnswered {
        /// As in `CallStarted`.
        call: Pseudonym,
    },
    /// Nothing is heard of a side of an answered call that is not on hold.
    MediaSilent {
        /// As in `CallStarted`.
        call: Pseudonym,
        /// What is missing.
        silence: Silence,
    },
    /// A call is over and its ports are back.
    CallEnded(Box<Receipt>),
}

/// What is not heard of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Silence {
    /// This side is not heard, the other one is.
    OneWay(Side),
    /// Nobody is heard.
    Both,
}

/// One side of Cordon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Phones of a location.
    Handset,
    /// The PBX.
    Pbx,
}

/// Why a binding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnregisterReason {
    /// The phone said so and the PBX agreed.
    Asked,
    /// Not refreshed in time.
    Expired,
    /// The PBX refused a refresh.
    Refused,
    /// Its connection is gone; the phone may come back until the binding expires.
    FlowClosed,
}

/// The encryption receipt of a call: what protected it on each leg, free of health information.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Of the caller's Call-ID.
    pub call: Pseudonym,
    /// When the INVITE was admitted.
    pub started: Instant,
    /// When the callee's answer was admitted.
    pub answered: Option<Instant>,
    /// When the last leg was released.
    pub ended: Instant,
    /// Caller first.
    pub legs: [LegReceipt; 2],
    /// How it ended.
    pub end: CallEnd,
}

/// One leg of a receipt.
#[derive(Clone, Debug)]
pub struct LegReceipt {
    /// Which side it is on.
    pub side: Side,
    /// Version and cipher suite of a phone's connection; `None` toward the PBX, whose connections outlive calls.
    pub tls: Option<(TlsVersion, &'static str)>,
    /// What protects the media; `None` when never negotiated or plain by permit.
    pub suite: Option<Suite>,
    /// How often nothing was heard of it for a while although it was not on hold.
    pub silences: u32,
    /// How often our own key changed.
    pub local_rekeys: u64,
    /// Packets; all zero when no media was opened.
    pub media: EndStatistics,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// One side said BYE.
    HungUp(Side),
    /// The caller gave up before the answer.
    Cancelled,
    /// The callee's side refused with this status.
    Rejected(u16),
    /// A rule of ours.
    Refused(Refusal),
    /// Nobody answered in time.
    TimedOut,
    /// A leg lost its connection and its media.
    Lost(Side),
    /// A key of ours toward this side came to the end of its lifetime.
    KeySpent(Side),
}
