//! What must hold of everything the media engine is asked, in every ladder and every walk.

use std::collections::{HashMap, HashSet};

use cordon_call::{CallKey, End, EndSetup, Interface, MediaRequest, Protection, StreamId};

/// Looks over the engine's shoulder.
#[derive(Default)]
pub(crate) struct Watch {
    /// The interfaces of both ends, by call until the stream has a name.
    asked: HashMap<CallKey, [Interface; 2]>,
    interfaces: HashMap<StreamId, [Interface; 2]>,
    /// Streams that were given back.
    closed: HashSet<StreamId>,
    /// Every key of ours so far, and the one end it belongs to.
    keys: HashMap<Vec<u8>, (StreamId, End)>,
}

impl Watch {
    /// Looks at what is asked, in the order it is asked.
    pub(crate) fn look(&mut self, request: &MediaRequest) {
        match request {
            MediaRequest::Open { call, a, b } => {
                assert!(self.asked.insert(*call, [*a, *b]).is_none(), "ports are asked for once");
            }
            MediaRequest::Set { stream, end, setup } => {
                assert!(!self.closed.contains(stream), "nothing is said of a stream after its end");
                self.look_at_protection(*stream, *end, setup);
            }
            MediaRequest::Query { stream } => {
                assert!(!self.closed.contains(stream), "nothing is asked of a stream after its end");
            }
            MediaRequest::Close { stream } => {
                assert!(self.closed.insert(*stream), "a stream is given back once");
            }
        }
    }

    /// The ports of a call are there.
    pub(crate) fn opened(&mut self, call: CallKey, stream: StreamId) {
        let interfaces = self.asked.remove(&call).expect("ports were asked for");
        self.interfaces.insert(stream, interfaces);
    }

    fn look_at_protection(&mut self, stream: StreamId, end: End, setup: &EndSetup) {
        let [a, b] = self.interfaces[&stream];
        let interface = match end {
            End::A => a,
            End::B => b,
        };
        match &setup.protection {
            Protection::Plain(_) => assert_eq!(interface, PBX_SIDE, "media of a phone never goes in clear"),
            Protection::Secure { local, remote, .. } => {
                assert!(!local.is_same_as(remote), "no peer is let in with our own key");
                let owner = *self.keys.entry(local.as_bytes().to_vec()).or_insert((stream, end));
                assert_eq!(owner, (stream, end), "no key of ours is used on two legs");
            }
        }
    }
}

/// Our media address toward phones in these tests.
pub(crate) const PHONE_SIDE: Interface = Interface(0);
/// And toward the PBX.
pub(crate) const PBX_SIDE: Interface = Interface(1);
