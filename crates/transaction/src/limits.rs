//! How large the transaction tables may grow.

/// Bounds of the tables. What exceeds them is answered 503 without state, or not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Server transactions in all. The last quarter is kept for requests inside a dialog, so that a flood of
    /// new ones never stops a hang-up; and in a full table what waits for nothing but an ACK makes room.
    pub servers: usize,
    /// Server transactions of one handset flow, so that one phone can never fill the table; twice as many with requests inside
    /// a dialog, so that calls in quick succession, each kept for Timer L, never stop a hang-up.
    pub servers_per_flow: usize,
    /// Client transactions in all.
    pub clients: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { servers: MAX_SERVERS, servers_per_flow: MAX_SERVERS_PER_FLOW, clients: MAX_CLIENTS }
    }
}

impl Limits {
    /// Whether one more request fits beside `all` transactions.
    pub(crate) fn has_room(&self, all: usize, in_dialog: bool) -> bool {
        let all_allowed = if in_dialog { self.servers } else { self.servers - self.servers / 4 };
        all < all_allowed
    }

    /// Whether one more request of a phone fits beside `on_flow` transactions of its connection.
    pub(crate) fn has_room_on_flow(&self, on_flow: usize, in_dialog: bool) -> bool {
        let allowed = if in_dialog { self.servers_per_flow.saturating_mul(2) } else { self.servers_per_flow };
        on_flow < allowed
    }
}

/// 200 calls a second keep an INVITE for the 32 s of Timer L: 6,400; with registrations, OPTIONS and five-fold reserve.
const MAX_SERVERS: usize = 32_768;

/// A busy attendant console has some dozen requests open; a phone that has more is broken or hostile.
const MAX_SERVERS_PER_FLOW: usize = 256;

/// Every server transaction leads to at most one client transaction, and a call's end to one more per leg.
const MAX_CLIENTS: usize = 2 * MAX_SERVERS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_quarter_is_kept_for_requests_inside_a_dialog() {
        let limits = Limits { servers: 8, servers_per_flow: 8, clients: 8 };
        assert!(limits.has_room(5, false));
        assert!(!limits.has_room(6, false));
        assert!(limits.has_room(7, true));
        assert!(!limits.has_room(8, true));
    }

    #[test]
    fn a_phone_has_as_much_room_again_for_requests_inside_a_dialog() {
        let limits = Limits { servers: 100, servers_per_flow: 8, clients: 8 };
        assert!(limits.has_room_on_flow(7, false));
        assert!(!limits.has_room_on_flow(8, false));
        assert!(limits.has_room_on_flow(15, true));
        assert!(!limits.has_room_on_flow(16, true));
    }
}
