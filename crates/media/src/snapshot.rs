//! The figures of one media thread, as it last published them.

use cordon_relay::{StreamId, StreamStatistics};

use crate::io::IoFigures;

/// The figures of a thread and its streams, as of its last interval.
#[derive(Default)]
pub(crate) struct Snapshot {
    /// In the order of their ids.
    pub(crate) streams: Vec<(StreamId, StreamStatistics)>,
    pub(crate) io: IoFigures,
    /// Datagrams on ports no stream has.
    pub(crate) strays: u64,
}

impl Snapshot {
    pub(crate) fn find(&self, stream: StreamId) -> Option<StreamStatistics> {
        let at = self.streams.binary_search_by_key(&stream, |(id, _)| *id).ok()?;
        self.streams.get(at).map(|(_, statistics)| *statistics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_found_by_its_id() {
        let figures = |opened| {
            let mut statistics = StreamStatistics::default();
            statistics.a.opened = opened;
            statistics
        };
        let streams = [3, 5, 9].map(|id| (StreamId(id), figures(id))).to_vec();
        let snapshot = Snapshot { streams, ..Snapshot::default() };

        assert_eq!(snapshot.find(StreamId(5)).map(|found| found.a.opened), Some(5));
        assert_eq!(snapshot.find(StreamId(4)), None);
    }
}
