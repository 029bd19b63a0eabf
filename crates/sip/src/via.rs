use std::fmt;
use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, BytesMut};

use crate::grammar::{Malformed, Pieces, is_lws, is_token, number, trim};
use crate::{Host, Params, Text};

/// One Via: where the response goes back to (RFC 3261 section 20.42).
#[derive(Clone, PartialEq, Eq)]
pub struct Via {
    /// `TLS`, `TCP`, `UDP` or any other token, as written.
    pub transport: Text,
    /// sent-by: the host.
    pub host: Host,
    /// sent-by: the port, when written.
    pub port: Option<u16>,
    /// `branch`, `rport`, `received` and others.
    pub params: Params,
}

impl Via {
    /// A Via of our own with a branch, which must begin with [`MAGIC_COOKIE`].
    pub fn new(transport: impl Into<Text>, host: Host, port: Option<u16>, branch: impl Into<Text>) -> Via {
        let mut params = Params::default();
        params.set("branch", Some(branch.into()));
        Via { transport: transport.into(), host, port, params }
    }

    /// Reads one Via value.
    ///
    /// # Errors
    /// When the protocol is not SIP/2.0, sent-by or a parameter is malformed, or the branch is the bare cookie.
    pub fn parse(text: impl Into<Text>) -> Result<Via, Malformed> {
        let text = text.into();
        Via::parse_part(&text, text.as_str())
    }

    /// Reads a comma list of Vias into `list`, until it holds `limit`.
    pub(crate) fn parse_list(
        source: &Text,
        text: &str,
        limit: usize,
        list: &mut Vec<Via>,
    ) -> Result<(), Malformed> {
        for piece in Pieces::new(text, b',') {
            if list.len() >= limit {
                return Err(Malformed("too many Vias"));
            }
            list.push(Via::parse_part(source, piece?)?);
        }
        Ok(())
    }

    /// The branch, which names the transaction.
    pub fn branch(&self) -> Option<&Text> {
        self.params.value("branch")
    }

    /// Where the request really came from, as the next hop noted it. IPv6 stands there with or without brackets (RFC 5118
    /// section 4.5).
    pub fn received(&self) -> Option<IpAddr> {
        self.params.value("received").and_then(address)
    }

    /// The port the request really came from (RFC 3581): `None` when not asked for, `Some(None)` when asked for and not yet
    /// filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|port| port.and_then(port_number))
    }

    /// Where to send the response instead of sent-by; meant for multicast, and nothing to be obeyed.
    pub fn maddr(&self) -> Option<Host> {
        self.params.value("maddr").and_then(|host| Host::parse(host).ok())
    }

    /// The time to live of a multicast packet.
    pub fn ttl(&self) -> Option<u8> {
        self.params.value("ttl").and_then(time_to_live)
    }

    /// Notes where a request really came from (RFC 3261 §18.2.1, RFC 3581 §4): `rport` when asked for,
    /// `received` when the sent-by is not that address.
    pub fn set_received_rport(&mut self, from: SocketAddr) {
        let asked = self.params.has("rport");
        if asked {
            self.params.set("rport", Some(Text::from(from.port().to_string())));
        }
        if asked || self.host.ip() != Some(from.ip()) {
            self.params.set("received", Some(Text::from(from.ip().to_string())));
        }
    }

    /// A copy with buffers of its own.
    pub fn detached(&self) -> Via {
        let Via { transport, host, port, params } = self;
        Via { transport: transport.detached(), host: host.detached(), port: *port, params: params.detached() }
    }

    /// Appends the value of the header.
    pub fn write_to(&self, out: &mut BytesMut) {
        out.put_slice(b"SIP/2.0/");
        crate::writer::put_line_safe(out, self.transport.as_bytes());
        out.put_u8(b' ');
        self.host.write_to(out);
        if let Some(port) = self.port {
            out.put_slice(format!(":{port}").as_bytes());
        }
        self.params.write_to(out);
    }

    fn parse_part(source: &Text, text: &str) -> Result<Via, Malformed> {
        let end = text.find(';').unwrap_or(text.len());
        let (head, params) = text.split_at_checked(end).ok_or(MALFORMED)?;
        let (name, rest) = head.split_once('/').ok_or(MALFORMED)?;
        let (version, rest) = rest.split_once('/').ok_or(MALFORMED)?;
        if !trim(name).eq_ignore_ascii_case("SIP") || trim(version) != "2.0" {
            return Err(Malformed("a Via is not of SIP/2.0"));
        }
        let (transport, sent_by) = rest.trim_start_matches(is_lws).split_once(is_lws).ok_or(MALFORMED)?;
        if !is_token(transport) {
            return Err(MALFORMED);
        }
        let (host, port) = Host::parse_with_port(source, trim(sent_by))?;
        let params = Params::parse(source, params)?;
        if params.value("branch").is_some_and(|branch| *branch == MAGIC_COOKIE) {
            return Err(Malformed("a branch is the magic cookie and nothing else"));
        }
        check(&params)?;
        Ok(Via { transport: source.part(transport), host, port, params })
    }
}

