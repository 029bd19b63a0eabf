//! How many connections there may be, by neighbourhood and in total, and which one makes room for the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cordon_policy::connection::Source;
use cordon_policy::{Neighbourhood, Permit, Refusal};
use tokio::sync::Notify;

use crate::config::Limits;

/// Counts connections in their states.
///
/// A connection is *pending* from accept to its first byte of SIP, then a *guest*, and *kept* while a phone is
/// registered or calls on it. Where all places are taken, the pending connection or guest that has stood still longest
/// makes room: whoever opens thousands of connections pushes out its own. Kept ones never do.
#[derive(Debug)]
pub(crate) struct Admission {
    table: Mutex<Table>,
}

/// A connection holds this as long as it lives; dropped, its place is free.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    name: PlaceName,
    sign: Arc<Sign>,
}

/// Names a place for whoever only knows the flow on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PlaceName(pub(crate) u64);

/// What a connection sees of its place.
#[derive(Debug, Default)]
struct Sign {
    made_room: Notify,
    is_kept: AtomicBool,
}

#[derive(Debug)]
struct Table {
    next: u64,
    places: BTreeMap<PlaceName, Entry>,
    pending: Room,
    established: Room,
}

#[derive(Debug)]
struct Entry {
    neighbourhood: Neighbourhood,
    state: State,
    sign: Arc<Sign>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Pending(Turn),
    Guest(Turn),
    Kept,
}

/// Grows with every step of any connection: the lowest one has stood still longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn(u64);

/// The connections of one state, or two.
#[derive(Debug)]
struct Room {
    bound_of_neighbourhood: usize,
    bound_in_total: usize,
    count: usize,
    neighbourhoods: BTreeMap<Neighbourhood, Neighbours>,
    /// Those that can make room.
    turns: BTreeMap<Turn, PlaceName>,
}

#[derive(Debug, Default)]
struct Neighbours {
    count: usize,
    turns: BTreeSet<Turn>,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::new(Table {
                next: 0,
                places: BTreeMap::new(),
                pending: Room::new(limits.pending_per_address, limits.pending),
                established: Room::new(limits.flows_per_address, limits.flows),
            }),
        })
    }

    /// A place for a handshake. Asks for the proof that the address lies in the networks.
    pub(crate) fn enter(self: &Arc<Self>, source: &Permit<Source>) -> Result<Place, Refusal> {
        let (name, sign) = self.table().enter(Neighbourhood::of(source.address()))?;
        Ok(Place { admission: Arc::clone(self), name, sign })
    }

    /// A phone is registered or calls on this connection: it makes room for nobody.
    pub(crate) fn keep(&self, name: PlaceName) {
        self.table().keep(name);
    }

    /// It is a guest again.
    pub(crate) fn release(&self, name: PlaceName) {
        self.table().release(name);
    }

    /// How many places are taken, by handshakes and by whoever has spoken.
    pub(crate) fn count(&self) -> usize {
        self.table().places.len()
    }

    /// Ends the connection that has stood still longest, a pending one if there is any. False when all are kept.
    pub(crate) fn make_room(&self) -> bool {
        let mut table = self.table();
        let first = table.pending.turns.first_key_value().or(table.established.turns.first_key_value());
        let Some((_, &name)) = first else { return false };
        table.evict(name);
        true
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A step further: the handshake is over.
    pub(crate) fn progress(&self) {
        self.admission.table().progress(self.name);
    }

    /// The first byte of SIP has come: moves from the pending ones to the guests.
    pub(crate) fn establish(&self) -> Result<(), Refusal> {
        self.admission.table().establish(self.name)
    }

    /// Kept from now on.
    pub(crate) fn keep(&self) {
        self.admission.keep(self.name);
    }

    /// Whether a phone is registered or calls on this connection.
    pub(crate) fn is_kept(&self) -> bool {
        self.sign.is_kept.load(Ordering::Relaxed)
    }

    /// Resolves when this connection has to make room; for one waiter.
    pub(crate) async fn made_room(&self) {
        self.sign.made_room.notified().await;
    }

    pub(crate) fn name(&self) -> PlaceName {
        self.name
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.table().leave(self.name);
    }
}

impl Table {
    fn enter(&mut self, neighbourhood: Neighbourhood) -> Result<(PlaceName, Arc<Sign>), Refusal> {
        self.clear_a_place(neighbourhood, false)?;
        let turn = self.turn();
        let name = PlaceName(turn.0);
        self.pending.add(neighbourhood, Some((turn, name)));
        let sign = Arc::<Sign>::default();
        self.places
            .insert(name, Entry { neighbourhood, state: State::Pending(turn), sign: Arc::clone(&sign) });
        Ok((name, sign))
    }

    fn progress(&mut self, name: PlaceName) {
        let Some(&Entry { neighbourhood, state: State::Pending(before), .. }) = self.places.get(&name) else {
            return;
        };
        let turn = self.turn();
        self.pending.remove(neighbourhood, Some(before));
        self.pending.add(neighbourhood, Some((turn, name)));
        self.set(name, State::Pending(turn));
    }

