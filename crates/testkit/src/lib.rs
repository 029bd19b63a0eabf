//! What tests and fuzz targets drive the cores with; never part of the product.
//!
//! | file | noun |
//! |---|---|
//! | `world` | everything around the engine: a clock, phones, a PBX, a media engine |
//! | `agent`, `description` | one side of a dialog, and what it says of its media |
//! | `site` | the site they are at |
//! | `watch` | what must hold of everything the engine says and asks |
//! | `call_walk` | phones and the PBX doing whatever bytes choose |
//! | `ladder` | the transaction layer alone, written down line by line |
//! | `transaction_walk` | the transaction layer beside `reference`, as bytes choose |
//! | `reference` | RFC 3261 section 17 as plainly as it can be written |
//! | `network` | datagrams lost, repeated, delayed and reordered, in virtual time |
//! | `draws` | choices read from bytes |

#![forbid(unsafe_code)]

pub mod agent;
pub mod call_walk;
pub mod description;
pub mod draws;
pub mod ladder;
pub mod network;
mod reference;
pub mod site;
pub mod transaction_walk;
pub mod watch;
pub mod world;
