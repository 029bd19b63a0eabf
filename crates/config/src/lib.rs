//! The configuration file, from text to checked settings.
//!
//! - [`load`]: reads a file and everything it points at; all findings at once, or [`Loaded`]
//! - [`Settings`]: what the file says, one to one, in types that hold only what makes sense
//! - [`Finding`]: one thing that is wrong or worth knowing, with file, line, column, caret and control
//! - [`Profile`]: `hipaa` refuses what would weaken the site, `lab` is loud about it
//!
//! A weakening of `hipaa` takes a [`Waiver`] of the very control it breaks: dated, owned, and shown.

#![forbid(unsafe_code)]

mod certificates;
mod finding;
mod limits;
mod listeners;
mod load;
mod location;
mod media;
mod pbx;
mod profile;
mod section;
mod settings;
mod site;
mod source;
mod value;
mod waiver;

pub use finding::{Finding, Severity};
pub use limits::Limits;
pub use load::{Loaded, Surroundings, load, load_in};
pub use media::{Media, MediaIo};
pub use profile::Profile;
pub use settings::{
    Emergency, HostPort, Location, MediaAddress, Metrics, Pbx, PbxMedia, PbxUri, Registration, Settings,
    Site, Tls, Transport,
};
pub use waiver::Waiver;