    fn establish(&mut self, name: PlaceName) -> Result<(), Refusal> {
        let Some(&Entry { neighbourhood, state, .. }) = self.places.get(&name) else {
            return Err(Refusal::MadeRoom);
        };
        let State::Pending(before) = state else { return Ok(()) };
        self.clear_a_place(neighbourhood, true)?;
        let turn = self.turn();
        self.pending.remove(neighbourhood, Some(before));
        self.established.add(neighbourhood, Some((turn, name)));
        self.set(name, State::Guest(turn));
        Ok(())
    }

    fn keep(&mut self, name: PlaceName) {
        let Some(&Entry { neighbourhood, state: State::Guest(turn), .. }) = self.places.get(&name) else {
            return;
        };
        self.established.remove(neighbourhood, Some(turn));
        self.established.add(neighbourhood, None);
        self.set(name, State::Kept);
    }

    fn release(&mut self, name: PlaceName) {
        let Some(&Entry { neighbourhood, state: State::Kept, .. }) = self.places.get(&name) else { return };
        let turn = self.turn();
        self.established.remove(neighbourhood, None);
        self.established.add(neighbourhood, Some((turn, name)));
        self.set(name, State::Guest(turn));
    }

    fn set(&mut self, name: PlaceName, state: State) {
        if let Some(entry) = self.places.get_mut(&name) {
            entry.state = state;
            entry.sign.is_kept.store(matches!(state, State::Kept), Ordering::Relaxed);
        }
    }

    fn leave(&mut self, name: PlaceName) -> Option<Entry> {
        let entry = self.places.remove(&name)?;
        match entry.state {
            State::Pending(turn) => self.pending.remove(entry.neighbourhood, Some(turn)),
            State::Guest(turn) => self.established.remove(entry.neighbourhood, Some(turn)),
            State::Kept => self.established.remove(entry.neighbourhood, None),
        }
        Some(entry)
    }

    /// Its place is free from now on; its task ends it when it has its next turn.
    fn evict(&mut self, name: PlaceName) {
        if let Some(entry) = self.leave(name) {
            entry.sign.made_room.notify_one();
        }
    }

    fn clear_a_place(&mut self, neighbourhood: Neighbourhood, is_established: bool) -> Result<(), Refusal> {
        let room = if is_established { &self.established } else { &self.pending };
        if let Some(name) = room.in_the_way(neighbourhood)? {
            self.evict(name);
        }
        Ok(())
    }

    fn turn(&mut self) -> Turn {
        self.next += 1; // 2^64 steps are never taken
        Turn(self.next)
    }
}

impl Room {
    fn new(bound_of_neighbourhood: usize, bound_in_total: usize) -> Self {
        Self {
            bound_of_neighbourhood,
            bound_in_total,
            count: 0,
            neighbourhoods: BTreeMap::new(),
            turns: BTreeMap::new(),
        }
    }

    /// Who has to go before one more of this neighbourhood fits.
    fn in_the_way(&self, neighbourhood: Neighbourhood) -> Result<Option<PlaceName>, Refusal> {
        if let Some(neighbours) = self.neighbourhoods.get(&neighbourhood)
            && neighbours.count >= self.bound_of_neighbourhood
        {
            let turn = neighbours.turns.first().ok_or(Refusal::TooManyFlowsFromAddress)?;
            return Ok(self.turns.get(turn).copied());
        }
        if self.count < self.bound_in_total {
            return Ok(None);
        }
        let (_, &name) = self.turns.first_key_value().ok_or(Refusal::TooManyFlows)?;
        Ok(Some(name))
    }

    fn add(&mut self, neighbourhood: Neighbourhood, can_make_room: Option<(Turn, PlaceName)>) {
        self.count += 1;
        let neighbours = self.neighbourhoods.entry(neighbourhood).or_default();
        neighbours.count += 1;
        if let Some((turn, name)) = can_make_room {
            neighbours.turns.insert(turn);
            self.turns.insert(turn, name);
        }
    }

