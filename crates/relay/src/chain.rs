//! Refuses media that would come back to where it started.
//!
//! A call from phone to PBX to phone may pass Cordon twice, and then one stream's peer is a port of another
//! stream of ours. That is wanted. A ring of such streams is not: one packet would circle in it forever.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::{End, StreamId};

/// Knows the addresses of all streams, across relays, and where each of their ends sends to.
#[derive(Default)]
pub struct Chains {
    /// Our own addresses, as peers see them, and the end that receives there.
    ours: BTreeMap<SocketAddr, (StreamId, End)>,
    streams: BTreeMap<StreamId, Ends>,
}

/// The address an end would send the stream's media back into the stream by a way of our own ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the media would come back to the stream it left")]
pub struct LoopRefused;

impl Chains {
    /// Notes the addresses the two ends of a stream receive on: as bound, and as advertised where that differs.
    pub fn open(&mut self, stream: StreamId, a: &[SocketAddr], b: &[SocketAddr]) {
        let mut ends = Ends::default();
        for (end, addresses) in [(End::A, a), (End::B, b)] {
            for address in addresses.iter().copied().map(canonical) {
                self.ours.insert(address, (stream, end));
                ends.ours.push(address);
            }
        }
        self.streams.insert(stream, ends);
    }

    /// Notes where an end sends RTP and RTCP to, unless that closes a ring; then the earlier addresses stay.
    pub fn set(&mut self, stream: StreamId, end: End, remotes: [SocketAddr; 2]) -> Result<(), LoopRefused> {
        if self.would_loop(stream, remotes) {
            return Err(LoopRefused);
        }
        if let Some(ends) = self.streams.get_mut(&stream) {
            match end {
                End::A => ends.a = remotes.map(canonical).to_vec(),
                End::B => ends.b = remotes.map(canonical).to_vec(),
            }
        }
        Ok(())
    }

    /// True when `remote` is a port of a live stream of ours.
    pub fn is_ours(&self, remote: SocketAddr) -> bool {
        self.ours.contains_key(&canonical(remote))
    }

    /// True when media of `stream` sent to one of `remotes` would arrive at `stream` again.
    pub fn would_loop(&self, stream: StreamId, remotes: [SocketAddr; 2]) -> bool {
        let mut to_follow: Vec<SocketAddr> = remotes.map(canonical).to_vec();
        let mut passed: Vec<(StreamId, End)> = Vec::new();
        while let Some(address) = to_follow.pop() {
            let Some((reached, arrives_at)) = self.ours.get(&address).copied() else { continue };
            if reached == stream || passed.len() == MAX_CHAIN {
                return true;
            }
            if passed.contains(&(reached, arrives_at)) {
                continue;
            }
            passed.push((reached, arrives_at));
            if let Some(ends) = self.streams.get(&reached) {
                to_follow.extend_from_slice(match arrives_at {
                    End::A => &ends.b,
                    End::B => &ends.a,
                });
            }
        }
        false
    }

    /// Forgets a stream.
    pub fn close(&mut self, stream: StreamId) {
        for address in self.streams.remove(&stream).map(|ends| ends.ours).unwrap_or_default() {
            self.ours.remove(&address);
        }
    }
}

/// What one stream receives on, and where its two ends send to.
#[derive(Default)]
struct Ends {
    ours: Vec<SocketAddr>,
    a: Vec<SocketAddr>,
    b: Vec<SocketAddr>,
}

/// The address as one comparable value: no mapped IPv4, no flow label, no scope.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A call that passes more streams of ours than this is no call; forwarding rules of a PBX loop first.
const MAX_CHAIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_to_pbx_to_phone_through_two_streams_is_no_loop() {
        let mut chains = chains(2);

        assert_eq!(chains.set(StreamId(1), End::A, [phone(1); 2]), Ok(()));
        assert_eq!(chains.set(StreamId(1), End::B, [address(2, End::A); 2]), Ok(()));
        assert_eq!(chains.set(StreamId(2), End::A, [address(1, End::B); 2]), Ok(()));
        assert_eq!(chains.set(StreamId(2), End::B, [phone(2); 2]), Ok(()));
        assert!(chains.is_ours(address(2, End::A)));
        assert!(!chains.is_ours(phone(2)));
    }

    #[test]
    fn an_end_that_names_a_port_of_its_own_stream_is_refused() {
        let mut chains = chains(1);

        for end in [End::A, End::B] {
            for port in [End::A, End::B] {
                assert_eq!(chains.set(StreamId(1), end, [address(1, port); 2]), Err(LoopRefused));
            }
        }
    }

    #[test]
    fn a_ring_of_three_streams_is_refused_where_it_would_close() {
        let mut chains = chains(3);
        assert_eq!(chains.set(StreamId(1), End::B, [address(2, End::A); 2]), Ok(()));
        assert_eq!(chains.set(StreamId(2), End::B, [address(3, End::A); 2]), Ok(()));

        assert_eq!(chains.set(StreamId(3), End::B, [address(1, End::A); 2]), Err(LoopRefused));

        assert_eq!(chains.set(StreamId(3), End::B, [phone(1); 2]), Ok(()));
    }

    #[test]
    fn a_mapped_address_is_the_same_address() {
        let mut chains = chains(1);
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:20100".parse().unwrap();

        assert_eq!(chains.set(StreamId(1), End::A, [mapped; 2]), Err(LoopRefused));
    }

    #[test]
    fn a_closed_stream_is_no_longer_part_of_a_chain() {
        let mut chains = chains(2);
        assert_eq!(chains.set(StreamId(1), End::B, [address(2, End::A); 2]), Ok(()));

        chains.close(StreamId(1));

        assert_eq!(chains.set(StreamId(2), End::B, [address(1, End::A); 2]), Ok(()));
        assert!(!chains.is_ours(address(1, End::A)));
    }

    fn chains(streams: u64) -> Chains {
        let mut chains = Chains::default();
        for stream in 1..=streams {
            chains.open(StreamId(stream), &[address(stream, End::A)], &[address(stream, End::B)]);
        }
        chains
    }

    fn address(stream: u64, end: End) -> SocketAddr {
        let port = 20_000 + 100 * stream + if end == End::A { 0 } else { 2 };
        SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()))
    }

    fn phone(number: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, number], 4000))
    }
}
