//! What the RFCs ask of a user agent, and what a back-to-back user agent keeps of a proxy, in virtual time. The table that
//! leads from each rule to its test is `docs/conformance.md`.

#[cfg(test)]
use cordon_testkit::{agent, description, site, world};

#[cfg(test)]
mod rfc3261;
#[cfg(test)]
mod table;
