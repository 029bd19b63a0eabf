//! The relay as a driver sees it, with virtual phones on both ends and a clock the tests own.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod bad_networks;
#[cfg(test)]
mod extended_reports;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod hold_matrix;
#[cfg(test)]
mod key_lifetimes;
#[cfg(test)]
mod keystreams;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod plain_ends;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod sessions;
