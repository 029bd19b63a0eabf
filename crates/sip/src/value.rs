//! Header values with a grammar of their own, one type per header or per family of headers.

mod address_params;
mod algorithm;
mod allow;
mod authentication_info;
mod cseq;
mod date;
mod delta_seconds;
mod diversion;
mod event;
mod history_info;
mod identities;
mod media_type;
mod privacy;
mod rack;
mod reason;
mod refer;
mod remote_party_id;
mod replaces;
mod retry_after;
mod routes;
mod session_expires;
mod subscription_state;
mod token_list;

pub use address_params::{InstanceId, Quality, RegId};
pub use algorithm::Algorithm;
pub use allow::Allow;
pub use authentication_info::AuthenticationInfo;
pub use cseq::CSeq;
pub use date::Date;
pub use delta_seconds::{DeltaSeconds, MaxForwards};
pub use diversion::Diversion;
pub use event::Event;
pub use history_info::HistoryInfo;
pub use identities::Identities;
pub use media_type::MediaType;
pub use privacy::Privacy;
pub use rack::{RAck, RSeq};
pub use reason::Reason;
pub use refer::{ReferTo, ReferredBy};
pub use remote_party_id::{Party, RemotePartyId};
pub use replaces::Replaces;
pub use retry_after::RetryAfter;
pub use routes::Routes;
pub use session_expires::{MinSe, Refresher, SessionExpires};
pub use subscription_state::{SubscriptionPhase, SubscriptionState};
pub use token_list::TokenList;

use bytes::BytesMut;

use crate::grammar::{Malformed, Pieces, trim};
use crate::{Challenge, Credentials, HeaderName, Headers, NameAddr, Params, Text, Uri, Via, Warning};

/// The value of a header, read to the RFC's grammar and written to it.
///
/// What was read can be written, and reads back the same. No implementation prints what a peer wrote.
pub trait HeaderValue: Sized {
    /// Reads a value without its fold; what is kept of it shares its buffer.
    ///
    /// # Errors
    /// The rule of the grammar that was broken.
    fn read(value: &Text) -> Result<Self, Malformed>;

    /// Appends the value.
    fn write_to(&self, out: &mut BytesMut);

    /// Reads a value.
    ///
    /// # Errors
    /// The rule of the grammar that was broken.
    fn parse(text: impl Into<Text>) -> Result<Self, Malformed> {
        Self::read(&text.into())
    }

    /// The value as text, to be put into a [`crate::Headers`].
    fn to_text(&self) -> Text {
        let mut out = BytesMut::new();
        self.write_to(&mut out);
        Text::from_utf8(out.freeze()).expect("a value is written from texts")
    }
}

impl Headers {
    /// The first header of this name, read; `None` when there is none.
    pub fn read<T: HeaderValue>(&self, name: &HeaderName) -> Option<Result<T, Malformed>> {
        self.get(name).map(T::read)
    }

    /// Every element of the comma lists of this name, read, in order; empty elements are left out.
    pub fn read_each<'a, T: HeaderValue>(
        &'a self,
        name: &'a HeaderName,
    ) -> impl Iterator<Item = Result<T, Malformed>> {
        self.get_all(name).flat_map(|value| {
            let pieces = Pieces::new(value.as_str(), b',').filter(|piece| *piece != Ok(""));
            pieces.map(|piece| T::read(&value.part(piece?)))
        })
    }
}

macro_rules! as_inherent {
    ($($type:ty),*) => {
        $(
            impl HeaderValue for $type {
                fn read(value: &Text) -> Result<Self, Malformed> {
                    <$type>::parse(value)
                }

                fn write_to(&self, out: &mut BytesMut) {
                    <$type>::write_to(self, out);
                }
            }
        )*
    };
}

// Older than the trait, and of use without it.
as_inherent!(Challenge, Credentials, NameAddr, Uri, Via, Warning);

/// Cuts `head *(SEMI param)` where the head holds no semicolon.
fn head_and_params<'a>(source: &Text, text: &'a str) -> Result<(&'a str, Params), Malformed> {
    let end = text.find(';').unwrap_or(text.len());
    let (head, params) = text.split_at_checked(end).ok_or(Malformed("a value is cut"))?;
    Ok((trim(head), Params::parse(source, params)?))
}

/// Reads one value, writes it and reads it again: both must be the same, and so must the second writing.
#[cfg(test)]
fn written<T: HeaderValue + PartialEq + std::fmt::Debug>(text: &str) -> String {
    let value = T::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let once = value.to_text();
    assert_eq!(T::parse(&once).as_ref(), Ok(&value), "{text}");
    let printed = format!("{value:?}");
    assert!(!printed.contains("alice") && !printed.contains("example"), "{printed}");
    once.as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_across_headers_and_commas() {
        let mut headers = Headers::new();
        headers.push(HeaderName::REASON, "SIP;cause=200;text=\"a, b\", , Q.850;cause=16");
        headers.push(HeaderName::REASON, "\"");
        headers.push(HeaderName::EXPIRES, "60");
        let causes: Vec<_> = headers
            .read_each::<Reason>(&HeaderName::REASON)
            .map(|reason| reason.ok().and_then(|reason| reason.cause))
            .collect();
        assert_eq!(causes, [Some(200), Some(16), None]);
        assert_eq!(headers.read::<DeltaSeconds>(&HeaderName::EXPIRES), Some(Ok(DeltaSeconds(60))));
        assert_eq!(headers.read::<DeltaSeconds>(&HeaderName::MIN_EXPIRES), None);
    }
}
