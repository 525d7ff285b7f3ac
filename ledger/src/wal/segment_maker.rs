//! Creates spare segments in a separate thread while the current one is written, so that no entry waits for the zeros.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::segment::Segment;
use crate::durable::Disk;
use crate::layout::Layout;
use crate::ledger::Wake;

/// A whole segment that is not used yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpareSegment {
    /// The one of this number.
    Numbered(u64),
    /// The one that is kept for facts on a full disk.
    Reserve,
}

#[derive(Debug)]
pub(crate) struct SegmentMaker {
    orders: Option<mpsc::Sender<SpareSegment>>,
    made: mpsc::Receiver<(SpareSegment, io::Result<()>)>,
    ordered: Vec<SpareSegment>,
    ready: Vec<SpareSegment>,
    /// The segment that somebody waits for, and why it could not be created.
    awaited: Option<(SpareSegment, Option<io::Error>)>,
    thread: Option<JoinHandle<()>>,
}

impl SegmentMaker {
    /// `ready` are the spare segments that the start found. `writer` is woken when a segment is created, or cannot be.
    pub(crate) fn start(
        disk: Disk,
        layout: Layout,
        bytes: u64,
        ready: Vec<SpareSegment>,
        writer: Wake,
    ) -> io::Result<Self> {
        let (orders, ordered) = mpsc::channel();
        let (results, made) = mpsc::channel();
        let thread = std::thread::Builder::new().name("ledger-segments".to_owned()).spawn(move || {
            for spare in ordered {
                let path = match spare {
                    SpareSegment::Numbered(number) => layout.segment(number),
                    SpareSegment::Reserve => layout.reserve(),
                };
                if results.send((spare, Segment::create(&disk, &layout, &path, bytes))).is_err() {
                    return;
                }
                writer.wake();
            }
        })?;
        let (ordered, thread) = (Vec::new(), Some(thread));
        Ok(Self { orders: Some(orders), made, ordered, ready, awaited: None, thread })
    }

    /// Begins to create a segment, unless it exists or is being created.
    pub(crate) fn request(&mut self, spare: SpareSegment) {
        if self.has(spare) || self.ordered.contains(&spare) {
            return;
        }
        if let Some(Ok(())) = self.orders.as_ref().map(|orders| orders.send(spare)) {
            self.ordered.push(spare);
        }
    }

    /// Whether the segment is created.
    pub(crate) fn has(&mut self, spare: SpareSegment) -> bool {
        while let Ok((made, result)) = self.made.try_recv() {
            self.note(made, result);
        }
        self.ready.contains(&spare)
    }

    /// The same for somebody who waits for it. It is an error if it could not be created; the next call tries again.
    pub(crate) fn has_awaited(&mut self, spare: SpareSegment) -> io::Result<bool> {
        if self.has(spare) {
            return Ok(true);
        }
        if let Some((_, Some(error))) =
            self.awaited.take_if(|(awaited, why)| *awaited == spare && why.is_some())
        {
            return Err(error);
        }
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(io::Error::other("the thread that creates segments has ended"));
        }
        self.awaited = Some((spare, None));
        self.request(spare);
        Ok(false)
    }

    /// The segment is used from now on.
    pub(crate) fn take(&mut self, spare: SpareSegment) {
        self.ready.retain(|ready| *ready != spare);
    }

    /// A segment that was taken and could not be used stays ready.
    pub(crate) fn put_back(&mut self, spare: SpareSegment) {
        self.ready.push(spare);
    }

    fn note(&mut self, made: SpareSegment, result: io::Result<()>) {
        self.ordered.retain(|ordered| *ordered != made);
        match result {
            Ok(()) => self.ready.push(made),
            Err(error) => {
                if let Some((_, why)) = self.awaited.as_mut().filter(|(awaited, _)| *awaited == made) {
                    *why = Some(error);
                }
            }
        }
    }
}

impl Drop for SegmentMaker {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that creates segments panicked");
        }
    }
}
