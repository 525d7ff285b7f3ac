//! The one writer: takes what is queued, writes one frame, syncs once, answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::options::Options;
use super::queue::{Done, Job, Queue};
use super::{Health, Receipt, end_the_process};
use crate::canonical::INTEGER_MAX;
use crate::entry::{Entry, Gap, Nonce, Stop};
use crate::fault::Refused;
use crate::layout::Layout;
use crate::merkle::{Edge, Hash, leaf_hash};
use crate::wal::frame::{self, Entries, Head};
use crate::wal::segment::Segment;

/// How far a decision's clock may be ahead of the last wall clock seen here, in milliseconds.
const CLOCK_AHEAD: u64 = 5_000;

/// What is on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durable {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) time: u64,
}

struct Shared {
    queue: Queue,
    durable: Mutex<Durable>,
    refusing: Mutex<Option<Refused>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only whole values are stored under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The handle that everybody else has of the writer's thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(crate) fn start(pen: Pen, options: &Options) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue),
            durable: Mutex::new(pen.durable()),
            refusing: Mutex::new(None),
        });
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("ledger".to_owned()).spawn(move || write_all(pen, &theirs))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn hand_over(&self, job: Job) {
        self.shared.queue.push(job);
    }

    pub(crate) fn durable(&self) -> Durable {
        *held(&self.shared.durable)
    }

    pub(crate) fn health(&self) -> Health {
        Health {
            size: self.durable().size,
            refusing: held(&self.shared.refusing).clone(),
            waiting: self.shared.queue.len(),
        }
    }

    pub(crate) fn close(&self) {
        self.shared.queue.close();
        let thread = held(&self.thread).take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            tracing::error!("the ledger's writer ended in disorder");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// The state of the one who writes.
pub(crate) struct Pen {
    pub(crate) layout: Layout,
    pub(crate) options: Options,
    pub(crate) log: [u8; 16],
    pub(crate) segment: Segment,
    pub(crate) spare: VecDeque<u64>,
    pub(crate) edge: Edge,
    pub(crate) time: u64,
    /// The size just behind the last fact.
    pub(crate) facts: u64,
    pub(crate) gap: Option<Gap>,
    /// Held as long as this writes.
    pub(crate) _lock: std::fs::File,
}

fn write_all(mut pen: Pen, shared: &Shared) {
    let mut batch = Vec::new();
    while shared.queue.take(&mut batch).is_some() {
        pen.commit(&mut batch, shared);
    }
    let stop = Entry::Stop(Stop { refused: shared.queue.turned_away() });
    if let Some(job) = own(stop) {
        pen.commit(&mut vec![job], shared);
    }
}

/// An entry that the ledger itself makes; nobody waits for its answer.
fn own(entry: Entry) -> Option<Job> {
    let nonce = Nonce::random().ok()?;
    let bytes = entry.draft(nonce).ok()?;
    Some(Job { draft: super::queue::Draft { bytes, entry }, done: Box::new(drop) })
}

impl Pen {
    fn durable(&self) -> Durable {
        Durable { size: self.edge.size(), root: self.edge.root(), time: self.time }
    }

    /// One group commit.
    fn commit(&mut self, batch: &mut Vec<Job>, shared: &Shared) {
        if let Some(gap) = self.gap.clone().and_then(|gap| own(Entry::Gap(gap))) {
            batch.insert(0, gap);
        }
        let mut page = Page::new(self.edge.clone(), self.time, self.facts);
        let now = (self.options.clock)();
        for job in batch.drain(..) {
            page.add(job, now);
        }
        if page.answers.is_empty() {
            return;
        }
        match self.write(&page) {
            Ok(()) => self.turn(page, shared),
            Err(refused) => self.refuse(page, refused, now, shared),
        }
    }

    fn write(&mut self, page: &Page) -> Result<(), Refused> {
        let mut bytes = Vec::with_capacity(page.entries.len().saturating_add(frame::HEAD + frame::TAIL));
        let needed = page.entries.len().saturating_add(frame::HEAD + frame::TAIL);
        if !self.segment.has_room(needed) {
            self.rotate()?;
        }
        let head = Head {
            count: u32::try_from(page.answers.len()).unwrap_or(u32::MAX),
            log: self.log,
            segment: self.segment.number(),
            first: self.edge.size(),
            new_size: page.edge.size(),
            old_root: self.edge.root(),
            new_root: page.edge.root(),
        };
        frame::encode(&head, &page.entries, &mut bytes);
        // A crash before the sync leaves a torn frame, which the next start cuts: nobody was answered.
        self.segment.write(&bytes).map_err(|error| understood(&error, self.segment.path()))?;
        if let Err(error) = self.segment.sync() {
            end_the_process("the ledger cannot be synced", self.segment.path(), &error);
        }
        // A crash from here on keeps the frame: entries may be on record whose callers never heard of it.
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), Refused> {
        let next = match self.spare.front() {
            Some(spare) => *spare,
            None => {
                let next = self.segment.number().saturating_add(1);
                let path = self.layout.segment(next);
                Segment::make(&self.options.disk, &self.layout, next, self.options.segment_bytes)
                    .map_err(|error| understood(&error, &path))?;
                next
            }
        };
        let path = self.layout.segment(next);
        self.segment = Segment::open(&self.options.disk, &self.layout, next, 0)
            .map_err(|error| understood(&error, &path))?;
        self.spare.pop_front();
        Ok(())
    }

    /// The frame is durable: from here on it is the state, and everybody is told.
    fn turn(&mut self, page: Page, shared: &Shared) {
        self.edge = page.edge;
        self.time = page.time;
        self.facts = page.facts;
        self.gap = None;
        *held(&shared.durable) = self.durable();
        if held(&shared.refusing).take().is_some() {
            tracing::info!("the ledger records again");
        }
        let size = self.edge.size();
        for (done, index, time) in page.answers {
            done(Ok(Receipt { index, size, time }));
        }
    }

    fn refuse(&mut self, page: Page, refused: Refused, now: u64, shared: &Shared) {
        let count = u64::try_from(page.answers.len()).unwrap_or(u64::MAX);
        let own = u64::from(self.gap.is_some());
        let gap = self.gap.get_or_insert_with(|| Gap {
            count: 0,
            first: now,
            last: now,
            reason: refused.word().to_owned(),
        });
        gap.count = gap.count.saturating_add(count.saturating_sub(own));
        gap.last = now.max(gap.last);
        if held(&shared.refusing).replace(refused.clone()).as_ref() != Some(&refused) {
            tracing::error!("{refused}");
        }
        for (done, ..) in page.answers {
            done(Err(refused.clone()));
        }
    }
}

/// Refusals that pass by themselves are answers; after any other error nobody knows what the disk holds.
fn understood(error: &std::io::Error, path: &std::path::Path) -> Refused {
    Refused::of_write(error).unwrap_or_else(|| end_the_process("the ledger cannot be written", path, error))
}

/// The frame that is being put together.
struct Page {
    entries: Vec<u8>,
    edge: Edge,
    time: u64,
    facts: u64,
    answers: Vec<(Done, u64, u64)>,
}

impl Page {
    fn new(edge: Edge, time: u64, facts: u64) -> Self {
        Self { entries: Vec::with_capacity(64 * 1024), edge, time, facts, answers: Vec::new() }
    }

    fn add(&mut self, job: Job, now: u64) {
        let index = self.edge.size();
        let time = match self.admit(&job.draft.entry, now) {
            Ok(time) => time,
            Err(refused) => return (job.done)(Err(refused)),
        };
        let at = self.entries.len();
        frame::push_entry(&mut self.entries, |out| job.draft.bytes.stamp(time, out));
        let written = self.entries.get(at..).unwrap_or(&[]);
        if let Some(Some(entry)) = Entries(written).next() {
            self.edge.append(leaf_hash(entry));
        }
        self.time = time;
        if job.draft.entry.is_fact() {
            self.facts = self.edge.size();
        }
        self.answers.push((job.done, index, time));
    }

    /// The time to stamp, or why an allow cannot be recorded.
    fn admit(&self, entry: &Entry, now: u64) -> Result<u64, Refused> {
        let time = now.max(self.time).min(INTEGER_MAX);
        let Entry::Decision(decision) = entry else { return Ok(time) };
        let clock = decision.clock.saturating_mul(1000);
        if clock > time.saturating_add(CLOCK_AHEAD) {
            return Err(Refused::ClockAhead);
        }
        if decision.forwards() && decision.as_of < self.facts {
            return Err(Refused::Stale);
        }
        Ok(time.max(clock))
    }
}
