//! RFC 5118: torture messages with IPv6 addresses.
//!
//! The RFC prints bodies whose lengths fit no line end; here Content-Length is that of the lines with CRLF.

#[rustfmt::skip]
pub(crate) const IPV6_GOOD: &[u8] =
    b"REGISTER sip:[2001:db8::10] SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:user@example.com;tag=81x2\r\n\
      Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n\
      Call-ID: SSG9559905523997077@hlau_4100\r\n\
      Max-Forwards: 70\r\n\
      Contact: \"Caller\" <sip:caller@[2001:db8::1]>\r\n\
      CSeq: 98176 REGISTER\r\n\
      Content-Length: 0\r\n\
      \r\n";

#[rustfmt::skip]
pub(crate) const IPV6_BAD: &[u8] =
    b"REGISTER sip:2001:db8::10 SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:user@example.com;tag=81x2\r\n\
      Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n\
      Call-ID: SSG9559905523997077@hlau_4100\r\n\
      Max-Forwards: 70\r\n\
      Contact: \"Caller\" <sip:caller@[2001:db8::1]>\r\n\
      CSeq: 98176 REGISTER\r\n\
      Content-Length: 0\r\n\
      \r\n";

#[rustfmt::skip]
pub(crate) const PORT_AMBIGUOUS: &[u8] =
    b"REGISTER sip:[2001:db8::10:5070] SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:user@example.com;tag=81x2\r\n\
      Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n\
      Call-ID: SSG9559905523997077@hlau_4100\r\n\
      Contact: \"Caller\" <sip:caller@[2001:db8::1]>\r\n\
      Max-Forwards: 70\r\n\
      CSeq: 98176 REGISTER\r\n\
      Content-Length: 0\r\n\
      \r\n";

#[rustfmt::skip]
pub(crate) const PORT_UNAMBIGUOUS: &[u8] =
    b"REGISTER sip:[2001:db8::10]:5070 SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:user@example.com;tag=81x2\r\n\
      Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n\
      Call-ID: SSG9559905523997077@hlau_4100\r\n\
      Contact: \"Caller\" <sip:caller@[2001:db8::1]>\r\n\
      Max-Forwards: 70\r\n\
      CSeq: 98176 REGISTER\r\n\
      Content-Length: 0\r\n\
      \r\n";

#[rustfmt::skip]
pub(crate) const VIA_RECEIVED_PARAM_WITH_DELIM: &[u8] =
    b"BYE sip:[2001:db8::10] SIP/2.0\r\n\
      To: sip:user@example.com;tag=bd76ya\r\n\
      From: sip:user@example.com;tag=81x2\r\n\
      Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111\r\n\
      Call-ID: SSG9559905523997077@hlau_4100\r\n\
      Max-Forwards: 70\r\n\
      CSeq: 321 BYE\r\n\
      Content-Length: 0\r\n\
      \r\n";

#[rustfmt::skip]
pub(crate) const VIA_RECEIVED_PARAM_NO_DELIM: &[u8] =
    b"OPTIONS sip:[2001:db8::10] SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:user@example.com;tag=81x2\r\n\
      Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3\r\n\
      Call-ID: SSG95523997077@hlau_4100\r\n\
      Max-Forwards: 70\r\n\
      Contact: \"Caller\" <sip:caller@[2001:db8::9:1]>\r\n\
      CSeq: 921 OPTIONS\r\n\
      Content-Length: 0\r\n\
      \r\n";

#[rustfmt::skip]
pub(crate) const IPV6_IN_SDP: &[u8] =
    b"INVITE sip:user@[2001:db8::10] SIP/2.0\r\n\
      To: sip:user@[2001:db8::10]\r\n\
      From: sip:user@example.com;tag=81x2\r\n\
      Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111\r\n\
      Call-ID: SSG9559905523997077@hlau_4100\r\n\
      Contact: \"Caller\" <sip:caller@[2001:db8::20]>\r\n\
      CSeq: 8612 INVITE\r\n\
      Max-Forwards: 70\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 251\r\n\
      \r\n\
      v=0\r\n\
      o=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\n\
      s=Live video feed for today's meeting\r\n\
      c=IN IP6 2001:db8::20\r\n\
      t=3338481189 3370017201\r\n\
      m=audio 6000 RTP/AVP 2\r\n\
      a=rtpmap:2 G726-32/8000\r\n\
      m=video 6024 RTP/AVP 107\r\n\
      a=rtpmap:107 H263-1998/90000\r\n";

