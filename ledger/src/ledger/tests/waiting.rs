//! While decisions wait for the publisher, or for a new segment, facts are recorded and acknowledged.

use std::sync::atomic::AtomicBool;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::*;
use crate::durable::{Disk, Op, Watch};

/// While it is blocked, the operations of one thread do not return: those on files whose path has this text.
#[derive(Debug)]
struct SlowDisk {
    text: &'static str,
    is_blocked: Mutex<bool>,
    changed: Condvar,
    /// Whether an operation does not return.
    has_stopped_one: AtomicBool,
}

impl SlowDisk {
    fn for_files_with(text: &'static str) -> Arc<Self> {
        Arc::new(Self {
            text,
            is_blocked: Mutex::new(false),
            changed: Condvar::new(),
            has_stopped_one: AtomicBool::new(false),
        })
    }

    fn block(self: &Arc<Self>) -> Blocked {
        *self.is_blocked.lock().unwrap() = true;
        Blocked(Arc::clone(self))
    }
}

impl Watch for SlowDisk {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let path = match op {
            Op::CreateFile(path) | Op::Write(path, ..) | Op::Rename(_, path) => path,
            Op::CreateDir(_)
            | Op::Allocate(..)
            | Op::Sync(_)
            | Op::SyncDir(_)
            | Op::Remove(_)
            | Op::RemoveDir(_) => return Ok(()),
        };
        if path.to_str().unwrap().contains(self.text) {
            let blocked = self.is_blocked.lock().unwrap();
            self.has_stopped_one.fetch_or(*blocked, Ordering::SeqCst);
            drop(self.changed.wait_while(blocked, |blocked| *blocked).unwrap());
        }
        Ok(())
    }
}

/// Ends when it is dropped, also by a panic, because a ledger is closed only after its threads have ended.
struct Blocked(Arc<SlowDisk>);

impl Drop for Blocked {
    fn drop(&mut self) {
        *self.0.is_blocked.lock().unwrap() = false;
        self.0.changed.notify_all();
    }
}

/// Decisions that are submitted, and their answers.
struct Decisions {
    ledger: Ledger,
    first: u64,
    submitted: u64,
    done: mpsc::Sender<Result<Receipt, RecordError>>,
    answers: mpsc::Receiver<Result<Receipt, RecordError>>,
}

impl Decisions {
    fn new(ledger: &Ledger) -> Self {
        let (done, answers) = mpsc::channel();
        Self { ledger: ledger.clone(), first: ledger.size(), submitted: 0, done, answers }
    }

    fn submit(&mut self, bytes: usize) {
        let id = format!("{}-{}", self.submitted, "z".repeat(bytes));
        let done = self.done.clone();
        self.submitted += 1;
        self.ledger.submit(decision(&id, 0, EXPIRED), Box::new(move |result| done.send(result).unwrap()));
    }

    /// How many of them the writer has taken and not recorded.
    fn taken(&self) -> u64 {
        let waiting = u64::try_from(self.ledger.health().waiting).unwrap();
        self.submitted - waiting - (self.ledger.size() - self.first)
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while !holds(self) {
            assert!(std::time::Instant::now() < deadline, "{what}");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn all_are_recorded(&self) {
        for _ in 0..self.submitted {
            self.answers.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
        }
    }
}

/// Posts facts one after the other. Each must be acknowledged while the decisions wait.
fn facts_are_acknowledged(ledger: &Ledger, count: usize) {
    for n in 0..count {
        let (done, answer) = mpsc::sync_channel(1);
        ledger.submit_fact(fact(), Box::new(move |result| drop(done.send(result))));
        let answer = answer.recv_timeout(Duration::from_secs(20));
        let receipt = answer.unwrap_or_else(|_| panic!("fact {n} waits with the decisions")).unwrap().receipt;
        assert!(Ledger::inspect(ledger.layout().root()).unwrap().handed_out.size > receipt.index());
    }
}

#[test]
fn facts_are_recorded_while_decisions_wait_for_a_publisher_that_is_behind() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let disk = SlowDisk::for_files_with("/log/");
    Ledger::init(&path, "demo", &small().segment_bytes(0)).unwrap();
    let ledger = Ledger::open(&path, small().segment_bytes(0).disk(Disk::watched(disk.clone()))).unwrap();
    ledger.publish().unwrap();
    let blocked = disk.block();
    let mut decisions = Decisions::new(&ledger);
    (0..1500).for_each(|_| decisions.submit(20_000));
    decisions.wait_until("the writer waits", |decisions| {
        let has_no_space = decisions.ledger.inner.backlog.has_space() == Ok(false);
        disk.has_stopped_one.load(Ordering::SeqCst) && has_no_space && decisions.taken() > 0
    });
    let recorded = ledger.size();
    facts_are_acknowledged(&ledger, 20);
    assert_eq!(ledger.size(), recorded + 20, "no decision is recorded meanwhile");
    drop(blocked);
    decisions.all_are_recorded();
    ledger.close();
    super::damage::audit_holds(&path);
}

#[test]
fn facts_are_recorded_while_decisions_wait_for_a_new_segment() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let reserve = crate::layout::Layout::new(&path).reserve();
    Ledger::init(&path, "demo", &small()).unwrap();
    let disk = SlowDisk::for_files_with(".wal.tmp");
    let blocked = disk.block();
    let ledger = Ledger::open(&path, small().disk(Disk::watched(disk.clone()))).unwrap();
    // Dropped before the ledger, which waits for its threads.
    let blocked = blocked;
    let mut decisions = Decisions::new(&ledger);
    for _ in 0..3 {
        decisions.submit(1000);
        decisions.wait_until("it is recorded", |decisions| {
            decisions.ledger.size() == decisions.first + decisions.submitted
        });
    }
    // It fits into a segment, but not into what is left of this one.
    decisions.submit(5000);
    decisions.wait_until("the writer takes it", |decisions| decisions.taken() == 1);
    assert!(reserve.exists());
    facts_are_acknowledged(&ledger, 12);
    assert!(!reserve.exists(), "the last of them are in the reserve");
    assert_eq!(ledger.size(), decisions.first + 3 + 12, "the decision still waits");
    drop(blocked);
    decisions.all_are_recorded();
    decisions.wait_until("a new reserve is made", |_| reserve.exists());
    ledger.close();
    super::damage::audit_holds(&path);
    let names = std::fs::read_dir(reserve.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(
        names.into_iter().all(|name| !name.to_str().unwrap().ends_with(".tmp")),
        "what nobody needs is removed"
    );
}