/// The parameters of RFC 3261 §25.1 (via-params) and RFC 3581 §3 are what the grammar has them be.
fn check(params: &Params) -> Result<(), Malformed> {
    for (name, value) in params.iter() {
        let is = |known: &str| name.eq_ignore_case(known);
        let is_well_formed = match value {
            Some(value) if is("ttl") => time_to_live(value).is_some(),
            Some(value) if is("rport") => port_number(value).is_some(),
            Some(value) if is("received") => address(value).is_some(),
            Some(value) if is("maddr") => Host::parse(value).is_ok(),
            Some(value) if is("branch") => is_token(value.as_str()),
            Some(_) => true,
            None => !(is("ttl") || is("received") || is("maddr") || is("branch")),
        };
        if !is_well_formed {
            return Err(Malformed("a parameter of a Via is malformed"));
        }
    }
    Ok(())
}

fn time_to_live(digits: &Text) -> Option<u8> {
    number(digits.as_str(), u64::from(u8::MAX)).and_then(|ttl| u8::try_from(ttl).ok())
}

fn port_number(digits: &Text) -> Option<u16> {
    number(digits.as_str(), u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok())
}

fn address(text: &Text) -> Option<IpAddr> {
    let text = text.as_str();
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(bracketed) => bracketed.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Via({:?}, {:?})", self.host, self.params)
    }
}

/// Every branch made by RFC 3261 begins with it (section 8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

const MALFORMED: Malformed = Malformed("a Via is malformed");

#[cfg(test)]
mod tests {
    use super::*;

    fn written(via: &Via) -> String {
        let mut out = BytesMut::new();
        via.write_to(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn white_space_may_stand_around_every_separator() {
        let text = "SIP  / 2.0\r\n / TCP     spindle.example.com : 5061  ;\r\n  branch  =   z9hG4bK9ikj8  ";
        let via = Via::parse(text).unwrap();
        assert_eq!(written(&via), "SIP/2.0/TCP spindle.example.com:5061;branch=z9hG4bK9ikj8");
    }

    #[test]
    fn malformed_vias_are_refused() {
        for text in [
            "",
            "SIP/2.0",
            "SIP/2.0/TLS",
            "SIP/3.0/TLS h",
            "HTTP/2.0/TLS h",
            "SIP/2.0/TLS h:0",
            "SIP/2.0/TLS h;;",
            "SIP/2.0/TLS h;branch=z9hG4bK",
            "SIP/2.0/T@S h",
            "SIP/2.0/TLS h x",
            "SIP/2.0/TLS h;branch=a;branch=b",
            "SIP/2.0/TLS h;branch",
            "SIP/2.0/TLS h;branch=a@b",
            "SIP/2.0/TLS h;ttl=256",
            "SIP/2.0/TLS h;ttl",
            "SIP/2.0/TLS h;rport=65536",
            "SIP/2.0/TLS h;rport=x",
            "SIP/2.0/TLS h;received=h",
            "SIP/2.0/TLS h;received=[192.0.2.1]",
            "SIP/2.0/TLS h;maddr=a:b",
            "SIP/2.0/TLS [2001:db8::1",
            "SIP/2.0/TLS 2001:db8::1",
        ] {
            assert!(Via::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_parameters_of_the_rfcs_are_read() {
        let via = Via::parse(
            "SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1;rport",
        );
        let via = via.unwrap();
        assert_eq!((via.ttl(), via.rport(), via.received()), (Some(16), Some(None), None));
        assert_eq!(via.maddr(), Host::parse("224.2.0.1").ok());
        for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
            let via = Via::parse(format!(
                "SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111;rport=9988"
            ));
            let via = via.unwrap();
            assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()));
            assert_eq!((via.rport(), via.ttl(), via.maddr()), (Some(Some(9988)), None, None));
        }
    }

    #[test]
    fn rport_is_filled_in_only_when_asked_for() {
        let mut asked = Via::parse("SIP/2.0/UDP h.example;rport;branch=z9hG4bKa").unwrap();
        asked.set_received_rport("192.0.2.1:9".parse().unwrap());
        assert_eq!(written(&asked), "SIP/2.0/UDP h.example;rport=9;branch=z9hG4bKa;received=192.0.2.1");
        let mut exact = Via::parse("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa").unwrap();
        exact.set_received_rport("192.0.2.1:9".parse().unwrap());
        assert_eq!(written(&exact), "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa");
    }
}
