//! A restore that a crash cuts short is finished by the next one, with the same facts, once each, and one halt. It works on a
//! log whose old entries are archived.

use std::collections::BTreeSet;
use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ledger::durable::{Op, Watch};
use ledger::entry::{FactScope, Nonce, Posture, PostureChange, RevocationTarget, Stamps};
use ledger::tree::Directory;
use ledger::verify::Auditor;
use ledger::{ReadError, SigningKey};
use serde_json::Value;

use super::*;
use crate::example_decision::denied;
use crate::facts::examples::{attestation, condition, issued, posture, reinstate, revocation};
use crate::facts::{AliveFact, Folded, snapshot};

const NOW: u64 = 1_795_230_579;

fn options() -> Options {
    let key = SigningKey::from_seed(&[9; 32]).unwrap();
    Options::new(key, Arc::new(|| NOW * 1000), "test").segment_bytes(0)
}

/// A disk on which nothing changes any more after so many operations: what a crash leaves there stays.
#[derive(Debug)]
struct StoppedDisk {
    left: AtomicUsize,
    has_stopped: AtomicBool,
}

impl Watch for StoppedDisk {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let left = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
            return Ok(());
        }
        self.has_stopped.store(true, Ordering::SeqCst);
        // A sync changes nothing that a process can see, and a failed one would end this process.
        if matches!(op, Op::Sync(_) | Op::SyncDir(_)) {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(ENOSPC))
        }
    }
}

const ENOSPC: i32 = 28;

fn begin(directory: &Path, disk: Disk) -> Result<NewLog, ServerError> {
    Restore::of(directory, disk.clone()).run("demo", &options().disk(disk))
}

/// A closed log with facts, and this many decisions after them.
fn old_log(directory: &Path, decisions: usize) -> Ledger {
    Ledger::init(directory, "demo", &options()).unwrap();
    let ledger = Ledger::open(directory, options()).unwrap();
    let of_route = PostureChange {
        scope: FactScope::Route,
        subject: "pay".to_owned(),
        ..posture(Posture::Halted, None)
    };
    let lost = ledger.append(revocation(RevocationTarget::Key, "found", None).into()).unwrap();
    let facts: [Entry; 8] = [
        reinstate("found", lost.index()).into(),
        revocation(RevocationTarget::Key, "lost", None).into(),
        revocation(RevocationTarget::Lineage, "t", Some(NOW + 90_000)).into(),
        of_route.into(),
        posture(Posture::Restricted, None).into(),
        attestation(NOW, false, None).into(),
        condition(NOW, "open", None).into(),
        issued(NOW).into(),
    ];
    for fact in facts {
        ledger.append(fact).unwrap();
    }
    for n in 0..decisions {
        ledger.append(denied(&n.to_string()).into()).unwrap();
    }
    ledger
}

/// How many facts of the old log still hold and are repeated: all but the pair that ended, and the issued root.
const ALIVE: u64 = 6;

/// Moves the entries below an index to an archive beside the log, and closes the log.
fn archive(ledger: &Ledger, below: u64, into: &Path) {
    ledger.publish().unwrap();
    let (facts, _) = facts::fold(ledger).unwrap();
    let saved = ledger.save_snapshot(facts.own.as_of, |to| snapshot::write(to, &facts)).unwrap();
    assert!(ledger.archive(below, into, &saved).unwrap() > 0);
    ledger.close();
}

