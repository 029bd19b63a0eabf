//! Where media may be sent to.

use std::net::{IpAddr, SocketAddr};

use cordon_sdp::{Connection, Media, Session};
use ipnet::IpNet;

use super::RemoteAddresses;
use crate::connection::contains;
use crate::refusal::Refusal;

/// Reads where the writer of `media` receives. `None` is the old way to hold: 0.0.0.0 or :: wants nothing.
pub(super) fn admit(
    networks: &[IpNet],
    media: &Media,
    session: &Session,
) -> Result<Option<RemoteAddresses>, Refusal> {
    if media.effective_connection(session).is_some_and(Connection::is_hold) {
        return Ok(None);
    }
    // No connection line, or a name nobody has checked.
    let rtp = media.rtp(session).ok_or(Refusal::MediaAddressUnusable)?;
    if !is_usable(networks, rtp) {
        return Err(Refusal::MediaAddressUnusable);
    }
    let rtcp = match media.has_rtcp_mux() {
        true => Some(rtp),
        false => media.rtcp(session).filter(|rtcp| is_usable(networks, *rtcp)),
    };
    // RTCP may live elsewhere (RFC 3605), but nobody is made to receive it who is not of this leg.
    let rtcp = rtcp.filter(|rtcp| rtcp.ip() == rtp.ip() || contains(networks, rtcp.ip()));
    Ok(Some(RemoteAddresses { rtp, rtcp, is_inside: contains(networks, rtp.ip()) }))
}

/// Unicast, and a port that media can have.
fn is_usable(networks: &[IpNet], address: SocketAddr) -> bool {
    let is_unicast = match address.ip().to_canonical() {
        IpAddr::V4(ip) => {
            !ip.is_multicast()
                && !ip.is_broadcast()
                && !ip.is_unspecified()
                && !is_directed_broadcast(networks, ip.into())
        }
        IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified(),
    };
    is_unicast && address.port() >= LOWEST_PORT
}

/// The last address of a network reaches every host in it.
fn is_directed_broadcast(networks: &[IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| match network {
        IpNet::V4(network) => network.prefix_len() < 31 && IpAddr::V4(network.broadcast()) == ip,
        IpNet::V6(_) => false,
    })
}

/// Below are the ports of services that must never be made to receive media: DNS, NTP, SNMP and their kin.
const LOWEST_PORT: u16 = 1024;
