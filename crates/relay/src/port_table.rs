//! What stands for each of our ports, in constant time: tables by index, no hash a stranger could aim at.

use crate::LocalPort;

/// A value for each open port.
///
/// A page of 256 ports has memory while one of them is open: a site uses a few hundred of the 65,536 ports of an address,
/// and those it used in its busiest hour shall not be remembered for ever.
pub struct PortTable<T> {
    /// By the number of the interface, and the upper half of the port.
    interfaces: Vec<Vec<Page<T>>>,
}

/// The ports that share the upper half of their numbers.
struct Page<T> {
    /// How many have a value.
    open: u16,
    /// By the lower half; empty while none is open.
    values: Vec<Option<T>>,
}

impl<T: Copy> PortTable<T> {
    /// The value of a port that is open.
    pub fn find(&self, at: LocalPort) -> Option<T> {
        let (page, place) = halves(at.port);
        *self.interfaces.get(usize::from(at.interface))?.get(page)?.values.get(place)?
    }

    /// Gives the port a value; returns the one it had.
    pub fn insert(&mut self, at: LocalPort, value: T) -> Option<T> {
        let (page, place) = halves(at.port);
        let interface = usize::from(at.interface);
        if self.interfaces.len() <= interface {
            self.interfaces.resize_with(interface + 1, Vec::new);
        }
        let pages = self.interfaces.get_mut(interface)?;
        if pages.is_empty() {
            pages.resize_with(HALF, Page::default);
        }
        let page = pages.get_mut(page)?;
        if page.values.is_empty() {
            page.values.resize(HALF, None);
        }
        let earlier = page.values.get_mut(place)?.replace(value);
        if earlier.is_none() {
            page.open += 1; // at most HALF
        }
        earlier
    }

    /// Forgets the port; returns the value it had.
    pub fn remove(&mut self, at: LocalPort) -> Option<T> {
        let (page, place) = halves(at.port);
        let page = self.interfaces.get_mut(usize::from(at.interface))?.get_mut(page)?;
        let earlier = page.values.get_mut(place)?.take()?;
        page.open = page.open.saturating_sub(1);
        if page.open == 0 {
            page.values = Vec::new();
        }
        Some(earlier)
    }
}

impl<T> Default for PortTable<T> {
    fn default() -> Self {
        Self { interfaces: Vec::new() }
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { open: 0, values: Vec::new() }
    }
}

fn halves(port: u16) -> (usize, usize) {
    let [upper, lower] = port.to_be_bytes();
    (upper.into(), lower.into())
}

/// What a byte can tell apart. With at most 256 interfaces the pages' heads stay below 2 MB; a site has two.
const HALF: usize = 1 << 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_its_value_on_its_interface_until_it_is_removed() {
        let mut table = PortTable::default();
        let at = LocalPort { interface: 1, port: u16::MAX };
        assert_eq!(table.insert(at, 7), None);

        assert_eq!(table.find(at), Some(7));
        for other in [
            LocalPort { interface: 0, ..at },
            LocalPort { interface: 200, ..at },
            LocalPort { port: 1, ..at },
        ] {
            assert_eq!(table.find(other), None);
            assert_eq!(table.remove(other), None);
        }
        assert_eq!(table.insert(at, 8), Some(7));
        assert_eq!(table.remove(at), Some(8));
        assert_eq!((table.find(at), table.remove(at)), (None, None));
    }

    #[test]
    fn ports_take_memory_while_one_beside_them_is_open() {
        let mut table = PortTable::default();
        let port = |port| LocalPort { interface: 0, port };
        for open in 20_000..21_000 {
            table.insert(port(open), open);
        }
        assert_eq!(pages(&table), 5, "19,968 to 21,247");

        for closed in 20_001..21_000 {
            assert_eq!(table.remove(port(closed)), Some(closed));
        }
        assert_eq!((pages(&table), table.find(port(20_000))), (1, Some(20_000)));
        table.remove(port(20_000));
        assert_eq!(pages(&table), 0);
    }

    fn pages<T>(table: &PortTable<T>) -> usize {
        table.interfaces.iter().flatten().filter(|page| page.values.capacity() > 0).count()
    }
}
