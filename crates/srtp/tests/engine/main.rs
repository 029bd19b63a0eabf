//! The SRTP engine against known packets, another implementation, attackers, and peers that change their key.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod known_packets;
#[cfg(test)]
mod long_streams;
#[cfg(test)]
mod peer_rekeys;
#[cfg(test)]
mod support;
