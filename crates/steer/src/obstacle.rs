//! Why nothing can be steered here.

use std::io;

use crate::Capability;

/// Why nothing can be steered here, with what helps.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// The process lacks rights that an operator can give it.
    #[error("{} missing: {FIX}", listed(.0))]
    Missing(Vec<Capability>),
    /// The kernel, or a sandbox around us, does not let us.
    #[error(
        "the kernel does not {step}: {error} (Linux 5.9 or later, before 5.11 with LimitMEMLOCK=infinity; a sandbox \
         must let bpf(2) through: {FIX})"
    )]
    Kernel {
        /// What was being done.
        step: &'static str,
        /// What came back.
        #[source]
        error: io::Error,
    },
}

impl Obstacle {
    /// The obstacle that can be seen without trying: a right that is missing.
    pub fn foreseen() -> Option<Obstacle> {
        match Capability::missing() {
            Ok(missing) if missing.is_empty() => None,
            Ok(missing) => Some(Obstacle::Missing(missing)),
            Err(error) => Some(Obstacle::Kernel { step: "tell what we may do", error }),
        }
    }

    /// Names the step that came to nothing.
    pub(crate) fn at(step: &'static str) -> impl FnOnce(io::Error) -> Obstacle {
        move |error| Obstacle::Kernel { step, error }
    }
}

fn listed(missing: &[Capability]) -> String {
    let names: Vec<String> = missing.iter().map(Capability::to_string).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

/// What an operator writes into the unit of the service.
const FIX: &str = "in the systemd unit, AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_BPF";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_line_that_gives_it() {
        let obstacle = Obstacle::Missing(vec![Capability::NetRaw, Capability::Bpf]);

        assert_eq!(
            obstacle.to_string(),
            "CAP_NET_RAW, CAP_BPF are missing: in the systemd unit, \
             AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_BPF"
        );
        assert!(Obstacle::Missing(vec![Capability::Bpf]).to_string().starts_with("CAP_BPF is missing:"));
    }

    #[test]
    fn a_kernel_that_refuses_is_told_of_with_what_older_ones_count() {
        let error = io::Error::from_raw_os_error(libc::EPERM);

        let told = Obstacle::at("make the table of ports")(error).to_string();

        assert!(
            told.starts_with("the kernel does not make the table of ports: Operation not permitted"),
            "{told}"
        );
        assert!(told.contains("before 5.11 with LimitMEMLOCK=infinity"), "{told}");
    }
}
