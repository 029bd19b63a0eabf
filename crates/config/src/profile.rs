//! How strict a site is, and what happens to what breaks a rule.

use std::ops::Range;

use cordon_policy::Refusal;

use crate::finding::{Findings, Severity};
use crate::waiver::Waiver;

/// How strict a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Every rule holds. It can be tightened; to weaken it takes a waiver.
    Hipaa,
    /// Private certificates and plain legs toward the PBX may be chosen. Loud at start and shown everywhere.
    Lab,
}

impl Profile {
    /// As written in the file.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Hipaa => "hipaa",
            Profile::Lab => "lab",
        }
    }
}

/// The profile with the waivers that are in force: decides what a broken rule means here.
pub(crate) struct Strictness {
    profile: Profile,
    waivers: Vec<(Waiver, Range<usize>, bool)>,
}

impl Strictness {
    pub(crate) fn new(profile: Profile, waivers: Vec<(Waiver, Range<usize>)>) -> Self {
        Strictness {
            profile,
            waivers: waivers.into_iter().map(|(waiver, span)| (waiver, span, false)).collect(),
        }
    }

    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }

    /// Notes that the file breaks a rule of `hipaa`, cited with the first control of `refusal`.
    pub(crate) fn broken(
        &mut self,
        findings: &mut Findings<'_>,
        refusal: Refusal,
        span: Range<usize>,
        what: &str,
    ) {
        let control = refusal.controls().first().copied().unwrap_or("");
        self.broken_control(findings, refusal, control, span, what);
    }

    /// As [`Strictness::broken`], citing this control.
    pub(crate) fn broken_control(
        &mut self,
        findings: &mut Findings<'_>,
        refusal: Refusal,
        control: &'static str,
        span: Range<usize>,
        what: &str,
    ) {
        let severity = match (self.profile, self.is_waived(control)) {
            (Profile::Hipaa, false) => Severity::Error,
            (Profile::Hipaa, true) | (Profile::Lab, _) => Severity::Warning,
        };
        findings.rule(severity, refusal, control, span, what);
    }

    /// The waivers, and what is to be said about each: that it is in force, or that nothing needs it.
    pub(crate) fn finish(self, findings: &mut Findings<'_>) -> Vec<Waiver> {
        let is_hipaa = self.profile == Profile::Hipaa;
        // What could not be read was not judged either, and may be what the waiver is for.
        let is_judged = !findings.has_errors();
        for (waiver, span, is_used) in &self.waivers {
            let Waiver { control, owner, expires, .. } = waiver;
            let text = match (is_hipaa, is_used) {
                (true, true) => format!("{control} is waived by {owner} until {expires}"),
                (true, false) if !is_judged => continue,
                (true, false) => {
                    format!("nothing in this file breaks {control}: the waiver can be taken out")
                }
                (false, _) => format!("profile lab needs no waiver of {control}"),
            };
            findings.warning(span.clone(), text, None);
        }
        self.waivers.into_iter().map(|(waiver, _, _)| waiver).collect()
    }

    fn is_waived(&mut self, control: &str) -> bool {
        let waiver = self.waivers.iter_mut().find(|(waiver, _, _)| waiver.control == control);
        waiver.map(|(_, _, is_used)| *is_used = true).is_some()
    }
}
