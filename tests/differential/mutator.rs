//! Changes to a message: some that mean nothing, most that a careful and a careless reader take differently. The same seed
//! makes the same message.

use crate::draft::Draft;
use crate::random::Random;

/// A message and what was done to it.
#[derive(Debug, Clone)]
pub(crate) struct Mutated {
    pub(crate) bytes: Vec<u8>,
    /// The names of the changes, in order.
    pub(crate) changes: Vec<&'static str>,
    /// Every one of them leaves the meaning as it was.
    pub(crate) is_harmless: bool,
}

/// Makes one to three changes to a message.
pub(crate) fn mutate(seed: u64, original: &str) -> Mutated {
    let mut random = Random::new(seed);
    let mut draft = Draft::of(original);
    // Every third message keeps its meaning: what must be read alike by everybody.
    let is_harmless = random.below(3) == 0;
    let kinds: &[Change] = if is_harmless { &HARMLESS } else { &HARMFUL };
    let changes = (0..=random.below(3)).map(|_| {
        let (name, change) = random.pick(kinds);
        change(&mut draft, &mut random);
        name
    });
    let changes = changes.collect();
    Mutated { bytes: draft.write(), changes, is_harmless }
}

type Change = (&'static str, fn(&mut Draft, &mut Random));

const HARMLESS: [Change; 10] = [
    ("case of a header name", |draft, random| {
        let (name, rest) = draft.header(random);
        let name: String = name
            .chars()
            .map(|c| if random.below(2) == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        draft.replace_header(name + &rest);
    }),
    ("compact form", |draft, random| {
        let (name, rest) = draft.header(random);
        let other = COMPACT.iter().find_map(|(short, long)| match name.as_str() {
            found if found.eq_ignore_ascii_case(long) => Some(*short),
            found if found.eq_ignore_ascii_case(short) => Some(*long),
            _ => None,
        });
        draft.replace_header(other.map_or(name, str::to_owned) + &rest);
    }),
    ("space before the colon", |draft, random| {
        let (name, rest) = draft.header(random);
        draft.replace_header(name + random.pick(&[" ", "\t", "  \t"]) + &rest);
    }),
    ("space after the colon", |draft, random| {
        let (name, rest) = draft.header(random);
        let value = rest.trim_start_matches([':', ' ']);
        draft.replace_header(name + ":" + random.pick(&["", "\t", "    "]) + value);
    }),
    ("space at the end of a line", |draft, random| {
        let (name, rest) = draft.header(random);
        draft.replace_header(name + &rest + random.pick(&[" ", "\t", "   "]));
    }),
    ("fold after the colon", |draft, random| {
        let (name, rest) = draft.header(random);
        let value = rest.trim_start_matches([':', ' ']);
        draft.replace_header(name + ":" + random.pick(&["\r\n ", " \r\n\t", "\r\n   "]) + value);
    }),
    ("order of the headers", |draft, random| draft.swap_headers(random)),
    ("empty lines in front", |draft, random| {
        draft.put_before(random.pick(&["\r\n", "\r\n\r\n", "\r\n\r\n\r\n"]))
    }),
    ("unknown header", |draft, random| {
        let header = random.pick(&[
            "X-Unknown: ;;,,;;,;",
            "Xx: \"never closed",
            "X-Utf8: \u{442}\u{435}\u{441}\u{442}",
            "X-Empty:",
            "Content-Lengthy: 99",
        ]);
        draft.insert_header(random, header.to_owned());
    }),
    ("zeros before a length", |draft, _| {
        draft.change_value(&["content-length", "l"], |value| format!("00{value}"))
    }),
];

const HARMFUL: [Change; 26] = [
    ("a header twice", |draft, random| {
        let (name, rest) = draft.header(random);
        draft.insert_header(random, name + &rest);
    }),
    ("a header twice, in the other form", |draft, random| {
        let (name, rest) = draft.header(random);
        let (short, long) = random.pick(&COMPACT);
        let other = if name.eq_ignore_ascii_case(long) { short.to_owned() } else { name };
        draft.insert_header(random, other + &rest);
    }),
    ("a second value", |draft, random| {
        let header = random.pick(&[
            "From: <sip:9999@mx.clinic.test>;tag=evil",
            "To: <sip:9999@mx.clinic.test>",
            "Call-ID: another",
            "CSeq: 1 BYE",
            "Contact: <sip:9999@10.9.0.66>",
            "Contact: *",
            "Max-Forwards: 0",
            "Content-Length: 5",
            "l: 5",
            "Content-Type: text/plain",
            "Via: SIP/2.0/TLS 10.9.0.66;branch=z9hG4bKevil",
            "Route: <sip:10.9.0.66;lr>",
            "Record-Route: <sip:10.9.0.66;lr>",
            "Expires: 0",
            "Subject: second",
            "User-Agent: second",
            "Require: nothing",
            "Path: <sip:10.9.0.66;lr>",
            "P-Asserted-Identity: <sip:9999@mx.clinic.test>",
        ]);
        draft.insert_header(random, header.to_owned());
    }),
    ("a header gone", |draft, random| draft.remove_header(random)),
    ("another length", |draft, random| {
        let length = random.pick(&[
            "0",
            "1",
            "-1",
            "+5",
            "0x10",
            "5 5",
            "5,5",
            "",
            "4294967296",
            "18446744073709551616",
            "99999",
            "5;x",
            " 5",
            "5.0",
            "\u{665}",
        ]);
        draft.change_value(&["content-length", "l"], |_| length.to_owned());
    }),
    ("a length off by a few", |draft, random| {
        let by = random.below(5);
        let longer = random.below(2) == 0;
        draft.change_value(&["content-length", "l"], |value| {
            let length: usize = value.trim().parse().unwrap_or(0);
            (if longer { length + by } else { length.saturating_sub(by) }).to_string()
        });
    }),
    ("a number at its limit", |draft, random| {
        let number = random.pick(&[
            "0",
            "255",
            "256",
            "65535",
            "65536",
            "2147483647",
            "2147483648",
            "4294967295",
            "4294967296",
            "00000000001",
            "-1",
            "1e3",
            "99999999999999999999",
        ]);
        draft.change_number(random, number);
    }),
    ("a byte gone", |draft, random| draft.splice_byte(random, |_| Vec::new())),
    ("a byte more", |draft, random| {
        let byte = random.pick(INTERESTING);
        draft.splice_byte(random, |here| vec![byte, here]);
    }),
    ("another byte", |draft, random| {
        let byte = random.pick(INTERESTING);
        draft.splice_byte(random, |_| vec![byte]);
    }),
    ("a byte of any value", |draft, random| {
        let byte = random.byte();
        draft.splice_byte(random, |_| vec![byte]);
    }),
    ("case of a byte", |draft, random| draft.splice_byte(random, |here| vec![here ^ 0x20])),
    ("broken UTF-8", |draft, random| {
        let bytes: &[u8] = random.pick(&[
            &b"\xff"[..],
            b"\xc3",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xe2\x82",
        ]);
        draft.splice_byte(random, |here| [bytes, &[here]].concat());
    }),
    ("another line end", |draft, random| {
        let end: &[u8] = random.pick(&[
            &b"\n"[..],
            b"\r",
            b"\n\r",
            b"\r\r\n",
            b"\r\n\r\n",
            b"\r\n ",
            b" \n",
            b"\x0b",
            b"\xe2\x80\xa8",
            b"\0\r\n",
        ]);
        draft.change_line_end(random, end);
    }),
    ("a quote in the way", |draft, random| {
        let quote = random.pick(&["\"", "\\\"", "\"\\", "\"\"", "\\"]);
        draft.insert_into_value(random, quote);
    }),
    ("a bracket in the way", |draft, random| {
        let bracket = random.pick(&["<", ">", "<>", "><", "<<", ">>", "(", ")", "[", "]"]);
        draft.insert_into_value(random, bracket);
    }),
    ("an escape", |draft, random| {
        let escape =
            random.pick(&["%00", "%41", "%0d%0a", "%", "%4", "%zz", "%40", "%3b", "%25", "%C3%BC", "%3E"]);
        draft.insert_into_value(random, escape);
    }),
    ("a separator in the way", |draft, random| {
        let separator =
            random.pick(&[";", ",", ":", "@", "?", "=", "/", "&", ";;", ", ,", " ;", "; ", "#", "|"]);
        draft.insert_into_value(random, separator);
    }),
    ("white space in the way", |draft, random| {
        let space = random.pick(&[" ", "\t", "  ", "\r\n ", "\r\n\t", " \r\n  ", "\u{a0}", "\x0b", "\x0c"]);
        draft.insert_into_value(random, space);
    }),
    ("a parameter more", |draft, random| {
        let parameter = random.pick(&[
            ";tag=second",
            ";branch=z9hG4bKsecond",
            ";expires=0",
            ";q=2",
            ";lr",
            ";maddr=10.9.0.66",
            ";received=10.9.0.66",
            ";transport=udp",
            ";x=\"a;b,c\"",
            ";x=\"a",
            ";=",
            ";x=",
            ";TAG=other",
            ";user=phone",
            ";ttl=1",
            ";alias",
            ";rport=1",
        ]);
        draft.append_to_header(random, parameter);
    }),
    ("a second value in one line", |draft, random| {
        let value =
            random.pick(&[", <sip:9999@10.9.0.66>", ",", ", ", ", *", ", \"x", ", sip:9999@10.9.0.66;tag=x"]);
        draft.append_to_header(random, value);
    }),
    ("another start line", |draft, random| {
        let (from, to) = random.pick(&[
            (" SIP/2.0", "  SIP/2.0"),
            (" SIP/2.0", " SIP/2.0 "),
            (" SIP/2.0", " sip/2.0"),
            (" SIP/2.0", " SIP/2.1"),
            (" SIP/2.0", " HTTP/1.1"),
            (" SIP/2.0", ""),
            (" sip:", " sips:"),
            (" sip:", " SIP:"),
            (" sip:", " tel:"),
            (" sip:", " <sip:"),
            (" sip:", "\tsip:"),
            ("@", "@@"),
            ("@", "%40"),
            ("@", "@a@"),
            ("test", "test."),
            ("test", "TEST"),
            ("test", "[::1]"),
            (".test", ".test:0"),
            (".test", ".test:65536"),
            (".test", ".test:5061"),
            (".test", ".test?Subject=x"),
            (".test", ".test;a=b;a=c"),
            ("mx.", "mx.."),
            ("INVITE", "invite"),
            ("INVITE", "INVITEX"),
            ("OPTIONS", "INVITE"),
            ("REGISTER", "register"),
            ("sip:1002", "sip:1002:pass"),
            ("sip:1002", "sip:"),
            ("sip:1002", "sip:+1 002"),
            ("sip:1002", "sip:1;x=1"),
        ]);
        draft.change_start_line(from, to);
    }),
    ("another CSeq method", |draft, random| {
        let method = random.pick(&["INVITE", "invite", "ACK", "BYE", "REGISTER", "OPTIONS", "", "INVITE x"]);
        draft.change_value(&["cseq"], |value| {
            let number = value.split_whitespace().next().unwrap_or_default();
            format!("{number} {method}")
        });
    }),
    ("a piece twice", |draft, random| draft.double_a_piece(random)),
    ("the end cut off", |draft, random| draft.cut_end(random)),
    ("something behind the end", |draft, random| {
        draft.put_behind(random.pick(&["\r\n", "x", "\0", "BYE sip:x SIP/2.0\r\n\r\n", "\r\n\r\n"]));
    }),
];

/// Bytes that mean something to some reader.
const INTERESTING: &[u8] = b"\"<>;,:@?=\\%()[]{}/&+-*_.~!#$^|'` \t\0\x01\x0b\x0c\x1b\x7f\x80\xc3\xff\r\n0aZ";

const COMPACT: [(&str, &str); 8] = [
    ("v", "Via"),
    ("f", "From"),
    ("t", "To"),
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("l", "Content-Length"),
    ("c", "Content-Type"),
    ("s", "Subject"),
];
