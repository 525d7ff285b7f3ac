//! Creates spare segments in a separate thread while the current one is written, so that no entry waits for the zeros.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::segment::Segment;
use crate::durable::Disk;
use crate::layout::Layout;

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
    thread: Option<JoinHandle<()>>,
}

impl SegmentMaker {
    /// `ready` are the spare segments that the start found.
    pub(crate) fn start(
        disk: Disk,
        layout: Layout,
        bytes: u64,
        ready: Vec<SpareSegment>,
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
            }
        })?;
        Ok(Self { orders: Some(orders), made, ordered: Vec::new(), ready, thread: Some(thread) })
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
            self.note(made, &result);
        }
        self.ready.contains(&spare)
    }

    /// Waits until the segment is created. After an error the next call tries again.
    pub(crate) fn wait_for(&mut self, spare: SpareSegment) -> io::Result<()> {
        self.request(spare);
        while !self.ready.contains(&spare) {
            let ended = |_| io::Error::other("the thread that creates segments has ended");
            let (made, result) = self.made.recv().map_err(ended)?;
            self.note(made, &result);
            if made == spare {
                result?;
            }
        }
        Ok(())
    }

    /// The segment is used from now on.
    pub(crate) fn take(&mut self, spare: SpareSegment) {
        self.ready.retain(|ready| *ready != spare);
    }

    fn note(&mut self, made: SpareSegment, result: &io::Result<()>) {
        self.ordered.retain(|ordered| *ordered != made);
        if result.is_ok() {
            self.ready.push(made);
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
