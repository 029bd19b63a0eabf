//! The headers in front of a datagram that leaves through a raw socket.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::checksum::Checksum;

/// An IP and a UDP header.
///
/// ```text
///  IPv4   45 b8 len id 4000 ttl 11 sum  from to      20 bytes; the kernel fills in len, id and sum
///  IPv6   6b 80 00 00 len 11 ttl        from to      40 bytes
///  UDP    port port len sum                           8 bytes
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    bytes: [u8; IPV6 + UDP],
    len: usize,
}

impl Header {
    /// The headers of this payload; `None` when the two addresses are not of one family, one has no port, or the payload
    /// does not fit into a datagram: what a socket of the system would not take either.
    pub(crate) fn new(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Header> {
        let len = u16::try_from(UDP + payload.len()).ok()?;
        if from.port() == 0 || to.port() == 0 {
            return None;
        }
        match (from, to) {
            (SocketAddr::V4(from), SocketAddr::V4(to)) => Header::v4(from, to, len, payload),
            (SocketAddr::V6(from), SocketAddr::V6(to)) => Header::v6(from, to, len, payload),
            (SocketAddr::V4(_), SocketAddr::V6(_)) | (SocketAddr::V6(_), SocketAddr::V4(_)) => None,
        }
    }

    /// The bytes that go before the payload.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// RFC 791 §3.1. Not to be fragmented, as the system's own sockets have it; an identification is then not needed
    /// (RFC 6864 §4.1).
    fn v4(from: SocketAddrV4, to: SocketAddrV4, len: u16, payload: &[u8]) -> Option<Header> {
        let mut header = Header { bytes: [0; IPV6 + UDP], len: IPV4 + UDP };
        let total = len.checked_add(IPV4 as u16)?;
        let mut writer = Writer(&mut header.bytes);
        writer.put(&[0x45, TRAFFIC_CLASS]);
        writer.put(&total.to_be_bytes());
        writer.put(&[0, 0, 0x40, 0, HOPS, PROTOCOL_UDP, 0, 0]);
        writer.put(&from.ip().octets());
        writer.put(&to.ip().octets());
        let addresses = Checksum::default().with(&from.ip().octets()).with(&to.ip().octets());
        writer.put_udp(addresses, [from.port(), to.port()], len, payload);
        Some(header)
    }

    /// RFC 8200 §3.
    fn v6(from: SocketAddrV6, to: SocketAddrV6, len: u16, payload: &[u8]) -> Option<Header> {
        let mut header = Header { bytes: [0; IPV6 + UDP], len: IPV6 + UDP };
        let mut writer = Writer(&mut header.bytes);
        writer.put(&[0x60 | TRAFFIC_CLASS >> 4, TRAFFIC_CLASS << 4, 0, 0]);
        writer.put(&len.to_be_bytes());
        writer.put(&[PROTOCOL_UDP, HOPS]);
        writer.put(&from.ip().octets());
        writer.put(&to.ip().octets());
        let addresses = Checksum::default().with(&from.ip().octets()).with(&to.ip().octets());
        writer.put_udp(addresses, [from.port(), to.port()], len, payload);
        Some(header)
    }
}

/// The rest of a header, not yet written.
struct Writer<'a>(&'a mut [u8]);

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let rest = std::mem::take(&mut self.0);
        let (into, rest) = rest.split_at_mut_checked(bytes.len()).expect("a header has its fixed parts");
        into.copy_from_slice(bytes);
        self.0 = rest;
    }

    /// RFC 768; the pseudo header of RFC 8200 §8.1 sums up to the same.
    fn put_udp(&mut self, addresses: Checksum, ports: [u16; 2], len: u16, payload: &[u8]) {
        let [[a, b], [c, d]] = ports.map(u16::to_be_bytes);
        let [e, f] = len.to_be_bytes();
        let sum = addresses.with(&[0, PROTOCOL_UDP, e, f]).with(&[a, b, c, d, e, f]).with(payload).finish();
        // RFC 768: zero says that there is no checksum, so a sum of zero is sent as its other spelling.
        let [g, h] = if sum == [0, 0] { [0xff, 0xff] } else { sum };
        self.put(&[a, b, c, d, e, f, g, h]);
    }
}

