//! The room that the writer has for more frames: the next segment, and the reserved one, which is kept for facts.
//!
//! On a full disk no segment can be created, and on a slow one it takes long. Decisions are refused, or wait,
//! while there is no whole segment beside the one that is written; then facts are still written there, and last into the
//! reserve, which becomes the next segment. After that a numbered segment, and a new reserve, are made as soon as possible.
//!
//! Nothing here waits: the writer asks again when it is woken.

use std::io;
use std::time::{Duration, Instant};

use crate::durable::Disk;
use crate::layout::Layout;
use crate::wal::segment::Segment;
use crate::wal::segment_maker::{SegmentMaker, SpareSegment};

/// How long to wait before a reserve that could not be made is tried again.
const RETRY: Duration = Duration::from_millis(200);

pub(crate) struct Room {
    disk: Disk,
    layout: Layout,
    maker: SegmentMaker,
    /// When a reserve was last asked for.
    asked: Option<Instant>,
}

impl Room {
    pub(crate) fn new(disk: Disk, layout: Layout, maker: SegmentMaker) -> Self {
        Self { disk, layout, maker, asked: None }
    }

    /// Begins to create what is missing: the segment after this one, then the reserve.
    pub(crate) fn request_spares(&mut self, current: u64) {
        self.maker.request(SpareSegment::Numbered(current.saturating_add(1)));
        self.retry_reserve();
    }

    /// Whether the reserve is there. If it is not, it is asked for again from time to time.
    pub(crate) fn retry_reserve(&mut self) -> bool {
        if self.maker.has(SpareSegment::Reserve) {
            return true;
        }
        if self.asked.is_none_or(|asked| asked.elapsed() >= RETRY) {
            self.asked = Some(Instant::now());
            self.maker.request(SpareSegment::Reserve);
        }
        false
    }

    /// Whether there is a whole segment that is not used: the reserve, or the one of this number.
    pub(crate) fn has_spare(&mut self, next: u64) -> io::Result<bool> {
        Ok(self.maker.has(SpareSegment::Reserve) || self.maker.has_awaited(SpareSegment::Numbered(next))?)
    }

    /// Takes the segment of this number, if it is created.
    pub(crate) fn take_next(&mut self, number: u64) -> io::Result<bool> {
        let is_made = self.maker.has_awaited(SpareSegment::Numbered(number))?;
        if is_made {
            self.maker.take(SpareSegment::Numbered(number));
        }
        Ok(is_made)
    }

    /// The same, and while it is not created, the reserve in its place.
    pub(crate) fn take_next_or_reserve(&mut self, number: u64) -> io::Result<bool> {
        let next = self.take_next(number);
        if matches!(next, Ok(true)) || !self.maker.has(SpareSegment::Reserve) {
            return next;
        }
        Segment::take_reserve(&self.disk, &self.layout, number)?;
        self.maker.take(SpareSegment::Reserve);
        match next {
            Ok(_) => tracing::info!(
                "no new segment is there yet: facts are recorded in the one that was kept for them"
            ),
            Err(error) => tracing::error!(
                %error,
                "no segment can be created: only facts are recorded, in the one that was kept for them"
            ),
        }
        Ok(true)
    }

    /// The segment of this number was taken, and could not be opened.
    pub(crate) fn put_back(&mut self, number: u64) {
        self.maker.put_back(SpareSegment::Numbered(number));
    }
}
