//! The loopback listener for machines that watch: `/metrics`, `/livez`, `/readyz`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// What the pages read.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
}

/// Whether calls can be taken now: serving, not draining, every media thread alive, and the PBX within reach. And whether the
/// signalling loop turns at all.
pub(crate) struct Readiness {
    serving: AtomicBool,
    pbx: AtomicBool,
    media: AtomicBool,
    begun: Instant,
    /// Milliseconds from `begun` to the last look of the signalling loop around itself.
    beat: AtomicU64,
}

impl Readiness {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            serving: AtomicBool::new(false),
            pbx: AtomicBool::new(false),
            media: AtomicBool::new(true),
            begun: now,
            beat: AtomicU64::new(0),
        }
    }

    /// The signalling loop has come round.
    pub(crate) fn beats(&self, now: Instant) {
        self.beat.store(self.since_begun(now), Ordering::Relaxed);
    }

    fn is_alive(&self, now: Instant) -> bool {
        let still = self.since_begun(now).saturating_sub(self.beat.load(Ordering::Relaxed));
        Duration::from_millis(still) < STANDSTILL
    }

    fn since_begun(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.begun).as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn serves(&self, serving: bool) {
        self.serving.store(serving, Ordering::Relaxed);
    }

    pub(crate) fn pbx_is_up(&self, up: bool) {
        self.pbx.store(up, Ordering::Relaxed);
    }

    /// A media thread has ended: the calls it had are deaf.
    pub(crate) fn media_is_lost(&self) {
        self.media.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.reason().is_ok()
    }

    fn reason(&self) -> Result<(), &'static str> {
        let holds =
            [&self.media, &self.serving, &self.pbx].map(|condition| condition.load(Ordering::Relaxed));
        match holds {
            [false, _, _] => Err("a media thread has ended\n"),
            [true, false, _] => Err("draining\n"),
            [true, true, false] => Err("no verified connection to the PBX\n"),
            [true, true, true] => Ok(()),
        }
    }
}

/// Binds the listener.
///
/// # Errors
/// As the system says, for instance that the port is taken.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{address} cannot be bound: {error}"));
    TcpListener::bind(address).await.map_err(named)
}

/// Answers until the process ends.
pub(crate) async fn serve(listener: TcpListener, watched: Watched) {
    let pages = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .with_state(watched);
    if let Err(error) = axum::serve(listener, pages).await {
        tracing::error!(%error, "the metrics listener ended");
    }
}

async fn metrics(State(watched): State<Watched>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPENMETRICS)], watched.metrics.text())
}

async fn alive(State(watched): State<Watched>) -> impl IntoResponse {
    match watched.readiness.is_alive(Instant::now()) {
        true => (StatusCode::OK, "alive\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "signalling stands still\n"),
    }
}

async fn ready(State(watched): State<Watched>) -> impl IntoResponse {
    match watched.readiness.reason() {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
    }
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The loop comes round once a second; one that has not for so long will not by itself.
const STANDSTILL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signalling_loop_that_stands_still_for_ten_seconds_is_not_alive() {
        let begun = Instant::now();
        let readiness = Readiness::new(begun);
        assert!(readiness.is_alive(begun));
        readiness.beats(begun + Duration::from_secs(5));

        assert!(readiness.is_alive(begun + Duration::from_secs(14)));
        assert!(!readiness.is_alive(begun + Duration::from_secs(15)));
    }

    #[test]
    fn without_one_of_its_media_threads_a_gateway_is_not_ready() {
        let readiness = Readiness::new(Instant::now());
        readiness.serves(true);
        readiness.pbx_is_up(true);
        assert_eq!(readiness.reason(), Ok(()));

        readiness.media_is_lost();

        assert_eq!(readiness.reason(), Err("a media thread has ended\n"));
    }
}
