//! Where events go: standard error, one line each.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts the subscriber of this process. `CORDON_LOG` chooses what is printed, `info` without it. Colour only on a
/// terminal and without `NO_COLOR`; with `json` each event is one JSON object.
pub(crate) fn start(json: bool) {
    let filter = EnvFilter::try_from_env("CORDON_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colour =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    match json {
        true => lines.json().init(),
        false => lines.init(),
    }
}
