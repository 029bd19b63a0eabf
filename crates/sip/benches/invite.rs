//! What one INVITE of 1.2 kB costs to read and to write, beside `rsip` in the same run.

use std::hint::black_box;

use bytes::Bytes;
use cordon_sip::{Frame, Framer, Framing, Message};
use criterion::{Criterion, criterion_group, criterion_main};
use rsip::headers::ToTypedHeader;
use rsip::message::HeadersExt;

fn invite(criterion: &mut Criterion) {
    let bytes = message();
    let ours = Message::parse(bytes.clone(), Framing::Stream).expect("the sample is legal");
    let theirs = rsip::Request::try_from(bytes.as_ref()).expect("the sample is legal");

    let mut read = criterion.benchmark_group("read");
    read.bench_function("cordon", |b| b.iter(|| Message::parse(black_box(bytes.clone()), Framing::Stream)));
    read.bench_function("rsip", |b| b.iter(|| rsip::Request::try_from(black_box(bytes.as_ref()))));
    read.bench_function("rsip, headers typed", |b| b.iter(|| typed(black_box(bytes.as_ref()))));
    read.finish();

    let mut write = criterion.benchmark_group("write");
    write.bench_function("cordon", |b| b.iter(|| black_box(&ours).write()));
    write.bench_function("rsip", |b| b.iter(|| Vec::<u8>::from(black_box(theirs.clone()))));
    write.finish();

    criterion.bench_function("frame", |b| {
        let mut framer = Framer::default();
        b.iter(|| {
            framer.push(black_box(&bytes));
            matches!(framer.next_frame(), Ok(Some(Frame::Message(_))))
        });
    });

    let flood = flood();
    criterion.bench_function("read the costliest head a stranger may send", |b| {
        b.iter(|| Message::parse(black_box(flood.clone()), Framing::Stream));
    });
}

/// What [`Message::parse`] does for us: the headers every message needs, typed.
fn typed(bytes: &[u8]) -> Option<usize> {
    let request = rsip::Request::try_from(bytes).ok()?;
    let via = request.via_header().ok()?.typed().ok()?;
    let from = request.from_header().ok()?.typed().ok()?;
    let to = request.to_header().ok()?.typed().ok()?;
    let contact = request.contact_header().ok()?.typed().ok()?;
    let cseq = request.cseq_header().ok()?.typed().ok()?;
    let hops = request.max_forwards_header().ok()?.num().ok()?;
    black_box((via, from, to, contact, cseq, hops));
    Some(request.body.len())
}

fn message() -> Bytes {
    let key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31";
    let body = format!(
        "v=0\r\no=- 20518 0 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n\
         m=audio 54400 RTP/SAVP 0 8 9 101\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {key}\r\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_32 {key}\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
    );
    let head = format!(
        "INVITE sip:2002@mx.example.org SIP/2.0\r\n\
         Via: SIP/2.0/TLS 203.0.113.1:49152;branch=z9hG4bK776asdhds1e23;rport;alias\r\nMax-Forwards: 70\r\n\
         From: \"Front Desk\" <sip:2001@mx.example.org>;tag=1928301774\r\nTo: <sip:2002@mx.example.org>\r\n\
         Call-ID: a84b4c76e66710@203.0.113.1\r\nCSeq: 314159 INVITE\r\n\
         Contact: <sip:2001@203.0.113.1:49152;transport=tls>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"\r\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, REFER, NOTIFY, MESSAGE, SUBSCRIBE\r\n\
         Supported: replaces, outbound, path, timer\r\nUser-Agent: Desk Phone 4.2\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    Bytes::from(head + &body)
}

/// As many addresses and parameters as the limits let through.
fn flood() -> Bytes {
    let params: String = (0..32).map(|n| format!(";{n}")).collect();
    let vias = format!("Via: SIP/2.0/TLS p{params}\r\n").repeat(68);
    Bytes::from(format!(
        "OPTIONS sip:h SIP/2.0\r\n{vias}From: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    ))
}

criterion_group!(benches, invite);
criterion_main!(benches);
