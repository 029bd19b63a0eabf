//! Encrypted calls as load: made by a generator, sent through a media relay, verified packet by packet, measured.
//!
//! A *stream* here is one direction of one call: 50 packets of voice a second. A call is two. The generator is both
//! phones of every call, each with a key of its own and a suite that differs from the other's, and runs in a process
//! apart from the relay, on another processor.
//!
//! ```text
//!             generator                         relay under load
//!   Leg A  --- suite 1, key 1 --->  port a |          | port b  --- suite 2, key 4 --->  Leg B
//!          <-- suite 1, key 2 ----         |          |        <--- suite 2, key 3 ----
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `load` | [`Load`]: how many calls, which suites, at which pace, for how long |
//! | `pace` | [`Pace`]: when the next packet is due |
//! | `voice` | what a packet says, so that who hears it can tell whether it is the right one |
//! | `leg` | one phone of one call: seals what it says, opens what it hears |
//! | `lines` | the sockets of all phones, 64 packets with each system call |
//! | `generator` | [`Generator`]: speaks and listens |
//! | `forger` | [`Forger`]: packets that nobody has a key for |
//! | `tally`, `delays` | [`Tally`]: what was heard, and how late |
//! | `relay` | [`Relay`]: what the generator wants of whom it loads |
//! | `keys` | the keys of a call, from one seed |
//! | `station` | [`Station`]: Cordon's media relay alone, told what to do by a generator |
//! | `control` | the words they exchange |
//! | `cordon` | [`CordonRelay`]: a station as the generator sees it |
//! | `neighbour` | [`Neighbour`]: a station in a process beside this one |
//! | `trial` | [`Trial`]: one load on one fresh relay, and what it cost |
//! | `limit` | the most streams that arrive in time |
//! | `report` | [`Report`]: what a person or a program reads in the end |
//! | `processor`, `usage` | which processor a thread stays on, and what a process has used |
#![forbid(unsafe_code)]

mod control;
mod cordon;
mod delays;
mod error;
mod forger;
mod generator;
mod keys;
mod leg;
mod limit;
mod lines;
mod load;
mod neighbour;
mod pace;
mod processor;
mod relay;
mod report;
mod station;
mod tally;
mod trial;
mod usage;
mod voice;

pub use control::{Settings, Way};
pub use cordon::CordonRelay;
pub use delays::Delays;
pub use error::LoadError;
pub use forger::Forger;
pub use generator::Generator;
pub use keys::{LegKeys, call_keys};
pub use limit::{Limit, find_limit};
pub use load::{Load, STREAM_RATE};
pub use neighbour::Neighbour;
pub use pace::Pace;
pub use processor::{Processors, on_processors, stay_on};
pub use relay::{OpenCall, OpenLeg, Relay};
pub use report::{RATED_STREAMS, Report};
pub use station::Station;
pub use tally::Tally;
pub use trial::{Forgery, Trial};
pub use usage::Usage;
