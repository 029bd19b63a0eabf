//! Our media ports in use and where each sends to: what tells a phone - PBX - phone call from a loop.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::media::{CallKey, End};

/// Our media addresses of all live calls.
#[derive(Default)]
pub(crate) struct MediaMap {
    /// RTP address of ours -> whose it is.
    owners: BTreeMap<SocketAddr, (CallKey, End)>,
    /// Where each end sends.
    remotes: BTreeMap<(CallKey, End), SocketAddr>,
}

impl MediaMap {
    /// A call got its ports.
    pub(crate) fn opened(&mut self, call: CallKey, a: SocketAddr, b: SocketAddr) {
        self.owners.insert(canonical(a), (call, End::A));
        self.owners.insert(canonical(b), (call, End::B));
    }

    /// A call gave its ports back.
    pub(crate) fn closed(&mut self, call: CallKey, addresses: [Option<SocketAddr>; 2]) {
        for address in addresses.into_iter().flatten() {
            self.owners.remove(&canonical(address));
        }
        self.remotes.remove(&(call, End::A));
        self.remotes.remove(&(call, End::B));
    }

    /// How many addresses are known.
    pub(crate) fn count(&self) -> usize {
        self.owners.len() + self.remotes.len()
    }

    /// Whether this is a port of a live call of ours.
    pub(crate) fn is_ours(&self, address: SocketAddr) -> bool {
        self.owners.contains_key(&canonical(address))
    }

    /// The peer of this end is at `remote` from now on.
    pub(crate) fn sends_to(&mut self, call: CallKey, end: End, remote: SocketAddr) {
        self.remotes.insert((call, end), canonical(remote));
    }

    /// Whether a packet this call sends to `remote` would come back to it: each of our ports hands on to the other
    /// end of its call, and that one to its own peer.
    pub(crate) fn would_loop(&self, call: CallKey, remote: SocketAddr) -> bool {
        let mut next = Some(canonical(remote));
        for _ in 0..MAX_CHAIN {
            let Some(&(at_call, at_end)) = next.and_then(|address| self.owners.get(&address)) else {
                return false;
            };
            if at_call == call {
                return true;
            }
            next = self.remotes.get(&(at_call, at_end.other())).copied();
        }
        true
    }
}

/// The address as one comparable value: no mapped IPv4, no flow label, no scope.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Calls chained through us; a chain this long is a mistake of the PBX in any case.
const MAX_CHAIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn port(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 5], port))
    }

    fn two_calls() -> MediaMap {
        let mut map = MediaMap::default();
        map.opened(CallKey(1), port(1000), port(1002));
        map.opened(CallKey(2), port(2000), port(2002));
        map
    }

    #[test]
    fn phone_to_pbx_to_phone_through_two_calls_is_no_loop() {
        let mut map = two_calls();
        let phones = [SocketAddr::from(([10, 1, 0, 7], 4000)), SocketAddr::from(([10, 1, 0, 8], 4000))];
        map.sends_to(CallKey(1), End::A, phones[0]);
        map.sends_to(CallKey(2), End::B, phones[1]);
        assert!(!map.would_loop(CallKey(1), port(2000)));
        map.sends_to(CallKey(1), End::B, port(2000));
        assert!(!map.would_loop(CallKey(2), port(1002)));
    }

    #[test]
    fn two_calls_whose_four_ends_point_at_each_other_are_a_loop() {
        let mut map = two_calls();
        map.sends_to(CallKey(1), End::B, port(2000));
        assert!(map.would_loop(CallKey(2), port(1000)));
    }

    #[test]
    fn a_call_that_sends_to_its_own_port_is_a_loop() {
        assert!(two_calls().would_loop(CallKey(1), port(1002)));
        assert!(two_calls().would_loop(CallKey(1), port(1000)));
    }

    #[test]
    fn a_port_of_ours_is_known_in_whatever_way_it_is_written() {
        let mapped = SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x0005], 1002));
        assert!(two_calls().is_ours(mapped));
        assert!(two_calls().would_loop(CallKey(1), mapped));
    }
}
