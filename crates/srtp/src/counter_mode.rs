//! AES in counter mode, as key stream and as the pseudo-random function of key derivation.

use aes::cipher::{InnerIvInit, KeyInit, StreamCipher};
use aes::{Aes128Enc, Aes256Enc};
use ctr::{Ctr128BE, CtrCore};

/// An expanded AES key; the key stream needs only the encrypting half.
pub(crate) enum CounterMode {
    Aes128(Box<Aes128Enc>),
    Aes256(Box<Aes256Enc>),
}

impl CounterMode {
    /// Expands a key of 16 or 32 bytes; `None` for any other length.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128Enc::new_from_slice(key).ok().map(|key| CounterMode::Aes128(Box::new(key))),
            32 => Aes256Enc::new_from_slice(key).ok().map(|key| CounterMode::Aes256(Box::new(key))),
            _ => None,
        }
    }

    /// Adds the key stream that starts at counter block `start` to `bytes`: encrypts, and decrypts again.
    pub(crate) fn apply(&self, start: u128, bytes: &mut [u8]) {
        let start = start.to_be_bytes();
        match self {
            CounterMode::Aes128(key) => {
                Ctr128BE::from_core(CtrCore::inner_iv_init(key.as_ref(), &start.into()))
                    .apply_keystream(bytes);
            }
            CounterMode::Aes256(key) => {
                Ctr128BE::from_core(CtrCore::inner_iv_init(key.as_ref(), &start.into()))
                    .apply_keystream(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stream_of_rfc_3711_appendix_b_2_comes_out() {
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        let start = 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_0000;
        let mut bytes = vec![0; 0xff02 * 16];
        CounterMode::new(&key).unwrap().apply(start, &mut bytes);
        let block = |number: usize| u128::from_be_bytes(bytes[16 * number..][..16].try_into().unwrap());
        assert_eq!(block(0), 0xe03e_ad09_35c9_5e80_e166_b16d_d92b_4eb4);
        assert_eq!(block(1), 0xd235_1316_2b02_d0f7_2a43_a2fe_4a5f_97ab);
        assert_eq!(block(2), 0x41e9_5b3b_b0a2_e8dd_4779_01e4_fca8_94c0);
        assert_eq!(block(0xfeff), 0xec8c_df73_9860_7cb0_f2d2_1675_ea9e_a1e4);
        assert_eq!(block(0xff00), 0x362b_7c3c_6773_5163_18a0_77d7_fc50_73ae);
    }

    #[test]
    fn the_key_stream_of_rfc_6188_section_7_1_comes_out() {
        let key: Vec<u8> =
            [0x57f8_2fe3_613f_d170_a85e_c93c_40b1_f092_u128, 0x2ec4_cb0d_c025_b582_7214_7cc4_3894_4a98]
                .iter()
                .flat_map(|half| half.to_be_bytes())
                .collect();
        let mut bytes = [0; 48];
        CounterMode::new(&key).unwrap().apply(0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_0000, &mut bytes);
        let block = |number: usize| u128::from_be_bytes(bytes[16 * number..][..16].try_into().unwrap());
        assert_eq!(block(0), 0x92bd_d28a_93c3_f525_11c6_77d0_8b55_15a4);
        assert_eq!(block(1), 0x9da7_1b23_78a8_54f6_7050_756d_ed16_5bac);
        assert_eq!(block(2), 0x63c4_868b_7096_d884_21b5_63b8_c94c_9a31);
    }

    #[test]
    fn other_key_lengths_are_no_key() {
        assert!(CounterMode::new(&[0; 24]).is_none());
    }
}
