//! How many connections there may be, by address and in total.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cordon_policy::connection::Source;
use cordon_policy::{Permit, Refusal};

use crate::config::Limits;

/// Counts connections in their two states. A place is given back when its guard is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    pending: Counter,
    established: Counter,
}

/// A connection holds one of these in each state of its life.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    address: IpAddr,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Pending,
    Established,
}

#[derive(Debug)]
struct Counter {
    counts: Mutex<Counts>,
    bound_of_address: usize,
    bound_in_total: usize,
}

#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<IpAddr, usize>,
    in_total: usize,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            pending: Counter::new(limits.pending_per_address, limits.pending),
            established: Counter::new(limits.flows_per_address, limits.flows),
        })
    }

    /// A place for a handshake. Asks for the proof that the address lies in the networks.
    pub(crate) fn enter(self: &Arc<Self>, source: &Permit<Source>) -> Result<Place, Refusal> {
        self.take(source.address(), State::Pending)
    }

    fn take(self: &Arc<Self>, address: IpAddr, state: State) -> Result<Place, Refusal> {
        self.counter(state).take(address)?;
        Ok(Place { admission: Arc::clone(self), address, state })
    }

    fn counter(&self, state: State) -> &Counter {
        match state {
            State::Pending => &self.pending,
            State::Established => &self.established,
        }
    }
}

impl Counter {
    fn new(bound_of_address: usize, bound_in_total: usize) -> Self {
        Self { counts: Mutex::default(), bound_of_address, bound_in_total }
    }

    fn take(&self, address: IpAddr) -> Result<(), Refusal> {
        let mut counts = self.counts();
        if counts.in_total >= self.bound_in_total {
            return Err(Refusal::TooManyFlows);
        }
        let of_address = counts.by_address.entry(address).or_default();
        if *of_address >= self.bound_of_address {
            return Err(Refusal::TooManyFlowsFromAddress);
        }
        *of_address += 1;
        counts.in_total += 1;
        Ok(())
    }

    fn give_back(&self, address: IpAddr) {
        let mut counts = self.counts();
        counts.in_total = counts.in_total.saturating_sub(1);
        if let Some(count) = counts.by_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Moves from the handshake to the established ones.
    pub(crate) fn establish(self) -> Result<Self, Refusal> {
        self.admission.take(self.address, State::Established)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.counter(self.state).give_back(self.address);
    }
}

#[cfg(test)]
mod tests {
    use cordon_policy::connection::admit_source;

    use super::*;

    fn admission(pending_per_address: usize, pending: usize) -> Arc<Admission> {
        Admission::new(&Limits { pending_per_address, pending, ..Limits::default() })
    }

    fn source(address: &str) -> Permit<Source> {
        admit_source(&["10.0.0.0/8".parse().unwrap()], address.parse().unwrap()).unwrap()
    }

    #[test]
    fn one_address_cannot_take_the_places_of_the_others() {
        let admission = admission(2, 100);
        let held: Vec<Place> = (0..2).map(|_| admission.enter(&source("10.0.0.1")).unwrap()).collect();

        assert_eq!(admission.enter(&source("10.0.0.1")).unwrap_err(), Refusal::TooManyFlowsFromAddress);
        assert!(admission.enter(&source("10.0.0.2")).is_ok());
        drop(held);
        assert!(admission.enter(&source("10.0.0.1")).is_ok());
    }

    #[test]
    fn the_total_is_bounded_too() {
        let admission = admission(2, 2);
        let _held =
            [admission.enter(&source("10.0.0.1")).unwrap(), admission.enter(&source("10.0.0.2")).unwrap()];

        assert_eq!(admission.enter(&source("10.0.0.3")).unwrap_err(), Refusal::TooManyFlows);
    }

    #[test]
    fn an_established_connection_frees_its_place_among_the_handshakes() {
        let admission = admission(1, 1);
        let _established = admission.enter(&source("10.0.0.1")).unwrap().establish().unwrap();

        assert!(admission.enter(&source("10.0.0.1")).is_ok());
    }

    #[test]
    fn no_address_is_remembered_once_its_connections_are_gone() {
        let admission = admission(4, 4);
        drop(admission.enter(&source("10.0.0.1")).unwrap().establish().unwrap());

        for counter in [&admission.pending, &admission.established] {
            assert!(counter.counts().by_address.is_empty());
        }
    }
}
