//! The small sections: site, tls, emergency, registration and metrics.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cordon_certs::Trust;
use cordon_policy::Refusal;
use cordon_policy::request::EmergencyNumbers;

use crate::finding::Findings;
use crate::profile::{Profile, Strictness};
use crate::section::{Located, Section};
use crate::settings::{Emergency, Metrics, Registration, Site, Tls};
use crate::value;

/// `[site]` with the places that findings about certificates point at.
pub(crate) struct LocatedSite {
    pub(crate) site: Site,
    pub(crate) domain: Range<usize>,
    pub(crate) host: Range<usize>,
}

/// `[tls]` with its places.
pub(crate) struct LocatedTls {
    pub(crate) tls: Tls,
    pub(crate) certificate: Range<usize>,
    pub(crate) private_key: Range<usize>,
    pub(crate) trust_anchors: Range<usize>,
    pub(crate) revocation_lists: Option<Located<PathBuf>>,
}

/// Reads the profile alone: everything else depends on it. A file whose profile cannot be read is held to `hipaa`.
pub(crate) fn read_profile(section: &mut Section<'_>, findings: &mut Findings<'_>) -> Profile {
    let words = [("hipaa", Profile::Hipaa), ("lab", Profile::Lab)];
    let read = |text: &str| value::choice(text, &words);
    section
        .required(findings, "profile", "\"hipaa\" or \"lab\"", read)
        .map_or(Profile::Hipaa, |profile| profile.value)
}

pub(crate) fn read_site(
    mut section: Section<'_>,
    findings: &mut Findings<'_>,
    profile: Profile,
    folder: &Path,
) -> Option<LocatedSite> {
    let span = section.span();
    let name = section.required(findings, "name", "\"clinic-north\"", value::label);
    let domain = section.required(findings, "domain", "the SIP domain phones register in", value::host);
    let host = match profile {
        Profile::Hipaa => section.required(findings, "host", "the name phones connect to", value::host),
        Profile::Lab => section.optional(findings, "host", value::host),
    };
    let state = section
        .optional(findings, "state", path)
        .map_or_else(|| folder.join("state"), |path| folder.join(path.value));
    section.finish(findings);
    let (name, domain) = (name?, domain?);
    let host_span = host.as_ref().map_or(span, |host| host.span.clone());
    let site =
        Site { name: name.value, profile, domain: domain.value, host: host.map(|host| host.value), state };
    Some(LocatedSite { site, domain: domain.span, host: host_span })
}

pub(crate) fn read_tls(
    mut section: Section<'_>,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
    folder: &Path,
) -> Option<LocatedTls> {
    let span = section.span();
    let certificate = section.required(findings, "certificate", "\"pki/fullchain.pem\"", path);
    let private_key = section.required(findings, "private_key", "\"pki/privkey.pem\"", path);
    let anchors = section.optional(findings, "trust_anchors", |text| match text {
        "system" => Ok(Trust::System),
        file => path(file).map(|file| Trust::File(folder.join(file))),
    });
    let revocation_lists =
        section.optional(findings, "revocation_lists", |text| path(text).map(|file| folder.join(file)));
    section.finish(findings);
    if let Some(Located { value: Trust::File(_), span }) = &anchors {
        let what = "the PBX would be believed by roots that are not public";
        strictness.broken(findings, Refusal::PrivateTrustAnchors, span.clone(), what);
    }
    let (certificate, private_key) = (certificate?, private_key?);
    let anchors_span = anchors.as_ref().map_or(span, |anchors| anchors.span.clone());
    Some(LocatedTls {
        tls: Tls {
            certificate: folder.join(certificate.value),
            private_key: folder.join(private_key.value),
            trust_anchors: anchors.map_or(Trust::System, |anchors| anchors.value),
            revocation_lists: revocation_lists.as_ref().map(|lists| lists.value.clone()),
        },
        certificate: certificate.span,
        private_key: private_key.span,
        trust_anchors: anchors_span,
        revocation_lists,
    })
}

pub(crate) fn read_emergency(
    section: Option<Section<'_>>,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
    file: Range<usize>,
) -> Emergency {
    let Some(mut section) = section else {
        let what = "no emergency numbers are written down: [emergency] is missing";
        strictness.broken(findings, Refusal::EmergencyMissing, file, what);
        return Emergency::default();
    };
    let span = section.span();
    let one = |text: &str| match EmergencyNumbers::new([text.to_owned()]) {
        Ok(_) => Ok(text.to_owned()),
        Err(problem) => Err(problem.to_string()),
    };
    let is_written = section.has("numbers");
    let numbers = section.list(findings, "numbers", one);
    section.finish(findings);
    let span = numbers.as_ref().map_or(span, |numbers| numbers.span.clone());
    let list: Vec<String> =
        numbers.iter().flat_map(|numbers| &numbers.value).map(|number| number.value.clone()).collect();
    // A list that could not be read has its own finding.
    if list.is_empty() && (numbers.is_some() || !is_written) {
        strictness.broken(findings, Refusal::EmergencyMissing, span, "no emergency numbers are written down");
    }
    Emergency { numbers: EmergencyNumbers::new(list).unwrap_or_default() }
}

pub(crate) fn read_registration(section: Option<Section<'_>>, findings: &mut Findings<'_>) -> Registration {
    let Some(mut section) = section else { return Registration { maximum: DEFAULT_MAXIMUM } };
    let maximum = section.optional(findings, "maximum", value::duration);
    section.finish(findings);
    if let Some(Located { value, span }) = &maximum
        && !(SHORTEST..=LONGEST).contains(value)
    {
        findings.error(span.clone(), "`maximum`: between 60s and 1d", None);
    }
    Registration { maximum: maximum.map_or(DEFAULT_MAXIMUM, |maximum| maximum.value) }
}

pub(crate) fn read_metrics(section: Option<Section<'_>>, findings: &mut Findings<'_>) -> Located<Metrics> {
    let default = SocketAddr::from(([127, 0, 0, 1], DEFAULT_METRICS_PORT));
    let Some(mut section) = section else {
        return Located { value: Metrics { listen: default }, span: 0..0 };
    };
    let span = section.span();
    let listen = section.optional(findings, "listen", |text| {
        // Metrics tell how many calls a clinic has; whoever may read them logs in to this machine first.
        value::socket(text).and_then(|address| match address.ip().is_loopback() {
            true => Ok(address),
            false => Err("a loopback address, such as 127.0.0.1:9061".to_owned()),
        })
    });
    section.finish(findings);
    match listen {
        Some(listen) => Located { value: Metrics { listen: listen.value }, span: listen.span },
        None => Located { value: Metrics { listen: default }, span },
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    match text.is_empty() || text.contains('\0') {
        true => Err("a path, absolute or relative to this file".to_owned()),
        false => Ok(PathBuf::from(text)),
    }
}

/// Ten minutes: a phone that is gone is known to be gone soon, and the PBX is not flooded.
const DEFAULT_MAXIMUM: Duration = Duration::from_secs(600);
/// RFC 3261 §10.3 lets a registrar refuse anything below an hour; below a minute refreshes become a flood.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(86_400);

const DEFAULT_METRICS_PORT: u16 = 9061;
