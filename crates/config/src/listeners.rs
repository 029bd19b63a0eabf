//! Addresses that Cordon listens on: no two of them may be the same.

use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};

use crate::finding::Findings;
use crate::section::Located;

/// Every listener of a configuration.
#[derive(Default)]
pub(crate) struct Listeners(Vec<Listener>);

struct Listener {
    address: SocketAddr,
    is_udp: bool,
    key: &'static str,
    span: Range<usize>,
}

impl Listeners {
    pub(crate) fn add_tcp(&mut self, at: &Located<SocketAddr>, key: &'static str) {
        self.0.push(Listener { address: at.value, is_udp: false, key, span: at.span.clone() });
    }

    pub(crate) fn add_udp(&mut self, at: &Located<SocketAddr>, key: &'static str) {
        self.0.push(Listener { address: at.value, is_udp: true, key, span: at.span.clone() });
    }

    /// Two that would collide, and those that stand in the way of media. Port 0 is chosen by the system and never collides.
    pub(crate) fn check(&self, findings: &mut Findings<'_>, media: &RangeInclusive<u16>) {
        for (index, one) in self.0.iter().enumerate() {
            if let Some(other) = self.0.iter().take(index).find(|other| one.collides_with(other)) {
                let what = format!("{} is taken by `{}` already", one.address, other.key);
                findings.error(one.span.clone(), what, None);
            }
            if one.is_udp && media.contains(&one.address.port()) {
                let what = format!("port {} lies inside `media.ports`", one.address.port());
                findings.error(one.span.clone(), what, None);
            }
        }
    }
}

impl Listener {
    fn collides_with(&self, other: &Listener) -> bool {
        let (one, two) = (self.address, other.address);
        let same_host = one.ip() == two.ip()
            || (one.is_ipv4() == two.is_ipv4() && (one.ip().is_unspecified() || two.ip().is_unspecified()));
        self.is_udp == other.is_udp && one.port() != 0 && one.port() == two.port() && same_host
    }
}
