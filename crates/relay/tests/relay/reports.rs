//! RTCP through the relay: on its own ports, on the RTP port, and on hold.

use cordon_relay::End;
use cordon_rtp::{PacketBuf, Suite};

use crate::kit::{Call, local, number};

#[test]
fn a_report_crosses_sealed_with_the_names_the_other_end_knows() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm]);
    assert_eq!(call.talk(10), (10, 10));
    let (as_b_hears, as_a_hears) = (call.b.heard[0].0.0, call.a.heard[0].0.0);
    let (_, highest, _) = call.a.heard.last().unwrap().clone();
    let highest = u32::try_from(highest.as_u64()).unwrap();
    let clock = call.a.clock;
    let mut buf = call.a.seal_rtcp(&report(call.a.ssrc, clock, as_a_hears, highest));

    let transmit = call.deliver_rtcp(End::A, call.a.rtcp_address(), &mut buf).unwrap();

    assert_eq!((transmit.from, transmit.to), (local(End::B).rtcp, call.b.rtcp_address()));
    let received = call.b.open_rtcp(&mut buf).unwrap();
    assert_eq!(number(&received, 4), as_b_hears);
    assert_eq!(number(&received, 28), call.b.ssrc);
    assert_eq!(u64::from(number(&received, 36)), call.b.index - 1, "the last word B said was heard");
    assert_ne!(number(&received, 16), clock, "the media clock is shifted like that of the packets");
    assert_eq!(call.statistics(End::A).rtcp_opened, 1);
    assert_eq!(call.statistics(End::B).rtcp_sealed, 1);
}

#[test]
fn a_sender_that_has_taken_a_name_of_ours_reports_under_its_own() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    call.a.take_relay_key(200);
    call.set(End::A, true, None);
    assert_eq!(call.talk(10), (10, 10));
    let (as_a_hears, highest, _) = call.a.heard.last().unwrap().clone();
    assert_ne!(as_a_hears.0, call.b.ssrc);
    let highest = u32::try_from(highest.as_u64()).unwrap();
    let mut buf = call.a.seal_rtcp(&report(as_a_hears.0, 0, as_a_hears.0, highest));

    call.deliver_rtcp(End::A, call.a.rtcp_address(), &mut buf).unwrap();

    let received = call.b.open_rtcp(&mut buf).unwrap();
    assert_ne!(number(&received, 4), call.b.ssrc, "the SSRC of B is no name of what B receives");
    assert_eq!(number(&received, 28), call.b.ssrc);
}

#[test]
fn with_mux_reports_share_the_rtp_port_and_without_it_they_are_dropped_there() {
    let mut call = Call::talking([Suite::AeadAes128Gcm; 2]);
    assert_eq!(call.talk(1), (1, 1));
    let mut early = call.a.seal_rtcp(&report(call.a.ssrc, 0, 1, 1));
    assert_eq!(call.deliver(End::A, call.a.address, &mut early), None);
    assert_eq!(call.statistics(End::A).other, 1);

    call.a.session.mux = true;
    call.set(End::A, false, None);
    let mut onward = call.a.seal_rtcp(&report(call.a.ssrc, 0, 1, 1));
    let onward = call.deliver(End::A, call.a.address, &mut onward).unwrap();
    let mut back = call.b.seal_rtcp(&report(call.b.ssrc, 0, 1, 1));
    let back = call.deliver_rtcp(End::B, call.b.rtcp_address(), &mut back).unwrap();

    assert_eq!((onward.from, onward.to), (local(End::B).rtcp, call.b.rtcp_address()));
    assert_eq!((back.from, back.to), (local(End::A).rtp, call.a.address));
}

#[test]
fn the_end_that_only_listens_still_reports_and_a_held_call_is_silent() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    call.b.session.receive = false;
    call.set(End::B, false, None);
    let mut report_of_b = call.b.seal_rtcp(&report(call.b.ssrc, 0, 1, 1));
    assert!(call.deliver_rtcp(End::B, call.b.rtcp_address(), &mut report_of_b).is_some());

    call.b.session.send = false;
    call.set(End::B, false, None);
    let mut report_of_b = call.b.seal_rtcp(&report(call.b.ssrc, 0, 1, 1));
    assert_eq!(call.deliver_rtcp(End::B, call.b.rtcp_address(), &mut report_of_b), None);
}

#[test]
fn plain_replayed_and_forged_reports_are_dropped() {
    let mut call = Call::talking([Suite::AesCm128HmacSha1_80; 2]);
    let address = call.a.rtcp_address();
    let sealed = call.a.seal_rtcp(&report(call.a.ssrc, 0, 1, 1));
    let mut plain = PacketBuf::from_slice(&report(call.a.ssrc, 0, 1, 1)).unwrap();
    let mut forged = PacketBuf::from_slice(sealed.as_slice()).unwrap();
    forged.as_mut_slice()[20] ^= 1;

    assert_eq!(call.deliver_rtcp(End::A, address, &mut plain), None);
    assert_eq!(call.deliver_rtcp(End::A, address, &mut forged), None);
    let mut first = PacketBuf::from_slice(sealed.as_slice()).unwrap();
    assert!(call.deliver_rtcp(End::A, address, &mut first).is_some());
    let mut second = PacketBuf::from_slice(sealed.as_slice()).unwrap();
    assert_eq!(call.deliver_rtcp(End::A, address, &mut second), None);

    assert_eq!(call.statistics(End::A).rtcp_opened, 1);
    assert_eq!(call.statistics(End::A).refused.total(), 3);
}

/// A sender report with one block.
fn report(sender: u32, clock: u32, about: u32, highest: u32) -> Vec<u8> {
    let words = [sender, 0, 0, clock, 10, 1000, about, 0, highest, 0, 0, 0];
    let mut bytes = vec![0x81, 200, 0, 12];
    bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    bytes
}
