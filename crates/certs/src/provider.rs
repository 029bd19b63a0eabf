//! The cryptography of TLS: aws-lc-rs with exactly the suites and groups we allow.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// The provider of every TLS connection of ours. It is built here and handed on as a value, so that no library
/// that installs a process-wide default can widen it. In FIPS mode only groups are in it that the module stands for.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: SUITES.to_vec(),
        kx_groups: groups(::aws_lc_rs::try_fips_mode().is_ok()),
        ..aws_lc_rs::default_provider()
    })
}

fn groups(is_in_fips_mode: bool) -> Vec<&'static dyn SupportedKxGroup> {
    GROUPS.iter().copied().filter(|group| !is_in_fips_mode || group.fips()).collect()
}

/// TLS 1.3 first; RFC 8996 forbids 1.0 and 1.1, which the library does not have.
pub(crate) static VERSIONS: &[&SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

/// SP 800-52r2 §3.3.1.1.1, §3.3.1.1.2 and §3.3.1.2 within RFC 9325 §4.2: forward secrecy and AES-GCM only.
static SUITES: &[SupportedCipherSuite] = &[
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// P-256 first: phones and PBXs know it, and our own first key share stays small enough for one segment.
static GROUPS: &[&dyn SupportedKxGroup] =
    &[kx_group::SECP256R1, kx_group::SECP384R1, kx_group::X25519, kx_group::X25519MLKEM768];

#[cfg(test)]
mod tests {
    use rustls::NamedGroup;

    use super::*;

    #[test]
    fn six_suites_and_no_other_are_offered() {
        let ids: Vec<u16> = provider().cipher_suites.iter().map(|suite| u16::from(suite.suite())).collect();

        assert_eq!(ids, [0x1302, 0x1301, 0xC02C, 0xC02B, 0xC030, 0xC02F]);
    }

    #[test]
    fn in_fips_mode_every_group_is_one_of_the_module() {
        assert_eq!(groups(false).len(), GROUPS.len());
        let names: Vec<NamedGroup> = groups(true).iter().map(|group| group.name()).collect();
        assert!(!names.contains(&NamedGroup::X25519), "{names:?}");
    }
}
