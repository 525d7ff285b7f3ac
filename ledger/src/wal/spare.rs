//! The next segment is made while the present one is being written, so that nobody waits for its zeros.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::segment::Segment;
use crate::durable::Disk;
use crate::layout::Layout;

#[derive(Debug)]
pub(crate) struct Spares {
    wanted: Option<mpsc::Sender<u64>>,
    made: mpsc::Receiver<io::Result<()>>,
    asked: Option<u64>,
    /// Segments that a start found ready.
    ready: Vec<u64>,
    thread: Option<JoinHandle<()>>,
}

impl Spares {
    pub(crate) fn start(disk: Disk, layout: Layout, bytes: u64, ready: Vec<u64>) -> io::Result<Self> {
        let (wanted, orders) = mpsc::channel();
        let (results, made) = mpsc::channel();
        let thread = std::thread::Builder::new().name("ledger-segments".to_owned()).spawn(move || {
            for number in orders {
                if results.send(Segment::make(&disk, &layout, number, bytes)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { wanted: Some(wanted), made, asked: None, ready, thread: Some(thread) })
    }

    /// Begins to make a segment.
    pub(crate) fn ask(&mut self, number: u64) {
        if self.asked.is_none() && !self.ready.contains(&number) {
            let sent = self.wanted.as_ref().map(|wanted| wanted.send(number));
            self.asked = matches!(sent, Some(Ok(()))).then_some(number);
        }
    }

    /// Waits until the segment is made. After an error the next call tries again.
    pub(crate) fn take(&mut self, number: u64) -> io::Result<()> {
        if self.ready.contains(&number) {
            return Ok(());
        }
        self.ask(number);
        self.asked = None;
        self.made.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that makes segments is gone")))
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        drop(self.wanted.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that makes segments ended in disorder");
        }
    }
}
