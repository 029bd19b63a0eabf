//! The back-to-back user agent: dialogs, legs, calls, and registrations passing through.
//!
//! [`Engine`] is the whole of signalling without hands: it owns the transactions and is driven with messages, media
//! replies and the time; what should happen comes back from `poll_transmit`, `poll_media` and `poll_event`.
//!
//! | file | noun |
//! |---|---|
//! | `engine` | what arrives, and who looks after it |
//! | `rules` | what a site allows, the input of a reload |
//! | `wire` | what registrations and calls use to reach the outside |
//! | `media` | what calls ask of the relay and what it answers |
//! | `event` | what the layer above hears, free of health information |
//! | `holdings` | how much of everything there is |

#![forbid(unsafe_code)]

mod accepted;
mod acknowledge;
mod answer;
mod call;
mod content;
mod description;
mod engine;
mod event;
mod first_words;
mod headers;
mod holdings;
mod in_dialog;
mod invite;
mod leg;
mod leg_media;
mod listening;
mod local_keys;
mod lost;
mod media;
mod media_map;
mod options;
mod peer;
mod redirect;
mod refresh;
mod refuse;
mod registration;
mod reinvite;
mod release;
mod requests;
mod room;
mod rules;
mod standing;
mod switchboard;
mod tally;
mod wire;

pub use engine::Engine;
pub use event::{CallEnd, Event, LegReceipt, Receipt, Side, Silence, UnregisterReason};
pub use holdings::Holdings;
pub use media::{
    AddressChange, Before, CallKey, End, EndSetup, EndStatistics, Interface, MediaAddress, MediaReply,
    MediaRequest, Protection, StreamId, StreamStatistics,
};
pub use registration::Withheld;
pub use rules::{
    Advertise, LocationRules, MediaInterface, PbxRules, PbxTransport, RegistrationRules, SiteLimits,
    SiteRules,
};
pub use wire::Entropy;

pub use cordon_transaction::Transmit;
