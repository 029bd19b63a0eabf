//! Joins cores and edges into one running Cordon.
//!
//! - [`run`]: a configuration file in, a serving process until it is told to end
//! - [`Gateway`]: the same within another program, such as the demo
//! - [`Records`]: what was enforced, by code and by call
//! - [`Metrics`]: the same in numbers
//! - [`foreseen_io`]: which way media would take, as far as can be told without starting
#![forbid(unsafe_code)]

mod admin;
mod contact_secret;
mod crowd;
mod descriptors;
mod entropy;
mod expiry;
mod gateway;
mod io_metrics;
mod log_budget;
mod media_bridge;
mod media_metrics;
mod media_watch;
mod metrics;
mod pbx_proof;
mod receipt;
mod records;
mod run;
mod signalling;
mod site;
mod tenure;

pub use cordon_media::ChosenIo;
pub use gateway::{Gateway, ReloadError, StartError};
pub use metrics::Metrics;
pub use receipt::{CallReceipt, LegLine, MediaLine};
pub use records::Records;
pub use run::{RunError, run};
pub use site::foreseen_io;
