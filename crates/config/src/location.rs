//! Locations, and what they have in common with the PBX: networks, media addresses, suites.

use std::net::IpAddr;
use std::ops::Range;

use cordon_policy::Refusal;
use cordon_policy::media::{CodecName, CodecRule, Opportunistic};
use cordon_rtp::Suite;
use ipnet::IpNet;

use crate::finding::Findings;
use crate::listeners::Listeners;
use crate::profile::Strictness;
use crate::section::{Located, Section};
use crate::settings::{Location, MediaAddress};
use crate::value;

/// Reads one `[[location]]`.
pub(crate) fn read(
    mut section: Section<'_>,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
    listeners: &mut Listeners,
) -> Option<Located<Location>> {
    let span = section.span();
    let name = section.required(findings, "name", "\"north\"", value::label);
    let listen = section.required_list(findings, "listen", "[\"10.1.0.5:5061\"]", value::socket);
    let refuse = section.list(findings, "refuse", value::socket);
    let networks = read_networks(&mut section, findings, strictness);
    let media_addresses = read_media_addresses(&mut section, findings);
    let srtp_suites = read_suites(&mut section, findings, strictness, &SUITES);
    let opportunistic_srtp = read_opportunistic(&mut section, findings, strictness);
    let codecs = read_codecs(&mut section, findings);
    section.finish(findings);
    for address in listen.iter().flat_map(|list| &list.value) {
        listeners.add_tcp(address, "location.listen");
    }
    for address in refuse.iter().flat_map(|list| &list.value) {
        listeners.add_tcp(address, "location.refuse");
        listeners.add_udp(address, "location.refuse");
    }
    let name = name?;
    let addresses =
        |list: Located<Vec<Located<_>>>| list.value.into_iter().map(|address| address.value).collect();
    let location = Location {
        name: name.value,
        listen: listen.map(addresses)?,
        refuse: refuse.map(addresses).unwrap_or_default(),
        networks,
        media_addresses: media_addresses?,
        srtp_suites: srtp_suites?,
        opportunistic_srtp,
        codecs: codecs?,
    };
    let span = if name.span.is_empty() { span } else { name.span };
    Some(Located { value: location, span })
}

/// Reads `networks`. A network that is too broad counts as none; where none is left, the profile decides, and in lab
/// everybody is meant.
pub(crate) fn read_networks(
    section: &mut Section<'_>,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
) -> Vec<IpNet> {
    let span = section.span();
    let is_written = section.has("networks");
    let list = section.list(findings, "networks", value::network);
    for network in list.iter().flat_map(|list| &list.value).filter(|network| value::is_broad(&network.value))
    {
        let what = format!("{} is too broad to name anybody: it counts as empty", network.value);
        strictness.broken(findings, Refusal::NetworksEmpty, network.span.clone(), &what);
    }
    let networks: Vec<IpNet> =
        list.iter().flat_map(|list| &list.value).map(|network| network.value).collect();
    if !networks.is_empty() || (is_written && list.is_none()) {
        return networks;
    }
    let span = list.map_or(span, |list| list.span);
    strictness.broken(
        findings,
        Refusal::NetworksEmpty,
        span,
        "`networks` is empty: nobody is named who may connect",
    );
    EVERYBODY.iter().filter_map(|text| text.parse().ok()).collect()
}

/// Reads `media_address` and, beside it, `media_advertise`.
pub(crate) fn read_media_addresses(
    section: &mut Section<'_>,
    findings: &mut Findings<'_>,
) -> Option<Vec<MediaAddress>> {
    let bind = section.required_list(findings, "media_address", "\"10.1.0.5\"", value::unicast);
    let advertise = section.list(findings, "media_advertise", value::unicast);
    let bind = bind?;
    let advertised: Vec<IpAddr> = match &advertise {
        None => bind.value.iter().map(|address| address.value).collect(),
        Some(list) => list.value.iter().map(|address| address.value).collect(),
    };
    let families_match = |bind: &[Located<IpAddr>]| {
        bind.len() == advertised.len()
            && bind.iter().zip(&advertised).all(|(one, two)| one.value.is_ipv4() == two.is_ipv4())
    };
    if !families_match(&bind.value) {
        let span = advertise.map_or(bind.span, |list| list.span);
        findings.error(
            span,
            "`media_advertise` has one address of the same family for each of `media_address`",
            None,
        );
        return None;
    }
    let pair = |(bind, advertise): (&Located<IpAddr>, &IpAddr)| MediaAddress {
        bind: bind.value,
        advertise: *advertise,
    };
    Some(bind.value.iter().zip(&advertised).map(pair).collect())
}

