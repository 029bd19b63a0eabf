//! What all calls share: the transactions, the registrations, who owns which dialog, and the way out.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use cordon_policy::connection::FlowFacts;
use cordon_policy::media::LegRules;
use cordon_policy::refusal::Refusal;
use cordon_sip::{FlowId, Hop, Host, NameAddr, Origin, Request, Response, Text, Uri, Via};
use cordon_transaction::{ClientId, Layer, ServerId};

use crate::event::{Event, Side};
use crate::first_words::FirstWords;
use crate::media::{CallKey, End, Interface, MediaRequest, StreamId};
use crate::media_map::MediaMap;
use crate::registration::{Nonces, Registrar, Route};
use crate::rules::{PbxTransport, SiteRules};
use crate::wire::{Entropy, Wire};

/// What all calls share.
pub(crate) struct Switchboard {
    pub(crate) site: SiteRules,
    pub(crate) transactions: Layer,
    pub(crate) entropy: Box<dyn Entropy + Send>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) media: VecDeque<MediaRequest>,
    pub(crate) registrar: Registrar,
    pub(crate) nonces: Nonces,
    /// The phones' connections that are up.
    pub(crate) flows: BTreeMap<FlowId, FlowFacts>,
    /// At least one verified connection to the PBX is up.
    pub(crate) pbx_is_up: bool,
    /// What the PBX was asked and has not said a word to.
    pub(crate) first_words: FirstWords,
    /// Whose request a response belongs to.
    pub(crate) clients: BTreeMap<ClientId, (CallKey, Purpose)>,
    /// Whose INVITE a CANCEL belongs to.
    pub(crate) servers: BTreeMap<ServerId, CallKey>,
    /// Whose media a stream carries; until its ports are back.
    pub(crate) streams: BTreeMap<StreamId, CallKey>,
    /// Our tags: which leg a request in a dialog is for.
    pub(crate) dialogs: BTreeMap<Text, (CallKey, End)>,
    /// Our media ports in use, and what is behind them.
    pub(crate) ports: MediaMap,
}

/// Why a call sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// INVITE and re-INVITE.
    Invite,
    /// INVITE of our own within a call.
    Refresh,
    /// OPTIONS in the dialog of this leg: does the peer still know it.
    Probe(End),
    /// The end of a dialog.
    Bye,
}

