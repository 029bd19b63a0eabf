//! The section of the PBX.

use std::net::SocketAddr;

use cordon_certs::PeerName;
use cordon_policy::Refusal;
use cordon_rtp::Suite;
use cordon_sip::{Scheme, Uri};

use crate::finding::Findings;
use crate::listeners::Listeners;
use crate::location::{read_media_addresses, read_networks, read_suites};
use crate::profile::Strictness;
use crate::section::{Located, Section};
use crate::settings::{HostPort, Pbx, PbxMedia, PbxUri, Transport};
use crate::value;

/// Reads `[pbx]`.
pub(crate) fn read(
    mut section: Section<'_>,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
    listeners: &mut Listeners,
) -> Option<Pbx> {
    let example = "\"sip:10.0.0.2:5061;transport=tls\"";
    let uris = section.required_list(findings, "uri", example, target);
    let name = section.optional(findings, "name", value::peer_name);
    let listen = section.required(findings, "listen", "\"10.0.0.5:5071\"", value::socket);
    let advertise = section.optional(findings, "advertise", value::host_port);
    let networks = read_networks(&mut section, findings, strictness);
    let media_addresses = read_media_addresses(&mut section, findings);
    let media = read_media(&mut section, findings, strictness);
    let srtp_suites = read_suites(&mut section, findings, strictness, &[Suite::AesCm128HmacSha1_80]);
    section.finish(findings);
    let transport = uris.as_ref().and_then(|uris| one_transport(&uris.value, findings, strictness));
    if let (Some(listen), Some(transport)) = (&listen, transport) {
        match transport {
            Transport::Tls | Transport::Tcp => listeners.add_tcp(listen, "pbx.listen"),
            Transport::Udp => listeners.add_udp(listen, "pbx.listen"),
        }
    }
    let advertise = match advertise {
        Some(advertise) => Some(advertise.value),
        None => listen.as_ref().and_then(|listen| advertise_by_default(listen, findings)),
    };
    let named = |target: Located<Target>| PbxUri {
        name: name.as_ref().map_or(target.value.name, |name| name.value.clone()),
        host: target.value.host,
        port: target.value.port,
    };
    Some(Pbx {
        uris: uris?.value.into_iter().map(named).collect(),
        transport: transport?,
        listen: listen?.value,
        advertise: advertise?,
        networks,
        media_addresses: media_addresses?,
        media,
        srtp_suites: srtp_suites?,
    })
}

/// A URI of the PBX, taken apart.
struct Target {
    host: String,
    port: u16,
    name: PeerName,
    transport: Transport,
}

fn target(text: &str) -> Result<Target, String> {
    let problem = || "a SIP URI such as sip:10.0.0.2:5061;transport=tls".to_owned();
    let uri = Uri::parse(text).map_err(|_| problem())?;
    if uri.user().is_some() || !uri.is_sip() {
        return Err(problem());
    }
    let words = [("tls", Transport::Tls), ("tcp", Transport::Tcp), ("udp", Transport::Udp)];
    let written = uri.transport().map(|transport| transport.as_str().to_ascii_lowercase());
    let transport = match (uri.scheme(), written.as_deref()) {
        (Scheme::Sips, None | Some("tls")) => Transport::Tls,
        (Scheme::Sips, Some(_)) => return Err("sips goes over tls".to_owned()),
        (_, Some(word)) => {
            value::choice(word, &words).map_err(|problem| format!("transport is {problem}"))?
        }
        (_, None) => return Err("the transport has to be written out, such as ;transport=tls".to_owned()),
    };
    let default_port = match transport {
        Transport::Tls => SIPS_PORT,
        Transport::Tcp | Transport::Udp => SIP_PORT,
    };
    let host = uri.host().ok_or_else(problem)?;
    let host = match (host.ip(), host.name()) {
        (Some(address), _) => address.to_string(),
        (None, Some(name)) => value::host(name.as_str())?,
        (None, None) => return Err(problem()),
    };
    let name = value::peer_name(&host)?;
    Ok(Target { host, port: uri.port().unwrap_or(default_port), name, transport })
}

/// What must go over TLS has nothing else to go over: all targets share one transport.
fn one_transport(
    targets: &[Located<Target>],
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
) -> Option<Transport> {
    let (first, rest) = targets.split_first()?;
    for other in rest.iter().filter(|other| other.value.transport != first.value.transport) {
        findings.error(
            other.span.clone(),
            "`uri`: all addresses of the PBX are reached by the same transport",
            None,
        );
    }
    for target in targets.iter().filter(|target| target.value.transport != Transport::Tls) {
        let what = "SIP toward the PBX would not go over TLS";
        strictness.broken(findings, Refusal::PbxLegNotTls, target.span.clone(), what);
    }
    Some(first.value.transport)
}

fn read_media(
    section: &mut Section<'_>,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
) -> PbxMedia {
    let words = [("srtp", PbxMedia::Srtp), ("rtp", PbxMedia::Rtp)];
    let read = section.optional(findings, "media", |text| value::choice(text, &words));
    let Some(Located { value, span }) = read else { return PbxMedia::Srtp };
    if value == PbxMedia::Rtp {
        strictness.broken(findings, Refusal::PbxMediaNotSrtp, span, "media toward the PBX would go in clear");
    }
    value
}

fn advertise_by_default(listen: &Located<SocketAddr>, findings: &mut Findings<'_>) -> Option<HostPort> {
    if listen.value.ip().is_unspecified() {
        let help = Some("advertise = \"sbc.example.org:5071\"".to_owned());
        findings.error(
            listen.span.clone(),
            "`listen` on every address needs an `advertise` the PBX can reach",
            help,
        );
        return None;
    }
    Some(HostPort { host: listen.value.ip().to_string(), port: listen.value.port() })
}

const SIPS_PORT: u16 = 5061;
const SIP_PORT: u16 = 5060;
