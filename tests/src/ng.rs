//! The control protocol of rtpengine: a cookie and a bencoded dictionary in a datagram, answered by the same cookie and
//! another dictionary.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// A value as bencode knows it; numbers are not needed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string of bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A dictionary, by key.
    Dictionary(BTreeMap<String, Value>),
}

/// A conversation with rtpengine.
pub struct Ng {
    socket: UdpSocket,
    /// Counts the questions: an answer to one that was asked before is no answer.
    asked: u64,
}

impl Ng {
    /// Talks to the rtpengine that listens there.
    pub fn new(to: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind((to.ip(), 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(to)?;
        Ok(Self { socket, asked: 0 })
    }

    /// Asks, and returns the dictionary of an answer whose `result` is `ok` or `pong`.
    pub fn ask<'a>(
        &mut self,
        question: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<BTreeMap<String, Value>> {
        self.asked += 1;
        let cookie = format!("{} ", self.asked);
        let question = question.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut datagram = cookie.clone().into_bytes();
        Value::Dictionary(question).write(&mut datagram);
        self.socket.send(&datagram)?;
        let mut answer = vec![0; MAX_DATAGRAM];
        let len = self.socket.recv(&mut answer).context("rtpengine answers")?;
        let answer = answer.get(..len).unwrap_or_default();
        let mut rest = answer.strip_prefix(cookie.as_bytes()).context("the answer is to this question")?;
        let Value::Dictionary(answer) = Value::read(&mut rest)? else { bail!("the answer is no dictionary") };
        let result = answer.get("result").and_then(Value::text).unwrap_or_default();
        ensure!(["ok", "pong"].contains(&result), "rtpengine refuses: {answer:?}");
        Ok(answer)
    }
}

impl Value {
    /// A string that is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => str::from_utf8(bytes).ok(),
            Self::List(_) | Self::Dictionary(_) => None,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => write_bytes(bytes, out),
            Self::List(values) => {
                out.push(b'l');
                values.iter().for_each(|value| value.write(out));
                out.push(b'e');
            }
            Self::Dictionary(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    write_bytes(key.as_bytes(), out);
                    value.write(out);
                }
                out.push(b'e');
            }
        }
    }

    fn read(rest: &mut &[u8]) -> Result<Value> {
        let (&first, behind) = rest.split_first().context("a value")?;
        match first {
            b'l' => {
                *rest = behind;
                let mut values = Vec::new();
                while !ends(rest) {
                    values.push(Value::read(rest)?);
                }
                Ok(Value::List(values))
            }
            b'd' => {
                *rest = behind;
                let mut entries = BTreeMap::new();
                while !ends(rest) {
                    entries.insert(String::from_utf8(read_bytes(rest)?)?, Value::read(rest)?);
                }
                Ok(Value::Dictionary(entries))
            }
            _ => read_bytes(rest).map(Value::Bytes),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
}

fn read_bytes(rest: &mut &[u8]) -> Result<Vec<u8>> {
    let colon = rest.iter().position(|byte| *byte == b':').context("a length and a colon")?;
    let (len, behind) = rest.split_at(colon);
    let len: usize = str::from_utf8(len)?.parse()?;
    let (bytes, behind) = behind.split_at_checked(1 + len).context("as many bytes as it says")?;
    *rest = behind;
    Ok(bytes.get(1..).unwrap_or_default().to_vec())
}

/// Takes the end of a list or dictionary, if it is there; where nothing is there it is the end as well.
fn ends(rest: &mut &[u8]) -> bool {
    match rest.split_first() {
        Some((b'e', behind)) => {
            *rest = behind;
            true
        }
        Some(_) => false,
        None => true,
    }
}

/// It answers within a millisecond unless the machine has other things to do.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_DATAGRAM: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_as_rtpengine_reads_it_and_read_again() {
        let value = Value::Dictionary(BTreeMap::from([
            ("command".to_owned(), Value::from("offer")),
            ("flags".to_owned(), Value::List(vec![Value::from("pad"), Value::List(Vec::new())])),
        ]));
        let mut written = Vec::new();
        value.write(&mut written);

        assert_eq!(written, b"d7:command5:offer5:flagsl3:padleee");
        assert_eq!(Value::read(&mut written.as_slice()).unwrap(), value);
    }

    #[test]
    fn a_value_that_is_cut_is_an_error() {
        assert!(Value::read(&mut b"5:off".as_slice()).is_err());
        assert!(Value::read(&mut b"d7:command".as_slice()).is_err());
        assert!(Value::read(&mut b"".as_slice()).is_err());
    }
}
