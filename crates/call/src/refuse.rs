//! How a refusal is told: the response with its Warning, and the event with the same code.

use std::time::Instant;

use cordon_phi::Pseudonym;
use cordon_policy::connection::FlowFacts;
use cordon_policy::request::{ALLOW, unsupported};
use cordon_policy::{Door, Refusal};
use cordon_sip::{HeaderName, HeaderValue, Origin, Request, Response, RetryAfter, StatusCode, Text};
use cordon_transaction::ServerId;

use crate::event::Event;
use crate::headers::host_text;
use crate::switchboard::{Switchboard, handset_flow, side_of};
use crate::wire::retry_after;

impl Switchboard {
    /// Answers a request with a refusal and tells the layer above.
    pub(crate) fn refuse(&mut self, now: Instant, to: &Asked<'_>, refusal: Refusal) {
        let retry_after = retry_after(self.entropy.as_mut(), refusal);
        self.refuse_for(now, to, refusal, retry_after);
    }

    /// As [`refuse`](Self::refuse), with the seconds after which coming back helps.
    pub(crate) fn refuse_for(
        &mut self,
        now: Instant,
        to: &Asked<'_>,
        refusal: Refusal,
        retry_after: Option<u32>,
    ) {
        self.events.push_back(Event::Refused {
            refusal,
            side: side_of(to.origin),
            flow: handset_flow(to.origin),
            call: to.call,
        });
        let tag = to.tag.cloned().unwrap_or_else(|| self.token());
        let response = self.refusal_response(to.origin, to.request, refusal, retry_after).with_to_tag(tag);
        self.respond(now, to.server, response);
    }

    /// As [`refuse`](Self::refuse), for a request no transaction was made for.
    pub(crate) fn refuse_without_state(&mut self, origin: Origin, request: &Request, refusal: Refusal) {
        let (side, flow) = (side_of(origin), handset_flow(origin));
        self.events.push_back(Event::Refused { refusal, side, flow, call: None });
        let retry_after = retry_after(self.entropy.as_mut(), refusal);
        let response = self.refusal_response(origin, request, refusal, retry_after);
        self.transactions.respond_without_state(origin, request, response);
    }

    /// The response that tells a refusal, but for the To tag.
    fn refusal_response(
        &self,
        origin: Origin,
        request: &Request,
        refusal: Refusal,
        retry_after: Option<u32>,
    ) -> Response {
        let status = StatusCode::new(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
        let mut response = Response::to(request, status);
        let facts = handset_flow(origin).and_then(|flow| self.flows.get(&flow));
        for warning in self.warnings(facts, refusal) {
            response.headers.push(HeaderName::WARNING, warning);
        }
        if let Some(seconds) = retry_after {
            response.headers.push(HeaderName::RETRY_AFTER, RetryAfter::new(seconds).to_text());
        }
        match refusal {
            Refusal::MethodNotAllowed => response.headers.push(HeaderName::ALLOW, ALLOW),
            Refusal::ExtensionRequired => {
                for option in unsupported(request).flatten().take(MAX_NAMED) {
                    response.headers.push(HeaderName::UNSUPPORTED, option);
                }
            }
            Refusal::BodyUnsupported => {
                response.headers.push(HeaderName::ACCEPT, "application/sdp");
                if request.headers.has(&HeaderName::CONTENT_ENCODING) {
                    response.headers.push(HeaderName::ACCEPT_ENCODING, "identity");
                }
            }
            _ => {} // the other refusals ask for no header of their own
        }
        response
    }

    /// The Warning values of a refusal, as told on this connection.
    fn warnings(&self, facts: Option<&FlowFacts>, refusal: Refusal) -> Vec<String> {
        let (host, port) = self.own_address(facts);
        let host = host_text(&host);
        refusal.warnings(&Door { host: &host, port })
    }
}

/// A request that waits for its answer.
pub(crate) struct Asked<'a> {
    /// Its transaction.
    pub(crate) server: ServerId,
    /// Where it came from.
    pub(crate) origin: Origin,
    /// The request.
    pub(crate) request: &'a Request,
    /// Our tag, when a dialog or an INVITE already has one.
    pub(crate) tag: Option<&'a Text>,
    /// The call, when there is one.
    pub(crate) call: Option<Pseudonym>,
}

impl<'a> Asked<'a> {
    /// A request outside of any call.
    pub(crate) fn alone(server: ServerId, origin: Origin, request: &'a Request) -> Self {
        Asked { server, origin, request, tag: None, call: None }
    }
}

/// Some forty options are registered; an answer does not grow with what is made up.
const MAX_NAMED: usize = 64;
