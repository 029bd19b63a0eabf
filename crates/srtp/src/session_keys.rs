//! From a master key to the keys packets are protected with (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).

use cordon_rtp::{KeyMaterial, Suite};
use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::provider::{CounterMode, KeyStream};
use crate::transform::{ReportTransform, Transform};

/// Everything derived from one master key.
pub(crate) struct SessionKeys {
    pub(crate) rtp: Transform,
    pub(crate) rtcp: ReportTransform,
    /// Bytes of master key identifier in each packet.
    pub(crate) mki_len: usize,
    /// Packets after which the master key is spent.
    pub(crate) max_srtp: u64,
    pub(crate) max_srtcp: u64,
}

impl SessionKeys {
    /// Derives the six session keys; the key derivation rate is zero, as in every crypto attribute we accept.
    pub(crate) fn derive(master: &KeyMaterial) -> Self {
        let suite = master.suite();
        let prf = Prf::new(master);
        let derive = |labels: Labels| {
            let mut derived = Derived { key: [0; 32], mac: [0; 20], salt: 0 };
            let (key, _) = derived.key.split_at_mut(suite.key_len());
            prf.derive(labels.encryption, key);
            prf.derive(labels.authentication, &mut derived.mac);
            derived.salt = prf.salt(labels.salt, suite.salt_len());
            derived
        };
        let (rtp, rtcp) = (derive(SRTP), derive(SRTCP));
        Self {
            rtp: Transform::new(suite, rtp.key(suite), &rtp.mac, rtp.salt).expect(KEY_FITS),
            rtcp: ReportTransform::new(suite, rtcp.key(suite), &rtcp.mac, rtcp.salt).expect(KEY_FITS),
            mki_len: usize::from(master.mki_len()),
            max_srtp: suite.max_srtp_packets().min(master.lifetime()),
            max_srtcp: suite.max_srtcp_packets().min(master.lifetime()),
        }
    }

    /// Packets that are left when so many were sealed or opened: of SRTP, and of SRTCP.
    pub(crate) fn remaining(&self, rtp: u64, rtcp: u64) -> [u64; 2] {
        [self.max_srtp.saturating_sub(rtp), self.max_srtcp.saturating_sub(rtcp)]
    }

    /// Whether so few packets are left that the key should be replaced now.
    pub(crate) fn are_nearly_spent(&self, rtp: u64, rtcp: u64) -> bool {
        let [rtp, rtcp] = self.remaining(rtp, rtcp);
        rtp < RESERVE.min(self.max_srtp / 4) || rtcp < RESERVE.min(self.max_srtcp / 4)
    }

    /// What the master key and salt are told by.
    pub(crate) fn mark(&self) -> KeyMark {
        KeyMark(Zeroizing::new([self.rtp.salt().to_be_bytes(), self.rtcp.salt().to_be_bytes()]))
    }

    /// Whether both come from the same master key and salt.
    pub(crate) fn is_same_as(&self, other: &SessionKeys) -> bool {
        self.mark() == other.mark()
    }
}

/// Tells a master key and salt from others: two unlike ones do not share 192 bits of derived salt. Compared in time that
/// does not depend on the bytes.
pub(crate) struct KeyMark(Zeroizing<[[u8; 16]; 2]>);

impl PartialEq for KeyMark {
    fn eq(&self, other: &Self) -> bool {
        bool::from(self.0.as_flattened().ct_eq(other.0.as_flattened()))
    }
}

/// The session keys of one protocol.
#[derive(ZeroizeOnDrop)]
struct Derived {
    key: [u8; 32],
    mac: [u8; 20],
    salt: u128,
}

impl Derived {
    fn key(&self, suite: Suite) -> &[u8] {
        self.key.split_at(suite.key_len()).0
    }
}

/// AES in counter mode under the master key, as pseudo-random function.
struct Prf {
    stream: CounterMode,
    /// Master salt as a number of 112 bits; GCM's 96 bits are filled up with zeros at the end (RFC 7714 §11).
    salt: Zeroizing<u128>,
}

