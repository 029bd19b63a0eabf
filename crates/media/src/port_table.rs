//! Which of our ports is where in a thread's list: one indexed table per interface, no hash a stranger could aim at.

use cordon_relay::LocalPort;

/// A number for each open port, found in constant time.
#[derive(Default)]
pub(crate) struct PortTable {
    /// One table of 65,536 places per interface that has open ports; empty until then.
    interfaces: Vec<Vec<Option<u32>>>,
}

impl PortTable {
    pub(crate) fn find(&self, at: LocalPort) -> Option<u32> {
        *self.interfaces.get(usize::from(at.interface))?.get(usize::from(at.port))?
    }

    /// Gives the port its number, instead of one it had.
    pub(crate) fn insert(&mut self, at: LocalPort, number: u32) {
        let interface = usize::from(at.interface);
        if self.interfaces.len() <= interface {
            self.interfaces.resize_with(interface + 1, Vec::new);
        }
        let Some(ports) = self.interfaces.get_mut(interface) else { return };
        if ports.is_empty() {
            ports.resize(PORTS, None);
        }
        if let Some(place) = ports.get_mut(usize::from(at.port)) {
            *place = Some(number);
        }
    }

    /// Forgets the port; the number it had comes back.
    pub(crate) fn remove(&mut self, at: LocalPort) -> Option<u32> {
        self.interfaces.get_mut(usize::from(at.interface))?.get_mut(usize::from(at.port))?.take()
    }
}

/// UDP ports of one address: half a megabyte of table, of which only the lines of open ports are ever touched.
const PORTS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_its_number_on_its_interface_until_it_is_removed() {
        let mut table = PortTable::default();
        let at = LocalPort { interface: 1, port: u16::MAX };
        table.insert(at, 7);

        assert_eq!(table.find(at), Some(7));
        assert_eq!(table.find(LocalPort { interface: 0, ..at }), None);
        assert_eq!(table.remove(at), Some(7));
        assert_eq!((table.find(at), table.remove(at)), (None, None));
    }
}
