//! The common oracle: what must hold of every attack, whatever it is.
//!
//! While it lasts a call is heard both ways without a packet lost, an old connection is answered and new phones register.
//! After it the same process runs without a panic, with the memory and the descriptors it had, and its log names what was
//! refused in a bounded number of lines, without a number or a secret. In the full form, which has a release build and a
//! machine of its own, 99 of 100 answers on the old connection come within [`SOON`].

use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_tests::handset;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::attack::Attack;
use crate::call::CanaryCall;
use crate::canary::{self, NEWCOMER, REGULAR};
use crate::findings::Findings;
use crate::journal::{Journal, Refuses};
use crate::ledger::{Bounds, Ledger, PutOff};
use crate::report::{Row, is_full};
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
    refuses: Refuses,
    /// Lines in the log before the attack.
    lines: usize,
    vitals: Vitals,
    /// Proofs of passwords that the attack leaves to be remembered.
    proofs: u64,
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
        let questions = Ledger::new(of_questions(attack));
        let asking = runtime.spawn(canary::keep_asking(regular, questions.clone()));
        let registrations = if attack.has_registrations {
            let ledger = Ledger::new(of_visits(attack));
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
            refuses: attack.refuses.clone(),
            lines: site.cordon.program.lines_so_far(),
            vitals,
            proofs: if is_full() { attack.proofs } else { 0 },
        })
    }

    /// Waits until the canary has seen the end of the attack, and looks at what is left of it. The row has every figure,
    /// also of what failed.
    pub(crate) fn judge(self, site: &mut Site, row: &mut Row) -> Result<()> {
        let mut findings = Findings::default();
        if let Some((ledger, visiting)) = &self.registrations {
            self.runtime.block_on(ledger.one_more())?;
            visiting.abort();
            findings.note(ledger.figure(VISITS));
            findings.weigh(ledger.judge(VISITS));
        }
        self.runtime.block_on(self.questions.one_more())?;
        findings.note(self.questions.figure(QUESTIONS));
        findings.weigh(self.questions.judge(QUESTIONS));
        ensure!(site.cordon.program.is_running(), "the process lives");
        let baseline = self.vitals.with_proofs(self.proofs);
        let now = baseline.await_return(&site.cordon)?;
        let grown = |now, before| i128::from(now) - i128::from(before);
        let memory = grown(now.memory, self.vitals.memory);
        let resident = grown(now.resident, self.vitals.resident);
        findings.note(format!(
            "memory {} {memory:+} kB (RSS {resident:+}), fds {}",
            self.vitals.memory, now.descriptors
        ));
        findings.weigh(now.is_back_at(baseline));
        // The call is ended last: it holds descriptors of the baseline.
        match self.runtime.block_on(self.call.end()) {
            Ok(heard) => findings.note_first(heard),
            Err(lost) => findings.weigh(Err(lost)),
        }
        self.asking.abort();
        row.canary = findings.figures();
        let due = self.refuses.due(site.told.codes());
        for code in &due {
            // What is told once a second may come after the answer it tells of.
            findings.weigh(site.cordon.program.await_line_after(self.lines, code, LATE).map(drop));
        }
        let journal = Journal(site.cordon.program.lines_after(self.lines));
        row.codes = journal.figure();
        findings.weigh(journal.judge(&self.refuses, &due));
        ensure!(site.cordon.program.is_running(), "the process lives");
        findings.verdict()
    }
}

/// Questions on the old connection.
fn of_questions(attack: &Attack) -> Bounds {
    Bounds {
        put_off: (!attack.is_overload).then_some(A_FEW),
        p99: (is_full() && !attack.stands_still).then_some(SOON),
    }
}

/// Phones that come anew.
fn of_visits(attack: &Attack) -> Bounds {
    let most = if is_full() { ONE_IN_A_THOUSAND } else { A_FEW };
    Bounds { put_off: (!attack.is_overload).then_some(most), p99: None }
}

const QUESTIONS: &str = "OPTIONS";
const VISITS: &str = "TLS+REGISTER";
/// Of a few; of many, one in a hundred. Cordon goes by the time a message waits, and a machine that runs other things beside
/// makes messages wait.
const A_FEW: PutOff = PutOff { least: 3, in_a_thousand: 10 };
/// 99.9 % come in at once.
const ONE_IN_A_THOUSAND: PutOff = PutOff { least: 0, in_a_thousand: 1 };
/// For 99 of 100 questions, where the machine has nothing else to do.
const SOON: Duration = Duration::from_millis(200);
/// Longer than the second after which what was shed is told.
const LATE: Duration = Duration::from_secs(5);
const NEWCOMER_ADDRESS: &str = "10.1.0.14";
