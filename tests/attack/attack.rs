//! One attack: a site, a canary in it, the oracle over both, and a line in the report.

use anyhow::{Context, Result};
use cordon_tests::cordon::Configuration;
use cordon_tests::machine::{Machine, on_a_machine};

use crate::journal::Refuses;
use crate::oracle::Oracle;
use crate::report::{Row, is_full};
use crate::site::Site;

/// One case of the suite. [`Attack::run`] is the only statement of its test.
pub(crate) struct Attack {
    case: &'static str,
    what: &'static str,
    pub(crate) refuses: Refuses,
    pub(crate) has_registrations: bool,
    pub(crate) is_overload: bool,
    pub(crate) stands_still: bool,
    pub(crate) proofs: u64,
    descriptors: Option<usize>,
    configure: Box<dyn Fn(&mut Configuration)>,
}

impl Attack {
    /// The case as it is called everywhere (`A03`), and what is done in it.
    pub(crate) fn new(case: &'static str, what: &'static str) -> Self {
        Self {
            case,
            what,
            refuses: Refuses::default(),
            has_registrations: true,
            is_overload: false,
            stands_still: false,
            proofs: 0,
            descriptors: None,
            configure: Box::new(|_| {}),
        }
    }

    /// Refusals that the log has to name.
    pub(crate) fn logs(mut self, codes: &[&'static str]) -> Self {
        self.refuses = Refuses::Codes(codes.to_vec());
        self
    }

    /// The log has to name whatever phones were told ([`Site::told`]), and nothing when they were told nothing.
    pub(crate) fn logs_what_is_told(mut self) -> Self {
        self.refuses = Refuses::WhatIsTold;
        self
    }

    /// Every message is valid and answered: there is nothing to log.
    pub(crate) fn logs_nothing(mut self) -> Self {
        self.refuses = Refuses::Nothing;
        self
    }

    /// The attack takes the PBX away, so that no phone can register meanwhile.
    pub(crate) fn without_registrations(mut self) -> Self {
        self.has_registrations = false;
        self
    }

    /// The attack asks more than Cordon can do: it may tell the canary's probes and newcomers, which matter least, to come
    /// back (503 with Retry-After), and nobody else.
    pub(crate) fn overloads(mut self) -> Self {
        self.is_overload = true;
        self
    }

    /// The same of a debug build alone: the full form asks no more than a release build can do.
    pub(crate) fn overloads_a_debug_build(mut self) -> Self {
        self.is_overload = !is_full();
        self
    }

    /// The attack stops the process itself for seconds, in which nobody is answered.
    pub(crate) fn stands_still(mut self) -> Self {
        self.stands_still = true;
        self
    }

    /// Phones prove their passwords so often in the full form; Cordon remembers each proof for ten minutes, so that nobody else can
    /// show it.
    pub(crate) fn leaves_proofs(mut self, proofs: u64) -> Self {
        self.proofs = proofs;
        self
    }

    /// Starts Cordon with so many open files at most.
    pub(crate) fn with_descriptors(mut self, most: usize) -> Self {
        self.descriptors = Some(most);
        self
    }

    /// Changes the configuration before Cordon starts.
    pub(crate) fn configured(mut self, change: impl Fn(&mut Configuration) + 'static) -> Self {
        self.configure = Box::new(change);
        self
    }

    /// Sets up the site and the canary, lets `strike` do its worst and judges what is left. What `strike` returns is the
    /// figure in the report.
    pub(crate) fn run(self, strike: impl FnOnce(&mut Site) -> Result<String>) {
        on_a_machine(|machine| {
            let mut row = Row::new(self.case, self.what);
            let outcome = self.judge(machine, &mut row, strike);
            if let Err(error) = &outcome {
                row.fail(error);
            }
            row.write()?;
            outcome
        });
    }

    fn judge(
        &self,
        machine: &Machine,
        row: &mut Row,
        strike: impl FnOnce(&mut Site) -> Result<String>,
    ) -> Result<()> {
        let mut site =
            Site::open(machine, self.descriptors, |configuration| (self.configure)(configuration))?;
        let oracle = Oracle::watch(&site, self).context("the canary before the attack")?;
        row.figure = strike(&mut site).context("the attack")?;
        oracle.judge(&mut site, row).context("the canary")
    }
}
