//! `cordon run`: a configuration file in, a serving process until it is told to end.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cordon_config::{Finding, Severity, Waiver};
use cordon_policy::refusal::Refusal;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::gateway::{Gateway, StartError, give_up_rights};

/// Why the process ends without having served.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file; each finding has its line.
    #[error("the configuration is refused")]
    Configuration(Vec<Finding>),
    /// A part could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Signalling ended without being asked to.
    #[error("signalling has ended, nobody would answer the phones")]
    Lost,
    /// The runtime or its signals.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
}

/// Serves until SIGTERM or SIGINT, then drains; a second one ends what is left at once, with BYE. SIGHUP reloads.
///
/// # Errors
/// When it could not start, or [`RunError::Lost`]. Else, once it serves, it ends well.
pub fn run(path: &Path) -> Result<(), RunError> {
    // Media is started on this thread; those of the runtime, which read what strangers send, need no rights for it.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().on_thread_start(give_up_rights).build()?;
    let outcome = runtime.block_on(serve(path.to_owned()));
    // A look-up of the PBX's name that nobody answers would hold the end up until the resolver gives in.
    runtime.shutdown_background();
    outcome
}

async fn serve(path: PathBuf) -> Result<(), RunError> {
    let loaded = cordon_config::load(&path).map_err(RunError::Configuration)?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut ends =
        Ends { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    let mut waivers = loaded.settings.waivers.clone();
    let gateway = Gateway::start(loaded).await?;
    info!("cordon is ready");
    let mut day = tokio::time::interval(DAY);
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                if let Some(taken) = reload(&gateway, &path).await {
                    waivers = taken;
                }
            }
            _ = day.tick() => remind(&waivers),
            () = ends.asked() => break,
            // A process that still accepts connections and answers none of them is worse than one that is restarted.
            () = gateway.lost() => return Err(RunError::Lost),
        }
    }
    info!("draining: calls go on, nothing new is taken; a second signal ends at once");
    tokio::select! {
        () = gateway.drain(DRAIN) => {}
        () = ends.asked() => warn!("asked twice: calls that are up end now"),
    }
    gateway.end_calls().await;
    gateway.stop().await;
    info!("cordon has ended");
    Ok(())
}

/// The waivers of the new configuration, where it was taken.
async fn reload(gateway: &Gateway, path: &Path) -> Option<Vec<Waiver>> {
    let loaded = match cordon_config::load(path) {
        Ok(loaded) => loaded,
        Err(findings) => {
            gateway.reload_refused();
            // One event a line: `cordon check` shows the line with its caret.
            for finding in findings.iter().filter(|finding| finding.severity() == Severity::Error) {
                error!(
                    line = finding.position().map(|(line, _)| line),
                    control = finding.control(),
                    refusal = finding.refusal().map(Refusal::code),
                    "reload refused, everything stays as it was: {}",
                    finding.message()
                );
            }
            return None;
        }
    };
    let waivers = loaded.settings.waivers.clone();
    match gateway.reload(loaded).await {
        Ok(()) => {
            info!("configuration and certificates reloaded");
            Some(waivers)
        }
        Err(error) => {
            error!("reload refused, everything stays as it was: {error}");
            None
        }
    }
}

/// A waiver that ends while the site is up goes on weakening it: calls are not ended for a date, people are told.
fn remind(waivers: &[Waiver]) {
    let now = SystemTime::now();
    for waiver in waivers.iter().filter(|waiver| waiver.has_ended(now)) {
        warn!(
            control = waiver.control,
            owner = waiver.owner,
            expires = %waiver.expires,
            "a waiver has ended: what it allowed is refused from the next reload or start on"
        );
    }
}

/// The two ways to ask a process to end.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A drain ends with the last call; a call that is still up after half an hour was forgotten.
const DRAIN: Duration = Duration::from_secs(30 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
