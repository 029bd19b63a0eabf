//! What a thread keeps for each of its open ports.

use cordon_relay::{LocalPort, PortTable};

/// A value for each open port, found in constant time by the port or by its slot.
pub(crate) struct PortMap<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    by_local: PortTable<u32>,
}

impl<T> PortMap<T> {
    /// Keeps a value for a port, and says in which slot.
    pub(crate) fn insert(&mut self, at: LocalPort, value: T) -> (u32, &mut T) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("there are fewer ports than 2^32")
        });
        self.by_local.insert(at, slot);
        let place = self.slots.get_mut(slot as usize).expect("free slots are slots");
        (slot, place.insert(value))
    }

    /// Gives the value of a port back; its slot is used again.
    pub(crate) fn remove(&mut self, at: LocalPort) -> Option<T> {
        let slot = self.by_local.remove(at)?;
        self.free.push(slot);
        self.slots.get_mut(slot as usize)?.take()
    }

    /// What is kept in a slot.
    pub(crate) fn slot_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// What is kept for a port, and in which slot.
    pub(crate) fn find_mut(&mut self, at: LocalPort) -> Option<(u32, &mut T)> {
        let slot = self.by_local.find(at)?;
        Some((slot, self.slot_mut(slot)?))
    }

    /// What is kept for a port.
    pub(crate) fn get(&self, at: LocalPort) -> Option<&T> {
        self.slots.get(self.by_local.find(at)? as usize)?.as_ref()
    }
}

impl<T> Default for PortMap<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), by_local: PortTable::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_used_again_once_its_port_is_gone() {
        let mut map = PortMap::default();
        let [one, two] = [1, 2].map(|port| LocalPort { interface: 0, port });
        assert_eq!(map.insert(one, "one").0, 0);
        assert_eq!((map.remove(one), map.remove(one)), (Some("one"), None));

        assert_eq!(map.insert(two, "two").0, 0);
        assert_eq!((map.get(one), map.get(two)), (None, Some(&"two")));
        assert_eq!(map.find_mut(one), None);
        assert_eq!(map.find_mut(two), Some((0, &mut "two")));
        assert_eq!((map.slot_mut(0).copied(), map.slot_mut(1)), (Some("two"), None));
    }
}
