//! What real phones send, with places for who sends it: the messages that mutations begin with.

/// A message as a phone writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Original {
    pub(crate) name: &'static str,
    text: &'static str,
}

impl Original {
    /// The message of the account `user` at `local`, the `number`-th of its kind.
    pub(crate) fn of(&self, user: &str, local: &str, number: usize) -> String {
        let (head, body) = self.text.split_once("\r\n\r\n").unwrap_or((self.text, ""));
        let head = head
            .replace("{user}", user)
            .replace("{local}", local)
            .replace("{number}", &number.to_string())
            .replace("{length}", &body.len().to_string());
        format!("{head}\r\n\r\n{body}")
    }
}

pub(crate) const ORIGINALS: [Original; 10] = [
    Original {
        name: "register of a softphone",
        text: "REGISTER sip:mx.clinic.test SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bKr{number};rport\r\n\
            Contact: <sip:{user}-0x5d1c2a@{local};transport=tls>;expires=600;+sip.instance=\"<urn:uuid:9f1d5ab8-77a5-4e0e-8b4e-2b57a4d2e0aa>\"\r\n\
            Max-Forwards: 70\r\nTo: <sip:{user}@mx.clinic.test>\r\nFrom: <sip:{user}@mx.clinic.test>;tag=7b1e{number}\r\n\
            Call-ID: 5f0c{number}e1a9\r\nCSeq: 21371 REGISTER\r\nUser-Agent: baresip v1.0.0 (x86_64/linux)\r\n\
            Supported: gruu,path,outbound\r\nAllow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,UPDATE,REFER\r\n\
            Content-Length: 0\r\n\r\n",
    },
    Original {
        name: "register of a desk phone",
        text: "REGISTER sip:mx.clinic.test:5061;transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS {local};rport;branch=z9hG4bK18{number}\r\n\
            From: \"Ward 3, North\" <sip:{user}@mx.clinic.test>;tag=39{number}\r\nTo: \"Ward 3, North\" <sip:{user}@mx.clinic.test>\r\n\
            Call-ID: 0_39{number}@10.1.0.11\r\nCSeq: 1 REGISTER\r\n\
            Contact: <sip:{user}@{local};transport=TLS;line=a1b2>;reg-id=1;q=0.5;audio;methods=\"INVITE, ACK\"\r\n\
            Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER\r\nMax-Forwards: 70\r\n\
            User-Agent: Yealink SIP-T46U 108.86.0.20\r\nExpires: 3600\r\nAllow-Events: talk,hold,conference\r\nContent-Length: 0\r\n\r\n",
    },
    Original {
        name: "register in compact form",
        text: "REGISTER sip:mx.clinic.test SIP/2.0\r\nv: SIP/2.0/TLS {local};branch=z9hG4bKc{number}\r\nMax-Forwards: 70\r\n\
            f: sip:{user}@mx.clinic.test;tag=c{number}\r\nt: sip:{user}@mx.clinic.test\r\ni: compact-{number}\r\nCSeq: 7 REGISTER\r\n\
            m: <sip:{user}@{local};transport=tls>;expires=120, <sip:{user}.desk@{local};transport=tls>;expires=60\r\nl: 0\r\n\r\n",
    },
    Original {
        name: "options of a softphone",
        text: "OPTIONS sip:1002@mx.clinic.test SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bKo{number};rport\r\nMax-Forwards: 70\r\n\
            To: <sip:1002@mx.clinic.test>\r\nFrom: \"Dr. \\\"Jay\\\" M\u{fc}ller\" <sip:{user}@mx.clinic.test>;tag=o{number}\r\n\
            Call-ID: options-{number}@10.1.0.11\r\nCSeq: 102 OPTIONS\r\nContact: <sip:{user}@{local};transport=tls>\r\n\
            Accept: application/sdp, application/dtmf-relay\r\nSubject: round, at noon\r\nUser-Agent: softphone/2.1 (a; b)\r\nContent-Length: 0\r\n\r\n",
    },
    Original {
        name: "options with a path behind it",
        text: "OPTIONS sip:ward%203;ext=7@mx.clinic.test:5061;transport=tls;user=phone SIP/2.0\r\n\
            Via: SIP/2.0/TLS {local};branch=z9hG4bKp{number}, SIP/2.0/TCP inner.clinic.test:5080;branch=z9hG4bKinner;received=10.1.0.77\r\n\
            Max-Forwards: 12\r\nf: Ward 3 <sip:{user}@mx.clinic.test>;tag=p{number};other=\"x;y\"\r\nt: <sip:ward%203;ext=7@mx.clinic.test>\r\n\
            i: path-{number}\r\nCSeq: 2147483646 OPTIONS\r\nRoute: <sip:sip.clinic.test;lr>\r\ns: \r\nX-Ward: three\r\n  and four\r\nl: 0\r\n\r\n",
    },
    Original {
        name: "invite of a softphone",
        text: "INVITE sip:1002@mx.clinic.test SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bKi{number};rport\r\n\
            Contact: <sip:{user}-0x5d1c2a@{local};transport=tls>\r\nMax-Forwards: 70\r\nTo: <sip:1002@mx.clinic.test>\r\n\
            From: <sip:{user}@mx.clinic.test>;tag=i{number}\r\nCall-ID: invite-{number}\r\nCSeq: 3054 INVITE\r\n\
            User-Agent: baresip v1.0.0 (x86_64/linux)\r\nAllow: INVITE,ACK,BYE,CANCEL,OPTIONS\r\nSupported: gruu,100rel\r\n\
            Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\nv=0\r\no=- 3829 1829 IN IP4 10.1.0.11\r\ns=-\r\n\
            c=IN IP4 10.1.0.11\r\nt=0 0\r\nm=audio 30400 RTP/SAVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\na=sendrecv\r\n",
    },
    Original {
        name: "invite of a desk phone",
        text: "INVITE sip:1002@mx.clinic.test;user=phone SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bKd{number}\r\n\
            From: \"Front Desk\" <sip:{user}@mx.clinic.test>;tag=D{number}-AB\r\nTo: \"1002\" <sip:1002@mx.clinic.test;user=phone>\r\n\
            CSeq: 1 INVITE\r\nCall-ID: d{number}-7c2e0b@10.1.0.11\r\nContact: <sip:{user}@{local};transport=tls>\r\n\
            Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER\r\n\
            User-Agent: PolycomVVX-VVX_411-UA/6.4.0.1234\r\nAccept-Language: en,\r\n de;q=0.7\r\nSupported: replaces\r\nAllow-Events: conference,talk,hold\r\n\
            Privacy: none\r\nPriority: normal\r\nSubject: call back\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n\
            v=0\r\no=- 1700000000 1700000000 IN IP4 10.1.0.11\r\ns=Polycom IP Phone\r\nc=IN IP4 10.1.0.11\r\nt=0 0\r\n\
            m=audio 2222 RTP/SAVP 9 0 8 127\r\na=sendrecv\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n\
            a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:127 telephone-event/8000\r\n",
    },
    Original {
        name: "invite without an offer",
        text: "INVITE sip:1002@mx.clinic.test SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bKn{number}\r\nMax-Forwards: 70\r\n\
            From: {user} <sip:{user}@mx.clinic.test>;tag=n{number}\r\nTo: 1002 <sip:1002@mx.clinic.test>\r\nCall-ID: late-{number}\r\n\
            CSeq: 9 INVITE\r\nContact: <sip:{user}@{local};transport=tls>\r\nReason: SIP;cause=200;text=\"late, offer\"\r\nContent-Length: 0\r\n\r\n",
    },
    Original {
        name: "message of another method",
        text: "MESSAGE sip:1002@mx.clinic.test SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bKm{number}\r\nMax-Forwards: 70\r\n\
            From: <sip:{user}@mx.clinic.test>;tag=m{number}\r\nTo: <sip:1002@mx.clinic.test>\r\nCall-ID: message-{number}\r\nCSeq: 4 MESSAGE\r\n\
            Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\nBYE sip:1002@mx.clinic.test SIP/2.0\r\nContent-Length: 0\r\n\r\n",
    },
    Original {
        name: "bye of no dialog",
        text: "BYE sip:1002@mx.clinic.test SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bKb{number}\r\nMax-Forwards: 70\r\n\
            From: <sip:{user}@mx.clinic.test>;tag=b{number}\r\nTo: <sip:1002@mx.clinic.test>;tag=gone\r\nCall-ID: bye-{number}\r\nCSeq: 5 BYE\r\n\
            Reason: Q.850;cause=16\r\nContent-Length: 0\r\n\r\n",
    },
];
