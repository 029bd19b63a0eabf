//! What tests and fuzz targets drive the signalling cores with; never part of the product.
//!
//! | file | noun |
//! |---|---|
//! | `world` | everything around the engine: a clock, phones, a PBX, a media engine |
//! | `agent`, `description` | one side of a dialog, and what it says of its media |
//! | `site` | the site they are at |
//! | `watch` | what must hold of everything the engine says and asks |
//! | `call_walk` | phones and the PBX doing whatever bytes choose |
//! | `ladder` | the transaction layer alone, written down line by line |
//! | `draws` | choices read from bytes |

#![forbid(unsafe_code)]

pub mod agent;
pub mod call_walk;
pub mod description;
pub mod draws;
pub mod ladder;
pub mod site;
pub mod watch;
pub mod world;
