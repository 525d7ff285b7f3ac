//! The writer thread: takes the queued entries, writes one frame, syncs once, and answers the callers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::group_commit::{GroupCommit, RecentFacts};
use super::notifier::Notifier;
use super::options::Options;
use super::queue::{Job, JobKind, Queue};
use super::waiting_callers::WaitingCallers;
use super::{Receipt, abort_process, abort_unless_named, temporary_or_abort};
use crate::durable::DiskFile;
use crate::entry::{Entry, Gap, Nonce, Stop};
use crate::fault::RecordError;
use crate::handed_out::FactAcknowledger;
use crate::layout::Layout;
use crate::merkle::{Edge, Hash, TreeHead};
use crate::publish::{Backlog, Segments};
use crate::wal::frame;
use crate::wal::reader::Batch;
use crate::wal::segment::{EndedSegment, Segment};
use crate::wal::segment_maker::SegmentMaker;

/// How often the writer tries again while nothing can be recorded. It must try by itself: while the server is not ready,
/// there may be no requests.
const RETRY: Duration = Duration::from_millis(200);

/// The durable part of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durable {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) time: u64,
}

struct Shared {
    queue: Queue,
    durable: Mutex<Durable>,
    refusing: Mutex<Option<RecordError>>,
    written: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only complete values are stored under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The handle of the writer thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(crate) fn start(state: WriterState, queue: Queue) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue,
            durable: Mutex::new(state.durable()),
            refusing: Mutex::new(None),
            written: AtomicU64::new(0),
        });
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || write_all(state, &for_thread))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn submit(&self, job: Job) {
        self.shared.queue.push(job);
    }

    pub(crate) fn submit_report(&self, job: Job) {
        self.shared.queue.push_report(job);
    }

    pub(crate) fn durable(&self) -> Durable {
        *locked(&self.shared.durable)
    }

    pub(crate) fn refusing(&self) -> Option<RecordError> {
        locked(&self.shared.refusing).clone()
    }

    pub(crate) fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.shared.queue.len()
    }

    pub(crate) fn close(&self) {
        self.shared.queue.close();
        let thread = locked(&self.thread).take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            tracing::error!("the writer thread of the ledger panicked");
        }
    }
}

/// The state of the writer thread.
pub(crate) struct WriterState {
    pub(crate) layout: Layout,
    pub(crate) options: Options,
    pub(crate) log: [u8; 16],
    pub(crate) segment: Segment,
    pub(crate) segment_maker: SegmentMaker,
    /// The segment before this one, until this one has a frame.
    pub(crate) ended: Option<EndedSegment>,
    pub(crate) segments: Segments,
    /// `handed-out`, which carries the lock of the only writer.
    pub(crate) lock: Arc<DiskFile>,
    pub(crate) edge: Edge,
    pub(crate) time: u64,
    pub(crate) facts: RecentFacts,
    pub(crate) gap: Option<Gap>,
    pub(crate) acknowledger: FactAcknowledger,
    pub(crate) notifier: Notifier,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) frame: Vec<u8>,
}

fn write_all(mut state: WriterState, shared: &Shared) {
    let mut batch = Vec::new();
    state.segment_maker.request(state.segment.number().saturating_add(1));
    while shared.queue.take(&mut batch, state.gap.is_some().then_some(RETRY)).is_some() {
        state.commit(&mut batch, shared);
    }
    let stop = Entry::Stop(Stop { refused: shared.queue.refused_when_full() });
    if let Some(job) = own_job(stop) {
        state.commit(&mut vec![job], shared);
    }
}

/// A job for an entry of the ledger itself. No caller waits for its answer.
fn own_job(entry: Entry) -> Option<Job> {
    let draft = entry.draft(Nonce::random().ok()?).ok()?;
    Some(Job { draft, kind: JobKind::Other, done: Box::new(drop) })
}

impl WriterState {
    fn durable(&self) -> Durable {
        Durable { size: self.edge.size(), root: self.edge.root(), time: self.time }
    }

    /// Makes one group commit.
    fn commit(&mut self, batch: &mut Vec<Job>, shared: &Shared) {
        if let Some(gap) = self.gap.clone().and_then(|gap| own_job(Entry::Gap(gap))) {
            batch.insert(0, gap);
        }
        let mut group = GroupCommit::new(self.edge.clone(), self.time);
        let now = (self.options.clock)();
        for job in batch.drain(..) {
            group.add(job, &self.facts, now);
        }
        if group.waiters.is_empty() {
            return;
        }
        match self.write(&group) {
            Ok(()) => self.accept(group, shared),
            Err(refused) => self.refuse(group, &refused, now, shared),
        }
    }

