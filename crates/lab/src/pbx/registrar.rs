use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use cordon_sip::{Contacts, HeaderName, NameAddr, Request, Response, StatusCode, Text, Uri};

use crate::digest::{self, Account, Algorithm, DigestFields};
use crate::random;

/// Who may do what, and where everybody is.
pub(crate) struct Registrar {
    realm: String,
    accounts: Vec<Account>,
    algorithms: Vec<Algorithm>,
    qop: String,
    bindings: HashMap<String, Vec<Binding>>,
    nonces: VecDeque<String>,
}

/// One contact of one user.
#[derive(Clone)]
pub(crate) struct Binding {
    pub(crate) contact: NameAddr,
    pub(crate) peer: u64,
    expires: Instant,
    granted: u32,
}

/// Whether somebody has proved who they are.
pub(crate) enum Proof {
    Proven,
    /// The headers of the challenge to send, in order of preference.
    Challenge(Vec<String>),
    /// Nobody by that name or a wrong password.
    Refused,
}

impl Registrar {
    pub(crate) fn new(realm: &str, accounts: Vec<Account>, algorithms: Vec<Algorithm>, qop: &str) -> Self {
        Registrar {
            realm: realm.to_owned(),
            accounts,
            algorithms,
            qop: qop.to_owned(),
            bindings: HashMap::new(),
            nonces: VecDeque::new(),
        }
    }

    pub(crate) fn has_account(&self, user: &str) -> bool {
        self.accounts.iter().any(|account| account.user == user)
    }

    pub(crate) fn is_first_account(&self, user: &str) -> bool {
        self.accounts.first().is_some_and(|account| account.user == user)
    }

    /// Judges the credentials in the headers of this name.
    pub(crate) fn prove(&mut self, request: &Request, header: &HeaderName, user: &str) -> Proof {
        if self.algorithms.is_empty() {
            return Proof::Proven;
        }
        let given = request
            .headers
            .get_all(header)
            .filter_map(|value| DigestFields::parse(value.as_str()))
            .find(|fields| fields.get("realm") == Some(self.realm.as_str()));
        let Some(fields) = given else {
            return self.challenge(false);
        };
        let is_ours = fields.get("nonce").is_some_and(|nonce| self.nonces.iter().any(|known| known == nonce));
        let Some(account) = self.accounts.iter().find(|account| account.user == user) else {
            return Proof::Refused;
        };
        let is_allowed = fields.algorithm().is_some_and(|algorithm| self.algorithms.contains(&algorithm));
        let is_right = is_allowed
            && fields.get("username") == Some(account.user.as_str())
            && digest::is_right(&fields, account, &request.method);
        match (is_right, is_ours) {
            (true, true) => Proof::Proven,
            (true, false) => self.challenge(true),
            (false, _) => Proof::Refused,
        }
    }

    /// Answers a REGISTER that has been proven (RFC 3261 §10.3).
    pub(crate) fn register(&mut self, now: Instant, peer: u64, user: &str, request: &Request) -> Response {
        let default = request.headers.lifetime().unwrap_or(MAX_EXPIRES);
        let bindings = self.bindings.entry(user.to_owned()).or_default();
        match &request.contacts {
            Contacts::Star => bindings.clear(),
            contacts => {
                for contact in contacts.as_slice() {
                    let granted = contact.expires().unwrap_or(default).min(MAX_EXPIRES);
                    bindings.retain(|binding| !is_same_phone(&binding.contact, contact));
                    if granted > 0 && bindings.len() < MAX_BINDINGS {
                        let expires = now + Duration::from_secs(granted.into());
                        bindings.push(Binding { contact: contact.clone(), peer, expires, granted });
                    }
                }
            }
        }
        let mut response = Response::to(request, StatusCode::OK).with_to_tag(random::token());
        response.contacts = Contacts::List(self.bindings(now, user).iter().map(Binding::granted).collect());
        response
    }

    /// Where this user is now, the most recent contact last.
    pub(crate) fn bindings(&mut self, now: Instant, user: &str) -> &[Binding] {
        let bindings = self.bindings.entry(user.to_owned()).or_default();
        bindings.retain(|binding| binding.expires > now);
        bindings
    }

    fn challenge(&mut self, stale: bool) -> Proof {
        let nonce = random::token();
        let values = self
            .algorithms
            .iter()
            .map(|algorithm| digest::challenge(*algorithm, &self.realm, &nonce, &self.qop, stale))
            .collect();
        if self.nonces.len() == MAX_NONCES {
            self.nonces.pop_front();
        }
        self.nonces.push_back(nonce);
        Proof::Challenge(values)
    }
}

impl Binding {
    fn granted(&self) -> NameAddr {
        let mut contact = self.contact.clone();
        contact.params.set("expires", Some(Text::from(self.granted.to_string())));
        contact
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.contact.uri
    }
}

/// The same instance and reg-id (RFC 5626 §6), else the same URI.
fn is_same_phone(one: &NameAddr, two: &NameAddr) -> bool {
    let instance = |contact: &NameAddr| {
        contact.params.value("+sip.instance").cloned().map(|id| (id, contact.params.value("reg-id").cloned()))
    };
    match (instance(one), instance(two)) {
        (Some(one), Some(two)) => one == two,
        _ => one.uri.equivalent(&two.uri),
    }
}

const MAX_EXPIRES: u32 = 3_600;
const MAX_BINDINGS: usize = 16; // phones of one user
const MAX_NONCES: usize = 4_096; // challenges that may still be answered