impl Prf {
    fn new(master: &KeyMaterial) -> Self {
        let mut salt = Zeroizing::new([0_u8; 16]);
        salt.iter_mut().skip(2).zip(master.master_salt()).for_each(|(place, byte)| *place = *byte);
        Self {
            stream: CounterMode::new(master.master_key()).expect(KEY_FITS),
            salt: Zeroizing::new(u128::from_be_bytes(*salt)),
        }
    }

    fn derive(&self, label: u8, out: &mut [u8]) {
        out.fill(0);
        self.stream.apply((*self.salt ^ (u128::from(label) << 48)) << 16, out);
    }

    fn salt(&self, label: u8, len: usize) -> u128 {
        let mut bytes = Zeroizing::new([0_u8; 16]);
        let (_, used) = bytes.split_at_mut(16 - len);
        self.derive(label, used);
        u128::from_be_bytes(*bytes)
    }
}

#[derive(Clone, Copy)]
struct Labels {
    encryption: u8,
    authentication: u8,
    salt: u8,
}

/// Packets of a key kept for changing it: five hours of one call.
const RESERVE: u64 = 1 << 20;
const KEY_FITS: &str = "every suite's key is 16 or 32 bytes";

// RFC 3711 §4.3.2.
const SRTP: Labels = Labels { encryption: 0, authentication: 1, salt: 2 };
const SRTCP: Labels = Labels { encryption: 3, authentication: 4, salt: 5 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_rfc_3711_appendix_b_3_come_out() {
        let prf = prf(
            Suite::AesCm128HmacSha1_80,
            "e1f97a0d3e018be0d64fa32c06de4139",
            "0ec675ad498afeebb6960b3aabe6",
        );
        assert_eq!(derived(&prf, 0, 16), "c61e7a93744f39ee10734afe3ff7a087");
        assert_eq!(derived(&prf, 2, 14), "30cbbc08863d8c85d49db34a9ae1");
        assert_eq!(prf.salt(2, 14), 0x30cb_bc08_863d_8c85_d49d_b34a_9ae1);
        assert_eq!(
            derived(&prf, 1, 94),
            "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327ad175578ef7227098\
             6371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2"
        );
    }

    #[test]
    fn keys_of_rfc_6188_section_7_2_come_out() {
        let prf = prf(
            Suite::AesCm256HmacSha1_80,
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
            "3b04803de51ee7c96423ab5b78d2",
        );
        assert_eq!(derived(&prf, 0, 32), "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
        assert_eq!(derived(&prf, 1, 20), "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
        assert_eq!(derived(&prf, 2, 14), "fa31791685ca444a9e07c6c64e93");
    }

    #[test]
    fn a_salt_of_96_bits_is_filled_up_with_zeros() {
        let prf = prf(Suite::AeadAes128Gcm, "000102030405060708090a0b0c0d0e0f", "a0a1a2a3a4a5a6a7a8a9aaab");
        assert_eq!(derived(&prf, 0, 16), "077c6143cb221bc355ff23d5f984a16e");
    }

    #[test]
    fn the_same_master_key_is_recognised() {
        let key = |byte| KeyMaterial::new(Suite::AeadAes256Gcm, &[byte; 44]).unwrap();
        assert!(SessionKeys::derive(&key(1)).is_same_as(&SessionKeys::derive(&key(1))));
        assert!(!SessionKeys::derive(&key(1)).is_same_as(&SessionKeys::derive(&key(2))));
    }

    fn prf(suite: Suite, key: &str, salt: &str) -> Prf {
        let bytes: Vec<u8> = [key, salt]
            .concat()
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        Prf::new(&KeyMaterial::new(suite, &bytes).unwrap())
    }

    fn derived(prf: &Prf, label: u8, len: usize) -> String {
        let mut out = vec![0xff; len];
        prf.derive(label, &mut out);
        out.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