    fn write(&mut self, group: &GroupCommit) -> Result<(), RecordError> {
        self.backlog.wait_for_space()?;
        if !self.segment.has_space(group.entries.len().saturating_add(frame::HEADER_BYTES + frame::CRC_BYTES))
        {
            self.rotate()?;
        }
        // Before the write: if another process has taken over the names, it may have the same segment.
        self.check_names();
        let header = frame::FrameHeader {
            count: u32::try_from(group.waiters.len()).unwrap_or(u32::MAX),
            log: self.log,
            segment: self.segment.number(),
            first: self.edge.size(),
            new_size: group.edge.size(),
            old_root: self.edge.root(),
            new_root: group.edge.root(),
        };
        frame::encode(&header, &group.entries, &mut self.frame);
        // A crash before the sync leaves a torn frame, which the next start cuts off: no caller has an answer yet.
        self.segment.write(&self.frame).map_err(|error| temporary_or_abort(&error, self.segment.path()))?;
        if let Err(error) = self.segment.sync() {
            abort_process("the write-ahead log cannot be synced", self.segment.path(), &error);
        }
        // After a crash from here on the frame stays: entries may be recorded although their callers got no answer.
        // After the sync: a process that opens the log by these names from now on finds the frame.
        self.check_names();
        Ok(())
    }

    /// Ends the process if a file of the log was removed, replaced or moved.
    fn check_names(&self) {
        abort_unless_named(&self.lock);
        abort_unless_named(self.segment.file());
        self.ended.iter().for_each(|ended| abort_unless_named(&ended.file));
        locked(&self.segments).iter().for_each(|ended| abort_unless_named(&ended.file));
    }

    fn rotate(&mut self) -> Result<(), RecordError> {
        let next = self.segment.number().saturating_add(1);
        let path = self.layout.segment(next);
        self.segment_maker.wait_for(next).map_err(|error| temporary_or_abort(&error, &path))?;
        let segment = Segment::hold(&self.options.disk, &self.layout, next)
            .and_then(|file| Segment::resume(next, file, 0))
            .map_err(|error| temporary_or_abort(&error, &path))?;
        let ended = std::mem::replace(&mut self.segment, segment);
        self.ended = Some(ended.into_ended(self.edge.size()));
        self.segment_maker.request(next.saturating_add(1));
        Ok(())
    }

    /// Makes the durable frame the new state, and answers the callers.
    fn accept(&mut self, group: GroupCommit, shared: &Shared) {
        let first = self.edge.size();
        self.edge = group.edge;
        self.time = group.time;
        self.gap = None;
        for (index, fact) in group.facts {
            self.facts.add(index, fact);
        }
        // Only now may the old segment be removed: the write-ahead log must always have a frame.
        if let Some(ended) = self.ended.take() {
            locked(&self.segments).push_back(ended);
        }
        let durable = self.durable();
        *locked(&shared.durable) = durable;
        let bytes = u64::try_from(group.entries.len()).unwrap_or(u64::MAX);
        shared.written.fetch_add(bytes, Ordering::Relaxed);
        if locked(&shared.refusing).take().is_some() {
            tracing::info!("the ledger is recording again");
        }
        self.backlog.put(Batch { first, entries: group.entries, leaves: group.leaves });
        let (mut facts, mut others) = (WaitingCallers::default(), WaitingCallers::default());
        for waiter in group.waiters {
            let receipt = Receipt { index: waiter.index, size: durable.size, time: waiter.time };
            if waiter.fact { facts.push(waiter.done, receipt) } else { others.push(waiter.done, receipt) }
        }
        self.notifier.notify(others);
        if !facts.is_empty() {
            self.acknowledger.acknowledge(TreeHead { size: durable.size, root: durable.root }, facts);
        }
    }

    fn refuse(&mut self, group: GroupCommit, refused: &RecordError, now: u64, shared: &Shared) {
        let own_gap = u64::from(self.gap.is_some());
        let count = u64::try_from(group.waiters.len()).unwrap_or(u64::MAX).saturating_sub(own_gap);
        let reason = refused.word().to_owned();
        let gap = self.gap.get_or_insert(Gap { count: 0, first: now, last: now, reason });
        gap.count = gap.count.saturating_add(count);
        if count > 0 {
            gap.last = now.max(gap.last);
        }
        if locked(&shared.refusing).replace(refused.clone()).as_ref() != Some(refused) {
            tracing::error!("entries are not recorded: {refused}");
        }
        for waiter in group.waiters {
            (waiter.done)(Err(refused.clone()));
        }
    }
}
