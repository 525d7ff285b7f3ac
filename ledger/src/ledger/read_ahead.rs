//! Reads published entries on several threads, a bundle at a time, and hands them out in order. Checking and
//! parsing entries takes longer than folding them, so a long log is folded sooner.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::vec;

use super::read::{RecordedEntries, RecordedEntry};
use crate::fault::ReadError;

/// Up to this many bundles, the threads would take longer to begin than they save.
const FEW_BUNDLES: u64 = 8;
const THREADS_AT_MOST: usize = 4;
/// Bundles that each thread may have parsed in advance, apart from the one that it parses. A bundle usually has a few hundred
/// kilobytes; of the longest entries it would have 16 MB.
const AHEAD: usize = 1;

/// The entries in order.
#[derive(Debug)]
pub struct EntriesAhead(Source);

#[derive(Debug)]
enum Source {
    /// Whoever takes them reads them.
    Alone(RecordedEntries),
    Threads(Threads),
}

/// Threads that read bundles in turn.
#[derive(Debug)]
struct Threads {
    lanes: Vec<Lane>,
    /// How many bundles were taken, and how many come.
    taken: usize,
    left: u64,
    bundle: vec::IntoIter<RecordedEntry>,
    bytes: u64,
}

/// The entries of one bundle, and their bytes.
type ParsedBundle = Result<(Vec<RecordedEntry>, u64), ReadError>;

/// One thread.
#[derive(Debug)]
struct Lane {
    parsed: Option<Receiver<ParsedBundle>>,
    thread: Option<JoinHandle<()>>,
}

impl EntriesAhead {
    pub(super) fn of(entries: RecordedEntries) -> Self {
        let (bundles, bytes) = (entries.bundles(), entries.bytes());
        let left = bundles.end.saturating_sub(bundles.start);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_AT_MOST);
        if left <= FEW_BUNDLES || threads == 1 {
            return Self(Source::Alone(entries));
        }
        let lanes: io::Result<_> =
            (0..threads).map(|nth| Lane::start(entries.clone(), nth, threads)).collect();
        match lanes {
            Ok(lanes) => {
                let bundle = Vec::new().into_iter();
                Self(Source::Threads(Threads { lanes, taken: 0, left, bundle, bytes }))
            }
            Err(_) => Self(Source::Alone(entries)),
        }
    }

    /// How many bytes of entries were read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Source::Alone(entries) => entries.bytes(),
            Source::Threads(threads) => threads.bytes,
        }
    }
}

impl Iterator for EntriesAhead {
    type Item = Result<RecordedEntry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Alone(entries) => entries.next(),
            Source::Threads(threads) => threads.next(),
        }
    }
}

impl Threads {
    fn next(&mut self) -> Option<Result<RecordedEntry, ReadError>> {
        loop {
            if let Some(entry) = self.bundle.next() {
                return Some(Ok(entry));
            }
            self.left = self.left.checked_sub(1)?;
            let lane = self.taken.checked_rem(self.lanes.len())?;
            self.taken = self.taken.saturating_add(1);
            match self.lanes.get(lane)?.receive() {
                Ok((entries, bytes)) => {
                    self.bytes = self.bytes.saturating_add(bytes);
                    self.bundle = entries.into_iter();
                }
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Lane {
    /// Starts the thread that reads the bundles `nth`, `nth + threads` and so on.
    fn start(entries: RecordedEntries, nth: usize, threads: usize) -> io::Result<Self> {
        let (send, parsed) = sync_channel(AHEAD);
        let read = move || read(&entries, nth, threads, &send);
        let thread = thread::Builder::new().name("log-reader".to_owned()).spawn(read)?;
        Ok(Self { parsed: Some(parsed), thread: Some(thread) })
    }

    fn receive(&self) -> ParsedBundle {
        let parsed = self.parsed.as_ref().and_then(|parsed| parsed.recv().ok());
        let ended = || ReadError::Io("the log".into(), io::Error::other("a thread that reads it ended"));
        parsed.unwrap_or_else(|| Err(ended()))
    }
}

fn read(entries: &RecordedEntries, nth: usize, threads: usize, to: &SyncSender<ParsedBundle>) {
    for number in entries.bundles().skip(nth).step_by(threads) {
        let parsed = entries.parsed_bundle(number);
        let is_last = parsed.is_err();
        // The reader was dropped: nobody wants more.
        if to.send(parsed).is_err() || is_last {
            return;
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        drop(self.parsed.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("a thread that reads the log panicked");
        }
    }
}
