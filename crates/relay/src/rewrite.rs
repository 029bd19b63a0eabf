//! Which SSRC, index and timestamp a source of one end gets on its way out to the other.
//!
//! ```text
//!  in   ssrc 5ca1ab1e   index 131,072 + n   (ROC 2)   timestamp t
//!  out  ssrc 5ca1ab1e   index   9,731 + n   (ROC 0)   timestamp t + constant
//! ```
//! Under the first key a source keeps its SSRC, as through a translator of RFC 3550 §7.1: there are endpoints that
//! know their peer's packets by it. Under every later key, and where the name is taken, it gets a fresh one.
//!
//! A receiver that counts roll-overs from the first packet it sees and one that knows them agree, because every
//! outbound SSRC starts at ROC 0 with a sequence number below 2^15. No index is ever given twice to one SSRC: the
//! index moves with the authenticated inbound index, and where that restarts (a new epoch) the outbound index goes
//! on behind the highest one given. A fresh SSRC would do there too, but receivers keep few contexts, and a phone
//! that re-keys at every hold would use them up.
//!
//! What is withheld, on hold say, takes no outbound index: the receiver would count it as lost, and after 2^15 packets,
//! eleven minutes, it could not tell the roll-over counter any more. The timestamp goes on as time does.

use cordon_rtp::rtcp::Sent;
use cordon_rtp::{PacketIndex, Ssrc, Timestamp};
use cordon_srtp::SourceId;

use crate::generator::Generator;
use crate::names::Names;
use crate::reports::{Span, Told};

/// The sources one end is sent, and what they are called there.
pub(crate) struct Rewrite {
    /// At most [`MAX_NAMES`](crate::names::MAX_NAMES).
    mappings: Vec<Mapping>,
    names: Names,
    /// Counts uses, so that the mapping unused for longest can be told.
    uses: u64,
}

/// What an RTP packet is called on the way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Renamed {
    pub(crate) ssrc: Ssrc,
    pub(crate) index: PacketIndex,
    pub(crate) timestamp: Timestamp,
}

impl Rewrite {
    pub(crate) fn new() -> Rewrite {
        Rewrite { mappings: Vec::with_capacity(1), names: Names::new(), uses: 0 }
    }

    /// Forgets everything said under the old key: what comes next gets SSRCs that were never used here.
    pub(crate) fn begin_key(&mut self) {
        self.mappings.clear();
        self.names.begin_key();
    }

    /// Gives every source a fresh SSRC under the same key, as far as the key's names reach.
    pub(crate) fn renew(&mut self, generator: &mut Generator) {
        self.renew_where(|_| true, generator);
    }

    /// Gives a fresh SSRC to the sources whose roll-over counter left 0. A peer that took a new key may have
    /// started over with ours too; it then cannot know the counter, but every receiver understands a fresh SSRC.
    pub(crate) fn renew_rolled_over(&mut self, generator: &mut Generator) {
        self.renew_where(|mapping| mapping.next > i64::from(u16::MAX), generator);
    }

    fn renew_where(&mut self, is_due: impl Fn(&Mapping) -> bool, generator: &mut Generator) {
        for mapping in self.mappings.iter_mut().filter(|mapping| is_due(mapping)) {
            if let Some(name) = self.names.fresh(generator) {
                *mapping = Mapping { used: mapping.used, ..Mapping::new(mapping.ssrc, name, mapping.clock) };
            }
        }
    }

    /// The outbound name of an authenticated packet; `None` for one older than the mapping can express.
    pub(crate) fn rename(
        &mut self,
        source: SourceId,
        index: PacketIndex,
        timestamp: Timestamp,
        generator: &mut Generator,
    ) -> Option<Renamed> {
        let index = i64::try_from(index.as_u64()).ok()?;
        let mapping = self.mapping(source.ssrc, generator)?;
        if mapping.epoch != Some(source.epoch) {
            if mapping.epoch.is_some_and(|known| source.epoch < known) {
                return None; // A straggler of before the restart: its index means nothing any more.
            }
            mapping.begin(source.epoch, index, generator);
        }
        mapping.close_gap(index);
        let outbound = index.checked_add(mapping.shift).filter(|outbound| *outbound >= mapping.floor)?;
        mapping.next = mapping.next.max(outbound + 1);
        Some(Renamed {
            ssrc: mapping.outbound,
            index: PacketIndex::from_u64(u64::try_from(outbound).ok()?)?,
            timestamp: Timestamp(timestamp.0.wrapping_add(mapping.clock)),
        })
    }

