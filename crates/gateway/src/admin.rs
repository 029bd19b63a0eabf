//! The loopback listener for machines that watch: `/metrics`, `/livez`, `/readyz`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Whether calls can be taken now: serving, not draining, and the PBX within reach.
#[derive(Default)]
pub(crate) struct Readiness {
    serving: AtomicBool,
    pbx: AtomicBool,
}

impl Readiness {
    pub(crate) fn serves(&self, serving: bool) {
        self.serving.store(serving, Ordering::Relaxed);
    }

    pub(crate) fn pbx_is_up(&self, up: bool) {
        self.pbx.store(up, Ordering::Relaxed);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.reason().is_ok()
    }

    fn reason(&self) -> Result<(), &'static str> {
        match (self.serving.load(Ordering::Relaxed), self.pbx.load(Ordering::Relaxed)) {
            (true, true) => Ok(()),
            (false, _) => Err("draining\n"),
            (true, false) => Err("no verified connection to the PBX\n"),
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
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(watched);
    if let Err(error) = axum::serve(listener, pages).await {
        tracing::error!(%error, "the metrics listener ended");
    }
}

async fn metrics(State(watched): State<Watched>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPENMETRICS)], watched.metrics.text())
}

async fn ready(State(watched): State<Watched>) -> impl IntoResponse {
    match watched.readiness.reason() {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
    }
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
