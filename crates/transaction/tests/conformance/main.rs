//! What the RFCs ask of a transaction layer, told as ladders in virtual time.

#[cfg(test)]
use cordon_testkit::ladder;

#[cfg(test)]
mod random_walk;
#[cfg(test)]
mod rfc3261;
