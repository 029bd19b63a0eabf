//! A phone: it registers over TLS, keeps the connection, and places and takes calls with SRTP.

mod call;
mod continuity;
mod dialog;
mod incoming;
mod line;
mod media;
mod negotiation;
mod outgoing;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use cordon_rtp::Suite;
use cordon_sip::{CallId, Contacts, HeaderName, Host, Method, NameAddr, Request, Response, Uri};
use rustls::ClientConfig;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Duration, timeout};

pub use call::{CallEnd, LabCall};
pub use incoming::IncomingCall;
pub use media::{MediaReport, Reported, RocChange, SsrcChange};
pub use negotiation::SessionChange;
pub use outgoing::{Dial, OutgoingCall};

use crate::digest::{self, Account};
use crate::{LabError, Trace, random};
use line::Line;

/// What a phone has to know.
#[derive(Clone)]
pub struct PhoneConfig {
    /// Its name in ladders.
    pub name: String,
    /// User and password at the PBX.
    pub account: Account,
    /// The SIP domain it registers to.
    pub domain: String,
    /// Where it connects.
    pub server: SocketAddr,
    /// How it verifies the server; `None` speaks plain TCP.
    pub tls: Option<PhoneTls>,
    /// Its own address: of its connection, and for media.
    pub ip: IpAddr,
    /// The SRTP suites it offers and takes, in order.
    pub suites: Vec<Suite>,
    /// The tone it plays, in Hz.
    pub tone: f64,
    /// What it calls itself in User-Agent.
    pub user_agent: String,
    /// Where it notes what it says.
    pub trace: Trace,
}

/// The TLS side of a phone.
#[derive(Clone)]
pub struct PhoneTls {
    /// Roots and versions.
    pub config: Arc<ClientConfig>,
    /// The name the server's certificate must carry.
    pub name: String,
}

/// A phone with its connection. Dropping it drops the connection without a word; calls keep their media.
pub struct LabPhone {
    line: Arc<Line>,
    incoming: Mutex<mpsc::Receiver<IncomingCall>>,
    registration: Mutex<Registration>,
}

/// What a registration needs to be the same one each time.
struct Registration {
    call_id: CallId,
    tag: String,
    cseq: u32,
}

/// What the registrar granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Seconds until it has to be refreshed; 0 after unregistering.
    pub expires: u32,
    /// How many requests it took: 1 without a challenge, 2 with one.
    pub requests: u32,
}

impl LabPhone {
    /// Connects to the server; nothing is sent yet.
    ///
    /// # Errors
    /// When the server cannot be reached or its certificate is refused.
    pub async fn connect(config: PhoneConfig) -> Result<LabPhone, LabError> {
        let (ringing, incoming) = mpsc::channel(MAX_RINGING);
        let line = Line::connect(config, ringing).await?;
        let registration =
            Registration { call_id: CallId::new(random::token()), tag: random::token(), cseq: 0 };
        Ok(LabPhone { line, incoming: Mutex::new(incoming), registration: Mutex::new(registration) })
    }

    /// Drops the connection, as a phone does that loses its network for a moment, and makes a new one.
    ///
    /// # Errors
    /// As [`LabPhone::connect`].
    pub async fn reconnect(&self) -> Result<(), LabError> {
        self.line.reconnect().await
    }

    /// Drops the connection without a word.
    pub fn disconnect(&self) {
        self.line.disconnect();
    }

    /// Registers for this many seconds and answers the challenge; 0 unregisters.
    ///
    /// # Errors
    /// [`LabError::Refused`] with the registrar's answer.
    pub async fn register(&self, expires: u32) -> Result<Registered, LabError> {
        let config = self.line.config();
        let domain = Uri::sip(None, host(&config.domain)?, None);
        let address = NameAddr::new(Uri::sip(Some(&config.account.user), host(&config.domain)?, None));
        let mut registration = self.registration.lock().await;
        let mut credentials: Option<(HeaderName, String)> = None;
        for attempt in 1..=2 {
            registration.cseq += 1;
            let from = address.clone().with_tag(registration.tag.as_str());
            let mut request = Request::new(
                Method::Register,
                domain.clone(),
                from,
                address.clone(),
                registration.call_id.clone(),
                registration.cseq,
            );
            request.contacts = Contacts::one(self.line.registered_contact()?);
            request.headers.push(HeaderName::EXPIRES, expires.to_string());
            if let Some((name, value)) = credentials.take() {
                request.headers.push(name, value);
            }
            let response = self.line.ask(request).await?;
            if attempt == 1 && response.status.is_challenge() {
                credentials = Some(answer(&response, &config.account, &Method::Register, &domain)?);
                continue;
            }
            if !response.status.is_success() {
                return Err(refused("REGISTER", &response));
            }
            return Ok(Registered { expires: granted(&response), requests: attempt });
        }
        Err(LabError::Misbehaved("the right password was challenged again"))
    }

