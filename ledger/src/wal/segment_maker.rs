//! Creates the next segment in a separate thread while the current one is written, so that no entry waits for the zeros.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::segment::Segment;
use crate::durable::Disk;
use crate::layout::Layout;

#[derive(Debug)]
pub(crate) struct SegmentMaker {
    wanted: Option<mpsc::Sender<u64>>,
    made: mpsc::Receiver<io::Result<()>>,
    requested: Option<u64>,
    /// Unused segments that the start found.
    ready: Vec<u64>,
    thread: Option<JoinHandle<()>>,
}

impl SegmentMaker {
    pub(crate) fn start(disk: Disk, layout: Layout, bytes: u64, ready: Vec<u64>) -> io::Result<Self> {
        let (wanted, orders) = mpsc::channel();
        let (results, made) = mpsc::channel();
        let thread = std::thread::Builder::new().name("ledger-segments".to_owned()).spawn(move || {
            for number in orders {
                if results.send(Segment::create(&disk, &layout, number, bytes)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { wanted: Some(wanted), made, requested: None, ready, thread: Some(thread) })
    }

    /// Begins to create a segment.
    pub(crate) fn request(&mut self, number: u64) {
        if self.requested.is_none() && !self.ready.contains(&number) {
            let sent = self.wanted.as_ref().map(|wanted| wanted.send(number));
            self.requested = matches!(sent, Some(Ok(()))).then_some(number);
        }
    }

    /// Waits until the segment is created. After an error the next call tries again.
    pub(crate) fn wait_for(&mut self, number: u64) -> io::Result<()> {
        if self.ready.contains(&number) {
            return Ok(());
        }
        self.request(number);
        self.requested = None;
        self.made
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that creates segments has ended")))
    }
}

impl Drop for SegmentMaker {
    fn drop(&mut self) {
        drop(self.wanted.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that creates segments panicked");
        }
    }
}
