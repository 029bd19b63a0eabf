//! The certificates a configuration points at, judged as phones and the profile will judge them.

use std::ops::Range;
use std::path::Path;

use cordon_certs::{
    CertError, CertProblem, Identity, PeerName, RevocationLists, Trust, TrustAnchors, days_left, own_problems,
};
use cordon_policy::Refusal;

use crate::finding::Findings;
use crate::profile::{Profile, Strictness};
use crate::section::Located;
use crate::site::{LocatedSite, LocatedTls};

/// What was read and may be used.
pub(crate) struct Certificates {
    pub(crate) identity: Identity,
    pub(crate) anchors: TrustAnchors,
}

/// Reads key, chain, anchors and revocation lists, and judges our own chain. `now` is in seconds since 1970.
pub(crate) fn read(
    site: &LocatedSite,
    tls: &LocatedTls,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
    public: &Trust,
    now: i64,
) -> Option<Certificates> {
    let believed = match &tls.tls.trust_anchors {
        Trust::System => public,
        file @ Trust::File(_) => file,
    };
    let anchors = read_anchors(believed, findings, tls.trust_anchors.clone());
    let revocations = read_revocations(tls, findings, now);
    let identity = read_identity(tls, findings)?;
    warn_of_readers(&tls.tls.private_key, findings, tls.private_key.clone());
    // In hipaa the chain must end in the public store, whatever is trusted toward the PBX. In lab phones may trust whom
    // they like, so any store will do: the issuer is not judged.
    let judges = match strictness.profile() {
        Profile::Hipaa => read_anchors(public, findings, tls.certificate.clone()),
        Profile::Lab => anchors.clone(),
    };
    let host: Option<PeerName> = site.site.host.as_ref().and_then(|host| host.parse().ok());
    if let Some(judges) = judges {
        let problems = own_problems(&identity, host.as_ref(), &judges, now);
        tell(problems, site, tls, findings, strictness);
    }
    warn_of_domain(&identity, site, findings);
    warn_of_end(&identity, findings, tls.certificate.clone(), now);
    Some(Certificates { identity, anchors: anchors?.with_revocations(revocations?) })
}

fn read_anchors(trust: &Trust, findings: &mut Findings<'_>, span: Range<usize>) -> Option<TrustAnchors> {
    trust.load().map_err(|problem| findings.error(span, problem.to_string(), None)).ok()
}

/// None at all where the file names none.
fn read_revocations(tls: &LocatedTls, findings: &mut Findings<'_>, now: i64) -> Option<RevocationLists> {
    let Some(Located { value: path, span }) = &tls.revocation_lists else {
        return Some(RevocationLists::default());
    };
    let lists = RevocationLists::load(path);
    let lists = lists.map_err(|problem| findings.error(span.clone(), problem.to_string(), None)).ok()?;
    let days = lists.first_end().map_or(0, |end| days_left(end, now));
    if days < 0 {
        let what = format!(
            "a revocation list should have been replaced {} days ago: certificates revoked since then are believed",
            days.saturating_abs()
        );
        findings.warning(span.clone(), what, Some("fetch the list anew, and reload".to_owned()));
    }
    Some(lists)
}

fn read_identity(tls: &LocatedTls, findings: &mut Findings<'_>) -> Option<Identity> {
    let mut read = |path: &Path, span: &Range<usize>| {
        let text = std::fs::read(path);
        let tell = |problem| {
            findings.error(span.clone(), format!("{} cannot be read: {problem}", path.display()), None)
        };
        text.map_err(tell).ok()
    };
    let certificate = read(&tls.tls.certificate, &tls.certificate);
    let private_key = read(&tls.tls.private_key, &tls.private_key);
    let loaded = Identity::load(&certificate?, &private_key?);
    let tell = |problem: CertError| {
        let span = match problem {
            CertError::NoPrivateKey | CertError::UnusableKey | CertError::KeyMismatch => &tls.private_key,
            CertError::Unreadable { .. }
            | CertError::NoCertificate
            | CertError::Malformed
            | CertError::NoSystemStore
            | CertError::NoAuthority
            | CertError::NoRevocationList
            | CertError::UnusableRevocationList
            | CertError::RevocationListsTooLarge
            | CertError::Internal(_) => &tls.certificate,
        };
        findings.error(span.clone(), problem.to_string(), None);
    };
    loaded.map_err(tell).ok()
}