#[rustfmt::skip]
pub(crate) const MULT_IP_IN_HEADER: &[u8] =
    b"BYE sip:user@host.example.net SIP/2.0\r\n\
      Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\n\
      Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n\
      Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\r\n\
      Call-ID: 997077@lau_4100\r\n\
      Max-Forwards: 70\r\n\
      CSeq: 89187 BYE\r\n\
      To: sip:user@example.net;tag=9817--94\r\n\
      From: sip:user@example.com;tag=81x2\r\n\
      Content-Length: 0\r\n\
      \r\n";

#[rustfmt::skip]
pub(crate) const MULT_IP_IN_SDP: &[u8] =
    b"INVITE sip:user@[2001:db8::10] SIP/2.0\r\n\
      To: sip:user@[2001:db8::10]\r\n\
      From: sip:user@example.com;tag=81x2\r\n\
      Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n\
      Call-ID: SSG9559905523997077@hlau_4100\r\n\
      Contact: \"Caller\" <sip:caller@[2001:db8::9:1]>\r\n\
      Max-Forwards: 70\r\n\
      CSeq: 8912 INVITE\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 189\r\n\
      \r\n\
      v=0\r\n\
      o=bob 280744730 28977631 IN IP4 host.example.com\r\n\
      s=\r\n\
      t=0 0\r\n\
      m=audio 22334 RTP/AVP 0\r\n\
      c=IN IP4 192.0.2.1\r\n\
      m=video 6024 RTP/AVP 107\r\n\
      c=IN IP6 2001:db8::1\r\n\
      a=rtpmap:107 H263-1998/90000\r\n";

#[rustfmt::skip]
pub(crate) const IPV4_MAPPED_IPV6: &[u8] =
    b"INVITE sip:user@example.com SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:user@east.example.com;tag=81x2\r\n\
      Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\r\n\
      Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111\r\n\
      Call-ID: SSG9559905523997077@hlau_4100\r\n\
      Contact: \"T. desk phone\" <sip:ted@[::ffff:192.0.2.2]>\r\n\
      CSeq: 612 INVITE\r\n\
      Max-Forwards: 70\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 245\r\n\
      \r\n\
      v=0\r\n\
      o=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2\r\n\
      s=Call me soon, please!\r\n\
      c=IN IP6 ::ffff:192.0.2.2\r\n\
      t=3338481189 3370017201\r\n\
      m=audio 6000 RTP/AVP 2\r\n\
      a=rtpmap:2 G726-32/8000\r\n\
      m=video 6024 RTP/AVP 107\r\n\
      a=rtpmap:107 H263-1998/90000\r\n";

#[rustfmt::skip]
pub(crate) const IPV6_BUG_ABNF_3_COLONS: &[u8] =
    b"OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0\r\n\
      To: sip:user@[2001:db8:::192.0.2.1]\r\n\
      From: sip:user@example.com;tag=810x2\r\n\
      Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111\r\n\
      Call-ID: G9559905523997077@hlau_4100\r\n\
      CSeq: 689 OPTIONS\r\n\
      Max-Forwards: 70\r\n\
      Content-Length: 0\r\n\
      \r\n";

#[rustfmt::skip]
pub(crate) const IPV6_CORRECT_ABNF_2_COLONS: &[u8] =
    b"OPTIONS sip:user@[2001:db8::192.0.2.1] SIP/2.0\r\n\
      To: sip:user@[2001:db8::192.0.2.1]\r\n\
      From: sip:user@example.com;tag=810x2\r\n\
      Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111\r\n\
      Call-ID: G9559905523997077@hlau_4100\r\n\
      CSeq: 689 OPTIONS\r\n\
      Max-Forwards: 70\r\n\
      Content-Length: 0\r\n\
      \r\n";
