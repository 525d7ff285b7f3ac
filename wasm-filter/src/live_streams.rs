//! The streams that the seal let pass and that still run, when each must end at the latest, and which must end now. This module
//! does not know the proxy, and reads no clock.

use std::collections::HashMap;

use warrant::{
    Denial, HOLDER_OF_THE_ROOT, Mark, Seconds,
    statement::{DecisionKey, Held},
};

/// The proxy's number for a stream.
pub type StreamId = u32;

/// Streams that one root context has at most. Each takes a few hundred bytes.
pub const LIVE_AT_MOST: usize = 16_384;

/// So many of them may be under the roots of one holder, or without a warrant.
const LIVE_OF_ONE: u32 = 4_096;

/// One stream that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveStream {
    /// The decision that allowed it.
    pub decision: DecisionKey,
    /// It ends then at the latest.
    pub expires: Seconds,
    /// Everything by which its warrant can be revoked.
    pub marks: Box<[Mark]>,
}

impl LiveStream {
    /// The mark of its root's holder, or zeroes.
    fn holder(&self) -> [u8; 16] {
        self.marks.get(HOLDER_OF_THE_ROOT).map_or([0; 16], |mark| *mark.bytes())
    }

    /// Why it must end by what is held, if it must.
    pub fn ends_by(&self, held: &Held) -> Option<Denial> {
        if self.marks.iter().any(|mark| held.revocations().contains(mark)) {
            return Some(Denial::Revoked);
        }
        held.ended().denial(&self.decision)
    }
}

/// The live streams of one root context.
#[derive(Debug, Default)]
pub struct LiveStreams {
    by_id: HashMap<StreamId, Running>,
    /// How many there are under the roots of each holder, by its mark. Those without a warrant count together.
    by_holder: HashMap<[u8; 16], u32>,
    /// No stream ends before this by its time. It may be too early.
    next_end: Option<Seconds>,
    /// Those that must end by what is held. One that has ended by itself meanwhile is no longer the stream of that decision.
    due: Vec<(StreamId, DecisionKey, Denial)>,
}

#[derive(Debug)]
struct Running {
    stream: LiveStream,
    /// It is in the list of those that must end.
    is_due: bool,
}

/// A stream that was removed because it must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingStream {
    /// The proxy's number.
    pub id: StreamId,
    /// The decision that allowed it.
    pub decision: DecisionKey,
    /// Why it ends.
    pub denial: Denial,
}

impl LiveStreams {
    /// Adds a stream that passed. Returns false if there are too many.
    pub fn insert(&mut self, id: StreamId, stream: LiveStream) -> bool {
        self.remove(id);
        let holder = stream.holder();
        let of_one = self.by_holder.get(&holder).copied().unwrap_or_default();
        let has_room = self.by_id.len() < LIVE_AT_MOST && of_one < LIVE_OF_ONE;
        if has_room {
            self.by_holder.insert(holder, of_one.saturating_add(1));
            self.next_end = Some(self.next_end.map_or(stream.expires, |next| next.min(stream.expires)));
            self.by_id.insert(id, Running { stream, is_due: false });
        }
        has_room
    }

    /// Removes a stream that has ended, or that is about to be ended.
    pub fn remove(&mut self, id: StreamId) -> Option<LiveStream> {
        let Running { stream, .. } = self.by_id.remove(&id)?;
        let holder = stream.holder();
        match self.by_holder.get(&holder).copied().unwrap_or_default().saturating_sub(1) {
            0 => drop(self.by_holder.remove(&holder)),
            left => drop(self.by_holder.insert(holder, left)),
        }
        Some(stream)
    }

    /// Finds the streams that must end by what is held now. `before` was held when this was called last.
    pub fn look_through(&mut self, held: &Held, before: Option<&Held>) {
        let added = before.map(|before| held.revocations().difference(before.revocations()).0);
        if added.as_ref().is_some_and(Vec::is_empty)
            && before.is_some_and(|before| before.ended().digest() == held.ended().digest())
        {
            return;
        }
        let is_revoked = |stream: &LiveStream| match &added {
            Some(added) => stream.marks.iter().any(|mark| added.binary_search(mark).is_ok()),
            None => stream.marks.iter().any(|mark| held.revocations().contains(mark)),
        };
        for (id, Running { stream, is_due }) in self.by_id.iter_mut().filter(|(_, running)| !running.is_due) {
            let why = if is_revoked(stream) {
                Some(Denial::Revoked)
            } else {
                held.ended().denial(&stream.decision)
            };
            if let Some(denial) = why {
                *is_due = true;
                self.due.push((*id, stream.decision, denial));
            }
        }
    }

    /// Removes streams that must end, at most this many: first those whose time is over. All streams are looked through, but only
    /// when the time of one may be over, which is once a second at most.
    pub fn take_due(&mut self, now: Seconds, most: usize) -> Vec<EndingStream> {
        let mut ending = self.take_expired(now, most);
        while ending.len() < most
            && let Some((id, decision, denial)) = self.due.pop()
        {
            if self
                .by_id
                .get(&id)
                .is_some_and(|running| running.is_due && running.stream.decision == decision)
            {
                ending.extend(self.take(vec![(id, denial)]));
            }
        }
        ending
    }

    fn take_expired(&mut self, now: Seconds, most: usize) -> Vec<EndingStream> {
        if self.next_end.is_none_or(|next| now < next) {
            return Vec::new();
        }
        let is_over = |(_, running): &(&StreamId, &Running)| running.stream.expires <= now;
        let over =
            self.by_id.iter().filter(is_over).map(|(id, _)| (*id, Denial::Expired)).take(most).collect();
        let ending = self.take(over);
        if ending.len() < most {
            self.next_end = self.by_id.values().map(|running| running.stream.expires).min();
        }
        ending
    }

