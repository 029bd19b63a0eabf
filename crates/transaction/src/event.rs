//! What the layer says to the layer above, and what it wants sent.

use std::fmt;

use bytes::Bytes;
use cordon_sip::{Headers, Hop, Origin, Request, Response, Rule};

/// Names one client transaction; never used twice by one [`Layer`](crate::Layer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub(crate) u64);

/// Names one server transaction; never used twice by one [`Layer`](crate::Layer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub(crate) u64);

/// One message for the wire.
pub struct Transmit {
    /// Where it goes.
    pub hop: Hop,
    /// The message as written.
    pub bytes: Bytes,
}

/// The content is health information; its length is not.
impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit").field("hop", &self.hop).field("length", &self.bytes.len()).finish()
    }
}

/// What happened, for the layer above (RFC 3261 calls it the transaction user).
#[derive(Debug)]
pub enum Event {
    /// A new request; answer it with [`Layer::respond`](crate::Layer::respond). Never ACK, never CANCEL.
    Request {
        /// The transaction to answer.
        server: ServerId,
        /// Where it came from.
        origin: Origin,
        /// The request.
        request: Request,
    },
    /// A request no transaction was made for. Answer it with
    /// [`Layer::respond_without_state`](crate::Layer::respond_without_state) or not at all. Never ACK.
    TurnedAway {
        /// Where it came from.
        origin: Origin,
        /// The request.
        request: Request,
        /// Why.
        why: TurnedAway,
    },
    /// An ACK that belongs to a 2xx (13.3.1.4); the ACK of a failure never comes up.
    Ack {
        /// Where it came from.
        origin: Origin,
        /// The ACK, with the answer of a late offer in its body.
        request: Request,
    },
    /// The INVITE of this transaction was cancelled and the CANCEL is already answered with 200; answer the
    /// INVITE with 487 (9.2). Comes once, and only while the INVITE has no final answer.
    Cancelled {
        /// The INVITE's transaction.
        server: ServerId,
        /// What the CANCEL carried: a Reason tells a phone whether a call was missed (RFC 3326).
        headers: Headers,
    },
    /// A response of this client transaction, provisional or final.
    Response {
        /// The transaction.
        client: ClientId,
        /// Where it came from.
        origin: Origin,
        /// The response.
        response: Response,
    },
    /// No answer in time: Timer B or F, no final answer 64*T1 after a CANCEL, or Timer C. After Timer C the
    /// layer cancels the INVITE by itself; a 2xx that still comes is a [`StrayResponse`](Event::StrayResponse).
    TimedOut {
        /// The transaction; no further event names it.
        client: ClientId,
    },
    /// The request could not be sent or its answer can no longer come: the connection is gone, or the table full.
    TransportFailed {
        /// The transaction; no further event names it.
        client: ClientId,
    },
    /// The request is longer than Cordon itself would take and goes to the PBX, so it was not sent: what a phone wrote grew on
    /// its way.
    TooLong {
        /// The transaction; no further event names it.
        client: ClientId,
        /// The bound it would break.
        rule: Rule,
    },
    /// Our failure response to an INVITE was never acknowledged (Timer H), or the layer above forgot to answer.
    ServerTimedOut {
        /// The transaction; it is gone.
        server: ServerId,
    },
    /// A 2xx to an INVITE beyond the first of its transaction: a retransmission to be acknowledged again, or a
    /// second branch of a fork to be acknowledged and ended (13.2.2.4). Match it by dialog and by origin.
    StrayResponse {
        /// Where it came from.
        origin: Origin,
        /// The 2xx.
        response: Response,
    },
}

/// Why no transaction was made for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// It is here already and came again by another way: 482 (8.2.2.2).
    Merged,
    /// The table is full, in all or for its flow: 503.
    Full,
    /// A CANCEL of nothing that this sender has asked for: 481 (9.2).
    NothingToCancel,
}

/// The transaction already has its final response, or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the transaction already has its final response")
    }
}

impl std::error::Error for Gone {}
