//! Redirections: followed where they stay in the PBX's domain, never anywhere else.

use std::time::Instant;

use cordon_policy::refusal::Refusal;
use cordon_sip::{Contacts, Method, Origin, Response, Uri};

use crate::call::{Call, Offer};
use crate::event::{CallEnd, Side};
use crate::headers;
use crate::leg::SDP;
use crate::switchboard::Switchboard;

impl Call {
    /// A 3xx to our INVITE.
    pub(crate) fn handle_redirection(&mut self, now: Instant, board: &mut Switchboard, response: &Response) {
        let targets: &[_] = response.contacts.as_slice();
        let target = targets.iter().map(|contact| &contact.uri).find(|uri| is_in_domain(uri, board));
        let Some(target) = target.cloned() else {
            return self.refuse_and_settle(now, board, Refusal::ForeignRedirect);
        };
        if self.is_established() || self.redirects >= MAX_REDIRECTS {
            return self.refuse_and_settle(now, board, Refusal::RedirectLoop);
        }
        self.redirects += 1;
        match self.b.side() {
            Side::Pbx => self.follow(now, board, target),
            // A phone that forwards tells the PBX, which alone knows where the target is.
            Side::Handset => self.pass_redirection(now, board, response, &target),
        }
    }

    fn follow(&mut self, now: Instant, board: &mut Switchboard, target: Uri) {
        let Some(exchange) = &self.exchange else { return };
        let (to, side) = (exchange.from.other(), self.leg(exchange.from).side());
        let content = match &exchange.offer {
            Offer::Early(content) => Some(content.clone()),
            Offer::Late => None,
        };
        self.leg_mut(to).aim(target.detached());
        let body = match content.map(|content| self.write_offer(board, to, &content)).transpose() {
            Ok(body) => body,
            Err(refusal) => return self.refuse_and_settle(now, board, refusal),
        };
        let mut invite = self.leg_mut(to).next_request(Method::Invite, board);
        if let Some(exchange) = &self.exchange {
            headers::copy_onward(side, &board.site.registration.domain, &exchange.request, &mut invite);
        }
        if let Some(body) = body {
            invite.set_body(SDP, body);
        }
        self.send_invite(now, board, to, invite);
    }

    fn pass_redirection(&mut self, now: Instant, board: &mut Switchboard, response: &Response, target: &Uri) {
        let Some(exchange) = &self.exchange else { return };
        debug_assert!(matches!(exchange.origin, Origin::Pbx(_)), "only the PBX calls phones");
        let tag = self.leg(exchange.from).local_tag().clone();
        let mut relayed = Response::to(&exchange.request, response.status)
            .with_to_tag(tag)
            .with_reason(response.reason.clone());
        let domain = board.site.registration.domain.clone();
        let target = headers::as_seen_across(&cordon_sip::NameAddr::new(target.clone()), &domain);
        relayed.contacts = Contacts::one(target);
        board.respond(now, exchange.server, relayed);
        self.settle(now, board, CallEnd::Rejected(response.status.code()));
    }
}

/// Whether a URI names the site's domain or the PBX itself.
fn is_in_domain(uri: &Uri, board: &Switchboard) -> bool {
    let domain = board.site.registration.domain.as_str();
    uri.is_sip()
        && uri.host().is_some_and(|host| {
            host.is(domain) || board.site.pbx.hosts.iter().any(|pbx| pbx.is_same_as(host))
        })
}

/// Redirections followed in one call; a PBX that needs more goes in circles.
const MAX_REDIRECTS: usize = 5;
