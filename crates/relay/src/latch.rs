//! Where an end is reached: the session description says it first, an authenticated packet may correct it.

use std::net::{IpAddr, SocketAddr};

use crate::Before;

/// The address one component (RTP or RTCP) of an end is sent to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latch {
    /// What the session description says.
    signalled: SocketAddr,
    /// Where the packet that last moved the highest index came from; only authenticated packets set it.
    learned: Option<SocketAddr>,
}

impl Latch {
    pub(crate) fn new(signalled: SocketAddr) -> Latch {
        Latch { signalled, learned: None }
    }

    /// Takes the address of a new description; what was learned stays while the description says the same.
    pub(crate) fn signal(&mut self, signalled: SocketAddr) {
        if self.signalled != signalled {
            *self = Latch::new(signalled);
        }
    }

    /// Follows a packet that was authenticated and moved the highest index of its source. The rightful owner
    /// of the address wins back in the same way: by the next fresh packet. True when the address changed.
    pub(crate) fn learn(&mut self, from: SocketAddr) -> bool {
        let known = self.learned.unwrap_or(self.signalled);
        self.learned = Some(from);
        known != from
    }

    /// Where to send now, if anywhere.
    pub(crate) fn target(&self, before_proof: Before) -> Option<SocketAddr> {
        let target = match (self.learned, before_proof) {
            (Some(learned), _) => learned,
            (None, Before::SendToSdp) => self.signalled,
            (None, Before::HoldUntilProven) => return None,
        };
        is_one_host(target).then_some(target)
    }

    /// Whether `address` is on the host that is known to be the peer's.
    pub(crate) fn is_on_host(&self, address: SocketAddr) -> bool {
        self.learned.unwrap_or(self.signalled).ip().to_canonical() == address.ip().to_canonical()
    }

    /// What the session description says.
    pub(crate) fn signalled(&self) -> SocketAddr {
        self.signalled
    }
}

/// A port on one host; a description may as well name none (`c=0.0.0.0`, port 0) or many (multicast).
fn is_one_host(address: SocketAddr) -> bool {
    let is_many = match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    };
    address.port() != 0 && !address.ip().to_canonical().is_unspecified() && !is_many
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_proof_media_goes_to_the_described_address_or_nowhere() {
        let latch = Latch::new(described());

        assert_eq!(latch.target(Before::SendToSdp), Some(described()));
        assert_eq!(latch.target(Before::HoldUntilProven), None);
    }

    #[test]
    fn a_proven_address_is_followed_and_can_be_won_back() {
        let mut latch = Latch::new(described());
        let behind_nat: SocketAddr = "192.0.2.9:61000".parse().unwrap();

        assert!(latch.learn(behind_nat));
        assert_eq!(latch.target(Before::HoldUntilProven), Some(behind_nat));
        assert!(!latch.learn(behind_nat));

        assert!(latch.learn(described()));
        assert_eq!(latch.target(Before::HoldUntilProven), Some(described()));
    }

    #[test]
    fn a_new_description_asks_for_a_new_proof_and_a_repeated_one_does_not() {
        let mut latch = Latch::new(described());
        let behind_nat: SocketAddr = "192.0.2.9:61000".parse().unwrap();
        latch.learn(behind_nat);

        latch.signal(described());
        assert_eq!(latch.target(Before::HoldUntilProven), Some(behind_nat));

        latch.signal("10.0.0.1:4002".parse().unwrap());
        assert_eq!(latch.target(Before::HoldUntilProven), None);
    }

    #[test]
    fn no_media_goes_to_an_address_that_is_not_one_host() {
        for nowhere in [
            "0.0.0.0:4000",
            "10.0.0.1:0",
            "224.0.0.1:4000",
            "255.255.255.255:4000",
            "[::]:4000",
            "[ff02::1]:4000",
        ] {
            assert_eq!(Latch::new(nowhere.parse().unwrap()).target(Before::SendToSdp), None, "{nowhere}");
        }
    }

    fn described() -> SocketAddr {
        "10.0.0.1:4000".parse().unwrap()
    }
}