    /// A packet of the source arrived and is not sent: it takes no number.
    pub(crate) fn withhold(&mut self, source: SourceId) {
        if let Some(mapping) = self.mappings.iter_mut().find(|mapping| mapping.ssrc == source.ssrc) {
            mapping.has_withheld = true;
        }
    }

    /// The outbound name of the sender of an authenticated RTCP packet; made when it sent no RTP yet.
    pub(crate) fn rename_sender(&mut self, sender: Ssrc, generator: &mut Generator) -> Option<Ssrc> {
        self.mapping(sender, generator).map(|mapping| mapping.outbound)
    }

    /// The outbound name of a source and the shift of its media clock, if it has one.
    pub(crate) fn name_of(&self, ssrc: Ssrc) -> Option<(Ssrc, u32)> {
        let mapping = self.mappings.iter().find(|mapping| mapping.ssrc == ssrc)?;
        Some((mapping.outbound, mapping.clock))
    }

    /// The source behind an outbound SSRC, and what must be taken off a sequence number it is reported with.
    pub(crate) fn source_of(&self, outbound: Ssrc) -> Option<(Ssrc, u32)> {
        let mapping = self.mappings.iter().find(|mapping| mapping.outbound == outbound)?;
        // The lower 32 bits of the shift: a report carries the index without its upper 16 bits.
        mapping.epoch.map(|_| (mapping.ssrc, mapping.shift as u32))
    }

    /// Counts a packet that was sent under an outbound SSRC.
    pub(crate) fn note_sent(&mut self, outbound: Ssrc, octets: usize) {
        if let Some(mapping) = self.mappings.iter_mut().find(|mapping| mapping.outbound == outbound) {
            mapping.sent.packets = mapping.sent.packets.wrapping_add(1);
            mapping.sent.octets = mapping.sent.octets.wrapping_add(u32::try_from(octets).unwrap_or(0));
        }
    }

    /// What was sent of a source under the outbound SSRC it has now.
    pub(crate) fn sent(&self, ssrc: Ssrc) -> Option<Sent> {
        self.mappings.iter().find(|mapping| mapping.ssrc == ssrc).map(|mapping| mapping.sent)
    }

    /// The numbers given to an outbound SSRC so far, and what the peer told of them.
    pub(crate) fn told(&mut self, outbound: Ssrc) -> Option<(Span, &mut Told)> {
        let mapping = self.mappings.iter_mut().find(|mapping| mapping.outbound == outbound)?;
        // Reports carry the index without its upper 16 bits.
        let highest = mapping.next.checked_sub(1).filter(|highest| *highest >= 0)?;
        Some((Span { first: mapping.first as u32, highest: highest as u32 }, &mut mapping.told))
    }

    /// The mapping of a source, made when there is none. When all names of the key are given, a new source goes on
    /// under the name unused for longest, behind the highest index given to it.
    fn mapping(&mut self, ssrc: Ssrc, generator: &mut Generator) -> Option<&mut Mapping> {
        self.uses += 1;
        let known = self.mappings.iter().position(|mapping| mapping.ssrc == ssrc);
        let place = match known {
            Some(place) => place,
            None if self.names.are_left() => {
                let (outbound, clock) = (self.names.name_for(ssrc, generator)?, generator.next_u32());
                self.mappings.push(Mapping::new(ssrc, outbound, clock));
                self.mappings.len() - 1
            }
            None => {
                let unused = (0..self.mappings.len())
                    .min_by_key(|place| self.mappings.get(*place).map(|mapping| mapping.used))?;
                let mapping = self.mappings.get_mut(unused)?;
                *mapping = Mapping { ssrc, epoch: None, clock: generator.next_u32(), ..*mapping };
                unused
            }
        };
        let mapping = self.mappings.get_mut(place)?;
        mapping.used = self.uses;
        Some(mapping)
    }
}

