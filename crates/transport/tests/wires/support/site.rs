//! Cordon's wires, started on loopback.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use cordon_certs::CertProblem;
use cordon_policy::Refusal;
use cordon_policy::connection::FlowFacts;
use cordon_policy::request::EmergencyNumbers;
use cordon_sip::{FlowId, Hop, Message, Origin};
use cordon_transport::{
    Events, Limits, LocationConfig, PbxConfig, PbxWay, SendError, Target, Transport, TransportConfig,
    TransportEvent,
};

use super::authority::{Authority, leaf};
use super::soon;

pub(crate) const HOST: &str = "sip.clinic.example.org";
pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(crate) struct Site {
    pub(crate) transport: Transport,
    pub(crate) authority: Authority,
    events: Events,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Phones on 127.0.0.1 are admitted; the PBX is UDP to a port that nobody hears, unless `change` says otherwise.
    pub(crate) async fn start_with(change: impl FnOnce(&mut TransportConfig)) -> Self {
        let authority = Authority::new("public");
        let mut config = config(&authority);
        change(&mut config);
        let (transport, events) = Transport::start(config).await.unwrap();
        Self { transport, authority, events }
    }

    pub(crate) fn door(&self) -> SocketAddr {
        self.transport.listening().listen[0][0]
    }

    pub(crate) fn refuser(&self) -> SocketAddr {
        self.transport.listening().refuse[0][0]
    }

    pub(crate) fn pbx_door(&self) -> SocketAddr {
        self.transport.listening().pbx
    }

    pub(crate) fn send(&self, hop: Hop, text: &str) -> Result<(), SendError> {
        self.transport.send(hop, Bytes::copy_from_slice(text.as_bytes()))
    }

    /// The next event about phones or refusals; what the UDP PBX of these tests says of itself is passed over.
    pub(crate) async fn event(&mut self) -> TransportEvent {
        loop {
            match self.any_event().await {
                TransportEvent::PbxUp { tls: None, .. } => {}
                event => return event,
            }
        }
    }

    pub(crate) async fn any_event(&mut self) -> TransportEvent {
        soon(self.events.recv()).await.expect("the transport runs")
    }

    pub(crate) async fn opened(&mut self) -> FlowFacts {
        match self.event().await {
            TransportEvent::FlowOpened(facts) => facts,
            other => panic!("expected a flow, got {other:?}"),
        }
    }

    pub(crate) async fn message(&mut self) -> (Origin, Message) {
        match self.event().await {
            TransportEvent::Message { origin, message, .. } => (origin, message),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    pub(crate) async fn refused(&mut self) -> (Refusal, String) {
        match self.event().await {
            TransportEvent::Refused { refusal, details, .. } => (refusal, details),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> (FlowId, cordon_transport::CloseReason) {
        match self.event().await {
            TransportEvent::FlowClosed { flow, reason, .. } => (flow, reason),
            other => panic!("expected the end of a flow, got {other:?}"),
        }
    }

    /// The next event if there is one.
    pub(crate) fn take_event(&mut self) -> Option<TransportEvent> {
        self.events.try_recv()
    }

    /// How often nothing more comes without waiting.
    pub(crate) fn has_no_event(&mut self) -> bool {
        self.events.try_recv().is_none()
    }
}

pub(crate) fn config(authority: &Authority) -> TransportConfig {
    TransportConfig {
        locations: vec![LocationConfig {
            listen: vec![LOOPBACK],
            refuse: vec![LOOPBACK],
            networks: vec!["127.0.0.1/32".parse().unwrap()],
            host: Some(HOST.to_owned()),
            tls: authority.front(&leaf(HOST)),
        }],
        pbx: PbxConfig {
            way: PbxWay::Udp { targets: vec![Target { host: "127.0.0.1".to_owned(), port: 9 }] },
            listen: LOOPBACK,
            networks: vec!["127.0.0.1/32".parse().unwrap()],
            explain,
        },
        emergency: EmergencyNumbers::new(["911".to_owned()]).unwrap(),
        limits: Limits::default(),
    }
}

/// As the gateway does it, in short.
fn explain(error: &rustls::Error) -> Option<Refusal> {
    Some(match CertProblem::of(error)? {
        CertProblem::Expired { .. } | CertProblem::NotYetValid => Refusal::PbxCertificateExpired,
        CertProblem::Wildcard | CertProblem::NameMismatch { .. } | CertProblem::NoAlternativeName => {
            Refusal::PbxCertificateName
        }
        _ => Refusal::PbxCertificateNotTrusted,
    })
}
