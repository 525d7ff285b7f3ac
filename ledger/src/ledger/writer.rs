//! The one writer: takes what is queued, writes one frame, syncs once, answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::answers::Answers;
use super::options::Options;
use super::page::{Facts, Page};
use super::queue::{Concern, Job, Queue};
use super::teller::Teller;
use super::{Receipt, end_the_process, understood};
use crate::entry::{Entry, Gap, Nonce, Stop};
use crate::fault::Refused;
use crate::layout::Layout;
use crate::merkle::{Edge, Hash};
use crate::promise::{Head, Promiser};
use crate::publish::{Backlog, Segments};
use crate::wal::frame;
use crate::wal::recover::Batch;
use crate::wal::segment::Segment;
use crate::wal::spare::Spares;

/// How often recording is tried again while it is not possible: nobody may be asking, since readiness is false.
const RETRY: Duration = Duration::from_millis(200);

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
    written: AtomicU64,
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
    pub(crate) fn start(pen: Pen, queue: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Queue::new(queue),
            durable: Mutex::new(pen.durable()),
            refusing: Mutex::new(None),
            written: AtomicU64::new(0),
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

    pub(crate) fn refusing(&self) -> Option<Refused> {
        held(&self.shared.refusing).clone()
    }

    pub(crate) fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.shared.queue.len()
    }

    pub(crate) fn close(&self) {
        self.shared.queue.close();
        let thread = held(&self.thread).take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            tracing::error!("the ledger's writer ended in disorder");
        }
    }
}

/// The state of the one who writes.
pub(crate) struct Pen {
    pub(crate) layout: Layout,
    pub(crate) options: Options,
    pub(crate) log: [u8; 16],
    pub(crate) segment: Segment,
    pub(crate) spares: Spares,
    /// The segment before this one, until this one holds a frame.
    pub(crate) ended: Option<(u64, u64)>,
    pub(crate) segments: Segments,
    pub(crate) edge: Edge,
    pub(crate) time: u64,
    pub(crate) facts: Facts,
    pub(crate) gap: Option<Gap>,
    pub(crate) promiser: Promiser,
    pub(crate) teller: Teller,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) frame: Vec<u8>,
}

fn write_all(mut pen: Pen, shared: &Shared) {
    let mut batch = Vec::new();
    pen.spares.ask(pen.segment.number().saturating_add(1));
    while shared.queue.take(&mut batch, pen.gap.is_some().then_some(RETRY)).is_some() {
        pen.commit(&mut batch, shared);
    }
    let stop = Entry::Stop(Stop { refused: shared.queue.turned_away() });
    if let Some(job) = own(stop) {
        pen.commit(&mut vec![job], shared);
    }
}

/// An entry that the ledger itself makes; nobody waits for its answer.
fn own(entry: Entry) -> Option<Job> {
    let draft = entry.draft(Nonce::random().ok()?).ok()?;
    Some(Job { draft, concern: Concern::Nothing, done: Box::new(drop) })
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
        let mut page = Page::new(self.edge.clone(), self.time);
        let now = (self.options.clock)();
        for job in batch.drain(..) {
            page.add(job, &self.facts, now);
        }
        if page.waiting.is_empty() {
            return;
        }
        match self.write(&page) {
            Ok(()) => self.turn(page, shared),
            Err(refused) => self.refuse(page, &refused, now, shared),
        }
    }

    fn write(&mut self, page: &Page) -> Result<(), Refused> {
        self.backlog.room()?;
        if !self.segment.has_room(page.entries.len().saturating_add(frame::HEAD + frame::TAIL)) {
            self.rotate()?;
        }
        let head = frame::Head {
            count: u32::try_from(page.waiting.len()).unwrap_or(u32::MAX),
            log: self.log,
            segment: self.segment.number(),
            first: self.edge.size(),
            new_size: page.edge.size(),
            old_root: self.edge.root(),
            new_root: page.edge.root(),
        };
        frame::encode(&head, &page.entries, &mut self.frame);
        // A crash before the sync leaves a torn frame, which the next start cuts: nobody was answered.
        self.segment.write(&self.frame).map_err(|error| understood(&error, self.segment.path()))?;
        if let Err(error) = self.segment.sync() {
            end_the_process("the ledger cannot be synced", self.segment.path(), &error);
        }
        // A crash from here on keeps the frame: entries may be on record whose callers never heard of it.
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), Refused> {
        let next = self.segment.number().saturating_add(1);
        let path = self.layout.segment(next);
        self.spares.take(next).map_err(|error| understood(&error, &path))?;
        let segment = Segment::open(&self.options.disk, &self.layout, next, 0)
            .map_err(|error| understood(&error, &path))?;
        self.ended = Some((self.segment.number(), self.edge.size()));
        self.segment = segment;
        self.spares.ask(next.saturating_add(1));
        Ok(())
    }

    /// The frame is durable: from here on it is the state, and everybody is told.
    fn turn(&mut self, page: Page, shared: &Shared) {
        let first = self.edge.size();
        self.edge = page.edge;
        self.time = page.time;
        self.gap = None;
        for (index, fact) in page.facts {
            self.facts.add(index, fact);
        }
        // Only now, so that the write-ahead log always holds a frame.
        if let Some(ended) = self.ended.take() {
            held(&self.segments).push_back(ended);
        }
        let durable = self.durable();
        *held(&shared.durable) = durable;
        let bytes = u64::try_from(page.entries.len()).unwrap_or(u64::MAX);
        shared.written.fetch_add(bytes, Ordering::Relaxed);
        if held(&shared.refusing).take().is_some() {
            tracing::info!("the ledger records again");
        }
        self.backlog.put(Batch { first, entries: page.entries, leaves: page.leaves });
        let (mut facts, mut others) = (Answers::default(), Answers::default());
        for waiting in page.waiting {
            let receipt = Receipt { index: waiting.index, size: durable.size, time: waiting.time };
            if waiting.fact { facts.push(waiting.done, receipt) } else { others.push(waiting.done, receipt) }
        }
        self.teller.tell(others);
        if !facts.is_empty() {
            self.promiser.acknowledge(Head { size: durable.size, root: durable.root }, facts);
        }
    }

    fn refuse(&mut self, page: Page, refused: &Refused, now: u64, shared: &Shared) {
        let own = u64::from(self.gap.is_some());
        let count = u64::try_from(page.waiting.len()).unwrap_or(u64::MAX).saturating_sub(own);
        let reason = refused.word().to_owned();
        let gap = self.gap.get_or_insert(Gap { count: 0, first: now, last: now, reason });
        gap.count = gap.count.saturating_add(count);
        if count > 0 {
            gap.last = now.max(gap.last);
        }
        if held(&shared.refusing).replace(refused.clone()).as_ref() != Some(refused) {
            tracing::error!("{refused}");
        }
        for waiting in page.waiting {
            (waiting.done)(Err(refused.clone()));
        }
    }
}