/// One source and its outbound name.
#[derive(Clone, Copy)]
struct Mapping {
    ssrc: Ssrc,
    outbound: Ssrc,
    /// Which life of the source this is; unknown until its first RTP packet.
    epoch: Option<u32>,
    /// Outbound index minus inbound index, fixed for the epoch by its first packet and the first after what was withheld.
    shift: i64,
    /// No outbound index below this is given with this shift; it may have been given with another.
    floor: i64,
    /// A packet was withheld since the last one that was sent.
    has_withheld: bool,
    /// One above the highest outbound index given.
    next: i64,
    /// The first outbound index given under this name.
    first: i64,
    /// Outbound minus inbound timestamp.
    clock: u32,
    /// What was sent under this name.
    sent: Sent,
    /// What the peer told of it.
    told: Told,
    used: u64,
}

impl Mapping {
    fn new(ssrc: Ssrc, outbound: Ssrc, clock: u32) -> Mapping {
        let (shift, floor, next, first) = (0, 0, 0, 0);
        Mapping {
            ssrc,
            outbound,
            epoch: None,
            shift,
            floor,
            has_withheld: false,
            next,
            first,
            clock,
            sent: Sent::default(),
            told: Told::default(),
            used: 0,
        }
    }

    /// Fixes the shift by the first packet of an epoch.
    fn begin(&mut self, epoch: u32, index: i64, generator: &mut Generator) {
        let first = match self.next {
            0 => i64::from(FIRST_INDEX + generator.next_u32() % FIRST_INDEXES),
            next => next + OVERTAKEN,
        };
        if self.next == 0 {
            self.first = first;
        }
        self.epoch = Some(epoch);
        self.floor = self.next;
        self.shift = first - index;
        self.has_withheld = false;
    }

    /// Lets the first packet behind what was withheld follow the last that was sent. Those that it overtook have no name.
    fn close_gap(&mut self, index: i64) {
        if self.has_withheld && index.checked_add(self.shift).is_some_and(|outbound| outbound >= self.next) {
            (self.shift, self.floor) = (self.next - index, self.next);
            self.has_withheld = false;
        }
    }
}

/// The first outbound index is at least this, so that packets overtaken by the first one still have a name.
const FIRST_INDEX: u32 = 1024;
/// Choices for the first outbound index; all stay below 2^15, where a receiver guesses ROC 0.
const FIRST_INDEXES: u32 = (1 << 15) - FIRST_INDEX;
/// Left free where a source restarts, for packets overtaken by the first one; the receiver sees a short gap.
const OVERTAKEN: i64 = 16;

#[cfg(test)]
mod tests {
    use cordon_rtp::{Roc, Seq};
    use proptest::prelude::*;

    use super::*;
    use crate::names::MAX_NAMES;

    #[test]
    fn a_source_starts_at_roc_zero_below_two_to_the_fifteen_and_keeps_its_offsets() {
        let (mut rewrite, mut generator) = fresh();
        let source = SourceId { ssrc: Ssrc(7), epoch: 0 };
        let start = PacketIndex::new(Roc(2), Seq(65_530));

        let first = rewrite.rename(source, start, Timestamp(u32::MAX - 10), &mut generator).unwrap();
        assert_eq!(first.index.roc(), Roc(0));
        assert!(first.index.seq().0 < 1 << 15);

        for n in 1..200_000 {
            let index = PacketIndex::from_u64(start.as_u64() + n).unwrap();
            let ticks = 160 * u32::try_from(n).unwrap();
            let timestamp = Timestamp((u32::MAX - 10).wrapping_add(ticks));
            let next = rewrite.rename(source, index, timestamp, &mut generator).unwrap();
            assert_eq!(next.ssrc, first.ssrc);
            assert_eq!(next.index.as_u64(), first.index.as_u64() + n);
            assert_eq!(next.timestamp.0, first.timestamp.0.wrapping_add(ticks));
        }
    }

