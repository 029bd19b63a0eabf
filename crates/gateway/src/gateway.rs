//! One running Cordon: everything started in order, reloaded whole or not at all, drained and stopped.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cordon_call::Engine;
use cordon_certs::{CertError, SharedIdentity};
use cordon_config::{Loaded, Profile, Settings};
use cordon_media::MediaEngine;
use cordon_srtp::{NotInFipsMode, Provider};
use cordon_transport::{Events, Listening, Transport};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use crate::admin::{self, Readiness, Watched};
use crate::contact_secret;
use crate::crowd::Crowd;
use crate::descriptors;
use crate::entropy::SystemEntropy;
use crate::expiry::Expiry;
use crate::media_bridge::MediaBridge;
use crate::metrics::Metrics;
use crate::pbx_proof::PbxProof;
use crate::records::Records;
use crate::signalling::{Control, Reloaded, Signalling};
use crate::site::{self, Interfaces};
use crate::tenure::Tenure;

/// A running Cordon. Dropped without [`Gateway::stop`] it runs until the runtime ends.
pub struct Gateway {
    transport: Arc<Transport>,
    identity: SharedIdentity,
    contact_secret: [u8; 32],
    fixed: Vec<(String, String)>,
    control: mpsc::Sender<Control>,
    signalling: Mutex<Option<JoinHandle<()>>>,
    records: Records,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

/// Why Cordon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A certificate, key or trust store.
    #[error(transparent)]
    Certificates(#[from] CertError),
    /// A listener.
    #[error(transparent)]
    Listener(#[from] cordon_transport::StartError),
    /// The media addresses.
    #[error("media address {0}")]
    Media(#[source] io::Error),
    /// The metrics listener.
    #[error("metrics.listen: {0}")]
    Metrics(#[source] io::Error),
    /// The state directory.
    #[error("site.state: {0}")]
    State(#[source] io::Error),
    /// A thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[source] io::Error),
    /// The ciphers.
    #[error(transparent)]
    Ciphers(#[from] NotInFipsMode),
}

/// Why a reload was refused. Everything stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A certificate, key or trust store.
    #[error(transparent)]
    Certificates(#[from] CertError),
    /// Keys that cannot change while sockets are bound.
    #[error("{0} cannot change while Cordon runs: restart it, or put the old value back")]
    Fixed(String),
    /// The signalling loop is gone.
    #[error("Cordon is stopping")]
    Stopping,
}

impl StartError {
    /// What to do about it, where the system's words do not say.
    pub fn remedy(&self) -> Option<&'static str> {
        let cause = match self {
            Self::Listener(error) => &error.source,
            Self::Media(error) | Self::Metrics(error) => error,
            Self::Certificates(_) | Self::State(_) | Self::Thread(_) | Self::Ciphers(_) => return None,
        };
        match cause.kind() {
            io::ErrorKind::AddrInUse => Some("another program listens there: `ss -ltnup` names it"),
            io::ErrorKind::AddrNotAvailable => {
                Some("this machine has no such address: `ip address` lists those it has")
            }
            io::ErrorKind::PermissionDenied => Some("a port below 1024 wants root or CAP_NET_BIND_SERVICE"),
            _ => None,
        }
    }
}

impl Gateway {
    /// Starts every part. Must be called inside a tokio runtime with I/O and time; returns once every socket is bound.
    ///
    /// # Errors
    /// The first part that could not start; those before it are stopped again.
    pub async fn start(loaded: Loaded) -> Result<Self, StartError> {
        let ciphers = Provider::in_force()?;
        announce(&loaded);
        let Loaded { settings, identity, anchors, warnings: _ } = loaded;
        let settings = &settings;
        let contact_secret = contact_secret::load_or_make(&settings.site.state).map_err(StartError::State)?;
        let identity = SharedIdentity::new(identity);
        let interfaces = Interfaces::of(settings);
        let mut wires = site::transport_config(settings, &identity, &anchors)?;
        let media = interfaces.media_config(settings);
        wires.limits = descriptors::fit(wires.limits, media.descriptors());
        let media = MediaEngine::start(media).map_err(StartError::Media)?;
        // The threads started from here on never have the rights that steering media took.
        give_up_rights();
        let metrics = Arc::new(Metrics::new());
        let readiness = Arc::new(Readiness::new(Instant::now()));
        let admin = admin::bind(settings.metrics.listen).await.map_err(StartError::Metrics)?;
        let (transport, wires) = Transport::start(wires).await?;
        let transport = Arc::new(transport);

        let relay = forward_events(&media)?;
        let records = Records::new(
            Arc::clone(&metrics),
            settings.locations.iter().map(|location| location.name.clone()).collect(),
            ciphers,
        );
        let (control, orders) = mpsc::channel(CONTROLS);
        let signalling = Signalling {
            engine: Engine::new(
                site::site_rules(settings, &interfaces, contact_secret),
                Box::new(SystemEntropy::new()),
            ),
            transport: Arc::clone(&transport),
            media: MediaBridge::new(media, interfaces.advertised(), metrics.clone()),
            records: records.clone(),
            metrics: Arc::clone(&metrics),
            readiness: Arc::clone(&readiness),
            expiry: Expiry::new(identity.clone()),
            pbx_proof: PbxProof::new(anchors),
            pbx_tls: None,
            tenure: Tenure::default(),
            crowd: Crowd::new().map_err(StartError::Thread)?,
            drained: None,
        };
        let signalling = spawn_signalling(signalling, wires, relay, orders)?;
        metrics.enforcement_is_weakened(is_weakened(settings));
        readiness.serves(true);
        tokio::spawn(admin::serve(
            admin,
            Watched { metrics: Arc::clone(&metrics), readiness: Arc::clone(&readiness) },
        ));
        Ok(Self {
            transport,
            identity,
            contact_secret,
            fixed: site::fixed_keys(settings),
            control,
            signalling: Mutex::new(Some(signalling)),
            records,
            metrics,
            readiness,
        })
    }

    /// What was bound.
    pub fn listening(&self) -> &Listening {
        self.transport.listening()
    }

    /// Resolves when signalling has ended, whether by [`Gateway::stop`] or by a defect of ours.
    pub async fn lost(&self) {
        self.control.closed().await;
    }

    /// What was enforced.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// True while a verified connection to the PBX is up.
    pub fn is_ready(&self) -> bool {
        self.readiness.is_ready()
    }

    /// Takes a whole new configuration with its certificates, or nothing of it. Connections that are established keep
    /// the certificate they began with; calls go on.
    ///
    /// # Errors
    /// What stands against it; everything stays as it was.
    pub async fn reload(&self, loaded: Loaded) -> Result<(), ReloadError> {
        let outcome = self.take_over(loaded).await;
        self.metrics.reloaded(outcome.is_ok());
        outcome
    }

    /// Counts a reload that did not come as far as [`Gateway::reload`]: its file was refused.
    pub fn reload_refused(&self) {
        self.metrics.reloaded(false);
    }

    async fn take_over(&self, loaded: Loaded) -> Result<(), ReloadError> {
        let fixed = site::fixed_keys(&loaded.settings);
        let changed = self.fixed.iter().filter(|key| !fixed.contains(key)).map(|(name, _)| name.as_str());
        let changed: Vec<&str> = changed.collect();
        if !changed.is_empty() {
            return Err(ReloadError::Fixed(changed.join(", ")));
        }
        announce(&loaded);
        let Loaded { settings, identity, anchors, warnings: _ } = loaded;
        // Everything that can fail is built before anything is swapped.
        let transport = site::transport_config_of(&settings, &self.identity, &identity, &anchors)?;
        let rules = site::site_rules(&settings, &Interfaces::of(&settings), self.contact_secret);
        let order = self.control.reserve().await.map_err(|_| ReloadError::Stopping)?;

        self.identity.swap(identity);
        self.transport.reload(transport);
        order.send(Control::Reloaded(Box::new(Reloaded { rules, trust: anchors })));
        self.metrics.enforcement_is_weakened(is_weakened(&settings));
        Ok(())
    }

    /// Takes no new calls and registrations, and waits until the last call is over or `limit` has passed.
    pub async fn drain(&self, limit: Duration) {
        self.metrics.drains();
        self.transport.drain();
        let (done, over) = oneshot::channel();
        if self.control.send(Control::Drain(done)).await.is_err() {
            return;
        }
        if tokio::time::timeout(limit, over).await.is_err() {
            warn!(seconds = limit.as_secs(), "calls were still up when the drain ended");
        }
    }

    /// Ends the calls that are still up, with BYE on both legs. Waits for that, for [`FAREWELL`] at most.
    pub async fn end_calls(&self) {
        let (done, over) = oneshot::channel();
        if self.control.send(Control::EndCalls(done)).await.is_ok()
            && tokio::time::timeout(FAREWELL, over).await.is_err()
        {
            warn!("not every call has ended in time");
        }
    }

    /// Closes every connection and ends every thread.
    pub async fn stop(&self) {
        self.readiness.serves(false);
        self.transport.shutdown().await;
        // The loop may be gone already: then there is nothing to stop.
        let _ = self.control.send(Control::Stop).await;
        let handle = self.signalling.lock().expect("no holder panics").take();
        if let Some(handle) = handle {
            // Joined off the runtime's threads: the loop may still have a turn to finish.
            let _ = tokio::task::spawn_blocking(move || handle.join()).await;
            self.records.close();
        }
    }
}

/// Gives up the rights of this thread that only the start of media needed, and with them those of the threads it starts.
pub(crate) fn give_up_rights() {
    if let Err(error) = cordon_media::give_up_rights() {
        warn!(%error, "rights that are not needed any more cannot be given up");
    }
}

/// One thread owns signalling; its runtime knows time only.
fn spawn_signalling(
    signalling: Signalling,
    wires: Events,
    relay: mpsc::Receiver<cordon_media::RelayEvent>,
    orders: mpsc::Receiver<Control>,
) -> Result<JoinHandle<()>, StartError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(StartError::Thread)?;
    std::thread::Builder::new()
        .name("signalling".to_owned())
        .spawn(move || runtime.block_on(signalling.run(wires, relay, orders)))
        .map_err(StartError::Thread)
}

/// Media threads know no runtime: one thread waits for their events and hands them on.
fn forward_events(media: &MediaEngine) -> Result<mpsc::Receiver<cordon_media::RelayEvent>, StartError> {
    let events = media.events().expect("the engine was just started, nobody has taken its events");
    let (sender, receiver) = mpsc::channel(RELAY_EVENTS);
    std::thread::Builder::new()
        .name("media-events".to_owned())
        .spawn(move || {
            while let Ok(event) = events.recv() {
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
        })
        .map_err(StartError::Thread)?;
    Ok(receiver)
}

fn is_weakened(settings: &Settings) -> bool {
    settings.site.profile == Profile::Lab || !settings.waivers.is_empty()
}

/// Whatever weakens the site is said aloud at every start and reload.
fn announce(loaded: &Loaded) {
    let Loaded { settings, warnings, .. } = loaded;
    info!(site = settings.site.name, profile = settings.site.profile.name(), "configuration taken");
    warn!(
        "not for live emergency service: a phone without its TLS connection cannot reach 911 through Cordon yet"
    );
    for warning in warnings {
        warn!(control = warning.control(), "{}", warning.message());
    }
    for waiver in &settings.waivers {
        warn!(
            control = waiver.control,
            owner = waiver.owner,
            reason = waiver.reason,
            expires = %waiver.expires,
            "a control is waived"
        );
    }
}

/// How long the end waits for the media threads to give their ports back; the BYEs are sent before.
const FAREWELL: Duration = Duration::from_secs(2);
/// Orders are rare: reload, drain, stop.
const CONTROLS: usize = 8;
/// Events of media threads that may wait for a turn of the signalling loop.
const RELAY_EVENTS: usize = 1_024;
