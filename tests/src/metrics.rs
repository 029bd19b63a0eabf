//! What Cordon's metrics listener says, read as Prometheus reads it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// One reading of `/metrics`.
#[derive(Debug)]
pub struct Metrics {
    text: String,
}

impl Metrics {
    /// Reads them now.
    pub fn read() -> Result<Self> {
        let (status, text) = get("/metrics")?;
        ensure!(status == 200, "/metrics answers {status}");
        Ok(Self { text })
    }

    /// Reads them again and again until `is_so` holds.
    pub fn await_until(what: &str, limit: Duration, is_so: impl Fn(&Metrics) -> bool) -> Result<Self> {
        let until = Instant::now() + limit;
        loop {
            let metrics = Self::read()?;
            if is_so(&metrics) {
                return Ok(metrics);
            }
            ensure!(Instant::now() < until, "{what} within {limit:?}; metrics:\n{}", metrics.text);
            // Metrics can only be asked for; nothing announces a change.
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// The sum of all series of a family whose labels contain every one of `labels` (`code="CD-MEDIA-01"`).
    pub fn sum(&self, family: &str, labels: &[&str]) -> f64 {
        self.series()
            .filter(|(name, of, _)| *name == family && labels.iter().all(|label| of.contains(label)))
            .map(|(_, _, value)| value)
            .sum()
    }

    /// The codes that were refused so far.
    pub fn refused(&self) -> Vec<&str> {
        let code = |labels: &'_ str| labels.find("code=\"").map(|at| at + "code=\"".len());
        self.series()
            .filter(|(name, _, value)| *name == "cordon_refusals_total" && *value > 0.0)
            .filter_map(|(_, labels, _)| labels.get(code(labels)?..)?.split('"').next())
            .collect()
    }

    /// Everything, as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Name, labels and value of each line that is no comment.
    fn series(&self) -> impl Iterator<Item = (&str, &str, f64)> {
        self.text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            Some((name, labels, value.parse().ok()?))
        })
    }
}

/// Fetches a page of the metrics listener: its status and its text.
pub fn get(path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect("127.0.0.1:9061").context("the metrics listener is up")?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: cordon\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer has a head")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.context("an HTTP answer has a status")?, body.to_owned()))
}
