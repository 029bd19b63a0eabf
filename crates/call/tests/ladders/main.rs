//! Calls through the engine in virtual time, written as ladders: who says what, who hears what, what the relay is told.

#[cfg(test)]
use cordon_testkit::{agent, description, site, world};

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod challenges;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod emergency;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod growth;
#[cfg(test)]
mod guessing;
#[cfg(test)]
mod hairpins;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod late_offers;
#[cfg(test)]
mod losses;
#[cfg(test)]
mod lost_media;
#[cfg(test)]
mod lying_pbx;
#[cfg(test)]
mod media_policy;
#[cfg(test)]
mod next_hops;
#[cfg(test)]
mod ownership;
#[cfg(test)]
mod races;
#[cfg(test)]
mod random_walk;
#[cfg(test)]
mod redirections;
#[cfg(test)]
mod refreshes;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod registrations;
#[cfg(test)]
mod silences;
#[cfg(test)]
mod udp;
#[cfg(test)]
mod visibility;
