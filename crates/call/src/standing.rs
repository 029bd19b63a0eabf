//! What a phone may claim on its connection: in whose name it speaks, and where its requests go.

use std::time::Instant;

use cordon_policy::Neighbourhood;
use cordon_policy::connection::FlowFacts;
use cordon_policy::request::{Admitted, RequestFacts, Sender, is_anonymous};
use cordon_sip::{FlowId, Host, Method, Origin, Request, Response, Uri};

use crate::headers::CREDENTIALS;
use crate::registration::{Claims, Wait};
use crate::switchboard::Switchboard;
use crate::tally::Charge;

impl Switchboard {
    /// What policy must know of the sender of a request.
    pub(crate) fn facts_of_request(&self, now: Instant, origin: Origin, request: &Request) -> RequestFacts {
        let Origin::Handset(flow) = origin else {
            return RequestFacts {
                sender: Sender::Pbx,
                has_binding: true,
                owns_from: true,
                leads_elsewhere: false,
            };
        };
        let from = &request.from.uri;
        let domain = &self.site.registration.domain;
        RequestFacts {
            sender: Sender::Handset,
            has_binding: self.registrar.has_live_binding(now, flow),
            owns_from: is_anonymous(from) || self.registrar.holds(now, domain, flow, from),
            leads_elsewhere: self.leads_elsewhere(self.flows.get(&flow), request),
        }
    }

    /// Looks whether an account that a request has a proof for is locked for its connection. An emergency call loses its
    /// proof and goes on; ACK and BYE bring nobody an answer of the PBX to a guess.
    ///
    /// # Errors
    /// What it has to wait for.
    pub(crate) fn guard(
        &self,
        now: Instant,
        flow: FlowId,
        request: &mut Request,
        admitted: Admitted,
    ) -> Result<(), Wait> {
        if !matches!(request.method, Method::Invite | Method::Options) {
            return Ok(());
        }
        let claims = Claims::of(&self.site.registration.domain, request);
        match (self.registrar.guard(now, flow, &claims), admitted) {
            (Err(_), Admitted::Emergency) => {
                request.headers.retain(|header| !CREDENTIALS.contains(&header.name));
                Ok(())
            }
            (guarded, Admitted::Emergency | Admitted::Ordinary) => guarded,
        }
    }

    /// A request of a phone goes to the PBX, with its proofs.
    pub(crate) fn asked(&mut self, now: Instant, origin: Origin, request: &Request) {
        let Origin::Handset(flow) = origin else { return };
        let proved = Claims::of(&self.site.registration.domain, request).into_proved();
        self.registrar.asked(now, flow, &proved);
    }

    /// The PBX has answered a request of a phone: was its proof right?
    pub(crate) fn judge(&mut self, now: Instant, origin: Origin, request: &Request, response: &Response) {
        let Origin::Handset(flow) = origin else { return };
        let proved = Claims::of(&self.site.registration.domain, request).into_proved();
        self.with_registrar(|registrar, _, wire| {
            registrar.judge(now, wire, Some(flow), &proved, Some(response))
        });
    }

    /// On whose account a call goes that begins now.
    pub(crate) fn charge(
        &self,
        now: Instant,
        origin: Origin,
        invite: &Request,
        is_emergency: bool,
    ) -> Charge {
        let Origin::Handset(flow) = origin else { return Charge::Nobody };
        if !is_emergency {
            let domain = &self.site.registration.domain;
            return Charge::Phone(flow, self.registrar.account_of(now, domain, flow, &invite.from));
        }
        match self.flows.get(&flow).filter(|_| !self.registrar.has_live_binding(now, flow)) {
            Some(facts) => Charge::Stranger(flow, Neighbourhood::of(facts.peer.ip())),
            None => Charge::Emergency,
        }
    }

    /// Whether a request asks for a way of its own. A phone whose outbound proxy we are says so in a Route; nothing it writes
    /// there, or anywhere else, chooses where we send.
    fn leads_elsewhere(&self, facts: Option<&FlowFacts>, request: &Request) -> bool {
        let has_maddr = |uri: &Uri| uri.params().has("maddr");
        let is_astray =
            |uri: &Uri| has_maddr(uri) || !uri.host().is_some_and(|host| self.is_home(facts, host));
        has_maddr(&request.uri) || request.route.iter().any(|route| is_astray(&route.uri))
    }

    /// Whether a host is we as this phone knows us, the domain, or the PBX: the only next hop there is.
    fn is_home(&self, facts: Option<&FlowFacts>, host: &Host) -> bool {
        let is_ours = self.site.host.as_ref().is_some_and(|ours| ours.is_same_as(host));
        let is_asked_for = |facts: &FlowFacts| {
            let is_local = host.ip() == Some(facts.local.ip().to_canonical());
            is_local || facts.server_name.as_deref().is_some_and(|name| host.is(name))
        };
        is_ours
            || facts.is_some_and(is_asked_for)
            || host.is(self.site.registration.domain.as_str())
            || self.site.pbx.hosts.iter().any(|pbx| pbx.is_same_as(host))
    }
}
