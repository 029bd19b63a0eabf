//! Waivers: the only way to weaken profile hipaa.

use std::ops::Range;
use std::time::SystemTime;

use cordon_policy::{Refusal, controls};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::finding::Findings;
use crate::section::Section;

/// One control, suspended for a time by a person who answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The id of the control. No other control is weakened by it.
    pub control: &'static str,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day it holds, in UTC.
    pub expires: Date,
}

impl Waiver {
    /// Whether its last day is over. A site that has been up since goes on as it is until it reads its file again, which
    /// is then refused.
    pub fn has_ended(&self, now: SystemTime) -> bool {
        Timestamp::try_from(now).is_ok_and(|now| self.expires < now.to_zoned(TimeZone::UTC).date())
    }
}

/// Reads one `[[waiver]]`. One that is past its date is an error and weakens nothing.
pub(crate) fn read(
    mut section: Section<'_>,
    findings: &mut Findings<'_>,
    today: Date,
) -> Option<(Waiver, Range<usize>)> {
    let control = section.required(findings, "control", "the id of a control, such as \"ZC-34\"", |text| {
        controls::find(text)
            .map(|control| control.id)
            .ok_or_else(|| "there is no control of this id".to_owned())
    });
    let reason = section.required(findings, "reason", "a sentence", not_empty);
    let owner = section.required(findings, "owner", "who answers for it", not_empty);
    let expires = section.required_date(findings, "expires");
    section.finish(findings);
    let (control, reason, owner, expires) = (control?, reason?, owner?, expires?);
    if expires.value < today {
        let what = format!("the waiver of {} ended on {}", control.value, expires.value);
        findings.refusal(Refusal::WaiverExpired, expires.span, what);
        return None;
    }
    let waiver =
        Waiver { control: control.value, reason: reason.value, owner: owner.value, expires: expires.value };
    Some((waiver, control.span))
}

fn not_empty(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => Err("this must not be empty".to_owned()),
        false => Ok(text.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_waiver_holds_to_the_end_of_its_last_day() {
        let waiver = Waiver {
            control: "ZC-34",
            reason: "private CA until the public name is delegated".to_owned(),
            owner: "clinic IT lead".to_owned(),
            expires: Date::constant(1970, 1, 31),
        };
        let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(31 * 24 * 3600);

        assert!(!waiver.has_ended(midnight - Duration::from_secs(1)));
        assert!(waiver.has_ended(midnight));
    }
}