impl Switchboard {
    /// Lends registrations what they may use.
    pub(crate) fn with_registrar<T>(
        &mut self,
        act: impl FnOnce(&mut Registrar, &mut Nonces, &mut Wire<'_>) -> T,
    ) -> T {
        let mut wire = Wire {
            transactions: &mut self.transactions,
            entropy: self.entropy.as_mut(),
            events: &mut self.events,
            first_words: &mut self.first_words,
            site: &self.site,
            flows: &self.flows,
        };
        act(&mut self.registrar, &mut self.nonces, &mut wire)
    }

    /// A word nobody can guess.
    pub(crate) fn token(&mut self) -> Text {
        crate::wire::token(self.entropy.as_mut())
    }

    /// A number from 0 to `most` that nobody can guess.
    pub(crate) fn draw(&mut self, most: u16) -> u16 {
        let mut bytes = [0; 4];
        self.entropy.fill(&mut bytes);
        // Of 32 bits: what is left over by the division is too rare to matter.
        u16::try_from(u32::from_ne_bytes(bytes) % (u32::from(most) + 1)).unwrap_or(most)
    }

    /// A Via of ours with a fresh branch: toward the phone on this connection, or toward the PBX.
    pub(crate) fn via(&mut self, facts: Option<&FlowFacts>) -> Via {
        let branch = crate::wire::branch(self.entropy.as_mut());
        let transport = match facts {
            Some(_) => PbxTransport::Tls,
            None => self.site.registration.advertise.transport,
        };
        let (host, port) = self.own_address(facts);
        Via::new(transport.via(), host, Some(port), branch)
    }

    /// See [`SiteRules::own_address`].
    pub(crate) fn own_address(&self, facts: Option<&FlowFacts>) -> (Host, u16) {
        self.site.own_address(facts)
    }

    /// A Contact of ours with this user part, or with one nobody can guess.
    pub(crate) fn contact(&mut self, facts: Option<&FlowFacts>, user: Option<&str>) -> NameAddr {
        let token = match user {
            Some(user) => Text::from(user),
            None => self.token(),
        };
        let transport = match facts {
            Some(_) => PbxTransport::Tls,
            None => self.site.registration.advertise.transport,
        };
        let (host, port) = self.own_address(facts);
        let uri = Uri::sip(Some(token.as_str()), host, Some(port));
        NameAddr::new(uri.with_param("transport", Some(transport.uri_parameter())))
    }

    /// Whether the way to the PBX is what a sips URI promises.
    pub(crate) fn keeps_sips_toward_pbx(&self) -> bool {
        self.site.registration.advertise.transport == PbxTransport::Tls
    }

    /// Whether the network of this hop retransmits for us.
    pub(crate) fn is_reliable(&self, hop: Hop) -> bool {
        match hop {
            Hop::Handset(_) => true,
            Hop::Pbx | Hop::PbxFlow(_) => self.site.registration.advertise.transport.is_reliable(),
        }
    }

    /// Sends a request in a new transaction.
    pub(crate) fn send(&mut self, now: Instant, hop: Hop, request: Request) -> ClientId {
        let is_reliable = self.is_reliable(hop);
        // Within a dialog it is the other phone that answers.
        let is_for_the_pbx = hop == Hop::Pbx && request.to.tag().is_none();
        let client = self.transactions.send_request(now, hop, is_reliable, request);
        if is_for_the_pbx {
            self.first_words.asked(now, client);
        }
        client
    }

    /// Sends the ACK of a 2xx; to a phone whose connection is gone nothing is sent, nobody would hear it.
    pub(crate) fn send_ack(&mut self, now: Instant, hop: Hop, ack: Request) {
        if self.is_up(hop) {
            self.transactions.send_ack(now, hop, ack);
        }
    }

    /// Whether there is a connection to a phone; toward the PBX one may be opened any moment.
    pub(crate) fn is_up(&self, hop: Hop) -> bool {
        match hop {
            Hop::Handset(flow) => self.flows.contains_key(&flow),
            Hop::Pbx | Hop::PbxFlow(_) => true,
        }
    }

    /// Answers a request. One whose transaction is gone is nobody's loss: its sender is gone too.
    pub(crate) fn respond(&mut self, now: Instant, server: ServerId, response: Response) {
        if response.status.is_final() {
            self.servers.remove(&server);
        }
        let _gone = self.transactions.respond(now, server, response);
    }

    /// Prepares a challenge of the PBX for the phone on this connection. For one that is gone nothing is kept: nobody would
    /// ever take it out again.
    ///
    /// # Errors
    /// As [`Nonces::relay_challenge`].
    pub(crate) fn relay_challenge(
        &mut self,
        now: Instant,
        flow: FlowId,
        response: &mut Response,
    ) -> Result<(), Refusal> {
        match self.flows.contains_key(&flow) {
            true => self.nonces.relay_challenge(now, flow, response),
            false => Ok(()),
        }
    }

    /// The newest connection of the phone behind a contact of ours.
    pub(crate) fn facts_of(&self, now: Instant, contact: &Uri) -> Option<&FlowFacts> {
        match self.registrar.route(now, contact) {
            Route::Phone { flow, .. } => self.flows.get(&flow),
            Route::FlowGone | Route::Unknown => None,
        }
    }

    /// The media rules of a leg: of the phone's location, or of the PBX.
    pub(crate) fn leg_rules(&self, facts: Option<&FlowFacts>) -> Option<&LegRules> {
        match facts {
            None => Some(&self.site.pbx.media),
            Some(facts) => self.site.locations.get(facts.location).map(|location| &location.media),
        }
    }

    /// The media interface of a leg: of the family of the phone's connection, else of `like`, else the first.
    pub(crate) fn interface(&self, facts: Option<&FlowFacts>, like: Option<SocketAddr>) -> Option<Interface> {
        let (interfaces, like) = match facts {
            None => (&self.site.pbx.interfaces, like.map(|address| address.ip())),
            Some(facts) => (&self.site.locations.get(facts.location)?.interfaces, Some(facts.peer.ip())),
        };
        let is_ipv4 = like.map(|address| address.to_canonical().is_ipv4());
        let of_family = interfaces.iter().find(|one| is_ipv4 == Some(one.address.is_ipv4()));
        of_family.or(interfaces.first()).map(|one| one.interface)
    }
}

/// The side a message came from.
pub(crate) fn side_of(origin: Origin) -> Side {
    match origin {
        Origin::Handset(_) => Side::Handset,
        Origin::Pbx(_) => Side::Pbx,
    }
}

/// The phone's connection a message came on.
pub(crate) fn handset_flow(origin: Origin) -> Option<FlowId> {
    match origin {
        Origin::Handset(flow) => Some(flow),
        Origin::Pbx(_) => None,
    }
}
