//! What the process may do while media is being set up, and need not be able to afterwards.

use std::io;

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Gives up the rights that only setting steered media up takes, for the calling thread and those it starts from now on.
/// Whoever finds a way into a thread that reads what strangers send finds none of them there.
pub fn give_up_rights() -> io::Result<()> {
    Rights::None.keep()
}

/// What a thread keeps of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rights {
    None,
    /// The right to tables of the kernel: some ask for it when a port is opened, too.
    Tables,
}

impl Rights {
    /// Gives up the others, for the calling thread.
    pub(crate) fn keep(self) -> io::Result<()> {
        let all = CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW | CapabilitySet::BPF;
        let needless = match self {
            Rights::None => all,
            Rights::Tables => all - CapabilitySet::BPF,
        };
        let mut sets = capabilities(None)?;
        for set in [&mut sets.effective, &mut sets.permitted, &mut sets.inheritable] {
            set.remove(needless);
        }
        Ok(set_capabilities(None, sets)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_nothing_it_does_not_need_and_cannot_take_it_back() {
        let before = capabilities(None).unwrap();
        let (with_tables, none, taken_back) = std::thread::spawn(move || {
            Rights::Tables.keep().unwrap();
            let with_tables = capabilities(None).unwrap();
            give_up_rights().unwrap();
            let none = capabilities(None).unwrap();
            (with_tables, none, set_capabilities(None, before))
        })
        .join()
        .unwrap();

        let rights = [CapabilitySet::NET_ADMIN, CapabilitySet::NET_RAW, CapabilitySet::BPF];
        let [admin, raw, bpf] = rights.map(|right| with_tables.permitted.contains(right));
        assert_eq!((admin, raw, bpf), (false, false, before.permitted.contains(CapabilitySet::BPF)));
        assert!(
            rights.iter().all(|right| !none.permitted.contains(*right) && !none.effective.contains(*right))
        );
        assert_eq!(taken_back.is_ok(), !before.permitted.intersects(rights.into_iter().collect()));
        assert_eq!(capabilities(None).unwrap(), before, "other threads keep theirs");
    }
}
