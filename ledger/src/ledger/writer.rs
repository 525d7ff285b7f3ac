//! The writer thread: takes the queued entries, writes one frame, syncs once, and answers the callers.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::follow::{Behind, Committed, FactError, FollowFacts, Head};
use super::group_commit::GroupCommit;
use super::notifier::Notifier;
use super::options::Options;
use super::queue::{FactJob, Job, JobKind, PendingBatch, Queue, RESERVED};
use super::recent_facts::RecentFacts;
use super::room::Room;
use super::waiting_callers::WaitingFacts;
use super::wake::Wake;
use super::{abort_process, abort_unless_named, temporary_or_abort};
use crate::durable::DiskFile;
use crate::entry::{Entry, Gap, Nonce, Stop};
use crate::fault::RecordError;
use crate::handed_out::FactAcknowledger;
use crate::layout::Layout;
use crate::merkle::{Edge, TreeHead};
use crate::publish::{Backlog, Segments};
use crate::wal::frame;
use crate::wal::reader::Batch;
use crate::wal::segment::{EndedSegment, Segment};

/// How often the writer tries again while nothing can be recorded. It must try by itself: while the server is not ready,
/// there may be no requests.
const RETRY: Duration = Duration::from_millis(200);

struct Shared {
    queue: Queue,
    /// Locked during a whole group commit, so that a follower comes between two of them.
    follower: Mutex<Option<Box<dyn FollowFacts>>>,
    durable: Mutex<Head>,
    refusing: Mutex<Option<RecordError>>,
    /// Whether the last facts were refused for the same reason.
    refuses_facts: AtomicBool,
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
            follower: Mutex::new(None),
            durable: Mutex::new(state.head()),
            refusing: Mutex::new(None),
            refuses_facts: AtomicBool::new(false),
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

    pub(crate) fn submit_fact(&self, job: FactJob) {
        self.shared.queue.push_fact(job);
    }

    /// Attaches what follows the log. It must have read all of it.
    pub(crate) fn follow(&self, follower: Box<dyn FollowFacts>, as_of: u64) -> Result<(), Behind> {
        let mut attached = locked(&self.shared.follower);
        let size = self.durable().size;
        if as_of != size {
            return Err(Behind { as_of, size });
        }
        *attached = Some(follower);
        Ok(())
    }

    pub(crate) fn durable(&self) -> Head {
        *locked(&self.shared.durable)
    }

    pub(crate) fn refusing(&self) -> Option<RecordError> {
        locked(&self.shared.refusing).clone()
    }

    pub(crate) fn refuses_facts(&self) -> bool {
        self.shared.refuses_facts.load(Ordering::Relaxed)
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
    pub(crate) room: Room,
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
    pub(crate) wake: Wake,
    pub(crate) frame: Vec<u8>,
}

fn write_all(mut state: WriterState, shared: &Shared) {
    let mut batch = PendingBatch::default();
    state.room.request_spares(state.segment.number());
    loop {
        let is_lacking = state.gap.is_some() || !state.room.retry_reserve();
        let patience = is_lacking.then_some(RETRY);
        if shared.queue.take(&mut batch, patience).is_none() {
            break;
        }
        state.commit(&mut batch, shared);
    }
    batch.jobs.extend(state.gap.clone().and_then(|gap| own_job(Entry::Gap(gap))));
    batch.jobs.extend(own_job(Entry::Stop(Stop { refused: shared.queue.refused_when_full() })));
    state.commit(&mut batch, shared);
}

/// A job for an entry of the ledger itself. No caller waits for its answer.
fn own_job(entry: Entry) -> Option<Job> {
    let draft = entry.draft(Nonce::random().ok()?).ok()?;
    Some(Job { draft, kind: JobKind::Own, done: Box::new(drop) })
}

/// Which entries a group commit has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    /// Facts and the ledger's own entries: decisions are refused, or still wait.
    Facts,
}

impl WriterState {
    fn head(&self) -> Head {
        Head { size: self.edge.size(), root: self.edge.root(), time: self.time }
    }

