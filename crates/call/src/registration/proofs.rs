//! Whose password a request claims to know, and what the PBX says to that.

use std::time::Instant;

use cordon_phi::Reason;
use cordon_sip::{Challenge, Credentials, FlowId, Request, Response, Text};

use super::admission::{Admitted, Asked};
use super::phone::Account;
use super::registrar::Registrar;
use crate::event::Event;
use crate::headers::{CHALLENGES, CREDENTIALS};
use crate::wire::Wire;

/// What a request claims about passwords.
pub(crate) struct Claims {
    /// Whose lock stands against it.
    guarded: Vec<Account>,
    proved: Proved,
    /// The names in its proofs.
    names: Vec<Account>,
}

/// What the PBX's answer to a request is counted for.
pub(crate) struct Proved {
    /// What is counted if it is wrong; without a proof nothing.
    accounts: Vec<Account>,
    /// Whether a 2xx says that the proof was right. Of two users the PBX may have looked at one alone, and an INVITE or OPTIONS
    /// it may take from anybody: then a wrong answer of another user's would be forgotten for a proof nobody has looked at.
    is_told_by_success: bool,
}

/// Why a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The account is locked for so many seconds more.
    Locked(u32),
    /// As many proofs for the account are on their way as may be wrong.
    Busy,
}

impl Wait {
    /// The seconds to come back after, chosen by `between` where they are not given.
    pub(crate) fn seconds(self, between: impl FnOnce(u32, u32) -> u32) -> u32 {
        match self {
            Wait::Locked(seconds) => seconds,
            Wait::Busy => between(BUSY_LEAST, BUSY_MOST),
        }
    }
}

impl Claims {
    /// Of a request that is no REGISTER: every name in a proof of it.
    pub(crate) fn of(domain: &Text, request: &Request) -> Self {
        let names = names(domain, request);
        let proved = Proved { accounts: names.clone(), is_told_by_success: false };
        Self { guarded: names.clone(), proved, names }
    }

    /// The name it proves where that is not the account itself.
    pub(super) fn other_than(&self, account: Account) -> Option<Account> {
        self.names.iter().copied().find(|name| *name != account)
    }

    /// What the answer is counted for.
    pub(crate) fn into_proved(self) -> Proved {
        self.proved
    }
}

impl Registrar {
    /// What a REGISTER claims: to know the password of its account and of every name in a proof. A phone that comes back to a
    /// binding it has claims that alone, so that nobody who guesses at its account keeps it from coming back.
    pub(super) fn claims_of(
        &self,
        now: Instant,
        domain: &Text,
        request: &Request,
        admitted: &Admitted,
    ) -> Claims {
        let names = names(domain, request);
        let mut guarded = match self.returning(now, admitted) {
            Some(phone) => vec![phone],
            None => names.iter().copied().chain([admitted.account]).collect(),
        };
        guarded.sort_unstable();
        guarded.dedup();
        let accounts = if names.is_empty() { Vec::new() } else { guarded.clone() };
        let is_told_by_success = names.len() == 1 && proofs(request).all(|proof| proof.is_some());
        Claims { proved: Proved { accounts, is_told_by_success }, guarded, names }
    }

    /// Looks whether an account that a request speaks for is locked for its connection.
    ///
    /// # Errors
    /// What it has to wait for.
    pub(crate) fn guard(&self, now: Instant, flow: FlowId, claims: &Claims) -> Result<(), Wait> {
        for account in claims.guarded.iter().copied() {
            let wait = match self.guesses.locked_for(now, account) {
                // Whole seconds, and never too early.
                Some(left) => {
                    Wait::Locked(u32::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX))
                }
                None if claims.proved.accounts.contains(&account) && self.guesses.is_full(account) => {
                    Wait::Busy
                }
                None => continue,
            };
            if !self.is_known_here(now, flow, account) {
                return Err(wait);
            }
        }
        Ok(())
    }

    /// A request with these proofs goes to the PBX.
    pub(crate) fn asked(&mut self, now: Instant, flow: FlowId, proved: &Proved) {
        for account in proved.accounts.iter().copied() {
            if !self.is_known_here(now, flow, account) {
                self.guesses.asked(now, account);
            }
        }
    }

    /// The PBX has answered a request of this connection, or will not (`None`). Who is registered here with an account does
    /// not guess.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        wire: &mut Wire<'_>,
        flow: Option<FlowId>,
        proved: &Proved,
        response: Option<&Response>,
    ) {
        for account in proved.accounts.iter().copied() {
            if flow.is_some_and(|flow| self.is_known_here(now, flow, account)) {
                continue;
            }
            match response.map_or(Verdict::None, Verdict::of) {
                Verdict::Right if proved.is_told_by_success => self.guesses.right(account),
                Verdict::Right | Verdict::None => self.guesses.unjudged(now, account),
                Verdict::Wrong => {
                    if let Some(lasts) = self.guesses.wrong(now, account) {
                        let account = account.pseudonym();
                        wire.events.push_back(Event::AccountLocked { account, flow, lasts });
                    }
                }
            }
        }
    }

    /// The phone that comes back to a binding of its account.
    fn returning(&self, now: Instant, admitted: &Admitted) -> Option<Account> {
        let Asked::Contacts(contacts) = &admitted.asked else { return None };
        let is_there =
            |id| self.bindings.live(now, id).is_some_and(|there| there.account == admitted.account);
        contacts.iter().map(|contact| contact.id).find(|id| is_there(*id)).map(Account::of_phone)
    }

    /// Whether a phone on this connection is registered with this account, or with its password, or is itself meant.
    fn is_known_here(&self, now: Instant, flow: FlowId, account: Account) -> bool {
        self.bindings.live_of(now, flow, account).is_some()
            || self
                .bindings
                .live_on(now, flow)
                .any(|(id, binding)| binding.proved_by == Some(account) || Account::of_phone(id) == account)
    }
}

/// What an answer says of a proof.
enum Verdict {
    Right,
    Wrong,
    None,
}

impl Verdict {
    fn of(response: &Response) -> Self {
        match response.status.code() {
            200..=299 => Verdict::Right,
            401 | 407 if is_stale(response) => Verdict::None,
            401 | 403 | 407 => Verdict::Wrong,
            _ => Verdict::None,
        }
    }
}

/// The names in the proofs of a request, as accounts.
fn names(domain: &Text, request: &Request) -> Vec<Account> {
    let names = proofs(request).filter_map(|proof| proof?.username());
    let mut names: Vec<Account> =
        names.map(|name| Account::of_username(name.reveal(Reason::Match), domain)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The proofs of a request, `None` for each that cannot be read.
fn proofs(request: &Request) -> impl Iterator<Item = Option<Credentials>> {
    let proofs = request.headers.iter().filter(|header| CREDENTIALS.contains(&header.name));
    proofs.map(|proof| Credentials::parse(&proof.value).ok())
}

/// Whether the PBX only wants the proof for a new nonce: the password was right (RFC 7616 section 3.3).
fn is_stale(response: &Response) -> bool {
    let challenges = response.headers.iter().filter(|header| CHALLENGES.contains(&header.name));
    let mut challenges = challenges.filter_map(|header| Challenge::parse(&header.value).ok());
    challenges.any(|challenge| challenge.is_stale())
}

/// The PBX has judged what is on its way within some seconds.
const BUSY_LEAST: u32 = 2;
const BUSY_MOST: u32 = 10;
