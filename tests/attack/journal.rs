//! What the log says of an attack: each refusal by its code, in a number of lines that does not follow the number of
//! messages, and nothing that is nobody's business.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_tests::kamailio::password;

use crate::canary::{ALICE, BOB, NEWCOMER, REGULAR};

/// What a case has refused, so that the log has to name it.
#[derive(Clone, Default)]
pub(crate) enum Refuses {
    /// The case has not said, which is an error.
    #[default]
    Unsaid,
    /// These, by code; a proof that was withheld by its reason.
    Codes(Vec<&'static str>),
    /// Whatever phones were told in a Warning; told nothing, as [`Refuses::Nothing`].
    WhatIsTold,
    /// Every message is valid and answered: no refusal is in the log, and nothing for a person to look at.
    Nothing,
}

/// The lines since the attack began.
pub(crate) struct Journal(pub(crate) Vec<String>);

impl Refuses {
    /// The codes that the log has to name, when phones were told these.
    pub(crate) fn due(&self, told: BTreeSet<String>) -> BTreeSet<String> {
        match self {
            Self::Codes(codes) => codes.iter().copied().map(str::to_owned).collect(),
            Self::WhatIsTold => told,
            Self::Unsaid | Self::Nothing => BTreeSet::new(),
        }
    }
}

impl Journal {
    /// `CD-TRANSPORT-11 ×7`, or that there was nothing to log.
    pub(crate) fn figure(&self) -> String {
        let reasons = self.reasons();
        if reasons.is_empty() {
            return "nothing to log".to_owned();
        }
        reasons.iter().map(|(reason, lines)| format!("{reason} ×{lines}")).collect::<Vec<_>>().join(", ")
    }

    /// # Errors
    /// What it says and must not, or does not say and must.
    pub(crate) fn judge(&self, refuses: &Refuses, due: &BTreeSet<String>, during: Duration) -> Result<()> {
        self.keeps_secrets()?;
        let reasons = self.reasons();
        for code in due {
            ensure!(
                reasons.contains_key(code.as_str()),
                "the log names {code}; it says:\n{}",
                self.0.join("\n")
            );
        }
        match refuses {
            Refuses::Unsaid => anyhow::bail!("the case says what it has refused, or that it is nothing"),
            Refuses::Codes(codes) => ensure!(!codes.is_empty(), "the case names what it has refused"),
            Refuses::WhatIsTold if !due.is_empty() => {}
            // Who gets no connection cannot be told.
            Refuses::WhatIsTold => {
                self.is_quiet_but(&[OVERLOADED, "refusal=\"CD-TLS-", "refusal=\"CD-TRANSPORT-"])?
            }
            Refuses::Nothing => self.is_quiet_but(&[OVERLOADED])?,
        }
        let seconds = during.as_secs_f64() + 1.0;
        for (reason, lines) in reasons {
            ensure!((lines as f64) < LINES_OF_REASON * seconds, "{lines} lines of {reason} in {during:?}");
        }
        // What a phone of the PBX does by right is written down however often it does it.
        let caused = self.0.iter().filter(|line| !BY_RIGHT.iter().any(|event| line.contains(event))).count();
        ensure!((caused as f64) < LINES * seconds, "{caused} lines in {during:?} fill a disk");
        Ok(())
    }

    /// How many lines name each refusal, by code, and each reason a proof was withheld for.
    fn reasons(&self) -> BTreeMap<&str, usize> {
        let mut lines = BTreeMap::new();
        for line in &self.0 {
            let key = if line.contains(WITHHELD) { "why=\"" } else { "refusal=\"" };
            if let Some(reason) = line.split_once(key).and_then(|(_, rest)| rest.split('"').next()) {
                *lines.entry(reason).or_default() += 1;
            }
        }
        lines
    }

    fn keeps_secrets(&self) -> Result<()> {
        for line in &self.0 {
            ensure!(!line.contains("panicked at"), "{line}");
            ensure!(!line.contains(NUMBERS), "a number in the log: {line}");
            for secret in [ALICE, BOB, REGULAR, NEWCOMER] {
                let is_said = line.contains(secret) || line.contains(&password(secret));
                ensure!(!is_said, "a number in the log: {line}");
            }
            ensure!(
                !line.contains("inline:") && !line.contains("response=\""),
                "a secret in the log: {line}"
            );
        }
        Ok(())
    }

    /// Nothing was refused. That a starved machine puts probes off is judged where they are counted.
    fn is_quiet_but(&self, allowed: &[&str]) -> Result<()> {
        let others = self.0.iter().filter(|line| !allowed.iter().any(|said| line.contains(said)));
        for line in others {
            let is_said = line.contains("refusal=\"") || line.contains(WITHHELD);
            let is_grave = line.contains(" WARN ") || line.contains(" ERROR ");
            ensure!(!is_said && !is_grave, "nothing was refused, and the log says: {line}");
        }
        Ok(())
    }
}

/// Events that need an account or a call of the PBX.
const BY_RIGHT: [&str; 5] = [
    ": phone registered ",
    ": phone unregistered ",
    ": call admitted ",
    ": call answered ",
    ": call receipt ",
];
const WITHHELD: &str = ": proof withheld";
const OVERLOADED: &str = "refusal=\"CD-OVERLOAD-09\"";
/// What the numbers of nearly all phones of the suite begin with, one digit longer than the fraction of a time.
const NUMBERS: &str = "2065550";
/// What a log takes in a second without hiding what else is in it; the canary's own visits are among them.
const LINES: f64 = 100.0;
/// Of one code in a second, whatever was sent: 20, from each of the two places that may name it.
const LINES_OF_REASON: f64 = 40.0;