    #[test]
    fn a_source_that_returns_keeps_its_name_and_a_restarted_one_goes_on_behind_its_past() {
        let (mut rewrite, mut generator) = fresh();
        let mut name = |ssrc, epoch, index| {
            let source = SourceId { ssrc: Ssrc(ssrc), epoch };
            let index = PacketIndex::from_u64(index).unwrap();
            rewrite.rename(source, index, Timestamp(0), &mut generator)
        };

        let phone = name(1, 0, 70_000).unwrap();
        let hold_music = name(2, 0, 5).unwrap();
        assert_ne!(phone.ssrc, hold_music.ssrc);
        let returned = name(1, 0, 70_100).unwrap();
        assert_eq!(returned.ssrc, phone.ssrc);
        assert_eq!(returned.index.as_u64(), phone.index.as_u64() + 100);
        let restarted = name(1, 1, 9).unwrap();
        assert_eq!(restarted.ssrc, phone.ssrc);
        assert!(restarted.index > returned.index);
        assert_eq!(name(1, 0, 70_101), None, "a straggler of the old life");
        assert_eq!(name(2, 0, 6).unwrap().ssrc, hold_music.ssrc);
    }

    #[test]
    fn a_source_keeps_its_ssrc_under_the_first_key_and_gets_a_fresh_one_under_the_next() {
        let (mut rewrite, mut generator) = fresh();
        let mut name = |rewrite: &mut Rewrite| {
            let source = SourceId { ssrc: Ssrc(0x5ca1_ab1e), epoch: 0 };
            rewrite.rename(source, PacketIndex::new(Roc(2), Seq(5)), Timestamp(0), &mut generator).unwrap()
        };
        rewrite.begin_key();
        assert_eq!(name(&mut rewrite).ssrc, Ssrc(0x5ca1_ab1e));

        rewrite.begin_key();
        assert_ne!(name(&mut rewrite).ssrc, Ssrc(0x5ca1_ab1e));
    }

    #[test]
    fn a_source_whose_ssrc_is_already_the_name_of_another_gets_a_fresh_one() {
        let (mut rewrite, mut generator) = fresh();
        let name = |rewrite: &mut Rewrite, ssrc, generator: &mut Generator| {
            let source = SourceId { ssrc, epoch: 0 };
            rewrite.rename(source, PacketIndex::new(Roc(0), Seq(5)), Timestamp(0), generator).unwrap().ssrc
        };
        name(&mut rewrite, Ssrc(7), &mut generator);
        rewrite.renew(&mut generator);
        let renewed = name(&mut rewrite, Ssrc(7), &mut generator);

        let other = name(&mut rewrite, renewed, &mut generator);
        assert_ne!(other, renewed);
    }

    #[test]
    fn a_name_that_rolled_over_is_renewed_and_a_young_one_stays() {
        let (mut rewrite, mut generator) = fresh();
        let name = |rewrite: &mut Rewrite, ssrc, index, generator: &mut Generator| {
            let source = SourceId { ssrc: Ssrc(ssrc), epoch: 0 };
            let index = PacketIndex::from_u64(index).unwrap();
            rewrite.rename(source, index, Timestamp(0), generator).unwrap()
        };
        let old = name(&mut rewrite, 1, 10, &mut generator);
        name(&mut rewrite, 1, 10 + 65_536, &mut generator);
        let young = name(&mut rewrite, 2, 10, &mut generator);

        rewrite.renew_rolled_over(&mut generator);

        let renewed = name(&mut rewrite, 1, 11 + 65_536, &mut generator);
        assert_ne!(renewed.ssrc, old.ssrc);
        assert_eq!(renewed.index.roc(), Roc(0));
        assert_eq!(name(&mut rewrite, 2, 11, &mut generator).ssrc, young.ssrc);
    }

    #[test]
    fn what_is_withheld_leaves_no_gap_and_what_it_overtook_has_no_name() {
        let (mut rewrite, mut generator) = fresh();
        let source = SourceId { ssrc: Ssrc(7), epoch: 0 };
        let mut name = |rewrite: &mut Rewrite, index| {
            let index = PacketIndex::from_u64(index).unwrap();
            Some(rewrite.rename(source, index, Timestamp(0), &mut generator)?.index.as_u64())
        };
        let first = name(&mut rewrite, 100).unwrap();
        rewrite.withhold(source);

        assert_eq!(name(&mut rewrite, 99), Some(first - 1), "sent before, and late");
        assert_eq!(name(&mut rewrite, 40_000), Some(first + 1));
        assert_eq!(name(&mut rewrite, 39_999), None);
        assert_eq!(name(&mut rewrite, 40_002), Some(first + 3), "one was lost");
    }

