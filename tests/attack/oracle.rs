//! The common oracle: what must hold of every attack, whatever it is.
//!
//! While it lasts a call is heard both ways without a packet lost, an old connection is answered and new phones register.
//! After it the same process runs without a panic, with the memory and the descriptors it had, and its log names what was
//! refused in a bounded number of lines, without a number or a secret.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cordon_tests::handset;
use cordon_tests::kamailio::password;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::attack::Attack;
use crate::call::CanaryCall;
use crate::canary::{self, ALICE, BOB, NEWCOMER, REGULAR};
use crate::ledger::Ledger;
use crate::site::Site;
use crate::vitals::Vitals;

/// Watches from its making until it judges.
pub(crate) struct Oracle {
    runtime: Runtime,
    call: CanaryCall,
    questions: Ledger,
    asking: JoinHandle<()>,
    /// `None` where the attack takes the PBX away.
    registrations: Option<(Ledger, JoinHandle<()>)>,
    codes: Vec<&'static str>,
    /// Lines in the log, and the time, before the attack.
    lines: usize,
    begun: Instant,
    vitals: Vitals,
}

/// What it saw.
pub(crate) struct Judged {
    /// How the canary fared.
    pub(crate) canary: String,
    /// The refusals in the log.
    pub(crate) codes: String,
}

impl Oracle {
    pub(crate) fn watch(site: &Site, attack: &Attack) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (call, regular) = runtime.block_on(async {
            // One visit of each kind before the baseline is taken: what is set up once is no growth.
            let newcomer = handset::register(site.phone(NEWCOMER, NEWCOMER_ADDRESS)?).await?;
            newcomer.register(0).await?;
            let regular = handset::register(site.phone(REGULAR, "10.1.0.13")?).await?;
            anyhow::Ok((CanaryCall::begin(site).await?, regular))
        })?;
        let vitals = Vitals::of(&site.cordon)?;
        let questions = Ledger::new(attack.is_overload);
        let asking = runtime.spawn(canary::keep_asking(regular, questions.clone()));
        let registrations = if attack.has_registrations {
            let ledger = Ledger::new(attack.is_overload);
            let newcomer = site.phone(NEWCOMER, NEWCOMER_ADDRESS)?;
            Some((ledger.clone(), runtime.spawn(canary::keep_registering(newcomer, ledger))))
        } else {
            None
        };
        Ok(Self {
            runtime,
            call,
            questions,
            asking,
            registrations,
            codes: attack.codes.clone(),
            lines: site.cordon.program.lines_so_far(),
            begun: Instant::now(),
            vitals,
        })
    }

    /// Waits until the canary has seen the end of the attack, and looks at what is left of it.
    pub(crate) fn judge(self, site: &mut Site) -> Result<Judged> {
        let mut seen = Vec::new();
        if let Some((ledger, visiting)) = &self.registrations {
            self.runtime.block_on(ledger.one_more())?;
            visiting.abort();
            seen.push(ledger.judge("TLS+REGISTER")?);
        }
        self.runtime.block_on(self.questions.one_more())?;
        seen.push(self.questions.judge("OPTIONS")?);
        ensure!(site.cordon.program.is_running(), "the process lives");
        let now = self.vitals.await_return(&site.cordon)?;
        let grown = i128::from(now.memory) - i128::from(self.vitals.memory);
        seen.push(format!("RSS {} {grown:+} kB, fds {}", self.vitals.memory, now.descriptors));
        // The call is ended last: it holds descriptors of the baseline.
        seen.insert(0, self.runtime.block_on(self.call.end())?);
        self.asking.abort();
        let lines = site.cordon.program.lines_after(self.lines);
        judge_log(&lines, &self.codes, self.begun.elapsed())?;
        ensure!(site.cordon.program.is_running(), "the process lives");
        Ok(Judged { canary: seen.join("; "), codes: codes(&lines) })
    }
}

/// The refusals that the log names, each with the number of its lines.
fn codes(lines: &[String]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for line in lines {
        if let Some(code) = line.split_once("refusal=\"").and_then(|(_, rest)| rest.split('"').next()) {
            *counts.entry(code).or_default() += 1;
        }
    }
    counts.iter().map(|(code, count)| format!("{code} ×{count}")).collect::<Vec<_>>().join(", ")
}

fn judge_log(lines: &[String], codes: &[&str], during: Duration) -> Result<()> {
    for line in lines {
        ensure!(!line.contains("panicked at"), "{line}");
        for secret in [ALICE, BOB, REGULAR, NEWCOMER] {
            ensure!(
                !line.contains(secret) && !line.contains(&password(secret)),
                "a number in the log: {line}"
            );
        }
        ensure!(!line.contains("inline:") && !line.contains("response=\""), "a secret in the log: {line}");
    }
    for code in codes {
        let refused = lines.iter().filter(|line| line.contains(code)).count();
        ensure!(refused > 0, "the log names {code}; it says:\n{}", lines.join("\n"));
    }
    // What a phone of the PBX does by right is written down however often it does it.
    let caused = lines.iter().filter(|line| !BY_RIGHT.iter().any(|event| line.contains(event))).count();
    let bound = LINES_PER_SECOND * (during.as_secs_f64() + 1.0);
    ensure!((caused as f64) < bound, "{caused} lines in {during:?} fill a disk");
    Ok(())
}

/// Events that need an account or a call of the PBX.
const BY_RIGHT: [&str; 5] = [
    ": phone registered ",
    ": phone unregistered ",
    ": call admitted ",
    ": call answered ",
    ": call receipt ",
];
const NEWCOMER_ADDRESS: &str = "10.1.0.14";
/// What a log takes without hiding what else is in it; the canary's own visits are among them.
const LINES_PER_SECOND: f64 = 100.0;