/// Reads `srtp_suites`.
pub(crate) fn read_suites(
    section: &mut Section<'_>,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
    default: &[Suite],
) -> Option<Vec<Suite>> {
    if !section.has("srtp_suites") {
        // Known even so, or the key would be refused where it stands.
        let _ = section.list(findings, "srtp_suites", value::suite);
        return Some(default.to_vec());
    }
    let list =
        section.required_list(findings, "srtp_suites", "[\"AES_CM_128_HMAC_SHA1_80\"]", value::suite)?;
    let mut suites = Vec::new();
    for Located { value: suite, span } in list.value {
        if suites.contains(&suite) {
            findings.error(span, format!("{} stands here twice", suite.name()), None);
            continue;
        }
        if is_weak(suite) {
            let what = format!("{} has an authentication tag of 32 bits only", suite.name());
            strictness.broken(findings, Refusal::WeakSuite, span, &what);
        }
        suites.push(suite);
    }
    Some(suites)
}

fn read_opportunistic(
    section: &mut Section<'_>,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
) -> Opportunistic {
    let words = [("refuse", Opportunistic::Refuse), ("upgrade", Opportunistic::Upgrade)];
    let read = section.optional(findings, "opportunistic_srtp", |text| value::choice(text, &words));
    let Some(Located { value, span }) = read else { return Opportunistic::Refuse };
    if value == Opportunistic::Upgrade {
        let what = "an offer that leaves encryption open would be accepted";
        strictness.broken(findings, Refusal::OpportunisticAllowed, span, what);
    }
    value
}

fn read_codecs(section: &mut Section<'_>, findings: &mut Findings<'_>) -> Option<CodecRule> {
    if !section.has("codecs") {
        let _ = section.list(findings, "codecs", codec);
        return Some(CodecRule::Any);
    }
    let list =
        section.required_list(findings, "codecs", "[\"PCMU\", \"PCMA\", \"telephone-event\"]", codec)?;
    let is_audio = |(_, carries_audio): &(CodecName, bool)| *carries_audio;
    if !list.value.iter().any(|codec| is_audio(&codec.value)) {
        findings.error(list.span, "`codecs` holds no codec that carries a voice", None);
        return None;
    }
    Some(CodecRule::Only(list.value.into_iter().map(|codec| codec.value.0).collect()))
}

/// A codec, and whether somebody can be heard with it.
fn codec(text: &str) -> Result<(CodecName, bool), String> {
    let rides_along =
        |name: &str| name.eq_ignore_ascii_case("telephone-event") || name.eq_ignore_ascii_case("CN");
    let name = text.split('/').next().unwrap_or_default();
    text.parse()
        .map(|codec| (codec, !rides_along(name)))
        .map_err(|problem: cordon_policy::media::UnreadableCodec| problem.to_string())
}

/// A tag of 32 bits is forged by chance once in four thousand million packets, and the audio of a call lets a forger try
/// without being seen.
fn is_weak(suite: Suite) -> bool {
    match suite {
        Suite::AesCm128HmacSha1_32 => true,
        Suite::AesCm128HmacSha1_80
        | Suite::AesCm256HmacSha1_80
        | Suite::AeadAes128Gcm
        | Suite::AeadAes256Gcm => false,
    }
}

/// Two locations of one name could not be told apart in a report.
pub(crate) fn check_names(locations: &[Located<Location>], findings: &mut Findings<'_>) {
    for (index, location) in locations.iter().enumerate() {
        let is_taken = |other: &Located<Location>| other.value.name == location.value.name;
        if locations.iter().take(index).any(is_taken) {
            findings.error(location.span.clone(), "another location has this name", None);
        }
    }
}

/// Where a place is not given.
pub(crate) const NOWHERE: Range<usize> = 0..0;

// The suite every handset has comes first: it is what answers soonest; AEAD where the phone knows it.
const SUITES: [Suite; 4] =
    [Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm, Suite::AeadAes128Gcm, Suite::AesCm256HmacSha1_80];

const EVERYBODY: [&str; 2] = ["0.0.0.0/0", "::/0"];