    #[test]
    fn a_packet_older_than_the_mapping_can_express_has_no_name() {
        let (mut rewrite, mut generator) = fresh();
        let source = SourceId { ssrc: Ssrc(7), epoch: 0 };
        let at = |index| PacketIndex::from_u64(index).unwrap();
        rewrite.rename(source, at(100_000), Timestamp(0), &mut generator).unwrap();

        assert!(rewrite.rename(source, at(100_000 - 1024), Timestamp(0), &mut generator).is_some());
        assert!(rewrite.rename(source, at(60_000), Timestamp(0), &mut generator).is_none());
    }

    #[test]
    fn a_report_about_an_outbound_source_finds_its_way_back() {
        let (mut rewrite, mut generator) = fresh();
        let source = SourceId { ssrc: Ssrc(7), epoch: 3 };
        let index = PacketIndex::new(Roc(1), Seq(5));
        let sender = rewrite.rename_sender(source.ssrc, &mut generator).unwrap();
        assert_eq!(rewrite.source_of(sender), None, "nothing was sent under this name yet");

        let renamed = rewrite.rename(source, index, Timestamp(0), &mut generator).unwrap();

        assert_eq!(renamed.ssrc, sender, "RTP takes the name its RTCP already used");
        let (ssrc, shift) = rewrite.source_of(renamed.ssrc).unwrap();
        let reported = u32::try_from(renamed.index.as_u64()).unwrap();
        assert_eq!(ssrc, source.ssrc);
        assert_eq!(reported.wrapping_sub(shift), (1 << 16) + 5);
    }

    proptest! {
        #[test]
        fn no_index_is_given_twice_to_one_name(steps in prop::collection::vec(step(), 1..400)) {
            let (mut rewrite, mut generator) = fresh();
            rewrite.begin_key(); // Nothing is named before an end has its first key.
            let mut lives = [(0_u32, 0_u64); 12];
            let (mut key, mut given) = (0, std::collections::HashSet::new());
            let mut names = std::collections::HashSet::new();
            for step in steps {
                match step {
                    Step::Packet { source, ahead } => {
                        let (epoch, next) = &mut lives[source];
                        *next += ahead;
                        let ssrc = Ssrc(u32::try_from(source).unwrap());
                        let index = PacketIndex::from_u64(*next).unwrap();
                        let source = SourceId { ssrc, epoch: *epoch };
                        let renamed = rewrite.rename(source, index, Timestamp(0), &mut generator);
                        if let Some(renamed) = renamed {
                            prop_assert!(given.insert((renamed.ssrc, renamed.index)));
                            names.insert((key, renamed.ssrc));
                        }
                    }
                    Step::Withheld { source, ahead } => {
                        let (epoch, next) = &mut lives[source];
                        *next += ahead;
                        let ssrc = Ssrc(u32::try_from(source).unwrap());
                        rewrite.withhold(SourceId { ssrc, epoch: *epoch });
                    }
                    Step::Restart { source } => lives[source] = (lives[source].0 + 1, 0),
                    Step::BeginKey => {
                        key += 1;
                        rewrite.begin_key();
                    }
                    Step::Renew => rewrite.renew(&mut generator),
                    Step::RenewRolledOver => rewrite.renew_rolled_over(&mut generator),
                }
                prop_assert!(names.iter().filter(|(of, _)| *of == key).count() <= MAX_NAMES);
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Packet { source: usize, ahead: u64 },
        Withheld { source: usize, ahead: u64 },
        Restart { source: usize },
        BeginKey,
        Renew,
        RenewRolledOver,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            20 => (0..12_usize, 1..70_000_u64).prop_map(|(source, ahead)| Step::Packet { source, ahead }),
            2 => (0..12_usize, 1..3_u64).prop_map(|(source, ahead)| Step::Withheld { source, ahead }),
            1 => (0..12_usize).prop_map(|source| Step::Restart { source }),
            1 => Just(Step::BeginKey),
            1 => Just(Step::Renew),
            1 => Just(Step::RenewRolledOver),
        ]
    }

    fn fresh() -> (Rewrite, Generator) {
        (Rewrite::new(), Generator::new([9; 32]))
    }
}
