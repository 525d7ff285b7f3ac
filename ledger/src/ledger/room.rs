//! The room that the writer has for more frames: the next segment, and the reserved one, which is kept for facts.
//!
//! A disk that is full fails when a segment is created. Decisions are refused while there is no whole segment beside the one
//! that is written; then facts are still written there, and last into the reserve, which becomes the next segment. After
//! that a numbered segment, and a new reserve, are made as soon as there is free space.

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

    /// Makes sure that there is a whole segment that is not used: the reserve, or the one of this number.
    pub(crate) fn require_spare(&mut self, next: u64) -> io::Result<()> {
        if self.maker.has(SpareSegment::Reserve) {
            Ok(())
        } else {
            self.maker.wait_for(SpareSegment::Numbered(next))
        }
    }

    /// Takes the segment of this number, once it is created.
    pub(crate) fn next(&mut self, number: u64) -> io::Result<()> {
        self.maker.wait_for(SpareSegment::Numbered(number))?;
        self.maker.take(SpareSegment::Numbered(number));
        Ok(())
    }

    /// The same, and if it cannot be created, the reserve in its place.
    pub(crate) fn next_or_reserve(&mut self, number: u64) -> io::Result<()> {
        self.next(number).or_else(|error| {
            if !self.maker.has(SpareSegment::Reserve) {
                return Err(error);
            }
            Segment::take_reserve(&self.disk, &self.layout, number)?;
            self.maker.take(SpareSegment::Reserve);
            tracing::error!(
                "the disk is full: only facts are recorded, in the segment that was kept for them"
            );
            Ok(())
        })
    }
}
