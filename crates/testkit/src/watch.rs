//! What must hold of everything the media engine is asked, in every ladder and every walk.

use std::collections::{HashMap, HashSet};

use cordon_call::{CallKey, End, EndSetup, Interface, MediaRequest, Protection, StreamId};
use cordon_sdp::Session;
use cordon_sip::{Hop, Message, Text};

/// Looks over the engine's shoulder.
#[derive(Default)]
pub struct Watch {
    /// The interfaces of both ends, by call until the stream has a name.
    asked: HashMap<CallKey, [Interface; 2]>,
    interfaces: HashMap<StreamId, [Interface; 2]>,
    /// Streams that were given back.
    closed: HashSet<StreamId>,
    /// Every key of ours so far, and the one end it belongs to.
    keys: HashMap<Vec<u8>, (StreamId, End)>,
    /// The key of ours each end uses now.
    in_use: HashMap<(StreamId, End), Vec<u8>>,
    /// Keys of ours that were given up.
    given_up: HashSet<Vec<u8>>,
    /// Every key of ours in a message so far, and the one dialog it was said in.
    said: HashMap<Vec<u8>, (Side, Text)>,
}

impl Watch {
    /// Looks at what is asked, in the order it is asked.
    pub fn look(&mut self, request: &MediaRequest) {
        match request {
            MediaRequest::Open { call, a, b, .. } => {
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
    pub fn opened(&mut self, call: CallKey, stream: StreamId) {
        let interfaces = self.asked.remove(&call).expect("ports were asked for");
        self.interfaces.insert(stream, interfaces);
    }

    /// Reads what is sent: a phone is never told of media in clear, and no two dialogs hear one key.
    pub fn read(&mut self, hop: Hop, message: &Message) {
        let body = match message {
            Message::Request(request) => &request.body,
            Message::Response(response) => &response.body,
        };
        let side = match hop {
            Hop::Handset(_) => Side::Handset,
            Hop::Pbx | Hop::PbxFlow(_) => Side::Pbx,
        };
        let Ok(session) = Session::parse(body) else { return };
        for media in session.media.iter().filter(|media| media.port != 0) {
            if side == Side::Handset {
                assert!(media.usable_crypto().next().is_some(), "a phone is always told a key");
            }
            for line in media.usable_crypto() {
                let dialog = (side, message.call_id().text().clone());
                let owner = self.said.entry(line.key.as_bytes().to_vec()).or_insert_with(|| dialog.clone());
                assert_eq!(*owner, dialog, "no key of ours is said in two dialogs");
            }
        }
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
                self.look_at_change(stream, end, local.as_bytes());
            }
        }
    }

    /// A key that was changed for another never comes back: its packet counter would begin anew under it.
    fn look_at_change(&mut self, stream: StreamId, end: End, key: &[u8]) {
        assert!(!self.given_up.contains(key), "no key of ours comes back after a change");
        if let Some(before) = self.in_use.insert((stream, end), key.to_vec()).filter(|before| before != key) {
            self.given_up.insert(before);
        }
    }
}

/// Who was told a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Handset,
    Pbx,
}

/// Our media address toward phones in these tests.
pub const PHONE_SIDE: Interface = Interface(0);
/// And toward the PBX.
pub const PBX_SIDE: Interface = Interface(1);
