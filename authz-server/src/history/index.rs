//! The index in memory: segments, the oldest of which is forgotten when there are too many.

use std::collections::{HashMap, VecDeque};

use super::glance::Glance;
use super::segment::Segment;
use super::texts::TextId;
use super::{Found, MaySee, Page, Span, Wanted};

/// Into how many segments the index is divided: so much of it is forgotten at once.
const SEGMENTS: u64 = 32;

/// How many bytes an entry may take on average. A decision with a root of its own takes some 230 bytes, and each has an entry for
/// its outcome, which takes none. If entries need more, because of long names or long chains, fewer are kept.
pub(super) const BYTES_AN_ENTRY: u64 = 224;

#[derive(Debug)]
pub(super) struct Index {
    /// In the order of their entries. All but the last are closed.
    pub(super) segments: VecDeque<Segment>,
    /// The entries below this one were forgotten, never read, or cannot be read any more.
    from: u64,
    as_of: u64,
    /// How many entries, and about how many bytes, a segment has at most.
    segment_entries: u64,
    segment_bytes: u64,
}

impl Index {
    /// An empty index that will keep at most this many entries.
    pub(super) fn new(most: u64) -> Index {
        let entries = (most / SEGMENTS).max(1);
        let bytes = entries.saturating_mul(BYTES_AN_ENTRY);
        Index { segments: VecDeque::new(), from: 0, as_of: 0, segment_entries: entries, segment_bytes: bytes }
    }

    /// The first entry that will be read.
    pub(super) fn begin(&mut self, from: u64) {
        self.segments.clear();
        (self.from, self.as_of) = (from, from);
    }

    /// Which entries it has read. The size of the log is not known here.
    pub(super) fn span(&self) -> Span {
        Span { from: self.from, as_of: self.as_of, size: self.as_of }
    }

    /// The bytes that it takes, but for what adding to the last segment needs.
    pub(super) fn size(&self) -> usize {
        self.segments.iter().map(Segment::size).fold(0, usize::saturating_add)
    }

    /// Adds the next entry.
    pub(super) fn add(&mut self, index: u64, time: u64, glance: &Glance<'_>) {
        self.make_room(index);
        if let Some(open) = self.segments.back_mut() {
            open.end = index.saturating_add(1);
            match glance {
                Glance::Decision(decision) => open.add_decision(index, time, decision),
                Glance::Issued(root) => open.add_issued(index, root),
                Glance::Outcome { .. } | Glance::Archived { .. } | Glance::Other => {}
            }
        }
        match glance {
            Glance::Outcome { decision } => self.note_outcome(*decision, index),
            Glance::Archived { below } => self.forget_below(*below),
            Glance::Decision(_) | Glance::Issued(_) | Glance::Other => {}
        }
        self.as_of = index.saturating_add(1);
    }

    /// Begins a segment if the last one is full, and forgets the oldest one if there are too many.
    fn make_room(&mut self, index: u64) {
        let (entries, bytes) = (self.segment_entries, self.segment_bytes);
        let is_full = |open: &Segment| {
            open.end.saturating_sub(open.first) >= entries
                || u64::try_from(open.size()).unwrap_or(u64::MAX) >= bytes
        };
        match self.segments.back_mut() {
            Some(open) if is_full(open) => open.close(),
            Some(_) => return,
            None => {}
        }
        self.segments.push_back(Segment::beginning_at(index));
        if u64::try_from(self.segments.len()).unwrap_or(u64::MAX) > SEGMENTS {
            self.segments.pop_front();
            self.from = self.from.max(self.segments.front().map_or(index, |oldest| oldest.first));
        }
    }

    fn note_outcome(&mut self, decision: u64, at: u64) {
        let position = self.segments.partition_point(|segment| segment.end <= decision);
        if let Some(segment) = self.segments.get_mut(position) {
            segment.note_outcome(decision, at);
        }
    }

    /// What was moved to an archive cannot be shown any more.
    fn forget_below(&mut self, index: u64) {
        self.from = self.from.max(index);
        while self.segments.front().is_some_and(|oldest| oldest.end <= index) {
            self.segments.pop_front();
        }
    }

    pub(super) fn decision(&self, id: &str) -> Option<Found> {
        let mut found = self.segments.iter().rev().filter_map(|segment| Some((segment, segment.find(id)?)));
        let (segment, row) = found.next()?;
        (row.index >= self.from).then(|| segment.found(row))
    }

    pub(super) fn decisions(&self, wanted: &Wanted, from: u64, limit: usize, may_see: MaySee<'_>) -> Page {
        let mut decisions = Vec::new();
        for segment in self.segments.iter().rev().filter(|segment| segment.first <= from) {
            let mut seen = SeenRoutes::of(segment);
            for row in segment.wanted(wanted).filter(|row| row.index <= from) {
                if row.index < self.from {
                    break;
                }
                if !seen.may_see(row.route, may_see) {
                    continue;
                }
                // One more than fits shows that there is a next page, and where it begins.
                if decisions.len() == limit {
                    return Page { decisions, next: Some(row.index) };
                }
                decisions.push(segment.found(row));
            }
        }
        Page { decisions, next: None }
    }
}

/// Which routes of a segment may be seen. Each is asked about once.
pub(super) struct SeenRoutes<'a> {
    segment: &'a Segment,
    seen: HashMap<Option<TextId>, bool>,
}

impl<'a> SeenRoutes<'a> {
    pub(super) fn of(segment: &'a Segment) -> SeenRoutes<'a> {
        SeenRoutes { segment, seen: HashMap::new() }
    }

    pub(super) fn may_see(&mut self, route: Option<TextId>, may_see: MaySee<'_>) -> bool {
        let segment = self.segment;
        *self.seen.entry(route).or_insert_with(|| may_see(route.map(|route| segment.text(route))))
    }
}
