//! What one INVITE of 1.2 kB costs to read and to write, beside `rsip` in the same run.

use std::hint::black_box;

use bytes::Bytes;
use cordon_sip::{Frame, Framer, Framing, Index, Message};
use criterion::{Criterion, criterion_group, criterion_main};
use rsip::headers::ToTypedHeader;
use rsip::message::HeadersExt;

fn invite(criterion: &mut Criterion) {
    let bytes = message();
    let ours = Message::parse(bytes.clone(), Framing::Stream).expect("the sample is legal");
    let theirs = rsip::Request::try_from(bytes.as_ref()).expect("the sample is legal");

    let mut read = criterion.benchmark_group("read");
    let mut index = Index::new();
    read.bench_function("cordon, index", |b| b.iter(|| index.read(black_box(&bytes)).is_ok()));
    read.bench_function("cordon", |b| b.iter(|| Message::parse(black_box(bytes.clone()), Framing::Stream)));
    let mut framer = Framer::default();
    read.bench_function("cordon, from a stream", |b| {
        b.iter(|| {
            framer.push(black_box(&bytes));
            match framer.next_frame() {
                Ok(Some(Frame::Message(framed))) => framed.parse().ok(),
                _ => None,
            }
        });
    });
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
    Bytes::from_static(include_bytes!("invite.sip"))
}

/// As many addresses and parameters as the limits let through.
fn flood() -> Bytes {
    let params: String = (0..32).map(|n| format!(";{n}")).collect();
    let vias = format!("Via: SIP/2.0/TLS p{params}\r\n").repeat(40);
    Bytes::from(format!(
        "OPTIONS sip:h SIP/2.0\r\n{vias}From: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    ))
}

criterion_group!(benches, invite);
criterion_main!(benches);
