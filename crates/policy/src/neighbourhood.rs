//! Whose connections and requests count together where strangers are counted.

use std::net::{IpAddr, Ipv6Addr};

/// One IPv4 address, or the /64 of an IPv6 address: a device may take any address of its /64 (RFC 4862 §5.5.3), a new one
/// for each connection, so that a bound of each address would bound nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Neighbourhood(IpAddr);

impl Neighbourhood {
    /// Where this address belongs; an IPv4 address that came mapped into IPv6 is IPv4.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & NETWORK_64)),
        })
    }
}

const NETWORK_64: u128 = !(u64::MAX as u128);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Neighbourhood {
        Neighbourhood::of(address.parse().unwrap())
    }

    #[test]
    fn an_ipv4_address_is_alone_also_when_it_is_mapped() {
        assert_ne!(of("10.1.0.1"), of("10.1.0.2"));
        assert_eq!(of("10.1.0.1"), of("::ffff:10.1.0.1"));
        assert_ne!(of("::ffff:10.1.0.1"), of("::ffff:10.1.0.2"));
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together_and_those_of_the_next_apart() {
        assert_eq!(of("fd00::1"), of("fd00::ffff:ffff:ffff:ffff"));
        assert_ne!(of("fd00::1"), of("fd00:0:0:1::1"));
    }
}
