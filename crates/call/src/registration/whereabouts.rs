//! Where phones are, and which of them is on a connection.

use std::time::Instant;

use cordon_sip::{FlowId, NameAddr, Text, Uri};

use super::bindings::Binding;
use super::phone::{Account, BindingId};
use super::registrar::Registrar;
use crate::rules::SiteRules;

/// Where a request of the PBX to one of our contacts goes.
#[expect(clippy::large_enum_variant, reason = "taken apart where it is made, never kept")]
pub(crate) enum Route {
    /// To this phone.
    Phone {
        /// The phone's connection.
        flow: FlowId,
        /// The Request-URI the phone knows itself by: its Contact as written.
        contact: Uri,
        /// Which phone.
        binding: BindingId,
    },
    /// The phone is known, its connection is gone: 480.
    FlowGone,
    /// No phone holds this contact.
    Unknown,
}

impl Registrar {
    /// Where a request of the PBX with this Request-URI goes.
    pub(crate) fn route(&self, now: Instant, uri: &Uri) -> Route {
        let found = BindingId::of_contact(uri).and_then(|id| Some((id, self.bindings.live(now, id)?)));
        match found {
            None => Route::Unknown,
            Some((_, Binding { flow: None, .. })) => Route::FlowGone,
            Some((binding, Binding { flow: Some(flow), contact, .. })) => {
                Route::Phone { flow: *flow, contact: contact.uri.clone(), binding }
            }
        }
    }

    /// Whether a phone is registered on this connection.
    pub(crate) fn has_live_binding(&self, now: Instant, flow: FlowId) -> bool {
        self.bindings.live_on(now, flow).next().is_some()
    }

    /// Whether a From is of a phone that is registered on this connection.
    pub(crate) fn holds(&self, now: Instant, domain: &Text, flow: FlowId, from: &Uri) -> bool {
        let account = Account::of_user(from, domain);
        account.is_some_and(|account| self.bindings.live_of(now, flow, account).is_some())
    }

    /// The phone on this connection that speaks as `from`; the only one there when `from` names none, as an
    /// anonymous caller's does.
    pub(crate) fn binding_of(
        &self,
        now: Instant,
        domain: &Text,
        flow: FlowId,
        from: &NameAddr,
    ) -> Option<BindingId> {
        let speaker = Account::of_user(&from.uri, domain);
        if let Some(id) = speaker.and_then(|account| self.bindings.live_of(now, flow, account)) {
            return Some(id);
        }
        let mut on_flow = self.bindings.live_on(now, flow);
        let (only, _) = on_flow.next()?;
        on_flow.next().is_none().then_some(only)
    }

    /// The account of the phone on this connection that speaks as `from`; as [`binding_of`](Self::binding_of).
    pub(crate) fn account_of(
        &self,
        now: Instant,
        domain: &Text,
        flow: FlowId,
        from: &NameAddr,
    ) -> Option<Account> {
        let binding = self.binding_of(now, domain, flow, from)?;
        self.bindings.get(binding).map(|binding| binding.account)
    }

    /// The contact the PBX knows this phone by, for requests of the phone that need one.
    pub(crate) fn contact_toward_pbx(
        &self,
        now: Instant,
        site: &SiteRules,
        flow: FlowId,
        from: &NameAddr,
    ) -> Option<Uri> {
        let binding = self.binding_of(now, &site.registration.domain, flow, from);
        binding.map(|id| id.contact(&site.registration))
    }

    /// The connection the phone that speaks as `from` on this one was on before, if nobody has said that it is gone.
    pub(crate) fn moved_from(
        &self,
        now: Instant,
        domain: &Text,
        flow: FlowId,
        from: &NameAddr,
    ) -> Option<FlowId> {
        let binding = self.binding_of(now, domain, flow, from)?;
        self.bindings.get(binding)?.moved_from
    }

    /// Whether this phone is now registered on this connection: what an earlier connection of its owned, this one may
    /// go on with.
    pub(crate) fn is_same_phone(&self, now: Instant, binding: BindingId, flow: FlowId) -> bool {
        self.bindings.live(now, binding).is_some_and(|binding| binding.flow == Some(flow))
    }

    /// The bindings this phone may see: those of its account on its own connection, with the seconds they have left.
    pub(super) fn own_contacts(&self, now: Instant, flow: FlowId, account: Account) -> Vec<(NameAddr, u32)> {
        let own = self.bindings.of_account(account).filter_map(|id| self.bindings.live(now, id));
        let own = own.filter(|binding| binding.flow == Some(flow));
        own.map(|binding| (binding.contact.clone(), binding.seconds_left(now))).collect()
    }
}
