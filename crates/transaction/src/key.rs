//! By what a message finds its transaction.

use aws_lc_rs::digest;
use cordon_sip::{CallId, FlowId, Hop, Host, MAGIC_COOKIE, Method, NameAddr, Origin, Request, Response, Via};

/// With whom a transaction is held. A phone's transactions belong to its flow: from another flow the right branch
/// matches nothing, so nobody can cancel or answer for somebody else. The PBX may change between its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Handset(FlowId),
    Pbx,
}

impl From<Origin> for Peer {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Handset(flow) => Peer::Handset(flow),
            Origin::Pbx(_) => Peer::Pbx,
        }
    }
}

impl From<Hop> for Peer {
    fn from(hop: Hop) -> Self {
        match hop {
            Hop::Handset(flow) => Peer::Handset(flow),
            Hop::Pbx | Hop::PbxFlow(_) => Peer::Pbx,
        }
    }
}

/// Matches a response to its request: RFC 3261 section 17.1.3.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
pub(crate) struct ClientKey {
    peer: Peer,
    branch: String,
    method: String,
}

impl ClientKey {
    /// The key of a request of ours; `None` without the branch that section 8.1.1.7 demands.
    pub(crate) fn of_request(hop: Hop, request: &Request) -> Option<Self> {
        Self::new(hop.into(), &request.via, &request.method)
    }

    pub(crate) fn of_response(origin: Origin, response: &Response) -> Option<Self> {
        Self::new(origin.into(), &response.via, &response.cseq_method)
    }

    fn new(peer: Peer, via: &[Via], method: &Method) -> Option<Self> {
        let branch = via.first()?.branch()?.as_str().to_owned();
        Some(Self { peer, branch, method: method.as_str().to_owned() })
    }
}

/// What a response must repeat of the request beside its branch (8.1.1, 8.2.6.2): the Via's sent-by (18.1.2), Call-ID,
/// From tag and CSeq. Who changes one of them has answered something else.
#[derive(PartialEq, Eq, Clone, Copy)]
pub(crate) struct Echo(Mark);

impl Echo {
    pub(crate) fn of_request(request: &Request) -> Self {
        Self::new(&request.via, &request.call_id, &request.from, request.cseq)
    }

    pub(crate) fn of_response(response: &Response) -> Self {
        Self::new(&response.via, &response.call_id, &response.from, response.cseq)
    }

    fn new(via: &[Via], call_id: &CallId, from: &NameAddr, cseq: u32) -> Self {
        let sent_by = via.first().map(sent_by).unwrap_or_default();
        let tag = from.tag().map_or("", |tag| tag.as_str());
        Self(Mark::of(&[&sent_by, call_id.as_str(), tag, &cseq.to_string()]))
    }
}

/// Matches a request to its transaction: RFC 3261 section 17.2.3. The method is last, so that all transactions of
/// one branch stand side by side: a CANCEL matches whatever was asked.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
pub(crate) struct ServerKey {
    peer: Peer,
    /// Branch and sent-by.
    branch: Mark,
    /// `None` stands before every method.
    method: Option<Mark>,
}

impl ServerKey {
    pub(crate) fn of(origin: Origin, request: &Request) -> Self {
        let via = request.via.first();
        let sent_by = via.map(sent_by).unwrap_or_default();
        let branch = via.and_then(Via::branch).filter(|branch| branch.as_str().starts_with(MAGIC_COOKIE));
        let branch = match branch {
            Some(branch) => Mark::of(&[branch.as_str(), &sent_by]),
            None => branch_of_2543(request, &sent_by),
        };
        Self { peer: origin.into(), branch, method: Some(Mark::of(&[request.method.as_str()])) }
    }

    /// The key of the INVITE that an ACK with this key acknowledges.
    pub(crate) fn of_invite(self) -> Self {
        Self { method: Some(Mark::of(&[Method::Invite.as_str()])), ..self }
    }

    /// The first key of this branch, whatever its method.
    pub(crate) fn of_branch(self) -> Self {
        Self { method: None, ..self }
    }

    pub(crate) fn has_branch_of(&self, other: &Self) -> bool {
        self.peer == other.peer && self.branch == other.branch
    }
}

/// Finds a request that has come by two ways: RFC 3261 section 8.2.2.2. The Request-URI is part of it, since a PBX
/// that rings two phones sends us one INVITE for each, alike in everything else.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
pub(crate) struct MergeKey {
    peer: Peer,
    request: Mark,
}

impl MergeKey {
    /// `None` for a request inside a dialog, which cannot be merged.
    pub(crate) fn of(origin: Origin, request: &Request) -> Option<Self> {
        if request.to.tag().is_some() {
            return None;
        }
        let mark = Mark::of(&[
            request.call_id.as_str(),
            from_tag(request),
            &request.cseq.to_string(),
            request.method.as_str(),
            request.uri.to_text().as_str(),
        ]);
        Some(Self { peer: origin.into(), request: mark })
    }
}

/// A list of texts by its hash: of one size whatever a peer writes, since a head may have 16 kB and one device can keep
/// thousands of transactions open for half a minute.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct Mark([u8; 16]);

impl Mark {
    fn of(parts: &[&str]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            // Length first: no two lists of parts are the same bytes.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut mark = [0; 16];
        mark.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(mark)
    }
}

/// What stands for the branch when a peer of RFC 2543 sends none of ours: what 17.2.3 compares then. The To tag is
/// left out, because the ACK carries ours and the INVITE does not.
fn branch_of_2543(request: &Request, sent_by: &str) -> Mark {
    let via = request.branch().map_or("", |branch| branch.as_str());
    Mark::of(&[
        request.uri.to_text().as_str(),
        from_tag(request),
        request.call_id.as_str(),
        via,
        &request.cseq.to_string(),
        sent_by,
    ])
}

fn from_tag(request: &Request) -> &str {
    request.from.tag().map_or("", |tag| tag.as_str())
}

fn sent_by(via: &Via) -> String {
    let host = match &via.host {
        Host::Name(name) => name.as_str().to_ascii_lowercase(),
        Host::V4(address) => address.to_string(),
        Host::V6(address) => address.to_string(),
    };
    match via.port {
        Some(port) => format!("{host} {port}"),
        None => host,
    }
}
