//! How many files and sockets the process may have open: a phone takes one, a call six.

use cordon_transport::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// Raises the process's own limit as far as it may: most systems start a process with 1,024, which some 160 calls use
/// up. Where even that is too little for `wanted` connections and `media` sockets, the bounds of connections come back
/// lowered: a connection that is refused by a bound gets another's place, one without a descriptor gets nothing.
pub(crate) fn fit(wanted: Limits, media: usize) -> Limits {
    let Some(descriptors) = raise() else { return wanted };
    let limits = within(wanted.clone(), media, descriptors);
    let is_lowered = (limits.flows, limits.pending) != (wanted.flows, wanted.pending);
    if is_lowered || descriptors < needed(&limits, media) {
        warn!(
            descriptors,
            wanted = needed(&wanted, media),
            connections = limits.flows,
            handshakes = limits.pending,
            "too few open files for every media port and connection: bounds are lowered; raise the hard limit \
             (LimitNOFILE, ulimit -Hn)"
        );
    } else {
        info!(descriptors, connections = limits.flows, handshakes = limits.pending, "open files");
    }
    limits
}

/// What the limit is now; `None` where the system sets none.
fn raise() -> Option<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let limit = if raised { maximum } else { current };
    limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Lowers the bounds of connections to what `descriptors` leave. Media gets what it needs, half of all at most.
fn within(limits: Limits, media: usize, descriptors: usize) -> Limits {
    if descriptors >= needed(&limits, media) {
        return limits;
    }
    let free = descriptors.saturating_sub(OTHERS);
    let connections = (free / 2).max(free.saturating_sub(media)).max(LEAST);
    let pending = limits.pending.min(connections / 4);
    let flows = limits.flows.min(connections - pending);
    Limits {
        pending,
        flows,
        pending_per_address: limits.pending_per_address.min(pending),
        flows_per_address: limits.flows_per_address.min(flows),
        ..limits
    }
}

fn needed(limits: &Limits, media: usize) -> usize {
    [limits.flows, limits.pending, media, OTHERS].into_iter().fold(0, usize::saturating_add)
}

/// Listeners, the PBX's connections, threads that wake each other, the metrics page, files while they are read.
const OTHERS: usize = 64;

/// With less nobody could be served at all; the system will say so itself.
const LEAST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_ends_where_the_system_draws_it() {
        raise();

        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }

    #[test]
    fn with_512_descriptors_connections_get_those_that_half_of_them_leave() {
        let limits = within(Limits::default(), 10_000, 512);

        assert_eq!((limits.flows, limits.pending), (168, 56));
        assert_eq!((limits.flows_per_address, limits.pending_per_address), (168, 56));
    }

    #[test]
    fn what_media_does_not_need_goes_to_connections() {
        let limits = within(Limits::default(), 100, 10_164);

        assert_eq!(limits.flows + limits.pending, 10_000);
    }

    #[test]
    fn enough_descriptors_change_nothing() {
        let wanted = Limits::default();
        let limits = within(wanted.clone(), 10_000, 40_000);

        assert_eq!((limits.flows, limits.pending), (wanted.flows, wanted.pending));
    }
}
