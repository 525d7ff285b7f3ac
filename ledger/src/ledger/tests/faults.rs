//! On a disk that is full, read-only or over its quota, entries are refused with the reason. Recording resumes later.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::durable::{Disk, Op, Watch};

/// While `now` is true, every operation that needs free space fails.
#[derive(Debug)]
struct Full {
    now: AtomicBool,
    error: rustix::io::Errno,
}

impl Watch for Full {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let needs_space = match op {
            // A segment has its space already, but it cannot be written on a read-only file system.
            Op::Write(path, ..) => {
                path.extension().is_none_or(|end| end != "wal") || self.error == rustix::io::Errno::ROFS
            }
            Op::CreateDir(_) | Op::CreateFile(_) | Op::Allocate(..) => true,
            Op::Sync(_) | Op::Rename(..) | Op::SyncDir(_) | Op::Remove(_) | Op::RemoveDir(_) => false,
        };
        if needs_space && self.now.load(Ordering::SeqCst) { Err(self.error.into()) } else { Ok(()) }
    }
}

fn denial(n: usize) -> Entry {
    decision(&format!("{n}-{}", "z".repeat(1000)), 0, EXPIRED)
}

#[test]
fn without_free_space_entries_are_refused_and_recording_resumes_by_itself() {
    for (error, refused) in [
        (rustix::io::Errno::NOSPC, RecordError::DiskFull),
        (rustix::io::Errno::DQUOT, RecordError::OverQuota),
        (rustix::io::Errno::ROFS, RecordError::ReadOnly),
    ] {
        let dir = scratch();
        let path = dir.path().join("ledger");
        Ledger::init(&path, "demo", &small()).unwrap();
        let full = Arc::new(Full { now: AtomicBool::new(false), error });
        let ledger = Ledger::open(&path, small().disk(Disk::watched(full.clone()))).unwrap();
        let mut recorded = 0;
        for n in 0..8 {
            ledger.append(denial(n)).unwrap();
            recorded += 1;
        }
        full.now.store(true, Ordering::SeqCst);
        let mut denied: u64 = 0;
        while denied < 3 {
            assert!(recorded < 100, "{error}: never refused");
            match ledger.append(denial(recorded)) {
                Ok(_) => recorded += 1,
                Err(why) => {
                    assert_eq!(why, refused);
                    denied += 1;
                }
            }
        }
        assert_eq!(ledger.health().refusing, Some(refused.clone()));
        assert_eq!(ledger.publish(), Err(refused.clone()));
        full.now.store(false, Ordering::SeqCst);
        // There are no requests meanwhile: the ledger must recover by itself.
        let mut waited = 0;
        while ledger.health().refusing.is_some() {
            waited += 1;
            assert!(waited < 20_000, "{error}: it never recovered");
            std::thread::park_timeout(std::time::Duration::from_millis(1));
        }
        ledger.append(denial(recorded)).unwrap();
        ledger.close();
        let records: Vec<_> = Ledger::entries(&path, 0).unwrap().map(Result::unwrap).collect();
        let gaps: Vec<_> = records
            .iter()
            .filter_map(|record| if let Entry::Gap(gap) = &record.entry { Some(gap) } else { None })
            .collect();
        assert_eq!(gaps.len(), 1, "{error}");
        assert_eq!((gaps[0].count, gaps[0].reason.as_str()), (denied, refused.word()));
        assert_eq!(records.iter().filter(|record| record.entry.kind() == "decision/1").count(), recorded + 1);
        super::damage::audit_holds(&path);
    }
}

#[test]
fn a_fact_is_acknowledged_on_a_full_disk_while_its_segment_has_space() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    Ledger::init(&path, "demo", &small()).unwrap();
    let full = Arc::new(Full { now: AtomicBool::new(false), error: rustix::io::Errno::NOSPC });
    // `handed-out` has two sectors that already exist; only operations that need more space fail.
    let ledger =
        Ledger::open(&path, small().disk(Disk::watched(Arc::new(OnlyGrowth(full.clone()))))).unwrap();
    full.now.store(true, Ordering::SeqCst);
    let receipt = ledger.append(fact()).unwrap();
    assert!(Ledger::inspect(&path).unwrap().handed_out.size > receipt.index());
    full.now.store(false, Ordering::SeqCst);
}

#[derive(Debug)]
struct OnlyGrowth(Arc<Full>);

impl Watch for OnlyGrowth {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        match op {
            Op::Write(path, ..) if path.ends_with("handed-out") => Ok(()),
            other => self.0.before(other),
        }
    }
}
