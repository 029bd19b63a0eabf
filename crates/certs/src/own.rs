//! Judging our own certificate before phones do.

use crate::chain::{chain_problem, strength_problem};
use crate::identity::Identity;
use crate::name::PeerName;
use crate::problem::CertProblem;
use crate::trust::TrustAnchors;

/// Whether phones that believe `trust` can accept our own chain under the name `host`. `now` is in seconds since 1970.
///
/// # Errors
/// The first problem of [`own_problems`].
pub fn verify_own(
    identity: &Identity,
    host: &PeerName,
    trust: &TrustAnchors,
    now: i64,
) -> Result<(), CertProblem> {
    own_problems(identity, Some(host), trust, now).into_iter().next().map_or(Ok(()), Err)
}

/// Everything that is wrong with our own chain, the worst first. `host` may be absent (profile `lab`): then names are
/// checked for wildcards only.
pub fn own_problems(
    identity: &Identity,
    host: Option<&PeerName>,
    trust: &TrustAnchors,
    now: i64,
) -> Vec<CertProblem> {
    let leaf = identity.leaf();
    let mut problems = Vec::new();
    problems.extend(chain_problem(identity.chain(), leaf, trust, now));
    problems.extend(strength_problem(leaf));
    if identity.intermediates().iter().any(|above| above.has_weak_signature && !above.is_self_signed) {
        problems.push(CertProblem::WeakSignature);
    }
    if leaf.has_wildcard() {
        problems.push(CertProblem::Wildcard);
    }
    problems.extend(host.and_then(|name| name.check(leaf).err()));
    let mut seen = Vec::new();
    problems.retain(|problem| {
        let is_new = !seen.contains(problem);
        seen.push(problem.clone());
        is_new
    });
    problems
}
