//! How many calls each connection, each account and each device without a registration has begun and not ended.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use cordon_policy::Neighbourhood;
use cordon_policy::refusal::Refusal;
use cordon_sip::FlowId;

use crate::registration::Account;

/// The calls that phones have begun; the PBX has no such bounds.
#[derive(Default)]
pub(crate) struct Tally {
    of_flow: BTreeMap<FlowId, usize>,
    of_account: BTreeMap<Account, usize>,
    /// Emergency calls of connections without a registration.
    of_stranger: BTreeMap<FlowId, usize>,
    of_neighbourhood: BTreeMap<Neighbourhood, usize>,
    /// The emergency calls of the last minute from neighbourhoods without a registration, oldest first, and how many of them
    /// are of each.
    recent: VecDeque<(Instant, Neighbourhood)>,
    recent_of: BTreeMap<Neighbourhood, usize>,
}

/// On whose account a call goes.
#[derive(Clone, Copy)]
pub(crate) enum Charge {
    /// The PBX's: bounded by what a site allows in all.
    Nobody,
    /// A registered phone's; the account unless it is anonymous and its connection has several.
    Phone(FlowId, Option<Account>),
    /// An emergency call of a registered phone: counted nowhere, refused never.
    Emergency,
    /// An emergency call of a device nobody has vouched for.
    Stranger(FlowId, Neighbourhood),
}

impl Charge {
    /// Whether it is an emergency call without a registration, which counts only while it holds ports.
    pub(crate) fn is_of_stranger(self) -> bool {
        matches!(self, Charge::Stranger(..))
    }
}

impl Tally {
    /// Whether one more call fits.
    ///
    /// # Errors
    /// [`Refusal::TooManyCalls`] of the connection, [`Refusal::TooManyCallsOfAccount`],
    /// [`Refusal::TooManyEmergencyCalls`].
    pub(crate) fn admit(&mut self, now: Instant, charge: Charge) -> Result<(), Refusal> {
        match charge {
            Charge::Nobody | Charge::Emergency => Ok(()),
            Charge::Phone(flow, account) => {
                if count(&self.of_flow, &flow) >= MAX_CALLS_OF_FLOW {
                    return Err(Refusal::TooManyCalls);
                }
                match account.is_some_and(|account| count(&self.of_account, &account) >= MAX_CALLS_OF_ACCOUNT)
                {
                    true => Err(Refusal::TooManyCallsOfAccount),
                    false => Ok(()),
                }
            }
            Charge::Stranger(flow, neighbourhood) => {
                self.forget_before(now);
                let is_too_many = count(&self.of_stranger, &flow) >= MAX_OF_STRANGER
                    || count(&self.of_neighbourhood, &neighbourhood) >= MAX_OF_NEIGHBOURHOOD
                    || count(&self.recent_of, &neighbourhood) >= MAX_IN_A_MINUTE;
                match is_too_many {
                    true => Err(Refusal::TooManyEmergencyCalls),
                    false => Ok(()),
                }
            }
        }
    }

    /// A call has begun.
    pub(crate) fn begun(&mut self, now: Instant, charge: Charge) {
        match charge {
            Charge::Nobody | Charge::Emergency => {}
            Charge::Phone(flow, account) => {
                more(&mut self.of_flow, flow);
                if let Some(account) = account {
                    more(&mut self.of_account, account);
                }
            }
            Charge::Stranger(flow, neighbourhood) => {
                more(&mut self.of_stranger, flow);
                more(&mut self.of_neighbourhood, neighbourhood);
                more(&mut self.recent_of, neighbourhood);
                self.recent.push_back((now, neighbourhood));
                if self.recent.len() > MAX_RECENT {
                    self.forget_oldest();
                }
            }
        }
    }

    /// A call is over.
    pub(crate) fn ended(&mut self, charge: Charge) {
        match charge {
            Charge::Nobody | Charge::Emergency => {}
            Charge::Phone(flow, account) => {
                less(&mut self.of_flow, flow);
                if let Some(account) = account {
                    less(&mut self.of_account, account);
                }
            }
            Charge::Stranger(flow, neighbourhood) => {
                less(&mut self.of_stranger, flow);
                less(&mut self.of_neighbourhood, neighbourhood);
            }
        }
    }

    /// Whether a call that was begun on this connection is up.
    pub(crate) fn has_calls_of(&self, flow: FlowId) -> bool {
        self.of_flow.contains_key(&flow) || self.of_stranger.contains_key(&flow)
    }

    /// How many entries there are, those of the last minute apart.
    pub(crate) fn count(&self) -> usize {
        self.of_flow.len() + self.of_account.len() + self.of_stranger.len() + self.of_neighbourhood.len()
    }

    fn forget_before(&mut self, now: Instant) {
        let is_long_ago = |at: Instant| now.saturating_duration_since(at) >= MINUTE;
        while self.recent.front().is_some_and(|(at, _)| is_long_ago(*at)) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, neighbourhood)) = self.recent.pop_front() {
            less(&mut self.recent_of, neighbourhood);
        }
    }
}

