//! On a full disk facts are still recorded: in the segment that was kept for them.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::durable::{Disk, Op, Watch};

/// While `now` is true, everything that needs more space than there is fails. What exists already can be written.
#[derive(Debug, Default)]
struct FullDisk {
    now: AtomicBool,
}

impl Watch for FullDisk {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let grows = match op {
            Op::CreateDir(_) | Op::CreateFile(_) | Op::Allocate(..) => true,
            Op::Write(path, ..) => {
                !path.ends_with("handed-out") && path.extension().is_none_or(|end| end != "wal")
            }
            Op::Sync(_) | Op::Rename(..) | Op::SyncDir(_) | Op::Remove(_) | Op::RemoveDir(_) => false,
        };
        if grows && self.now.load(Ordering::SeqCst) { Err(rustix::io::Errno::NOSPC.into()) } else { Ok(()) }
    }
}

fn on(disk: &Arc<FullDisk>) -> Options {
    small().disk(Disk::watched(disk.clone()))
}

/// A denied decision of this many bytes and a little more, with an id of its own.
fn denial(bytes: usize) -> Entry {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    decision(&format!("{count}-{}", "z".repeat(bytes)), 0, EXPIRED)
}

/// Records decisions until one is refused.
fn fill(ledger: &Ledger, bytes: usize) {
    for _ in 0..1000 {
        if let Err(refused) = ledger.append(denial(bytes)) {
            return assert_eq!(refused, RecordError::DiskFull);
        }
    }
    panic!("no decision was refused");
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
}

#[test]
fn a_full_disk_refuses_decisions_and_still_takes_facts_until_the_reserve_is_full() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let layout = crate::layout::Layout::new(&path);
    Ledger::init(&path, "demo", &small()).unwrap();
    assert!(layout.reserve().exists(), "`init` makes the reserve");
    let disk = Arc::new(FullDisk::default());
    let ledger = Ledger::open(&path, on(&disk)).unwrap();
    ledger.append(denial(1000)).unwrap();
    disk.now.store(true, Ordering::SeqCst);
    fill(&ledger, 1000);
    let mut facts = 0;
    while ledger.append(fact()).is_ok() {
        assert_eq!(ledger.append(denial(1000)), Err(RecordError::DiskFull));
        facts += 1;
        assert!(facts < 200, "the reserve never ends");
    }
    assert!(facts > 10 && !layout.reserve().exists(), "{facts} facts in the reserve");
    assert_eq!(ledger.append(fact()), Err(RecordError::DiskFull));
    ledger.close();

    // The disk is still full. The stop did not fit either; a start has what was acknowledged.
    let found = Ledger::inspect(&path).unwrap();
    assert!(found.handed_out.size >= u64::try_from(facts).unwrap());

    disk.now.store(false, Ordering::SeqCst);
    let ledger = Ledger::open(&path, on(&disk)).unwrap();
    assert!(ledger.append(denial(1000)).is_ok() && ledger.append(fact()).is_ok());
    wait_until("a new reserve is made", || layout.reserve().exists());
    ledger.close();
    super::damage::audit_holds(&path);
}

#[test]
fn a_start_on_a_full_disk_with_a_used_reserve_takes_facts_and_recovers_by_itself() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let layout = crate::layout::Layout::new(&path);
    let disk = Arc::new(FullDisk::default());
    Ledger::init(&path, "demo", &small()).unwrap();
    let ledger = Ledger::open(&path, on(&disk)).unwrap();
    disk.now.store(true, Ordering::SeqCst);
    fill(&ledger, 1000);
    while layout.reserve().exists() {
        ledger.append(fact()).unwrap();
    }
    ledger.close();

    let ledger = Ledger::open(&path, on(&disk)).unwrap();
    assert!(!ledger.recovery().cut, "the stop was recorded in the reserve");
    let receipt = ledger.append(fact()).unwrap();
    assert!(Ledger::inspect(&path).unwrap().handed_out.size > receipt.index());
    assert_eq!(ledger.append(denial(1000)), Err(RecordError::DiskFull));
    assert_eq!(ledger.health().refusing, Some(RecordError::DiskFull));
    disk.now.store(false, Ordering::SeqCst);
    wait_until("it records again", || ledger.health().refusing.is_none());
    ledger.append(denial(1000)).unwrap();
    wait_until("a new reserve is made", || layout.reserve().exists());
    ledger.close();
    super::damage::audit_holds(&path);
}

/// The same on a real file system, which root can make small. Without the right to mount one, only the test above is left.
#[test]
fn on_a_real_disk_that_is_full_to_the_last_byte_a_fact_is_acknowledged() {
    let dir = scratch();
    let mount = dir.path().join("disk");
    std::fs::create_dir(&mount).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        std::process::Command::new(program)
            .args(arguments)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let place = mount.to_str().unwrap();
    if !run("mount", &["-t", "tmpfs", "-o", "size=24m", "tmpfs", place]) {
        println!("no file system can be mounted here: nothing was tested");
        return;
    }
    let path = mount.join("ledger");
    let result = std::panic::catch_unwind(|| {
        let options = || small().segment_bytes(0);
        Ledger::init(&path, "demo", &options()).unwrap();
        let ledger = Ledger::open(&path, options()).unwrap();
        ledger.append(denial(1000)).unwrap();
        let filler = mount.join("filler");
        let file = Disk::real().create(&filler, 0o600).unwrap();
        let mut filled = 0;
        // The ledger makes its spare segments at the same time.
        wait_until("nothing is free", || {
            let free = ledger.usage().unwrap().free;
            if file.allocate(filled + free).is_ok() {
                filled += free;
            }
            ledger.usage().unwrap().free == 0
        });
        fill(&ledger, 50_000);
        let receipt = ledger.append(fact()).unwrap();
        assert!(Ledger::inspect(&path).unwrap().handed_out.size > receipt.index());
        ledger.close();
        let ledger = Ledger::open(&path, options()).unwrap();
        ledger.append(fact()).unwrap();
        assert_eq!(ledger.append(denial(50_000)), Err(RecordError::DiskFull));
        std::fs::remove_file(&filler).unwrap();
        wait_until("it records again", || ledger.health().refusing.is_none());
        ledger.append(denial(1000)).unwrap();
        ledger.close();
        super::damage::audit_holds(&path);
    });
    assert!(run("umount", &[place]), "{place} is still mounted");
    result.unwrap();
}
