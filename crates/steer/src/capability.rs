//! What the process must be allowed before it can steer.

use std::fmt;
use std::{fs, io};

/// One right of capabilities(7) that steering needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capability {
    /// Load and attach a program that has to do with the network.
    NetAdmin,
    /// Send datagrams whose headers are ours.
    NetRaw,
    /// Make the program and its tables.
    Bpf,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 3] = [Capability::NetAdmin, Capability::NetRaw, Capability::Bpf];

    /// Those this thread has not.
    pub fn missing() -> io::Result<Vec<Capability>> {
        let status = fs::read_to_string("/proc/thread-self/status")?;
        let effective = effective(&status).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "no CapEff in /proc/thread-self/status")
        })?;
        Ok(Capability::ALL.into_iter().filter(|wanted| effective & 1 << wanted.bit() == 0).collect())
    }

    /// linux/capability.h
    fn bit(self) -> u32 {
        match self {
            Capability::NetAdmin => 12,
            Capability::NetRaw => 13,
            Capability::Bpf => 39,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Capability::NetAdmin => "CAP_NET_ADMIN",
            Capability::NetRaw => "CAP_NET_RAW",
            Capability::Bpf => "CAP_BPF",
        })
    }
}

fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_the_thread_is_read_as_the_kernel_writes_it() {
        assert_eq!(effective("Name:\tcordon\nCapEff:\t0000008000003000\nCapBnd:\t0"), Some(0x80_0000_3000));
        assert_eq!(effective("Name:\tCapEff\n"), None);
        assert!(Capability::missing().is_ok());
    }
}