    /// Records a batch: all of it, or its facts alone if there is no room for decisions.
    fn commit(&mut self, batch: &mut PendingBatch, shared: &Shared) {
        match self.wait_for_room(batch, shared) {
            Ok(()) if batch.is_empty() && self.gap.is_none() => {}
            Ok(()) => {
                // The last batch has the gap entry already.
                let is_last = batch.jobs.iter().any(|job| matches!(job.kind, JobKind::Own));
                if let Some(gap) =
                    self.gap.clone().filter(|_| !is_last).and_then(|gap| own_job(Entry::Gap(gap)))
                {
                    batch.jobs.insert(0, gap);
                }
                self.commit_together(std::mem::take(batch), Which::All, shared);
            }
            Err(refused) => {
                let others = batch.take_others();
                // Nothing is refused if there are only facts.
                if !others.is_empty() {
                    self.note_refused(u64::try_from(others.len()).unwrap_or(u64::MAX), &refused, shared);
                }
                for job in others {
                    (job.done)(Err(refused.clone()));
                }
                if !batch.is_empty() {
                    self.commit_facts(std::mem::take(batch), shared);
                }
            }
        }
    }

    /// Waits until there is room for the whole batch. Facts do not wait with the decisions: those of the batch, and those that
    /// come meanwhile, are recorded in the room that is kept for them.
    fn wait_for_room(&mut self, batch: &mut PendingBatch, shared: &Shared) -> Result<(), RecordError> {
        while !(batch.is_empty() && self.gap.is_none()) {
            let for_gap = if self.gap.is_some() { RESERVED } else { 0 };
            if self.has_room(batch.bytes().saturating_add(for_gap), Which::All)? {
                break;
            }
            if batch.facts.is_empty() {
                shared.queue.take_facts(batch);
            }
            if batch.facts.is_empty() {
                // A fact that came since `take_facts` ends this wait at once.
                self.wake.wait();
            } else {
                let facts = PendingBatch { facts: std::mem::take(&mut batch.facts), jobs: Vec::new() };
                self.commit_facts(facts, shared);
            }
        }
        Ok(())
    }

    /// Records facts, and entries of the ledger itself, as soon as there is room for them.
    fn commit_facts(&mut self, batch: PendingBatch, shared: &Shared) {
        let room = loop {
            match self.has_room(batch.bytes(), Which::Facts) {
                Ok(true) => break Ok(()),
                Ok(false) => self.wake.wait(),
                Err(refused) => break Err(refused),
            }
        };
        match room {
            Ok(()) => self.commit_together(batch, Which::Facts, shared),
            Err(refused) => {
                let count = batch.facts.len().saturating_add(batch.jobs.len());
                self.note_refused(u64::try_from(count).unwrap_or(u64::MAX), &refused, shared);
                if !batch.facts.is_empty() {
                    shared.refuses_facts.store(true, Ordering::Relaxed);
                }
                batch
                    .facts
                    .into_iter()
                    .for_each(|job| (job.done)(Err(FactError::NotRecorded(refused.clone()))));
                batch.jobs.into_iter().for_each(|job| (job.done)(Err(refused.clone())));
            }
        }
    }

    /// Makes one group commit. There must be room for it.
    fn commit_together(&mut self, batch: PendingBatch, which: Which, shared: &Shared) {
        // Only now: the batch may have waited for its room.
        let now = (self.options.clock)();
        let mut follower = locked(&shared.follower);
        let mut group = GroupCommit::new(self.edge.clone(), self.time);
        let has_facts = !batch.facts.is_empty();
        for job in batch.facts {
            group.add_fact(job, &mut follower, now);
        }
        self.facts.forget_before(group.time.max(now));
        for job in batch.jobs {
            group.add(job, &self.facts, &mut follower, now);
        }
        let written = if group.is_empty() { Ok(()) } else { self.write(&group) };
        match written {
            Ok(()) => self.accept(group, which, &mut follower, shared),
            Err(refused) => {
                if let Some(follower) = follower.as_mut() {
                    follower.discard();
                }
                let (count, repeats) = group.refuse(&refused, self.edge.size());
                self.note_refused(count, &refused, shared);
                if has_facts {
                    shared.refuses_facts.store(true, Ordering::Relaxed);
                }
                self.acknowledge(repeats);
            }
        }
    }

    /// Whether a frame with this many bytes of entries can be written now.
    ///
    /// Decisions never use the last whole segment: it stays for facts. So after a full disk has stopped decisions, there is a
    /// whole segment for facts, or what facts have left of it.
    fn has_room(&mut self, bytes: usize, which: Which) -> Result<bool, RecordError> {
        let frame = bytes.saturating_add(frame::HEADER_BYTES + frame::CRC_BYTES);
        match which {
            Which::All => {
                let has_segment = self.backlog.has_space()?
                    && (self.segment.has_space(frame) || self.rotate(Room::take_next)?);
                if !has_segment {
                    return Ok(false);
                }
                let next = self.segment.number().saturating_add(1);
                self.room
                    .has_spare(next)
                    .map_err(|error| temporary_or_abort(&error, &self.layout.segment(next)))
            }
            Which::Facts => Ok(self.backlog.has_space_for_facts()?
                && (self.segment.has_space(frame) || self.rotate(Room::take_next_or_reserve)?)),
        }
    }

