//! Values as an operator writes them.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use cordon_certs::PeerName;
use cordon_rtp::Suite;
use ipnet::IpNet;

use crate::section::nearest;
use crate::settings::HostPort;

/// `600s`, `10m`, `1h`, `2d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let problem = || "a duration is a number with s, m, h or d, such as 600s, 10m or 1h".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match text.strip_prefix(digits) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 86_400,
        _ => return Err(problem()),
    };
    let count: u32 = digits.parse().map_err(|_| problem())?;
    Ok(Duration::from_secs(u64::from(count) * seconds))
}

/// `10.1.0.5:5061`, `[fd00::5]:5061`.
pub(crate) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "an address of this machine with a port, such as 10.1.0.5:5061 or [fd00::5]:5061".to_owned()
    })
}

/// `10.1.0.5`, `fd00::5`: an address that sockets can be bound to and peers can send to.
pub(crate) fn unicast(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address: IpAddr =
        bare.parse().map_err(|_| "an address without a port, such as 10.1.0.5 or fd00::5".to_owned())?;
    match address.is_unspecified() || address.is_multicast() {
        true => Err("one concrete address: peers are told to send there".to_owned()),
        false => Ok(address),
    }
}

/// `10.1.0.0/16`; a bare address is a network of one.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let network: Result<IpNet, _> = text.parse();
    match (network, text.parse::<IpAddr>()) {
        (Ok(network), _) => Ok(network.trunc()),
        (Err(_), Ok(address)) => Ok(IpNet::from(address)),
        (Err(_), Err(_)) => Err("a network such as 10.1.0.0/16 or fd00:1::/64".to_owned()),
    }
}

/// True where a network is so broad that it names nobody: above /8, for IPv6 above /32.
pub(crate) fn is_broad(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 32,
    }
}

/// A host name, or an address without brackets.
pub(crate) fn host(text: &str) -> Result<String, String> {
    match text.parse::<PeerName>() {
        Ok(name) => Ok(name.to_string()),
        Err(_) => Err("a host name without scheme and port, such as sip.example.org".to_owned()),
    }
}

/// The name a certificate has to carry.
pub(crate) fn peer_name(text: &str) -> Result<PeerName, String> {
    text.parse().map_err(|_| "a host name, exact and without wildcard".to_owned())
}

/// `sbc.example.org:5071`.
pub(crate) fn host_port(text: &str) -> Result<HostPort, String> {
    let problem = || "a host and a port, such as sbc.example.org:5071".to_owned();
    let (written, port) = text.rsplit_once(':').ok_or_else(problem)?;
    let port: u16 = port.parse().ok().filter(|port| *port > 0).ok_or_else(problem)?;
    if written.contains(':') && !written.starts_with('[') {
        return Err(problem());
    }
    host(written).map(|host| HostPort { host, port }).map_err(|_| problem())
}

/// `20000-29999`.
pub(crate) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let problem = || "a range of ports such as 20000-29999".to_owned();
    let (first, last) = text.split_once('-').ok_or_else(problem)?;
    let read = |port: &str| port.trim().parse::<u16>().map_err(|_| problem());
    let (first, last) = (read(first)?, read(last)?);
    if first < LOWEST_MEDIA_PORT {
        return Err(format!(
            "media ports begin at {LOWEST_MEDIA_PORT}: those below belong to other services"
        ));
    }
    match last.checked_sub(first) {
        Some(width) if width + 1 >= PORTS_OF_A_CALL => Ok(first..=last),
        Some(_) => Err(format!("a call takes {PORTS_OF_A_CALL} ports, the range is smaller than that")),
        None => Err("the first port comes first".to_owned()),
    }
}

/// An SRTP suite by its registered name, or the alias some phones use.
pub(crate) fn suite(text: &str) -> Result<Suite, String> {
    Suite::parse(text).ok_or_else(|| {
        let names = Suite::ALL.map(Suite::name);
        match nearest(text, &names) {
            Some(near) => format!("there is no suite of this name; did you mean {near}?"),
            None => format!("there is no suite of this name; known: {}", names.join(", ")),
        }
    })
}

/// One of a few words.
pub(crate) fn choice<T: Copy>(text: &str, words: &[(&'static str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("one of {}", known.join(", "))
    })
}

/// Text for people and labels: something, on one line.
pub(crate) fn label(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    match !trimmed.is_empty() && trimmed.len() <= MAX_LABEL && !trimmed.contains(char::is_control) {
        true => Ok(trimmed.to_owned()),
        false => Err(format!("a name of 1 to {MAX_LABEL} characters")),
    }
}

/// Names become metric labels and columns of reports.
const MAX_LABEL: usize = 64;

/// IANA's well-known ports end here.
const LOWEST_MEDIA_PORT: u16 = 1024;

/// RTP and RTCP on both legs.
const PORTS_OF_A_CALL: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("600s"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(duration("2d"), Ok(Duration::from_secs(172_800)));
        for text in ["600", "", "s", "-1s", "1.5h", "10 m", "1w", "99999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_broader_than_the_limits_name_nobody() {
        for (text, broad) in [
            ("10.0.0.0/8", false),
            ("10.0.0.0/7", true),
            ("0.0.0.0/0", true),
            ("fd00::/32", false),
            ("::/0", true),
        ] {
            assert_eq!(is_broad(&network(text).unwrap()), broad, "{text}");
        }
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("10.1.2.3/16").unwrap().to_string(), "10.1.0.0/16");
        assert!(network("10.1.0.0/33").is_err());
    }

    #[test]
    fn media_addresses_are_concrete() {
        assert!(unicast("10.1.0.5").is_ok());
        assert!(unicast("fd00::5").is_ok());
        for text in ["0.0.0.0", "::", "224.0.0.1", "10.1.0.5:5061", "sip.example.org"] {
            assert!(unicast(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_with_ports_may_be_names_and_addresses() {
        assert_eq!(host_port("sbc.example.org:5071").unwrap().to_string(), "sbc.example.org:5071");
        assert_eq!(host_port("[fd00::5]:5071").unwrap().to_string(), "[fd00::5]:5071");
        for text in ["sbc.example.org", "sbc.example.org:0", "fd00::5:5071", ":5071", "sip:a:1"] {
            assert!(host_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn port_ranges_hold_at_least_one_call() {
        assert_eq!(ports("20000-29999"), Ok(20000..=29999));
        for text in ["20000", "29999-20000", "80-90", "20000-20002", "a-b", "60000-70000"] {
            assert!(ports(text).is_err(), "{text}");
        }
    }
}
