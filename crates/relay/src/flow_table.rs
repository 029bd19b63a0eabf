//! Local port to stream in constant time: one indexed table per interface, no hash a stranger could aim at.

use crate::{End, LocalPort};

/// Which of the two ports of an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Component {
    Rtp,
    Rtcp,
}

/// What a local port belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Position of the stream in the relay's slab.
    pub(crate) slot: u32,
    pub(crate) end: End,
    pub(crate) component: Component,
}

/// Finds the stream a local port belongs to.
#[derive(Default)]
pub(crate) struct FlowTable {
    /// One table of 65,536 places per interface that has streams; empty until then.
    interfaces: Vec<Vec<Option<Place>>>,
}

impl FlowTable {
    pub(crate) fn find(&self, at: LocalPort) -> Option<Place> {
        *self.interfaces.get(usize::from(at.interface))?.get(usize::from(at.port))?
    }

    /// Gives the port its place; `false` when it has one.
    pub(crate) fn insert(&mut self, at: LocalPort, place: Place) -> bool {
        let interface = usize::from(at.interface);
        if self.interfaces.len() <= interface {
            self.interfaces.resize_with(interface + 1, Vec::new);
        }
        let Some(ports) = self.interfaces.get_mut(interface) else { return false };
        if ports.is_empty() {
            ports.resize(PORTS, None);
        }
        match ports.get_mut(usize::from(at.port)) {
            Some(free @ None) => {
                *free = Some(place);
                true
            }
            Some(Some(_)) | None => false,
        }
    }

    pub(crate) fn remove(&mut self, at: LocalPort) {
        let place = self
            .interfaces
            .get_mut(usize::from(at.interface))
            .and_then(|ports| ports.get_mut(usize::from(at.port)));
        if let Some(place) = place {
            *place = None;
        }
    }
}

/// UDP ports of one address; with at most 256 interfaces the tables stay below 256 MB, and a site has two.
const PORTS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_leads_to_its_stream_and_only_on_its_interface() {
        let mut table = FlowTable::default();
        let place = Place { slot: 7, end: End::B, component: Component::Rtcp };
        let at = LocalPort { interface: 1, port: 20_001 };

        assert!(table.insert(at, place));

        assert_eq!(table.find(at), Some(place));
        assert_eq!(table.find(LocalPort { interface: 0, port: 20_001 }), None);
        assert_eq!(table.find(LocalPort { interface: 200, port: 20_001 }), None);
    }

    #[test]
    fn a_port_has_one_place_until_it_is_removed() {
        let mut table = FlowTable::default();
        let at = LocalPort { interface: 0, port: 65_535 };
        let first = Place { slot: 1, end: End::A, component: Component::Rtp };

        assert!(table.insert(at, first));
        assert!(!table.insert(at, Place { slot: 2, ..first }));
        table.remove(at);

        assert_eq!(table.find(at), None);
        assert!(table.insert(at, Place { slot: 2, ..first }));
    }
}