fn copied(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// What the facts of a log say, whatever their indices, and whatever posture the mesh has.
fn said(folded: &Folded) -> BTreeSet<String> {
    const STAMPS: Stamps = Stamps { nonce: Nonce([0; 16]), time: 0 };
    let of = |fact: AliveFact| {
        let mut said: Value = serde_json::from_slice(&fact.entry.to_bytes(STAMPS).unwrap()).unwrap();
        said.as_object_mut().unwrap().remove("was");
        said
    };
    let alive =
        folded.tables.alive().map(of).filter(|said| said["scope"] != "mesh" || said["kind"] != "posture/1");
    alive.map(|said| said.to_string()).collect()
}

/// The old log.
struct Old {
    origin: String,
    size: u64,
    said: BTreeSet<String>,
}

impl Old {
    fn read(directory: &Path) -> Old {
        let old = ClosedLedger::read(directory).unwrap();
        let said = said(&facts::fold_closed(&old).unwrap());
        Old { origin: old.origin().to_owned(), size: old.head().size, said }
    }
}

/// Checks that a whole new log is in the place of the old one, which is kept.
fn check_in_place(directory: &Path, old: &Old) {
    let new = ClosedLedger::read(directory).unwrap();
    let entries: Vec<Entry> = new.entries(0).unwrap().map(|record| record.unwrap().entry).collect();
    let Some(Entry::Init(init)) = entries.first() else { panic!("{entries:?}") };
    let predecessor = init.restored.clone().unwrap();
    assert_eq!((&predecessor.origin, predecessor.size), (&old.origin, old.size));
    let was: Vec<u64> = entries.iter().filter_map(Entry::was).collect();
    let each: BTreeSet<u64> = was.iter().copied().collect();
    assert_eq!((each.len(), u64::try_from(was.len()).unwrap()), (was.len(), ALIVE), "once each: {was:?}");
    let halts =
        entries.iter().filter(|entry| matches!(entry, Entry::Posture(change) if change.was.is_none()));
    assert_eq!(halts.count(), 1);
    let counted: Vec<_> = entries
        .iter()
        .filter_map(|entry| if let Entry::Restored(all) = entry { Some(all.facts) } else { None })
        .collect();
    assert_eq!(counted, [ALIVE]);
    let folded = facts::fold_closed(&new).unwrap();
    assert_eq!(said(&folded), old.said);
    assert_eq!(folded.tables.postures.stance(FactScope::Mesh, ""), Posture::Halted);
    let begun = folded.own.after_restore.unwrap();
    assert_eq!(begun.predecessors, std::slice::from_ref(&old.origin));
    assert!(begun.is_complete && !begun.was_used && begun.stance_before == Posture::Restricted);
    let aside = Restore::of(directory, Disk::real()).aside(&predecessor);
    let (_, kept) = Ledger::published(&aside).unwrap();
    assert_eq!((&kept.checkpoint().origin, kept.checkpoint().size), (&old.origin, old.size), "it is kept");
}

/// Checks that every verifier accepts the new log, and that it is not begun again.
fn check_whole(directory: &Path) {
    let log = std::fs::read_to_string(Layout::new(directory).vkey()).unwrap().parse().unwrap();
    let auditor = Auditor { log: &log, witnesses: &[], previous: None, threads: 1, progress: &|_, _| () };
    let report = auditor.audit(&Directory::new(&Layout::new(directory).log())).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
    check_none_cut_short(directory).unwrap();
    let again = begin(directory, Disk::real());
    assert!(matches!(again, Err(ServerError::Restore(RestoreError::AlreadyBegun(_)))));
}

/// A directory in memory, if the machine has `/dev/shm`: these tests sync and copy much.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

#[test]
fn a_restore_that_a_crash_cuts_short_at_any_step_is_finished_by_the_next_one() {
    let scratch = scratch();
    let backup = scratch.path().join("backup");
    old_log(&backup, 3).close();
    let old = Old::read(&backup);
    let (mut unseen, mut in_no_place) = (0, 0);
    for steps in 0.. {
        let place = scratch.path().join(steps.to_string());
        std::fs::create_dir(&place).unwrap();
        let directory = place.join("ledger");
        copied(&backup, &directory);
        let disk =
            Arc::new(StoppedDisk { left: AtomicUsize::new(steps), has_stopped: AtomicBool::new(false) });
        let whole = begin(&directory, Disk::watched(disk.clone()));
        if !disk.has_stopped.load(Ordering::SeqCst) {
            assert!(whole.is_ok());
            check_in_place(&directory, &old);
            check_whole(&directory);
            println!(
                "{steps} steps; {unseen} crashes left a new log beside the old one, {in_no_place} left it in no place"
            );
            assert!(steps > 60 && unseen > 20 && in_no_place > 0);
            return;
        }
        let next = Restore::of(&directory, Disk::real()).next;
        // The steps that create a log are tested one by one where they are. Here some of them are enough.
        if !has_log(&next) && has_log(&directory) && unseen == 0 && steps % 8 > 0 {
            std::fs::remove_dir_all(&place).unwrap();
            continue;
        }
        if has_log(&next) {
            unseen += 1;
            in_no_place += usize::from(!directory.exists());
            let line = check_none_cut_short(&directory).unwrap_err().to_string();
            assert!(line.contains("start once with --restored"), "{line}");
        }
        match begin(&directory, Disk::real()) {
            // The crash came after the last step.
            Err(ServerError::Restore(RestoreError::AlreadyBegun(_))) => {}
            done => drop(done.unwrap_or_else(|error| panic!("after a crash at step {steps}: {error}"))),
        }
        check_in_place(&directory, &old);
        std::fs::remove_dir_all(&place).unwrap();
    }
}

#[test]
fn an_unfinished_new_log_of_another_backup_is_replaced_and_a_complete_one_is_not() {
    let scratch = scratch();
    let directory = scratch.path().join("ledger");
    let restore = Restore::of(&directory, Disk::real());
    let ledger = old_log(&directory, 3);
    let (size, root) = ledger.root();
    let (origin, root) = (ledger.origin().to_owned(), STANDARD.encode(root));
    let earlier = Predecessor { continued: vec![], origin, root, size };
    ledger.append(denied("later").into()).unwrap();
    ledger.close();
    let old = Old::read(&directory);
    let begin_other = || Ledger::init_restored(&restore.next, "demo", &options(), earlier.clone()).unwrap();
    begin_other();
    let other = Ledger::open(&restore.next, options()).unwrap();
    other.append(ledger::entry::Restored { facts: 0 }.into()).unwrap();
    other.close();
    let refused = begin(&directory, Disk::real());
    assert!(matches!(refused, Err(ServerError::Restore(RestoreError::InTheWay(_)))));
    Ledger::discard(&restore.next, &options()).unwrap();
    begin_other();
    begin(&directory, Disk::real()).unwrap();
    check_in_place(&directory, &old);
    check_whole(&directory);
}

#[test]
fn a_log_whose_first_entries_are_archived_is_restored_with_the_facts_of_its_snapshot() {
    let scratch = scratch();
    let directory = scratch.path().join("ledger");
    archive(&old_log(&directory, 300), 256, &scratch.path().join("archive"));
    std::fs::remove_dir_all(scratch.path().join("archive")).unwrap();
    let first = ClosedLedger::read(&directory).unwrap().entries(0).unwrap().next();
    assert!(matches!(first, Some(Err(ReadError::Io(..) | ReadError::Corrupt(..)))));
    let old = Old::read(&directory);
    begin(&directory, Disk::real()).unwrap();
    check_in_place(&directory, &old);
    check_whole(&directory);
}

#[test]
fn a_new_log_that_nobody_used_is_not_begun_again_after_its_first_entries_are_archived() {
    let scratch = scratch();
    let directory = scratch.path().join("ledger");
    old_log(&directory, 3).close();
    begin(&directory, Disk::real()).unwrap();
    let ledger = Ledger::open(&directory, options()).unwrap();
    for n in 0..300 {
        ledger.append(revocation(RevocationTarget::Key, &n.to_string(), None).into()).unwrap();
    }
    archive(&ledger, 256, &scratch.path().join("archive"));
    let refused = begin(&directory, Disk::real());
    assert!(matches!(refused, Err(ServerError::Restore(RestoreError::AlreadyBegun(_)))));
    let ledger = Ledger::open(&directory, options()).unwrap();
    ledger.append(denied("a").into()).unwrap();
    ledger.close();
    begin(&directory, Disk::real()).expect("it was used since, so this is a backup of its own");
}