fn count<K: Ord>(of: &BTreeMap<K, usize>, key: &K) -> usize {
    of.get(key).copied().unwrap_or(0)
}

fn more<K: Ord>(of: &mut BTreeMap<K, usize>, key: K) {
    *of.entry(key).or_default() += 1;
}

fn less<K: Ord>(of: &mut BTreeMap<K, usize>, key: K) {
    let left = count(of, &key).saturating_sub(1);
    match left {
        0 => _ = of.remove(&key),
        left => _ = of.insert(key, left),
    }
}

/// Calls one phone's connection has made and not ended: no console has more lines, and one phone must not use up what
/// all others share.
const MAX_CALLS_OF_FLOW: usize = 64;

/// As many as one connection: a gateway with two primary rate lines under one name has 60, and a stolen password on ever new
/// connections gets no further.
const MAX_CALLS_OF_ACCOUNT: usize = 64;

/// One device in an emergency makes one call, and perhaps tries again before the first has ended.
const MAX_OF_STRANGER: usize = 4;

/// Behind one address, or in one /64, may stand every phone of a floor, just restarted and not yet registered.
const MAX_OF_NEIGHBOURHOOD: usize = 32;

/// A port rests for a minute after its call: at four ports each, an address or /64 that dials and hangs up without end
/// keeps 240 of them busy and no more.
const MAX_IN_A_MINUTE: usize = 60;

/// How long an emergency call is remembered after it began.
const MINUTE: Duration = Duration::from_secs(60);

/// More than the calls there may be; beyond it the oldest is forgotten early.
const MAX_RECENT: usize = 16_384;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;

    fn of(address: impl Into<IpAddr>) -> Neighbourhood {
        Neighbourhood::of(address.into())
    }

    #[test]
    fn whoever_hangs_up_at_once_is_stopped_by_the_minute() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        let mut begun = 0;
        for n in 0..1_000u64 {
            let (now, charge) =
                (start + Duration::from_millis(n), Charge::Stranger(FlowId(n), of([10, 1, 0, 7])));
            if tally.admit(now, charge).is_ok() {
                tally.begun(now, charge);
                tally.ended(charge);
                begun += 1;
            }
        }
        assert_eq!(begun, MAX_IN_A_MINUTE);
        let other = Charge::Stranger(FlowId(1), of([10, 1, 0, 8]));
        assert_eq!(tally.admit(start, other), Ok(()));
        let later = start + MINUTE + Duration::from_secs(1);
        assert_eq!(tally.admit(later, Charge::Stranger(FlowId(1), of([10, 1, 0, 7]))), Ok(()));
        assert_eq!((tally.recent.len(), tally.recent_of.len(), tally.count()), (0, 0, 0));
    }

    #[test]
    fn whoever_calls_from_ever_new_addresses_of_its_ipv6_network_has_one_bound() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        let charge = |host: u16, network: u16| {
            let address = Ipv6Addr::new(0xfd00, 0, 0, network, 0, 0, 0, host);
            Charge::Stranger(FlowId(host.into()), of(address))
        };
        let begun = (1..=100).filter(|host| {
            let is_admitted = tally.admit(now, charge(*host, 0)).is_ok();
            if is_admitted {
                tally.begun(now, charge(*host, 0));
            }
            is_admitted
        });
        assert_eq!(begun.count(), MAX_OF_NEIGHBOURHOOD);
        assert_eq!(tally.admit(now, charge(1, 1)), Ok(()));
    }

    #[test]
    fn an_account_counts_on_every_connection_together() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        let account = Account::of_username(&"100".into(), &"mx.example.org".into());
        let charge = |n: usize| Charge::Phone(FlowId((n / 8) as u64), Some(account));
        for n in 0..MAX_CALLS_OF_ACCOUNT {
            assert_eq!(tally.admit(now, charge(n)), Ok(()));
            tally.begun(now, charge(n));
        }
        assert_eq!(tally.admit(now, charge(99)), Err(Refusal::TooManyCallsOfAccount));
        assert_eq!(tally.admit(now, Charge::Phone(FlowId(12), None)), Ok(()), "anonymous, by its connection");
        assert_eq!(tally.admit(now, Charge::Emergency), Ok(()));
        tally.ended(charge(0));
        assert_eq!(tally.admit(now, charge(99)), Ok(()));
    }

    #[test]
    fn a_flood_of_addresses_is_remembered_in_a_bounded_table() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        for n in 0..MAX_RECENT + 10 {
            let address = of(u32::try_from(n).unwrap().to_be_bytes());
            let charge = Charge::Stranger(FlowId(1), address);
            tally.begun(now, charge);
            tally.ended(charge);
        }
        assert_eq!((tally.recent.len(), tally.recent_of.len()), (MAX_RECENT, MAX_RECENT));
    }
}
