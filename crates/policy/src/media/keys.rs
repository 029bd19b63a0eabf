//! Choosing a key line.

use cordon_sdp::{CryptoAttribute, CryptoLine, CryptoProblem, Media};

use super::{LegRules, SecureMedia};
use crate::Permit;
use crate::refusal::Refusal;

/// The first line of an offer that can be used and whose suite is accepted (RFC 4568 §5.1.2).
pub(super) fn choose(rules: &LegRules, media: &Media) -> Result<Permit<SecureMedia>, Refusal> {
    media
        .crypto
        .iter()
        .enumerate()
        .filter_map(|(index, line)| Some((index, line.usable()?)))
        .find(|(_, attribute)| rules.suites.contains(&attribute.suite))
        .map(|(index, attribute)| grant(index, attribute))
        .ok_or_else(|| why_none(&media.crypto))
}

pub(super) fn grant(crypto: usize, attribute: &CryptoAttribute) -> Permit<SecureMedia> {
    Permit::grant(SecureMedia {
        crypto,
        tag: attribute.tag,
        suite: attribute.suite,
        spelling: attribute.spelling.clone(),
        mki_length: attribute.mki_length(),
    })
}

/// The reason worth telling where no line could be chosen: the one that is nearest to working is told first, but
/// a line that would weaken protection before all.
fn why_none(lines: &[CryptoLine]) -> Refusal {
    let mut reasons: Vec<Refusal> = lines.iter().map(why_not).collect();
    reasons.sort_by_key(|reason| ORDER.iter().position(|other| other == reason).unwrap_or(ORDER.len()));
    reasons.first().copied().unwrap_or(Refusal::KeysMissing)
}

fn why_not(line: &CryptoLine) -> Refusal {
    match line {
        CryptoLine::Usable(_) => Refusal::SuiteNotAccepted,
        CryptoLine::Skipped { why, .. } => refusal_for(*why),
    }
}

/// What a skipped line is refused with.
pub(super) fn refusal_for(problem: CryptoProblem) -> Refusal {
    match problem {
        CryptoProblem::Weakening(_) => Refusal::ProtectionWeakened,
        CryptoProblem::LifetimeOverLimit => Refusal::KeyLifetimeTooLong,
        CryptoProblem::SeveralKeys => Refusal::SeveralKeys,
        CryptoProblem::UnknownSuite => Refusal::SuiteNotAccepted,
        CryptoProblem::KeyDerivationRate
        | CryptoProblem::ForwardErrorCorrection
        | CryptoProblem::UnknownParameter => Refusal::KeyParameterUnknown,
        CryptoProblem::Malformed
        | CryptoProblem::BadTag
        | CryptoProblem::DuplicateTag
        | CryptoProblem::UnknownKeyMethod
        | CryptoProblem::BadBase64
        | CryptoProblem::WrongKeyLength
        | CryptoProblem::BadLifetime
        | CryptoProblem::BadMki => Refusal::KeyMalformed,
    }
}

const ORDER: [Refusal; 6] = [
    Refusal::ProtectionWeakened,
    Refusal::KeyLifetimeTooLong,
    Refusal::SeveralKeys,
    Refusal::KeyParameterUnknown,
    Refusal::KeyMalformed,
    Refusal::SuiteNotAccepted,
];