    /// Continues in another segment. Returns false if there is none yet.
    fn rotate(&mut self, take: fn(&mut Room, u64) -> io::Result<bool>) -> Result<bool, RecordError> {
        let next = self.segment.number().saturating_add(1);
        let path = self.layout.segment(next);
        let or_abort = |error: io::Error| temporary_or_abort(&error, &path);
        if !take(&mut self.room, next).map_err(or_abort)? {
            return Ok(false);
        }
        let held = Segment::hold(&self.options.disk, &self.layout, next);
        let segment = match held.and_then(|file| Segment::resume(next, file, 0)) {
            Ok(segment) => segment,
            Err(error) => {
                self.room.put_back(next);
                return Err(or_abort(error));
            }
        };
        let ended = std::mem::replace(&mut self.segment, segment);
        self.ended = Some(ended.into_ended(self.edge.size()));
        self.room.request_spares(next);
        Ok(true)
    }

    fn write(&mut self, group: &GroupCommit) -> Result<(), RecordError> {
        // Before the write: if another process has taken over the names, it may have the same segment.
        self.check_names();
        let header = frame::FrameHeader {
            count: u32::try_from(group.leaves.len()).unwrap_or(u32::MAX),
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

    /// Makes the durable frame the new state, and answers the callers.
    fn accept(
        &mut self,
        mut group: GroupCommit,
        which: Which,
        follower: &mut Option<Box<dyn FollowFacts>>,
        shared: &Shared,
    ) {
        let first = self.edge.size();
        let is_written = !group.is_empty();
        self.edge = std::mem::take(&mut group.edge);
        self.time = group.time;
        let head = self.head();
        if let Some(follower) = follower.as_mut().filter(|_| is_written) {
            let (facts, outcomes) = (&group.facts, &group.outcomes);
            follower.commit(&Committed { head, facts, forwards: &group.forwards(), outcomes });
        }
        let facts = std::mem::take(&mut group.facts);
        for (index, fact) in facts.into_iter().filter(|(_, fact)| fact.is_fact()) {
            self.facts.add(index, self.time, fact);
        }
        // Only now may the old segment be removed: the write-ahead log must always have a frame.
        if let Some(ended) = self.ended.take_if(|_| is_written) {
            locked(&self.segments).push_back(ended);
        }
        *locked(&shared.durable) = head;
        let bytes = u64::try_from(group.entries.len()).unwrap_or(u64::MAX);
        shared.written.fetch_add(bytes, Ordering::Relaxed);
        if is_written {
            shared.refuses_facts.store(false, Ordering::Relaxed);
        }
        if is_written && which == Which::All {
            self.gap = None;
            if locked(&shared.refusing).take().is_some() {
                tracing::info!("the ledger is recording again");
            }
        }
        if is_written {
            let (entries, leaves) = (std::mem::take(&mut group.entries), std::mem::take(&mut group.leaves));
            self.backlog.put(Batch { first, entries, leaves });
        }
        for done in group.take_stale() {
            done(Err(RecordError::Stale));
        }
        let (callers, facts) = group.recorded(head.size);
        self.notifier.notify(callers);
        self.acknowledge(facts);
    }

    fn acknowledge(&self, facts: WaitingFacts) {
        if !facts.is_empty() {
            let head = self.head();
            self.acknowledger.acknowledge(TreeHead { size: head.size, root: head.root }, facts);
        }
    }

    /// Counts entries that are not recorded, for the gap entry.
    fn note_refused(&mut self, count: u64, refused: &RecordError, shared: &Shared) {
        if count > 0 {
            let now = (self.options.clock)();
            let reason = refused.word().to_owned();
            let gap = self.gap.get_or_insert(Gap { count: 0, first: now, last: now, reason });
            gap.count = gap.count.saturating_add(count);
            gap.last = now.max(gap.last);
        }
        if locked(&shared.refusing).replace(refused.clone()).as_ref() != Some(refused) {
            tracing::error!("entries are not recorded: {refused}");
        }
    }
}