/// Bytes of an IPv4 header without options.
pub(crate) const IPV4: usize = 20;
/// Bytes of an IPv6 header.
pub(crate) const IPV6: usize = 40;
/// Bytes of a UDP header.
pub(crate) const UDP: usize = 8;
const PROTOCOL_UDP: u8 = 17;
/// As the system's own sockets have it (RFC 1700).
const HOPS: u8 = 64;
/// DSCP 46 (EF, RFC 3246), as the upper six bits of the traffic class.
pub(crate) const TRAFFIC_CLASS: u8 = 46 << 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_of_ipv4_carries_its_ports_its_class_and_a_right_checksum() {
        let (from, to) = ("192.0.2.1:20000".parse().unwrap(), "198.51.100.7:40002".parse().unwrap());
        let header = Header::new(from, to, b"voice").unwrap();
        let header = header.as_slice();

        assert_eq!(header.len(), 28);
        assert_eq!(header[..12], [0x45, 0xb8, 0, 33, 0, 0, 0x40, 0, 64, 17, 0, 0]);
        assert_eq!(header[12..20], [192, 0, 2, 1, 198, 51, 100, 7]);
        assert_eq!(header[20..26], [0x4e, 0x20, 0x9c, 0x42, 0, 13]);
        assert_eq!(sum_at_the_receiver(&header[12..20], &header[20..], b"voice"), [0, 0]);
    }

    #[test]
    fn a_datagram_of_ipv6_carries_its_ports_its_class_and_a_right_checksum() {
        let (from, to) = ("[2001:db8::1]:20000".parse().unwrap(), "[2001:db8::2]:40002".parse().unwrap());
        let header = Header::new(from, to, b"voice!").unwrap();
        let header = header.as_slice();

        assert_eq!(header.len(), 48);
        assert_eq!(header[..8], [0x6b, 0x80, 0, 0, 0, 14, 17, 64]);
        assert_eq!(header[40..46], [0x4e, 0x20, 0x9c, 0x42, 0, 14]);
        assert_eq!(sum_at_the_receiver(&header[8..40], &header[40..], b"voice!"), [0, 0]);
    }

    #[test]
    fn a_sum_of_zero_is_sent_as_ones() {
        let (from, to) = ("192.0.2.1:20000".parse().unwrap(), "198.51.100.7:40002".parse().unwrap());
        let sum = |payload: [u8; 2]| {
            let header = Header::new(from, to, &payload).unwrap();
            [header.as_slice()[26], header.as_slice()[27]]
        };
        // What the sum is without the payload, the payload completes.
        let completing = sum([0, 0]);

        assert_eq!(sum(completing), [0xff, 0xff]);
    }

    #[test]
    fn families_do_not_mix_and_what_has_no_port_or_does_not_fit_is_refused() {
        let four: SocketAddr = "192.0.2.1:20000".parse().unwrap();
        let six: SocketAddr = "[2001:db8::1]:20000".parse().unwrap();

        assert!(Header::new(four, six, b"").is_none());
        assert!(Header::new(six, four, b"").is_none());
        assert!(Header::new(four, "192.0.2.2:0".parse().unwrap(), b"").is_none());
        assert!(Header::new(four, four, &[0; 65_507]).is_some());
        assert!(Header::new(four, four, &[0; 65_508]).is_none());
        assert!(Header::new(six, six, &[0; 65_527]).is_some());
        assert!(Header::new(six, six, &[0; 65_528]).is_none());
    }

    /// RFC 768: with the checksum in its place, everything sums up to ones, whose complement is zero.
    fn sum_at_the_receiver(addresses: &[u8], udp: &[u8], payload: &[u8]) -> [u8; 2] {
        let pseudo = [0, PROTOCOL_UDP, udp[4], udp[5]];
        Checksum::default().with(addresses).with(&pseudo).with(udp).with(payload).finish()
    }
}
