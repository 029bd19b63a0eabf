//! How many files and sockets the process may have open: a phone takes one, a call four.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// Raises the process's own limit as far as it may: most systems start a process with 1,024, which some 200 calls use
/// up. Says so where even that is less than `wanted`.
pub(crate) fn raise(wanted: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let limit = if raised { maximum } else { current };
    match limit {
        Some(limit) if limit < wanted => warn!(
            limit,
            wanted,
            "too few open files for every media port and connection: raise the hard limit (LimitNOFILE, ulimit -Hn)"
        ),
        Some(limit) => info!(limit, "open files"),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_ends_where_the_system_draws_it() {
        raise(0);

        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