    fn remove(&mut self, neighbourhood: Neighbourhood, turn: Option<Turn>) {
        self.count = self.count.saturating_sub(1);
        if let Some(turn) = turn {
            self.turns.remove(&turn);
        }
        let Some(neighbours) = self.neighbourhoods.get_mut(&neighbourhood) else { return };
        neighbours.count = neighbours.count.saturating_sub(1);
        if let Some(turn) = turn {
            neighbours.turns.remove(&turn);
        }
        if neighbours.count == 0 {
            self.neighbourhoods.remove(&neighbourhood);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use cordon_policy::connection::admit_source;

    use super::*;

    #[test]
    fn of_one_address_the_connection_that_stood_still_longest_makes_room() {
        let admission = pending(2, 100);
        let [first, second] = [enter(&admission, "10.0.0.1"), enter(&admission, "10.0.0.1")];
        let other = enter(&admission, "10.0.0.2");

        let _third = enter(&admission, "10.0.0.1");

        assert!(has_made_room(&first));
        assert!(!has_made_room(&second));
        assert!(!has_made_room(&other));
    }

    #[test]
    fn whoever_takes_ever_new_addresses_of_its_ipv6_network_pushes_out_its_own() {
        let admission = pending(2, 100);
        let other = enter(&admission, "fd00:0:0:1::1");
        let [first, second] = [enter(&admission, "fd00::1"), enter(&admission, "fd00::2")];

        let _third = enter(&admission, "fd00::3");

        assert!(has_made_room(&first));
        assert!(!has_made_room(&second) && !has_made_room(&other));
    }

    #[test]
    fn of_all_addresses_the_connection_that_stood_still_longest_makes_room() {
        let admission = pending(2, 2);
        let [first, second] = [enter(&admission, "10.0.0.1"), enter(&admission, "10.0.0.2")];

        let _third = enter(&admission, "10.0.0.3");

        assert!(has_made_room(&first));
        assert!(!has_made_room(&second));
    }

    #[test]
    fn a_handshake_that_gets_on_outlives_one_that_stands_still() {
        let admission = pending(2, 2);
        let [phone, silent] = [enter(&admission, "10.0.0.1"), enter(&admission, "10.0.0.2")];
        phone.progress();

        let _next = enter(&admission, "10.0.0.3");

        assert!(has_made_room(&silent));
        assert!(!has_made_room(&phone));
    }

    #[test]
    fn ten_thousand_silent_connections_leave_a_place_for_the_next_and_none_for_themselves() {
        let admission = Admission::new(&Limits::default());
        let silent: Vec<Place> = (0..10_000).map(|_| enter(&admission, "10.0.0.1")).collect();

        let phone = enter(&admission, "10.0.0.1");

        assert_eq!(silent.iter().filter(|place| !has_made_room(place)).count(), 63);
        assert!(phone.establish().is_ok());
        assert_eq!(admission.table().places.len(), 64);
    }

    #[test]
    fn guests_make_room_for_guests_and_phones_that_are_registered_do_not() {
        let admission = established(2, 100);
        let [phone, guest] = [enter(&admission, "10.0.0.1"), enter(&admission, "10.0.0.1")];
        phone.establish().unwrap();
        phone.keep();
        guest.establish().unwrap();

        let next = enter(&admission, "10.0.0.1");
        next.establish().unwrap();
        next.keep();

        assert!(phone.is_kept() && !has_made_room(&phone));
        assert!(has_made_room(&guest));
        let last = enter(&admission, "10.0.0.1");
        assert_eq!(last.establish(), Err(Refusal::TooManyFlowsFromAddress));
    }

    #[test]
    fn when_all_places_hold_registered_phones_the_next_is_refused() {
        let admission = established(2, 1);
        let phone = enter(&admission, "10.0.0.1");
        phone.establish().unwrap();
        phone.keep();

        let next = enter(&admission, "10.0.0.2");
        assert_eq!(next.establish(), Err(Refusal::TooManyFlows));
        drop(phone);
        assert_eq!(next.establish(), Ok(()));
    }

    #[test]
    fn a_phone_that_is_no_longer_registered_is_a_guest_again() {
        let admission = established(1, 1);
        let phone = enter(&admission, "10.0.0.1");
        phone.establish().unwrap();
        phone.keep();
        admission.release(phone.name());
        assert!(!phone.is_kept());

        enter(&admission, "10.0.0.1").establish().unwrap();

        assert!(has_made_room(&phone));
        assert_eq!(phone.establish(), Err(Refusal::MadeRoom));
    }

    #[test]
    fn without_descriptors_a_pending_connection_goes_before_a_guest_and_a_phone_not_at_all() {
        let admission = Admission::new(&Limits::default());
        let [phone, guest, pending] =
            [enter(&admission, "10.0.0.1"), enter(&admission, "10.0.0.2"), enter(&admission, "10.0.0.3")];
        phone.establish().unwrap();
        phone.keep();
        guest.establish().unwrap();

        assert!(admission.make_room() && has_made_room(&pending));
        assert!(admission.make_room() && has_made_room(&guest));
        assert!(!admission.make_room());
    }

    #[test]
    fn nothing_is_remembered_once_the_connections_are_gone() {
        let admission = established(2, 2);
        let places: Vec<Place> = (0..4).map(|_| enter(&admission, "10.0.0.1")).collect();
        for place in &places {
            let _ = place.establish();
        }
        if let Some(place) = places.last() {
            place.keep();
        }
        drop(places);

        let table = admission.table();
        assert!(table.places.is_empty());
        for room in [&table.pending, &table.established] {
            assert!(room.count == 0 && room.neighbourhoods.is_empty() && room.turns.is_empty());
        }
    }

    fn pending(pending_per_address: usize, pending: usize) -> Arc<Admission> {
        Admission::new(&Limits { pending_per_address, pending, ..Limits::default() })
    }

    fn established(flows_per_address: usize, flows: usize) -> Arc<Admission> {
        Admission::new(&Limits { flows_per_address, flows, ..Limits::default() })
    }

    fn enter(admission: &Arc<Admission>, address: &str) -> Place {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let source = admit_source(&networks, address.parse().unwrap()).unwrap();
        admission.enter(&source).unwrap()
    }

    fn has_made_room(place: &Place) -> bool {
        pin!(place.made_room()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}
