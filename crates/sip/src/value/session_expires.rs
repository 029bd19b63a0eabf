use bytes::{BufMut, BytesMut};

use super::delta_seconds::put_number;
use super::{DeltaSeconds, HeaderValue, head_and_params};
use crate::grammar::Malformed;
use crate::{Params, Text};

/// How long a session lives without a refresh (RFC 4028 section 4).
///
/// `Session-Expires = delta-seconds *(SEMI (refresher-param / generic-param))`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds. Section 4 asks for [`SessionExpires::MINIMUM`] at least; less is to be answered with
    /// 422, not to be taken for malformed.
    pub seconds: u32,
    /// Who refreshes, when it is said.
    pub refresher: Option<Refresher>,
    /// The other parameters.
    pub params: Params,
}

/// Who refreshes a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Who sends the request.
    Uac,
    /// Who answers it.
    Uas,
}

impl Refresher {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Refresher::Uac => "uac",
            Refresher::Uas => "uas",
        }
    }
}

impl SessionExpires {
    /// The shortest interval, in seconds (RFC 4028 section 4).
    pub const MINIMUM: u32 = 90;

    /// An interval in seconds.
    pub fn new(seconds: u32, refresher: Option<Refresher>) -> SessionExpires {
        SessionExpires { seconds, refresher, params: Params::default() }
    }
}

impl HeaderValue for SessionExpires {
    fn read(value: &Text) -> Result<SessionExpires, Malformed> {
        let (seconds, mut params) = head_and_params(value, value.as_str())?;
        let refresher = match params.take("refresher") {
            None => None,
            Some(Some(word)) if word.eq_ignore_case("uac") => Some(Refresher::Uac),
            Some(Some(word)) if word.eq_ignore_case("uas") => Some(Refresher::Uas),
            Some(_) => return Err(Malformed("a refresher is neither uac nor uas")),
        };
        Ok(SessionExpires { seconds: interval(seconds)?, refresher, params })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_number(out, self.seconds);
        if let Some(refresher) = self.refresher {
            out.put_slice(b";refresher=");
            out.put_slice(refresher.as_str().as_bytes());
        }
        self.params.write_to(out);
    }
}

/// The shortest session interval somebody on the way accepts (RFC 4028 section 5).
///
/// `Min-SE = delta-seconds *(SEMI generic-param)`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinSe {
    /// The interval in seconds.
    pub seconds: u32,
    /// Parameters, of which none is defined.
    pub params: Params,
}

impl HeaderValue for MinSe {
    fn read(value: &Text) -> Result<MinSe, Malformed> {
        let (seconds, params) = head_and_params(value, value.as_str())?;
        Ok(MinSe { seconds: interval(seconds)?, params })
    }

    fn write_to(&self, out: &mut BytesMut) {
        put_number(out, self.seconds);
        self.params.write_to(out);
    }
}

fn interval(digits: &str) -> Result<u32, Malformed> {
    DeltaSeconds::of(digits).ok_or(Malformed("a session interval is not a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_rfc_4028_are_read() {
        for (text, out) in [
            ("50", "50"),
            ("4000;refresher=uac", "4000;refresher=uac"),
            ("1800 ; x=1 ; Refresher = UAS", "1800;refresher=uas;x=1"),
            ("99999999999", "4294967295"),
        ] {
            assert_eq!(written::<SessionExpires>(text), out);
        }
        assert_eq!(written::<MinSe>("3600;lr"), "3600;lr");
        assert_eq!(SessionExpires::new(90, Some(Refresher::Uas)).to_text(), "90;refresher=uas");
    }

    #[test]
    fn malformed_intervals_are_refused() {
        for text in [
            "",
            "x",
            "-90",
            "90;refresher",
            "90;refresher=me",
            "90;",
            "90 s",
            "90;refresher=uac;refresher=uas",
        ] {
            assert!(SessionExpires::parse(text).is_err(), "{text}");
        }
        for text in ["", "1.5", "90;;", "90,91"] {
            assert!(MinSe::parse(text).is_err(), "{text}");
        }
    }
}
