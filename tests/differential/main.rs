//! Ten thousand messages that are nearly right: nothing that Cordon forwards may mean to Kamailio what it does not mean to
//! Cordon, and nothing that Cordon refuses may reach Kamailio.
#![cfg(test)]

mod comparison;
mod crossing;
mod cut;
mod draft;
mod forwarded;
mod lane;
mod mutator;
mod originals;
mod random;
