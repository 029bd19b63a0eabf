use bytes::{BufMut, BytesMut};

use super::delta_seconds::put_number;
use super::{DeltaSeconds, HeaderValue, head_and_params};
use crate::grammar::{Malformed, is_token};
use crate::writer::put_line_safe;
use crate::{Params, Text};

/// How a subscription stands (RFC 6665 section 8.2.3).
///
/// `Subscription-State = substate-value *(SEMI subexp-params)`; the parameters are `reason`, `expires`, `retry-after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    /// Where it stands.
    pub phase: SubscriptionPhase,
    /// Why it ended: `deactivated`, `probation`, `rejected`, `timeout`, `giveup`, `noresource`, `invariant`.
    pub reason: Option<Text>,
    /// What is left of it, in seconds.
    pub expires: Option<u32>,
    /// When to ask again, in seconds.
    pub retry_after: Option<u32>,
    /// The other parameters.
    pub params: Params,
}

/// The phases of a subscription (RFC 6665 section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionPhase {
    /// Accepted.
    Active,
    /// Received, not yet decided.
    Pending,
    /// Over; the dialog usage ends with this NOTIFY.
    Terminated,
    /// Any other token: an extension nobody here knows.
    Other(Text),
}

impl SubscriptionPhase {
    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            SubscriptionPhase::Active => "active",
            SubscriptionPhase::Pending => "pending",
            SubscriptionPhase::Terminated => "terminated",
            SubscriptionPhase::Other(word) => word.as_str(),
        }
    }
}

impl SubscriptionState {
    /// Whether no NOTIFY follows.
    pub fn is_terminated(&self) -> bool {
        self.phase == SubscriptionPhase::Terminated
    }
}

impl HeaderValue for SubscriptionState {
    fn read(value: &Text) -> Result<SubscriptionState, Malformed> {
        let (word, mut params) = head_and_params(value, value.as_str())?;
        let phase = match word {
            _ if word.eq_ignore_ascii_case("active") => SubscriptionPhase::Active,
            _ if word.eq_ignore_ascii_case("pending") => SubscriptionPhase::Pending,
            _ if word.eq_ignore_ascii_case("terminated") => SubscriptionPhase::Terminated,
            _ if is_token(word) => SubscriptionPhase::Other(value.part(word)),
            _ => return Err(Malformed("the state of a subscription is not a token")),
        };
        let reason = match params.take("reason") {
            None => None,
            Some(Some(reason)) if is_token(reason.as_str()) => Some(reason),
            Some(_) => return Err(Malformed("the reason of a subscription's end is not a token")),
        };
        let expires = params.take_seconds("expires")?;
        let retry_after = params.take_seconds("retry-after")?;
        Ok(SubscriptionState { phase, reason, expires, retry_after, params })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_line_safe(out, self.phase.as_str().as_bytes());
        if let Some(reason) = &self.reason {
            out.put_slice(b";reason=");
            put_line_safe(out, reason.as_bytes());
        }
        for (name, seconds) in [("expires", self.expires), ("retry-after", self.retry_after)] {
            if let Some(seconds) = seconds {
                out.put_slice(format!(";{name}=").as_bytes());
                put_number(out, seconds);
            }
        }
        self.params.write_to(out);
    }
}

impl Params {
    /// Takes a parameter of `delta-seconds` out.
    pub(super) fn take_seconds(&mut self, name: &str) -> Result<Option<u32>, Malformed> {
        match self.take(name) {
            None => Ok(None),
            Some(digits) => digits
                .and_then(|digits| DeltaSeconds::of(digits.as_str()))
                .map(Some)
                .ok_or(Malformed("a parameter is not a number of seconds")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn every_phase_and_parameter_is_read() {
        for (text, out) in [
            ("active;expires=3600", "active;expires=3600"),
            ("Pending", "pending"),
            ("terminated; retry-after=5 ;Reason=probation", "terminated;reason=probation;retry-after=5"),
            ("active;expires=99999999999;x", "active;expires=4294967295;x"),
            ("waiting;reason=ext", "waiting;reason=ext"),
        ] {
            assert_eq!(written::<SubscriptionState>(text), out);
        }
        assert!(SubscriptionState::parse("TERMINATED").unwrap().is_terminated());
        assert!(!SubscriptionState::parse("terminatedx").unwrap().is_terminated());
    }

    #[test]
    fn malformed_states_are_refused() {
        for text in [
            "",
            ";expires=1",
            "a b",
            "active;expires",
            "active;expires=-1",
            "active;retry-after=x",
            "active;reason",
            "active;reason=\"x\"",
        ] {
            assert!(SubscriptionState::parse(text).is_err(), "{text}");
        }
    }
}
