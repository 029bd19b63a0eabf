//! The table of SRTP suites.

use std::fmt;

/// How the packets of one stream are encrypted and authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-128 in counter mode with an 80-bit HMAC-SHA1 tag (RFC 4568 §6.2.1).
    AesCm128HmacSha1_80,
    /// The same with a 32-bit tag on SRTP; SRTCP keeps 80 bits (RFC 4568 §6.2.2).
    AesCm128HmacSha1_32,
    /// AES-256 in counter mode with an 80-bit HMAC-SHA1 tag (RFC 6188).
    AesCm256HmacSha1_80,
    /// AES-128 in Galois counter mode (RFC 7714).
    AeadAes128Gcm,
    /// AES-256 in Galois counter mode (RFC 7714).
    AeadAes256Gcm,
}

impl Suite {
    /// Every suite there is; their order is no preference.
    pub const ALL: [Suite; 5] = [
        Suite::AesCm128HmacSha1_80,
        Suite::AesCm128HmacSha1_32,
        Suite::AesCm256HmacSha1_80,
        Suite::AeadAes128Gcm,
        Suite::AeadAes256Gcm,
    ];

    /// The suite a crypto attribute names, in IANA's spelling or in the one some phones write for AES-256.
    ///
    /// Case matters (RFC 4568 §9.1). The spelling is the caller's to keep: an answer echoes it.
    pub fn parse(name: &str) -> Option<Suite> {
        if name == AES_CM_256_ALIAS {
            return Some(Suite::AesCm256HmacSha1_80);
        }
        Suite::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// The name in IANA's registry of SRTP crypto suites.
    pub const fn name(self) -> &'static str {
        match self {
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Suite::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// Bytes of the master key, and of each session encryption key.
    pub const fn key_len(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 | Suite::AeadAes128Gcm => 16,
            Suite::AesCm256HmacSha1_80 | Suite::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of the master salt, and of each session salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 | Suite::AesCm256HmacSha1_80 => 14,
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => 12,
        }
    }

    /// Bytes of the authentication tag of an SRTP packet.
    pub const fn tag_len(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm256HmacSha1_80 => 10,
            Suite::AesCm128HmacSha1_32 => 4,
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => 16,
        }
    }

    /// Bytes of the authentication tag of an SRTCP packet.
    pub const fn rtcp_tag_len(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 | Suite::AesCm256HmacSha1_80 => 10,
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => 16,
        }
    }

    /// SRTP packets after which a master key is spent (RFC 3711 §9.2, RFC 6188 §4, RFC 7714 §12).
    pub const fn max_srtp_packets(self) -> u64 {
        match self {
            Suite::AesCm128HmacSha1_80
            | Suite::AesCm128HmacSha1_32
            | Suite::AeadAes128Gcm
            | Suite::AeadAes256Gcm => 1 << 48,
            Suite::AesCm256HmacSha1_80 => 1 << 31,
        }
    }

    /// SRTCP packets after which a master key is spent: the SRTCP index has 31 bits in every suite.
    pub const fn max_srtcp_packets(self) -> u64 {
        1 << 31
    }

    /// Whether encryption and authentication are one operation (GCM).
    pub const fn is_aead(self) -> bool {
        match self {
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => true,
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 | Suite::AesCm256HmacSha1_80 => false,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The spelling of AES_256_CM_HMAC_SHA1_80 in drafts of RFC 6188, which phones still write.
const AES_CM_256_ALIAS: &str = "AES_CM_256_HMAC_SHA1_80";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_is_found_by_its_name() {
        for suite in Suite::ALL {
            assert_eq!(Suite::parse(suite.name()), Some(suite));
        }
    }

    #[test]
    fn the_draft_spelling_is_accepted_and_case_matters() {
        assert_eq!(Suite::parse("AES_CM_256_HMAC_SHA1_80"), Some(Suite::AesCm256HmacSha1_80));
        assert_eq!(Suite::parse("aes_cm_128_hmac_sha1_80"), None);
        assert_eq!(Suite::parse("F8_128_HMAC_SHA1_80"), None);
    }
}
