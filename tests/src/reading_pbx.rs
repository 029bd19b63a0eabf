//! A PBX that tells how it reads: Kamailio prints each request it was sent beside its own reading of it, and welcomes
//! every registration without a password.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::kamailio::{Kamailio, Transport};
use crate::pki::Authority;
use crate::wire::Answer;

/// A running Kamailio with the reading script.
pub struct ReadingPbx {
    kamailio: Kamailio,
}

/// One request as Kamailio took it from the stream.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Counted from 1. The answer carries it in Retry-After, which Cordon passes on to the phone.
    pub serial: u64,
    /// The bytes between what Kamailio took for the two ends of the message.
    pub message: Vec<u8>,
    /// What it read, by the name of its pseudo-variable; one it has no value for is not there.
    pub values: BTreeMap<&'static str, String>,
}

impl ReadingPbx {
    /// Starts it at the PBX's address.
    pub fn start(folder: &Path, authority: &Authority, transport: Transport) -> Result<Self> {
        let field = |(name, expression)| format!(" {name}=$({expression}{{s.encode.hexa}})");
        let fields: String = FIELDS.map(field).concat();
        let script = SCRIPT.replace("@FIELDS@", &fields);
        Ok(Self { kamailio: Kamailio::start_script(folder, authority, transport, &script)? })
    }

    /// Every request read so far, in order.
    pub fn readings(&self) -> Result<Vec<Reading>> {
        let lines = self.kamailio.program.lines_after(0);
        lines.iter().filter_map(|line| line.split_once(READ)).map(|(_, rest)| Reading::parse(rest)).collect()
    }

    /// Every request read up to one given by its number, once that one is printed.
    pub fn readings_up_to(&self, last: u64, limit: Duration) -> Result<Vec<Reading>> {
        self.kamailio.program.await_line(&format!("{READ}{last} "), limit)?;
        self.readings()
    }

    /// The requests read between two others, given by their numbers, once the later one is printed.
    pub fn readings_between(&self, before: u64, after: u64, limit: Duration) -> Result<Vec<Reading>> {
        // What it prints and what it answers take different ways.
        let readings = self.readings_up_to(after, limit)?.into_iter();
        Ok(readings.filter(|reading| before < reading.serial && reading.serial < after).collect())
    }
}

impl Reading {
    /// The value of a pseudo-variable; empty when it has none.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    fn parse(line: &str) -> Result<Reading> {
        let mut words = line.split_whitespace();
        let serial = words.next().context("a reading has a number")?.parse()?;
        let mut reading = Reading { serial, message: Vec::new(), values: BTreeMap::new() };
        for word in words {
            let Some((name, hex)) = word.split_once('=') else { continue };
            let Some(bytes) = bytes_of(hex) else { continue };
            match FIELDS.iter().find(|(known, _)| *known == name) {
                Some(("mb", _)) => reading.message = bytes,
                Some((known, _)) => {
                    reading.values.insert(known, String::from_utf8_lossy(&bytes).into_owned());
                }
                None => {}
            }
        }
        Ok(reading)
    }
}

/// The number of the request that an answer of this PBX, as Cordon passed it on, belongs to.
pub fn serial(answer: &Answer) -> Option<u64> {
    // A 503 is Cordon's own: its Retry-After is a time.
    answer.header("Retry-After").filter(|_| answer.status != 503)?.parse().ok()
}

/// `None` for what is no hexadecimal number, such as `<null>`, and for nothing.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| !digits.is_empty())?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Our names, and Kamailio's expressions for them.
const FIELDS: [(&str, &str); 26] = [
    ("mb", "mb"),
    ("method", "rm"),
    ("uri", "ru"),
    ("uri_user", "rU"),
    ("uri_host", "rd"),
    ("uri_port", "rp"),
    ("from_uri", "fu"),
    ("from_user", "fU"),
    ("from_name", "fn"),
    ("from_tag", "ft"),
    ("to_uri", "tu"),
    ("to_user", "tU"),
    ("to_name", "tn"),
    ("to_tag", "tt"),
    ("call_id", "ci"),
    ("cseq", "cs"),
    ("content_length", "cl"),
    ("body", "rb"),
    ("content_type", "cT"),
    ("max_forwards", "hdr(Max-Forwards)"),
    ("user_agent", "ua"),
    ("contact", "ct"),
    ("branch", "sel(via[1].branch)"),
    ("via_host", "sel(via[1].host)"),
    ("subject", "hdr(Subject)"),
    ("expires", "hdr(Expires)"),
];

const READ: &str = "cordon-test-pbx read ";

const SCRIPT: &str = r#"#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=1
tcp_connection_lifetime=3604
enable_tls=yes
tcp_source_ipv4=10.0.0.2
auto_aliases=no
@LISTEN@
mpath="@MODULES@/"
loadmodule "tls.so"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
modparam("tls", "config", "@TLS@")
modparam("xlog", "buf_size", 262144)

request_route {
  $var(serial) = $var(serial) + 1;
  xlog("L_NOTICE", "cordon-test-pbx read $var(serial)@FIELDS@\n");
  if (is_method("ACK")) { exit; }
  append_to_reply("Retry-After: $var(serial)\r\n");
  if (is_method("REGISTER")) { append_to_reply("Expires: 120\r\n"); sl_send_reply("200","OK"); exit; }
  if (is_method("OPTIONS")) { sl_send_reply("200","OK"); exit; }
  if (is_method("INVITE")) { sl_send_reply("486","Busy Here"); exit; }
  sl_send_reply("481","Nothing known");
}

event_route[core:worker-one-init] { xlog("L_NOTICE", "cordon-test-pbx is ready\n"); }
"#;