    /// Calls a user of the PBX, or a full `sip:` URI, and returns as soon as the INVITE is out.
    ///
    /// # Errors
    /// When the connection is gone or the target is no URI.
    pub async fn dial(&self, target: &str, dial: Dial) -> Result<OutgoingCall, LabError> {
        OutgoingCall::place(self.line.clone(), target, dial).await
    }

    /// Calls and waits for the answer.
    ///
    /// # Errors
    /// [`LabError::Refused`] when the call is refused.
    pub async fn call(&self, target: &str) -> Result<LabCall, LabError> {
        self.dial(target, Dial::default()).await?.answered().await
    }

    /// Waits for the next call.
    ///
    /// # Errors
    /// [`LabError::TimedOut`] when none comes.
    pub async fn incoming(&self, limit: Duration) -> Result<IncomingCall, LabError> {
        let mut incoming = self.incoming.lock().await;
        timeout(limit, incoming.recv())
            .await
            .map_err(|_| LabError::TimedOut("the call"))?
            .ok_or(LabError::Closed)
    }

    /// Sends OPTIONS outside of any dialog and returns the status of the answer.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn options(&self, target: &str) -> Result<u16, LabError> {
        let request = self.line.request(Method::Options, self.line.target(target)?)?;
        Ok(self.line.ask(request).await?.status.code())
    }

    /// A request outside of any dialog with what every phone puts there but Via and Contact, to be altered and sent by
    /// [`LabPhone::ask`].
    ///
    /// # Errors
    /// When the target is no URI.
    pub fn request(&self, method: Method, target: &str) -> Result<Request, LabError> {
        self.line.request(method, self.line.target(target)?)
    }

    /// Sends a request of the caller's making and waits for the final answer; a Via is put on top, and the failure of an
    /// INVITE is acknowledged.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn ask(&self, request: Request) -> Result<Response, LabError> {
        self.line.ask(request).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send_raw(&self, bytes: &[u8]) -> Result<(), LabError> {
        self.line.send_raw(bytes)
    }

    /// Its name in ladders.
    pub fn name(&self) -> &str {
        &self.line.config().name
    }

    /// The local address of its connection.
    ///
    /// # Errors
    /// When it has none.
    pub fn local_address(&self) -> Result<SocketAddr, LabError> {
        self.line.local_address()
    }
}

/// The credentials that answer this challenge, under the header name they go by.
fn answer(
    response: &Response,
    account: &Account,
    method: &Method,
    uri: &Uri,
) -> Result<(HeaderName, String), LabError> {
    let (asked, given) = if response.status.code() == 401 {
        (HeaderName::WWW_AUTHENTICATE, HeaderName::AUTHORIZATION)
    } else {
        (HeaderName::PROXY_AUTHENTICATE, HeaderName::PROXY_AUTHORIZATION)
    };
    let challenges = response.headers.get_all(&asked).map(|value| value.as_str());
    digest::answer(challenges, account, method, uri.to_text().as_str())
        .map(|value| (given, value))
        .ok_or(LabError::Misbehaved("no challenge that can be met"))
}

/// The seconds of the one binding the answer shows, else the Expires header.
fn granted(response: &Response) -> u32 {
    let stated = response.contacts.first().and_then(NameAddr::expires);
    stated.or_else(|| response.headers.lifetime()).unwrap_or(0)
}

fn refused(what: &'static str, response: &Response) -> LabError {
    let warnings = response.headers.get_all(&HeaderName::WARNING).map(|warning| warning.as_str().to_owned());
    LabError::Refused { what, status: response.status.code(), warnings: warnings.collect() }
}

fn host(text: &str) -> Result<Host, LabError> {
    Host::parse(text).map_err(|_| LabError::Misbehaved("the domain is no host"))
}

const MAX_RINGING: usize = 32; // calls nobody has picked up yet; more are answered busy
