//! What the log says of an attack: each refusal by its code, in a number of lines that does not follow the number of
//! messages, and nothing that is nobody's business.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Whatever phones were told in a Warning, and connections, whose phones hear nothing; else as [`Refuses::Nothing`].
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
    pub(crate) fn judge(&self, refuses: &Refuses, due: &BTreeSet<String>) -> Result<()> {
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
            // Who gets no connection cannot be told.
            Refuses::WhatIsTold => {
                let told = due.iter().map(|code| format!("refusal=\"{code}\""));
                let allowed: Vec<String> =
                    told.chain([OVERLOADED, TLS, TRANSPORT].map(str::to_owned)).collect();
                self.is_quiet_but(&allowed)?
            }
            Refuses::Nothing => self.is_quiet_but(&[OVERLOADED.to_owned()])?,
        }
        self.fills_no_disk()
    }

    /// In no second, however quiet the others are.
    fn fills_no_disk(&self) -> Result<()> {
        let named = self.0.iter().filter_map(|line| Some((line.as_str(), reason_of(line)?)));
        for (reason, lines) in fullest_seconds(named) {
            ensure!(lines <= LINES_OF_REASON, "{lines} lines of {reason} in one second");
        }
        // What a phone of the PBX, or who runs Cordon, does by right is written down however often it is done.
        let caused = self.0.iter().filter(|line| !BY_RIGHT.iter().any(|event| line.contains(event)));
        for lines in fullest_seconds(caused.map(|line| (line.as_str(), "all"))).into_values() {
            ensure!(lines <= LINES, "{lines} lines in one second fill a disk");
        }
        Ok(())
    }

    /// How many lines name each refusal, by code, and each reason a proof was withheld for.
    fn reasons(&self) -> BTreeMap<&str, usize> {
        let mut lines = BTreeMap::new();
        for reason in self.0.iter().filter_map(|line| reason_of(line)) {
            *lines.entry(reason).or_default() += 1;
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

    /// Nothing was refused but what these say. That a starved machine puts probes off is judged where they are counted.
    fn is_quiet_but(&self, allowed: &[String]) -> Result<()> {
        let others = self.0.iter().filter(|line| !allowed.iter().any(|said| line.contains(said.as_str())));
        for line in others {
            let is_said = line.contains("refusal=\"") || line.contains(WITHHELD);
            let is_grave = line.contains(" WARN ") || line.contains(" ERROR ");
            ensure!(!is_said && !is_grave, "nothing else was refused, and the log says: {line}");
        }
        Ok(())
    }
}

/// The refusal that a line names by its code, or why a proof was withheld.
fn reason_of(line: &str) -> Option<&str> {
    let key = if line.contains(WITHHELD) { "why=\"" } else { "refusal=\"" };
    line.split_once(key)?.1.split('"').next()
}

/// Of each kind the most lines that one second of the clock has.
fn fullest_seconds<'a>(lines: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<&'a str, usize> {
    let mut seconds = BTreeMap::<(&str, &str), usize>::new();
    for (line, kind) in lines {
        *seconds.entry((kind, line.get(..SECOND).unwrap_or(line))).or_default() += 1;
    }
    let mut fullest = BTreeMap::<&str, usize>::new();
    for ((kind, _), lines) in seconds {
        let most = fullest.entry(kind).or_default();
        *most = lines.max(*most);
    }
    fullest
}

/// Events that need an account, a call of the PBX, or a signal of the machine's administrator (what a configuration says at
/// its start is said again at a reload).
const BY_RIGHT: [&str; 7] = [
    " cordon_gateway::gateway: ",
    ": configuration and certificates reloaded",
    ": phone registered ",
    ": phone unregistered ",
    ": call admitted ",
    ": call answered ",
    ": call receipt ",
];
const WITHHELD: &str = ": proof withheld";
const OVERLOADED: &str = "refusal=\"CD-OVERLOAD-09\"";
const TLS: &str = "refusal=\"CD-TLS-";
const TRANSPORT: &str = "refusal=\"CD-TRANSPORT-";
/// What the numbers of nearly all phones of the suite begin with, one digit longer than the fraction of a time.
const NUMBERS: &str = "2065550";
/// How much of a line says its second: `2026-11-22T08:00:00`.
const SECOND: usize = 19;
/// What a log takes in a second without hiding what else is in it; the canary's own visits are among them.
const LINES: usize = 100;
/// Of one code in a second, whatever was sent: 20, from each of the two places that may name it.
const LINES_OF_REASON: usize = 40;

#[test]
fn a_burst_is_not_spread_over_the_quiet_that_follows() {
    let refused =
        |second: usize| format!("2026-11-22T08:00:{second:02}.5Z  INFO x: refused refusal=\"CD-TLS-07\"");
    let journal = |burst: usize| Journal((0..burst).map(|_| 0).chain(1..60).map(refused).collect());
    let codes = Refuses::Codes(vec!["CD-TLS-07"]);
    assert!(journal(40).judge(&codes, &BTreeSet::new()).is_ok());
    assert!(journal(41).judge(&codes, &BTreeSet::new()).is_err());
    let lines = |count| Journal(vec!["2026-11-22T08:00:00.5Z  INFO x: connection".to_owned(); count]);
    assert!(lines(100).judge(&codes, &BTreeSet::new()).is_ok());
    assert!(lines(101).judge(&codes, &BTreeSet::new()).is_err());
    let reload =
        "2026-11-22T08:00:00.5Z  WARN cordon_gateway::gateway: profile lab: not for calls about patients";
    assert!(Journal(vec![reload.to_owned(); 200]).judge(&codes, &BTreeSet::new()).is_ok());
}

#[test]
fn whatever_phones_were_told_nothing_else_is_refused_or_grave() {
    let told = BTreeSet::from(["CD-OVERLOAD-03".to_owned()]);
    let line = |said: &str| format!("2026-11-22T08:00:00.5Z {said}");
    let says = |said: &str| {
        Journal(vec![line(" INFO x: refused refusal=\"CD-OVERLOAD-03\""), line(said)])
            .judge(&Refuses::WhatIsTold, &told)
    };
    for allowed in ["CD-OVERLOAD-03", "CD-OVERLOAD-09", "CD-TLS-01", "CD-TRANSPORT-07"] {
        assert!(says(&format!(" INFO x: refused refusal=\"{allowed}\"")).is_ok(), "{allowed}");
    }
    for other in [" INFO x: refused refusal=\"CD-REG-02\"", "ERROR x: lost", " WARN x: odd"] {
        assert!(says(other).is_err(), "{other}");
    }
}
