//! One attack: a site, a canary in it, the oracle over both, and a line in the report.

use anyhow::{Context, Result};
use cordon_tests::cordon::Configuration;
use cordon_tests::machine::{Machine, on_a_machine};

use crate::oracle::Oracle;
use crate::report::Row;
use crate::site::Site;

/// One case of the suite. [`Attack::run`] is the only statement of its test.
pub(crate) struct Attack {
    case: &'static str,
    what: &'static str,
    pub(crate) codes: Vec<&'static str>,
    pub(crate) has_registrations: bool,
    pub(crate) is_overload: bool,
    descriptors: Option<usize>,
    configure: Box<dyn Fn(&mut Configuration)>,
}

impl Attack {
    /// The case as it is called everywhere (`A03`), and what is done in it.
    pub(crate) fn new(case: &'static str, what: &'static str) -> Self {
        Self {
            case,
            what,
            codes: Vec::new(),
            has_registrations: true,
            is_overload: false,
            descriptors: None,
            configure: Box::new(|_| {}),
        }
    }

    /// Refusals that the log has to name.
    pub(crate) fn logs(mut self, codes: &[&'static str]) -> Self {
        self.codes.extend(codes);
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
        let judged = oracle.judge(&mut site).context("the canary")?;
        (row.canary, row.codes) = (judged.canary, judged.codes);
        Ok(())
    }
}