    /// Removes any streams, at most this many: all must end.
    pub fn take_any(&mut self, denial: Denial, most: usize) -> Vec<EndingStream> {
        let ending: Vec<_> = self.by_id.keys().take(most).map(|id| (*id, denial)).collect();
        self.take(ending)
    }

    /// Whether this stream runs.
    pub fn holds(&self, id: StreamId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    fn take(&mut self, ending: Vec<(StreamId, Denial)>) -> Vec<EndingStream> {
        let mut taken = |(id, denial)| {
            let LiveStream { decision, .. } = self.remove(id)?;
            Some(EndingStream { id, decision, denial })
        };
        ending.into_iter().filter_map(&mut taken).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::held_with;

    fn stream(expires: u64) -> LiveStream {
        LiveStream { decision: [7; 16], expires: Seconds::new(expires), marks: Box::default() }
    }

    fn take(live: &mut LiveStreams, now: u64, most: usize) -> Vec<(StreamId, Denial)> {
        let taken = live.take_due(Seconds::new(now), most);
        taken.into_iter().map(|ending| (ending.id, ending.denial)).collect()
    }

    #[test]
    fn streams_end_when_their_time_is_over_and_a_few_at_a_time() {
        let mut live = LiveStreams::default();
        for (id, expires) in [(1, 30), (2, 10), (3, 20), (4, 10), (5, 40)] {
            assert!(live.insert(id, stream(expires)));
        }
        let expired = Denial::Expired;
        assert_eq!(take(&mut live, 9, 64), []);
        assert_eq!(take(&mut live, 10, 1).len(), 1);
        assert_eq!(live.len(), 4);
        assert_eq!(take(&mut live, 29, 64).len(), 2);
        assert_eq!(take(&mut live, 29, 64), []);
        assert_eq!(take(&mut live, 39, 64), [(1, expired)]);
        assert_eq!(live.len(), 1);
    }

    #[test]
    fn a_stream_that_ended_by_itself_is_forgotten() {
        let mut live = LiveStreams::default();
        live.insert(7, stream(10));
        live.look_through(&held_with(&[], &[([7; 16], Denial::PolicyDenied)]), None);
        assert_eq!(live.remove(7), Some(stream(10)));
        assert_eq!(live.remove(7), None);
        assert_eq!(take(&mut live, 99, 64), []);
        assert!(live.is_empty() && live.due.is_empty());
    }

    #[test]
    fn a_number_that_is_used_again_stands_for_the_new_stream() {
        let mut live = LiveStreams::default();
        live.insert(7, stream(10));
        live.look_through(&held_with(&[], &[([7; 16], Denial::PolicyDenied)]), None);
        live.insert(7, LiveStream { decision: [8; 16], ..stream(50) });
        assert_eq!(take(&mut live, 20, 64), []);
        assert_eq!(live.len(), 1);
    }

    #[test]
    fn what_was_revoked_or_listed_since_the_last_look_is_due() {
        let marks: Vec<Mark> = (1..=3).map(|n| Mark::from_bytes([n; 16])).collect();
        let mut live = LiveStreams::default();
        for (id, mark) in (1..).zip(&marks) {
            let decision = [u8::try_from(id).unwrap(); 16];
            live.insert(id, LiveStream { decision, marks: [*mark].into(), ..stream(100) });
        }
        let nothing = held_with(&[], &[]);
        live.look_through(&nothing, None);
        assert_eq!(take(&mut live, 0, 64), []);
        let one = held_with(&marks[..1], &[]);
        live.look_through(&one, Some(&nothing));
        assert_eq!(take(&mut live, 0, 64), [(1, Denial::Revoked)]);
        let two = held_with(&marks[..1], &[([3; 16], Denial::ConditionUnmet)]);
        live.look_through(&two, Some(&one));
        assert_eq!(take(&mut live, 0, 64), [(3, Denial::ConditionUnmet)]);
        // After a gap, with nothing known of what was held before.
        live.look_through(&held_with(&marks, &[]), None);
        assert_eq!(take(&mut live, 0, 64), [(2, Denial::Revoked)]);
    }

    #[test]
    fn a_stream_that_is_due_for_two_reasons_ends_once() {
        let mut live = LiveStreams::default();
        live.insert(1, stream(10));
        live.look_through(&held_with(&[], &[([7; 16], Denial::PolicyDenied)]), None);
        assert_eq!(take(&mut live, 10, 64), [(1, Denial::Expired)]);
        assert!(live.is_empty());
    }

    #[test]
    fn there_is_a_limit_to_them() {
        let mut live = LiveStreams::default();
        let most = u32::try_from(LIVE_AT_MOST).unwrap();
        // The same authority, and a lineage for each stream.
        let of = |holder: u8, id: u32| {
            let mut marks = [Mark::from_bytes([7; 16]); 5];
            marks[1] = Mark::from_bytes(u128::from(id).to_be_bytes());
            marks[HOLDER_OF_THE_ROOT] = Mark::from_bytes([holder; 16]);
            LiveStream { marks: marks.into(), ..stream(10) }
        };
        let quarter = most / 4;
        for holder in 0..4 {
            let ids = u32::from(holder) * quarter..;
            let inserted = ids.take(10_000).take_while(|id| live.insert(*id, of(holder, *id))).count();
            assert_eq!(inserted, LIVE_AT_MOST / 4, "of holder {holder}");
        }
        assert!(!live.insert(most, of(4, most)));
        assert!(live.insert(0, of(4, 0)), "one that is replaced needs no more room");
        let ended = live.take_any(Denial::GovernanceStale, 64);
        assert_eq!(ended.len(), 64);
        assert_eq!(live.len(), LIVE_AT_MOST - 64);
    }
}
