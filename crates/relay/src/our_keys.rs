//! Our keys toward one peer: the one in force, and those that were left and may come back.

use cordon_rtp::KeyMaterial;
use cordon_srtp::Outbound;

/// What seals toward one peer.
///
/// A key of ours can come back: the peer answers early with one suite, with another, and at last with the first again. It
/// then goes on where it was left, because an index that is sealed twice under one key shows what was said.
pub(crate) struct OurKeys {
    current: OurKey,
    /// At most [`MAX_LEFT`], the one left longest ago first; only those that sealed something.
    left: Vec<OurKey>,
}

/// One key of ours, with the indexes it was used for.
struct OurKey {
    material: KeyMaterial,
    outbound: Outbound,
}

impl OurKeys {
    pub(crate) fn new(material: KeyMaterial) -> OurKeys {
        OurKeys { current: OurKey::new(material), left: Vec::new() }
    }

    /// What seals under the key in force.
    pub(crate) fn outbound(&mut self) -> &mut Outbound {
        &mut self.current.outbound
    }

    /// Whether it is time to replace the key in force.
    pub(crate) fn is_nearly_spent(&self) -> bool {
        self.current.outbound.is_nearly_spent()
    }

    /// Puts a key in force; false when it is the one that was in force already.
    pub(crate) fn take(&mut self, material: KeyMaterial) -> bool {
        if self.current.material.is_same_as(&material) {
            return false;
        }
        if self.current.material.has_bytes_of(&material) {
            self.current.take_suite(material);
            return true;
        }
        let known = self.left.iter().position(|left| left.material.has_bytes_of(&material));
        let next = match known.map(|place| self.left.remove(place)) {
            Some(mut left) => {
                left.take_suite(material);
                left
            }
            None => OurKey::new(material),
        };
        let leaving = std::mem::replace(&mut self.current, next);
        if leaving.has_sealed() {
            if self.left.len() >= MAX_LEFT {
                self.left.remove(0);
            }
            self.left.push(leaving);
        }
        true
    }
}

impl OurKey {
    fn new(material: KeyMaterial) -> OurKey {
        OurKey { outbound: Outbound::new(&material), material }
    }

    /// The same bytes, be it under another suite.
    fn take_suite(&mut self, material: KeyMaterial) {
        if !self.material.is_same_as(&material) {
            self.outbound.take_suite(&material);
            self.material = material;
        }
    }

    fn has_sealed(&self) -> bool {
        self.outbound.sealed_rtp() > 0 || self.outbound.sealed_rtcp() > 0
    }
}

/// Keys that were left and are remembered. Signalling brings back only keys of the set in force and of the one drafted for
/// the next: ten, one per suite each. Should it ever bring back an older one, that draws no key stream twice either, but
/// by chance of one in billions: sources get names at random under every key but the first.
const MAX_LEFT: usize = 16;

#[cfg(test)]
mod tests {
    use cordon_rtp::{PacketBuf, PacketIndex, Roc, Seq, Suite};
    use cordon_srtp::RtpPacket;

    use super::*;

    #[test]
    fn a_key_that_comes_back_seals_no_index_again() {
        let mut keys = OurKeys::new(key(1));
        assert!(seals(&mut keys, 5));
        for other in 2..10 {
            assert!(keys.take(key(other)));
            assert!(seals(&mut keys, 5));
        }

        assert!(keys.take(key(1)));
        assert!(!seals(&mut keys, 5));
        assert!(seals(&mut keys, 6));
        assert!(!keys.take(key(1)), "it is in force already");
        assert!(!seals(&mut keys, 6));
    }

    #[test]
    fn another_length_of_the_tag_is_no_other_key() {
        let short = || KeyMaterial::new(Suite::AesCm128HmacSha1_32, &[1; 30]).unwrap();
        let mut keys = OurKeys::new(key(1));
        assert!(seals(&mut keys, 5));

        assert!(keys.take(short()));
        assert!(!seals(&mut keys, 5));
        keys.take(key(2));
        assert!(seals(&mut keys, 5));
        assert!(keys.take(key(1)));
        assert!(!seals(&mut keys, 5));
    }

    #[test]
    fn keys_that_sealed_nothing_take_no_place_and_the_others_bounded_room() {
        let mut keys = OurKeys::new(key(1));
        for other in 2..100 {
            keys.take(key(other));
        }
        assert_eq!(keys.left.len(), 0);

        for other in 1..100 {
            keys.take(key(other));
            assert!(seals(&mut keys, 5));
        }
        assert_eq!(keys.left.len(), MAX_LEFT);
    }

    fn seals(keys: &mut OurKeys, seq: u16) -> bool {
        let mut buf = PacketBuf::from_slice(&[&[0x80, 0][..], &[0; 10], &[7; 20]].concat()).unwrap();
        let packet = RtpPacket::originate(&mut buf, PacketIndex::new(Roc(0), Seq(seq))).unwrap();
        keys.outbound().seal_rtp(packet).is_ok()
    }

    fn key(byte: u8) -> KeyMaterial {
        KeyMaterial::new(Suite::AesCm128HmacSha1_80, &[byte; 30]).unwrap()
    }
}
