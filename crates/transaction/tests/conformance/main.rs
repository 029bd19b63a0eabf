//! What the RFCs ask of a transaction layer, told as ladders in virtual time.

#[cfg(test)]
mod model;
#[cfg(test)]
mod rfc3261;
#[cfg(test)]
mod support;
