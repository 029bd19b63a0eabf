//! Whose password a request claims to know, and what the PBX says to that.

use std::time::Instant;

use cordon_phi::Reason;
use cordon_sip::{Challenge, Credentials, FlowId, Method, Request, Response, Text};

use super::phone::{Account, Aor};
use super::registrar::Registrar;
use crate::event::Event;
use crate::headers::{CHALLENGES, CREDENTIALS};
use crate::wire::Wire;

/// The accounts whose password a request claims to know: of every name in a proof, and of a REGISTER with a proof the
/// account itself, which may be proved under another name.
pub(crate) fn claims(domain: &Text, request: &Request) -> Vec<Account> {
    let proofs = request.headers.iter().filter(|header| CREDENTIALS.contains(&header.name));
    let names = proofs.filter_map(|proof| Credentials::parse(&proof.value).ok()?.username());
    let mut claims: Vec<Account> =
        names.map(|name| Account::of_username(name.reveal(Reason::Match), domain)).collect();
    if !claims.is_empty() {
        claims.extend(registered(request));
    }
    claims.sort_unstable();
    claims.dedup();
    claims
}

impl Registrar {
    /// Looks whether an account that a request speaks for is locked for its connection.
    ///
    /// # Errors
    /// The seconds that are left of the longest lock.
    pub(crate) fn guard(
        &self,
        now: Instant,
        domain: &Text,
        flow: FlowId,
        request: &Request,
    ) -> Result<(), u32> {
        let accounts = claims(domain, request).into_iter().chain(registered(request));
        let locked = accounts.filter_map(|account| Some((account, self.guesses.locked_for(now, account)?)));
        let locked = locked.filter(|(account, _)| !self.is_known_here(now, flow, *account));
        match locked.map(|(_, left)| left).max() {
            None => Ok(()),
            // Whole seconds, and never too early.
            Some(left) => Err(u32::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)),
        }
    }

    /// The PBX has judged a request of this connection. Who is registered here with an account does not guess.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        wire: &mut Wire<'_>,
        flow: FlowId,
        claims: &[Account],
        response: &Response,
    ) {
        let is_right = match response.status.code() {
            200..=299 => true,
            401 | 407 if is_stale(response) => return,
            401 | 403 | 407 => false,
            _ => return, // it says nothing of the proof
        };
        for account in claims.iter().copied() {
            if self.is_known_here(now, flow, account) {
                continue;
            }
            if is_right {
                self.guesses.right(account);
            } else if let Some(lasts) = self.guesses.wrong(now, account) {
                let account = account.pseudonym();
                wire.events.push_back(Event::AccountLocked { account, flow, lasts });
            }
        }
    }

    /// Whether a phone on this connection is registered with this account, or with its password.
    fn is_known_here(&self, now: Instant, flow: FlowId, account: Account) -> bool {
        self.bindings.live_of(now, flow, account).is_some()
            || self.bindings.live_on(now, flow).any(|(_, binding)| binding.proved_by == Some(account))
    }
}

/// The account a REGISTER is for.
fn registered(request: &Request) -> Option<Account> {
    let is_register = request.method == Method::Register;
    Aor::of(&request.to.uri).filter(|_| is_register).map(|aor| Account::of(&aor))
}

/// Whether the PBX only wants the proof for a new nonce: the password was right (RFC 7616 section 3.3).
fn is_stale(response: &Response) -> bool {
    let challenges = response.headers.iter().filter(|header| CHALLENGES.contains(&header.name));
    let mut challenges = challenges.filter_map(|header| Challenge::parse(&header.value).ok());
    challenges.any(|challenge| challenge.is_stale())
}
