//! From a path to checked settings.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use cordon_certs::{Identity, Trust, TrustAnchors};
use jiff::tz::TimeZone;
use toml::de::DeTable;

use crate::finding::{Finding, Findings};
use crate::limits::Limits;
use crate::listeners::Listeners;
use crate::location::check_names;
use crate::media::Media;
use crate::profile::{Profile, Strictness};
use crate::section::{Located, Section};
use crate::settings::Settings;
use crate::source::Source;
use crate::{certificates, location, pbx, site, waiver};

/// A configuration that may be used, with the certificates that were judged: what starts is what was checked.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the file says.
    pub settings: Settings,
    /// Our own certificate with its key.
    pub identity: Identity,
    /// Who is believed about the PBX.
    pub anchors: TrustAnchors,
    /// To be said aloud at every start: the profile if it is lab, the waivers in force, what they weaken.
    pub warnings: Vec<Finding>,
}

/// What a configuration is judged by besides itself.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Certificates and waivers have dates.
    pub now: SystemTime,
    /// What `trust_anchors = "system"` and profile hipaa mean by the public store. A test has its own; nothing that an
    /// operator can set leads here.
    pub public: Trust,
}

impl Surroundings {
    /// This machine, now.
    pub fn here() -> Self {
        Surroundings { now: SystemTime::now(), public: Trust::System }
    }
}

/// Reads and checks a configuration with everything it points at. Nothing is bound and nobody is called.
///
/// # Errors
/// All findings at once, errors first.
pub fn load(path: &Path) -> Result<Loaded, Vec<Finding>> {
    load_in(&Surroundings::here(), path)
}

/// As [`load`], somewhere else.
///
/// # Errors
/// As [`load`].
pub fn load_in(surroundings: &Surroundings, path: &Path) -> Result<Loaded, Vec<Finding>> {
    let unreadable = |problem: std::io::Error| vec![Finding::about(path.to_owned(), explain(&problem))];
    let facts = std::fs::metadata(path).map_err(unreadable)?;
    if facts.len() > MAX_FILE {
        return Err(vec![Finding::about(
            path.to_owned(),
            "longer than 1 MB: not a configuration".to_owned(),
        )]);
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    // A finding shows its line and its value, and findings are logged: no key may come that far.
    if text.contains(KEY_ARMOUR) {
        return Err(vec![Finding::about(
            path.to_owned(),
            "a private key stands in this file: keep it in a file of its own, and name that in `private_key`"
                .to_owned(),
        )]);
    }
    let source = Source::new(path, text);
    let mut findings = Findings::new(&source);
    let loaded = read(&source, &mut findings, surroundings);
    match (loaded, findings.has_errors()) {
        (Some(loaded), false) => Ok(Loaded { warnings: findings.finish(), ..loaded }),
        (_, _) => Err(findings.finish()),
    }
}

/// Why the file cannot be read, and what to do about it.
fn explain(problem: &std::io::Error) -> String {
    match problem.kind() {
        ErrorKind::NotFound => "there is no such file: begin with a copy of config/cordon.toml".to_owned(),
        ErrorKind::PermissionDenied => {
            "you may not read this file: ask as the user that runs Cordon, or as root".to_owned()
        }
        ErrorKind::InvalidData => "not text in UTF-8: save it as that".to_owned(),
        _ => format!("it cannot be read ({problem})"),
    }
}

fn read(source: &Source, findings: &mut Findings<'_>, surroundings: &Surroundings) -> Option<Loaded> {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    for error in &errors {
        findings.error(error.span().unwrap_or_default(), error.message(), None);
    }
    // What the parser could not read would look as if it were missing.
    if !errors.is_empty() {
        return None;
    }
    let seconds = surroundings
        .now
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())?;
    let today = jiff::Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).date();
    let folder = source.path().parent().unwrap_or(Path::new(""));
    let mut listeners = Listeners::default();
    let mut root = Section::root(&table);

    let mut site_section = root.section(findings, "site", "[site]");
    let profile =
        site_section.as_mut().map_or(Profile::Hipaa, |section| site::read_profile(section, findings));
    let waivers = root.sections(findings, "waiver", "[[waiver]]");
    let waivers = waivers.into_iter().filter_map(|section| waiver::read(section, findings, today)).collect();
    let mut strictness = Strictness::new(profile, waivers);
    if profile == Profile::Lab {
        let span = site_section.as_ref().map_or(0..0, Section::span);
        findings.warning(span, "profile lab: not for calls about patients", None);
    }

    if site_section.is_none() && !root.has("site") {
        root.missing_section(findings, "[site]", "name, profile, domain and host");
    }
    let site = site_section.and_then(|section| site::read_site(section, findings, profile, folder));
    let tls = match root.section(findings, "tls", "[tls]") {
        Some(section) => site::read_tls(section, findings, &mut strictness, folder),
        None => {
            root.missing_section(findings, "[tls]", "certificate and private_key");
            None
        }
    };
    let emergency = root.section(findings, "emergency", "[emergency]");
    let emergency = site::read_emergency(emergency, findings, &mut strictness, location::NOWHERE);
    let registration = root.section(findings, "registration", "[registration]");
    let registration = site::read_registration(registration, findings);
    let media = root.section(findings, "media", "[media]");
    let media = Media::read(media, findings);
    let metrics = root.section(findings, "metrics", "[metrics]");
    let metrics = site::read_metrics(metrics, findings);
    listeners.add_tcp(&Located { value: metrics.value.listen, span: metrics.span.clone() }, "metrics.listen");
    let limits = root.section(findings, "limits", "[limits]");
    let limits = Limits::read(limits, findings);

    let sections = root.sections(findings, "location", "[[location]]");
    if sections.is_empty() && !root.has("location") {
        root.missing_section(findings, "[[location]]", "name, listen, networks and media_address");
    }
    let count = sections.len();
    let locations: Vec<_> = sections
        .into_iter()
        .filter_map(|section| location::read(section, findings, &mut strictness, &mut listeners))
        .collect();
    check_names(&locations, findings);
    let pbx = match root.section(findings, "pbx", "[pbx]") {
        Some(section) => pbx::read(section, findings, &mut strictness, &mut listeners),
        None => {
            root.missing_section(findings, "[pbx]", "uri, listen, networks and media_address");
            None
        }
    };
    root.finish(findings);
    listeners.check(findings, &media.value.ports);

    let certificates = match (&site, &tls) {
        (Some(site), Some(tls)) => {
            certificates::read(site, tls, findings, &mut strictness, &surroundings.public, seconds)
        }
        (_, _) => None,
    };
    let waivers = strictness.finish(findings);
    let (site, tls, pbx, certificates) = (site?, tls?, pbx?, certificates?);
    (locations.len() == count && count > 0).then(|| Loaded {
        settings: Settings {
            site: site.site,
            tls: tls.tls,
            emergency,
            registration,
            locations: locations.into_iter().map(|location| location.value).collect(),
            pbx,
            media: media.value,
            metrics: metrics.value,
            limits,
            waivers,
        },
        identity: certificates.identity,
        anchors: certificates.anchors,
        warnings: Vec::new(),
    })
}

/// What the first line of every private key in PEM ends with, encrypted ones too (RFC 7468 §10, §11).
const KEY_ARMOUR: &str = "PRIVATE KEY-----";

/// A thousand locations fit into it.
const MAX_FILE: u64 = 1024 * 1024;
