//! What a REGISTER must look like to be relayed.

use cordon_policy::refusal::Refusal;
use cordon_policy::request::admit_register;
use cordon_sip::{Contacts, NameAddr, Request};

use super::phone::{Account, Aor, BindingId};
use super::upstream::UpstreamKey;
use crate::rules::RegistrationRules;

/// A REGISTER that may be relayed.
pub(super) struct Admitted {
    /// Whose registration (the To).
    pub(super) account: Account,
    /// The PBX's names for it go by account and the phone's Call-ID.
    pub(super) upstream: UpstreamKey,
    pub(super) asked: Asked,
}

/// What it asks for.
pub(super) enum Asked {
    /// Which bindings there are (RFC 3261 section 10.2.3).
    List,
    /// `Contact: *`: remove every binding of the AOR (10.2.2).
    RemoveAll,
    /// Add, refresh or remove these.
    Contacts(Vec<AskedContact>),
}

/// One Contact of a REGISTER.
pub(super) struct AskedContact {
    pub(super) id: BindingId,
    /// As the phone wrote it.
    pub(super) written: NameAddr,
    /// The lifetime asked for, in seconds; `None` leaves it to the PBX.
    pub(super) seconds: Option<u32>,
}

/// Looks at a REGISTER of a phone.
///
/// # Errors
/// [`Refusal::ForeignDomain`], [`Refusal::ThirdPartyRegistration`] or [`Refusal::ContactUnusable`].
pub(super) fn admit(request: &Request, rules: &RegistrationRules) -> Result<Admitted, Refusal> {
    admit_register(request, rules.domain.as_str())?;
    if !request.from.uri.host().is_some_and(|host| host.is(rules.domain.as_str())) {
        return Err(Refusal::ForeignDomain);
    }
    let aor = Aor::of(&request.to.uri).ok_or(Refusal::ForeignDomain)?;
    if Aor::of(&request.from.uri).as_ref() != Some(&aor) {
        return Err(Refusal::ThirdPartyRegistration);
    }
    let header = request.headers.lifetime();
    let asked = match &request.contacts {
        Contacts::Star if header == Some(0) => Asked::RemoveAll,
        Contacts::Star => return Err(Refusal::ContactUnusable), // RFC 3261 §10.2.2: only with Expires 0
        Contacts::List(list) if list.is_empty() => Asked::List,
        Contacts::List(list) if list.len() > MAX_CONTACTS => return Err(Refusal::ContactUnusable),
        Contacts::List(list) => {
            let mut contacts = Vec::with_capacity(list.len());
            for written in list {
                if !written.uri.is_sip() {
                    return Err(Refusal::ContactUnusable);
                }
                let id = BindingId::of(&rules.contact_secret, &aor, written);
                let seconds = written.expires().or(header);
                merge(&mut contacts, AskedContact { id, written: written.detached(), seconds });
            }
            Asked::Contacts(contacts)
        }
    };
    Ok(Admitted { account: Account::of(&aor), upstream: UpstreamKey::of(&aor, &request.call_id), asked })
}

/// A phone whose address changed removes its old contact and adds the new one in one REGISTER. Toward the PBX both are
/// the same contact, and what is added wins.
fn merge(contacts: &mut Vec<AskedContact>, next: AskedContact) {
    match contacts.iter_mut().find(|contact| contact.id == next.id) {
        Some(_) if next.seconds == Some(0) => {}
        Some(contact) => *contact = next,
        None => contacts.push(next),
    }
}

/// A phone writes one or two; what would write more is a script. The parser stops there, too.
const MAX_CONTACTS: usize = 16;
