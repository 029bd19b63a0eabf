//! The lab: a PBX, phones and a certificate authority that speak over real sockets, for the demo and for tests.
//!
//! * [`LabCa`] issues certificates into a folder, good ones and ones that are wrong on purpose.
//! * [`LabPbx`] is a registrar and proxy over TLS, TCP or UDP that challenges with digest.
//! * [`LabPhone`] registers, places and answers calls with SRTP, plays a tone and measures the one it hears.
//! * [`LabSite`] is all of it with Cordon in front of the PBX.
//! * [`demo`] tells the story of a call through Cordon with all of these.
//! * [`Trace`] is what they said to each other, for a ladder; it holds no key, number or address.
//!
//! Everything waits for events with a deadline; nothing sleeps and hopes.
#![forbid(unsafe_code)]

mod ca;
pub mod demo;
mod digest;
mod error;
mod link;
mod pbx;
mod phone;
mod random;
mod site;
mod tone;
mod trace;

pub use ca::{Flaw, LabCa, Leaf};
pub use digest::{Account, Algorithm};
pub use error::LabError;
pub use link::Transport;
pub use pbx::{LabPbx, PbxConfig, Reach};
pub use phone::{
    CallEnd, Dial, IncomingCall, LabCall, LabPhone, MediaReport, OutgoingCall, PhoneConfig, PhoneTls,
    Registered, Reported, RocChange, SessionChange, SsrcChange,
};
pub use site::{LabSite, SiteAddresses, SiteError, SitePlan};
pub use trace::{Step, Trace};
