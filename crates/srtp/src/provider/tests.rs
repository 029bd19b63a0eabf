//! What every provider must compute.

use super::{KeyStream, Mac, NotInFipsMode, Provider, aws_lc, rust_crypto};

macro_rules! for_each_provider {
    ($kind:ident: $($name:ident)*) => {$(
        #[test]
        fn $name() {
            super::$name::<rust_crypto::$kind>();
            super::$name::<aws_lc::$kind>();
        }
    )*};
}

mod known_answers {
    use super::{aws_lc, rust_crypto};

    for_each_provider! { CounterMode:
        the_key_stream_of_rfc_3711_appendix_b_2_comes_out
        the_key_stream_of_rfc_6188_section_7_1_comes_out
        other_key_lengths_are_no_key
    }
    for_each_provider! { HmacSha1:
        the_code_of_rfc_2202_comes_out
        where_the_message_is_cut_does_not_matter
    }
}

#[test]
fn a_build_that_promises_the_fips_module_computes_with_nothing_else() {
    assert_eq!(Provider::of_build(true, true, true), Ok(Provider::AwsLcFips));
    assert_eq!(Provider::of_build(true, true, false), Err(NotInFipsMode));
    assert_eq!(Provider::of_build(false, true, false), Ok(Provider::AwsLc));
    assert_eq!(Provider::of_build(false, false, false), Ok(Provider::RustCryptoAndAwsLc));
}

#[test]
fn the_providers_agree_at_every_length() {
    let key: Vec<u8> = (0..32).collect();
    for key in [&key[..16], &key] {
        for length in 0..300_u32 {
            let text: Vec<u8> = (0..length).map(|place| place as u8).collect();
            let start = u128::from(length) << 100 | u128::MAX >> 60;
            let mut results = [text.clone(), text.clone(), text.clone(), text];
            let [first, second, third, fourth] = &mut results;
            rust_crypto::CounterMode::new(key).unwrap().apply(start, first);
            aws_lc::CounterMode::new(key).unwrap().apply(start, second);
            rust_crypto::CounterMode::apply_once(key, start, third).unwrap();
            aws_lc::CounterMode::apply_once(key, start, fourth).unwrap();
            assert!(results.iter().all(|result| *result == results[0]), "{length} bytes");
        }
    }
}

fn the_key_stream_of_rfc_3711_appendix_b_2_comes_out<T: KeyStream>() {
    let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
    let start = 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_0000;
    let mut bytes = vec![0; 0xff02 * 16];
    T::new(&key).unwrap().apply(start, &mut bytes);
    let block = |number: usize| u128::from_be_bytes(bytes[16 * number..][..16].try_into().unwrap());
    assert_eq!(block(0), 0xe03e_ad09_35c9_5e80_e166_b16d_d92b_4eb4);
    assert_eq!(block(1), 0xd235_1316_2b02_d0f7_2a43_a2fe_4a5f_97ab);
    assert_eq!(block(2), 0x41e9_5b3b_b0a2_e8dd_4779_01e4_fca8_94c0);
    assert_eq!(block(0xfeff), 0xec8c_df73_9860_7cb0_f2d2_1675_ea9e_a1e4);
    assert_eq!(block(0xff00), 0x362b_7c3c_6773_5163_18a0_77d7_fc50_73ae);
}

fn the_key_stream_of_rfc_6188_section_7_1_comes_out<T: KeyStream>() {
    let key: Vec<u8> =
        [0x57f8_2fe3_613f_d170_a85e_c93c_40b1_f092_u128, 0x2ec4_cb0d_c025_b582_7214_7cc4_3894_4a98]
            .iter()
            .flat_map(|half| half.to_be_bytes())
            .collect();
    let mut bytes = [0; 48];
    T::new(&key).unwrap().apply(0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_0000, &mut bytes);
    let block = |number: usize| u128::from_be_bytes(bytes[16 * number..][..16].try_into().unwrap());
    assert_eq!(block(0), 0x92bd_d28a_93c3_f525_11c6_77d0_8b55_15a4);
    assert_eq!(block(1), 0x9da7_1b23_78a8_54f6_7050_756d_ed16_5bac);
    assert_eq!(block(2), 0x63c4_868b_7096_d884_21b5_63b8_c94c_9a31);
}

fn other_key_lengths_are_no_key<T: KeyStream>() {
    assert!(T::new(&[0; 24]).is_none());
}

fn the_code_of_rfc_2202_comes_out<T: Mac>() {
    let hmac = T::new(&[0x0b; 20]);
    let expected = [
        0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b, 0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e, 0xf1,
        0x46, 0xbe, 0x00,
    ];
    assert_eq!(hmac.authenticate(b"Hi There", &[]), expected);
    assert_eq!(hmac.authenticate(b"Hi T", b"here"), expected);
}

fn where_the_message_is_cut_does_not_matter<T: Mac>() {
    let hmac = T::new(b"twenty bytes of key.");
    let message: Vec<u8> = (0..=255).collect();
    for length in 4..256 {
        let whole = hmac.authenticate(&message[..length], &[]);
        let (front, back) = message[..length].split_at(length - 4);
        assert_eq!(hmac.authenticate(front, back), whole, "{length} bytes");
    }
}
