//! Judging a certificate chain: strength, trust, time.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::leaf::{KeyKind, LeafFacts};
use crate::name::PeerName;
use crate::problem::CertProblem;
use crate::provider::provider;
use crate::trust::TrustAnchors;

/// What a PBX shows in a handshake: chain, strength, name. `chain` is never empty in a handshake; if it is, it is
/// malformed.
pub fn judge_peer(
    chain: &[CertificateDer<'_>],
    name: &PeerName,
    trust: &TrustAnchors,
    now: i64,
) -> Result<(), CertProblem> {
    let first = chain.first().ok_or(CertProblem::Malformed)?;
    let leaf = LeafFacts::read(first).map_err(|_| CertProblem::Malformed)?;
    if let Some(problem) = strength_problem(&leaf) {
        return Err(problem);
    }
    if let Some(problem) = chain_problem(chain, &leaf, trust, now) {
        return Err(problem);
    }
    name.check(&leaf)
}

/// RFC 9325 §4.5: RSA of 2,048 bits, curves of 224; ours are P-256 and up. SHA-1 must not be used.
pub(crate) fn strength_problem(leaf: &LeafFacts) -> Option<CertProblem> {
    match leaf.key {
        KeyKind::Rsa(bits) if bits < 2048 => return Some(CertProblem::WeakKey { bits }),
        KeyKind::Ecdsa(bits) if bits < 256 => return Some(CertProblem::WeakKey { bits }),
        KeyKind::Other => return Some(CertProblem::Malformed),
        KeyKind::Rsa(_) | KeyKind::Ecdsa(_) => {}
    }
    leaf.has_weak_signature.then_some(CertProblem::WeakSignature)
}

/// Time, trust and use, in that order: an expired certificate is told so whoever issued it.
pub(crate) fn chain_problem(
    chain: &[CertificateDer<'_>],
    leaf: &LeafFacts,
    trust: &TrustAnchors,
    now: i64,
) -> Option<CertProblem> {
    if now > leaf.not_after {
        return Some(CertProblem::Expired { days: now.saturating_sub(leaf.not_after) / DAY });
    }
    if now < leaf.not_before {
        return Some(CertProblem::NotYetValid);
    }
    let Some((first, above)) = chain.split_first() else { return Some(CertProblem::Malformed) };
    let Ok(end_entity) = EndEntityCert::try_from(first) else { return Some(CertProblem::Malformed) };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or(0)));
    let algorithms = provider().signature_verification_algorithms.all;
    let (anchors, usage) = (trust.as_slice(), KeyUsage::server_auth());
    let verified = trust.revocations().with_options(|revocations| {
        end_entity.verify_for_usage(algorithms, anchors, above, time, usage, revocations, None).map(drop)
    });
    verified.err().map(|error| explain(&error, leaf))
}

fn explain(error: &webpki::Error, leaf: &LeafFacts) -> CertProblem {
    use webpki::Error as E;
    match error {
        E::UnknownIssuer | E::CaUsedAsEndEntity if leaf.is_self_signed => CertProblem::SelfSigned,
        E::UnknownIssuer => CertProblem::UntrustedIssuer,
        E::CertExpired { .. } | E::CertNotValidYet { .. } => CertProblem::IntermediateOutOfTime,
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => CertProblem::NotForServers,
        E::CertRevoked => CertProblem::Revoked,
        E::InvalidCrlSignatureForPublicKey
        | E::IssuerNotCrlSigner
        | E::UnsupportedCrlSignatureAlgorithmContext(_)
        | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => CertProblem::RevocationListNotIssued,
        E::UnsupportedSignatureAlgorithmContext(_) => CertProblem::WeakSignature,
        _ => CertProblem::Malformed,
    }
}

const DAY: i64 = 86_400;
