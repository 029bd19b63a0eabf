/// Names one accepted connection (or, toward a PBX in the lab, one UDP socket) for as long as the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A phone's connection.
    Handset(FlowId),
    /// A connection with the PBX, in either direction.
    Pbx(FlowId),
}

impl Origin {
    /// The connection itself.
    pub fn flow(self) -> FlowId {
        match self {
            Origin::Handset(flow) | Origin::Pbx(flow) => flow,
        }
    }

    /// Where a response to a request from here goes: back over the connection it came on (RFC 3261 §18.2.2).
    pub fn reply_hop(self) -> Hop {
        match self {
            Origin::Handset(flow) => Hop::Handset(flow),
            Origin::Pbx(flow) => Hop::PbxFlow(flow),
        }
    }
}

/// Where a message is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// To a phone, over its connection.
    Handset(FlowId),
    /// To the PBX, over whichever connection we opened and verified is up.
    Pbx,
    /// To the PBX over the very connection a request of its came on: for responses.
    PbxFlow(FlowId),
}