/// Turns what is wrong with our own chain into findings.
fn tell(
    problems: Vec<CertProblem>,
    site: &LocatedSite,
    tls: &LocatedTls,
    findings: &mut Findings<'_>,
    strictness: &mut Strictness,
) {
    for problem in problems {
        let is_about_issuer = matches!(problem, CertProblem::SelfSigned | CertProblem::UntrustedIssuer);
        if is_about_issuer && strictness.profile() == Profile::Lab {
            continue;
        }
        let at = match problem {
            CertProblem::NameMismatch { .. } => site.host.clone(),
            _ => tls.certificate.clone(),
        };
        match refusal_for(&problem) {
            Some(refusal) => {
                strictness.broken_control(findings, refusal, problem.control(), at, &problem.to_string());
            }
            None => findings.error(at, problem.to_string(), Some(problem.fix().to_owned())),
        }
    }
}

fn warn_of_end(identity: &Identity, findings: &mut Findings<'_>, span: Range<usize>, now: i64) {
    let days = days_left(identity.leaf().not_after, now);
    if (0..=SOON).contains(&days) {
        findings.warning(span, format!("the certificate expires in {days} days"), None);
    }
}

/// Phones that look for the domain of their account in the certificate (RFC 5922) do not find it.
fn warn_of_domain(identity: &Identity, site: &LocatedSite, findings: &mut Findings<'_>) {
    let domain = &site.site.domain;
    let is_carried = domain.parse::<PeerName>().is_ok_and(|name| name.check(identity.leaf()).is_ok());
    if !is_carried {
        let what = format!(
            "the certificate does not carry {domain}: phones that look for their domain in it will not connect"
        );
        let help = Some("have the certificate issued for `site.host` and `site.domain`".to_owned());
        findings.warning(site.domain.clone(), what, help);
    }
}

/// A key that every account of this machine can read is no secret.
#[cfg(unix)]
fn warn_of_readers(path: &Path, findings: &mut Findings<'_>, span: Range<usize>) {
    use std::os::unix::fs::PermissionsExt;

    const READABLE_BY_OTHERS: u32 = 0o004;
    let mode = std::fs::metadata(path).map(|facts| facts.permissions().mode()).unwrap_or_default();
    if mode & READABLE_BY_OTHERS != 0 {
        findings.warning(
            span,
            "everybody on this machine can read the private key",
            Some(format!("chmod o-r {}", path.display())),
        );
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_: &Path, _: &mut Findings<'_>, _: Range<usize>) {}

/// The rule of profile hipaa that a certificate breaks; `None` for what no profile can use.
fn refusal_for(problem: &CertProblem) -> Option<Refusal> {
    match problem {
        CertProblem::SelfSigned => Some(Refusal::OwnCertificateSelfSigned),
        CertProblem::UntrustedIssuer => Some(Refusal::OwnCertificateNotPublic),
        CertProblem::Expired { .. } | CertProblem::NotYetValid | CertProblem::IntermediateOutOfTime => {
            Some(Refusal::OwnCertificateExpired)
        }
        CertProblem::Wildcard => Some(Refusal::OwnCertificateWildcard),
        CertProblem::NameMismatch { .. } | CertProblem::NoAlternativeName => {
            Some(Refusal::OwnCertificateName)
        }
        CertProblem::WeakKey { .. } | CertProblem::WeakSignature => Some(Refusal::OwnCertificateWeak),
        // Our own chain is not held against lists.
        CertProblem::Revoked | CertProblem::RevocationListNotIssued => None,
        CertProblem::NotForServers | CertProblem::Malformed => None,
    }
}

/// Days before the end from which every check says so.
const SOON: i64 = 30;
