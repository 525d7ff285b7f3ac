//! The streams that the seal let pass and that still run, and when each must end at the latest. This module does not know the
//! proxy, and reads no clock.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Debug,
};

use warrant::Seconds;

/// The proxy's number for a stream.
pub type StreamId = u32;

/// One stream that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveStream {
    /// The decision that allowed it.
    pub decision: Box<str>,
    /// It ends then at the latest.
    pub expires: Seconds,
}

/// The live streams of one root context.
#[derive(Debug, Default)]
pub struct LiveStreams {
    by_id: HashMap<StreamId, LiveStream>,
    by_end: BTreeSet<(Seconds, StreamId)>,
}

impl LiveStreams {
    /// Adds a stream that passed.
    pub fn insert(&mut self, id: StreamId, stream: LiveStream) {
        self.remove(id);
        self.by_end.insert((stream.expires, id));
        self.by_id.insert(id, stream);
    }

    /// Removes a stream that has ended, or that is about to be ended.
    pub fn remove(&mut self, id: StreamId) -> Option<LiveStream> {
        let stream = self.by_id.remove(&id)?;
        self.by_end.remove(&(stream.expires, id));
        Some(stream)
    }

    /// Removes the streams whose time is over, at most this many, those first whose time was over first.
    pub fn take_expired(&mut self, now: Seconds, most: usize) -> Vec<(StreamId, LiveStream)> {
        let over: Vec<StreamId> =
            self.by_end.iter().take_while(|(end, _)| *end <= now).take(most).map(|(_, id)| *id).collect();
        over.into_iter().filter_map(|id| Some((id, self.remove(id)?))).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(expires: u64) -> LiveStream {
        LiveStream { decision: format!("d{expires}").into(), expires: Seconds::new(expires) }
    }

    #[test]
    fn streams_end_in_the_order_of_their_ends_and_a_few_at_a_time() {
        let mut live = LiveStreams::default();
        for (id, expires) in [(1, 30), (2, 10), (3, 20), (4, 10), (5, 40)] {
            live.insert(id, stream(expires));
        }
        let mut take = |now, most| -> Vec<StreamId> {
            live.take_expired(Seconds::new(now), most).into_iter().map(|(id, _)| id).collect()
        };
        assert_eq!(take(9, 64), Vec::<StreamId>::new());
        assert_eq!(take(10, 1), [2]);
        assert_eq!(take(30, 2), [4, 3]);
        assert_eq!(take(30, 64), [1]);
        assert_eq!(live.len(), 1);
    }

    #[test]
    fn a_stream_that_ended_by_itself_is_forgotten() {
        let mut live = LiveStreams::default();
        live.insert(7, stream(10));
        assert_eq!(live.remove(7), Some(stream(10)));
        assert_eq!(live.remove(7), None);
        assert!(live.take_expired(Seconds::new(99), 64).is_empty());
        assert!(live.is_empty() && live.by_end.is_empty());
    }

    #[test]
    fn a_number_that_is_used_again_stands_for_the_new_stream() {
        let mut live = LiveStreams::default();
        live.insert(7, stream(10));
        live.insert(7, stream(50));
        assert!(live.take_expired(Seconds::new(20), 64).is_empty());
        assert_eq!(live.len(), 1);
    }
}
