//! All deadlines in one ordered queue, so that no message and no timer ever walks the table.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::event::{ClientId, ServerId};

/// The deadlines of every transaction, earliest first.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    queue: BTreeSet<(Instant, Owner, Alarm)>,
}

impl Schedule {
    /// Sets, moves or (with `None`) removes one alarm of one transaction.
    pub(crate) fn set(&mut self, owner: Owner, alarms: &mut Alarms, alarm: Alarm, at: Option<Instant>) {
        let slot = match alarm {
            Alarm::Retransmit => &mut alarms.retransmit,
            Alarm::End => &mut alarms.end,
        };
        if let Some(before) = slot.take() {
            self.queue.remove(&(before, owner, alarm));
        }
        if let Some(at) = at {
            self.queue.insert((at, owner, alarm));
        }
        *slot = at;
    }

    /// Removes every alarm of a transaction that ends.
    pub(crate) fn clear(&mut self, owner: Owner, alarms: &mut Alarms) {
        self.set(owner, alarms, Alarm::Retransmit, None);
        self.set(owner, alarms, Alarm::End, None);
    }

    /// When the next alarm is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _, _)| *at)
    }

    /// Takes the next alarm that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Owner, Alarm)> {
        let (at, _, _) = self.queue.first()?;
        if *at > now {
            return None;
        }
        self.queue.pop_first().map(|(_, owner, alarm)| (owner, alarm))
    }
}

/// Whose alarm it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Client(ClientId),
    Server(ServerId),
}

/// The two alarms a transaction can have at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// Timers A, E and G.
    Retransmit,
    /// The timer that ends the present state: B, C, D, F, H, I, J, K, L or M.
    End,
}

/// What of a transaction is in the queue; kept by the transaction so that it can be found there.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    retransmit: Option<Instant>,
    end: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moved_alarm_rings_once_at_its_new_time() {
        let (mut schedule, mut alarms) = (Schedule::default(), Alarms::default());
        let (start, owner) = (Instant::now(), Owner::Client(ClientId(1)));
        schedule.set(owner, &mut alarms, Alarm::End, Some(start));
        let later = start + Duration::from_secs(1);
        schedule.set(owner, &mut alarms, Alarm::End, Some(later));
        assert_eq!(schedule.pop_due(start), None);
        assert_eq!(schedule.next(), Some(later));
        assert_eq!(schedule.pop_due(later), Some((owner, Alarm::End)));
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn a_cleared_transaction_leaves_nothing_behind() {
        let (mut schedule, mut alarms) = (Schedule::default(), Alarms::default());
        let (start, owner) = (Instant::now(), Owner::Server(ServerId(1)));
        schedule.set(owner, &mut alarms, Alarm::End, Some(start));
        schedule.set(owner, &mut alarms, Alarm::Retransmit, Some(start));
        schedule.clear(owner, &mut alarms);
        assert_eq!(schedule.next(), None);
    }
}
