//! A restore that a crash cuts short is finished by the next one, with the same facts, once each, and one halt. It works on a
//! log whose old entries are archived. A backup is continued under its name by no start, once it has its mark.

use std::collections::BTreeSet;
use std::io;
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

fn begin_from(directory: &Path, backup: &Backup, disk: Disk) -> Result<Option<NewLog>, ServerError> {
    Restore::of(directory, disk.clone()).run(backup, "demo", &options().disk(disk))
}

fn begin(directory: &Path) -> Result<Option<NewLog>, ServerError> {
    begin_from(directory, &Backup::OfAnyLog, Disk::real())
}

/// The same as `serve --restored-log`.
fn begin_once(directory: &Path, log: &str) -> Result<Option<NewLog>, ServerError> {
    begin_from(directory, &Backup::OfLog(log.to_owned()), Disk::real())
}

/// Why a start is refused, as the person reads it.
fn refused(start: Result<Option<NewLog>, ServerError>) -> String {
    start.err().map(|error| error.to_string()).expect("the start is refused")
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

/// Copies in this process: a child would hold the locks of all tests for the moment before it becomes another program.
fn copied(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copied(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
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

/// Checks that no start continues the old log under its name: neither a plain one, nor one for which another backup was named.
fn check_not_continued(directory: &Path, old: &Old) {
    let is_new = || ClosedLedger::read(directory).is_ok_and(|log| log.origin() != old.origin);
    assert!(is_new() || (check_is_own(directory).is_err() && Ledger::open(directory, options()).is_err()));
    assert!(begin_once(directory, "demo/log/other").is_err());
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
    let aside = Restore::of(directory, Disk::real()).aside(&predecessor.origin);
    let (_, kept) = Ledger::published(&aside).unwrap();
    assert_eq!((&kept.checkpoint().origin, kept.checkpoint().size), (&old.origin, old.size), "it is kept");
}

/// Checks that every verifier accepts the new log, and that it is not begun again.
fn check_whole(directory: &Path) {
    let log = std::fs::read_to_string(Layout::new(directory).vkey()).unwrap().parse().unwrap();
    let auditor = Auditor { log: &log, witnesses: &[], previous: None, threads: 1, progress: &|_, _| () };
    let report = auditor.audit(&Directory::new(&Layout::new(directory).log())).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
    check_is_own(directory).unwrap();
    assert!(is_already_begun(&begin(directory)));
    let old = facts::fold_closed(&ClosedLedger::read(directory).unwrap()).unwrap().own.after_restore.unwrap();
    assert!(begin_once(directory, old.predecessors.last().unwrap()).unwrap().is_none(), "it just starts");
}

fn is_already_begun(start: &Result<Option<NewLog>, ServerError>) -> bool {
    matches!(start, Err(ServerError::Restore(RestoreError::AlreadyBegun { .. })))
}

/// A directory in memory, if the machine has `/dev/shm`: these tests sync and copy much.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

#[test]
fn a_restore_that_a_crash_cuts_short_at_any_step_is_finished_by_the_next_one() {
    crash_at_every_step(false);
}

#[test]
fn a_backup_with_its_mark_is_never_continued_wherever_a_crash_cuts_its_restore_short() {
    crash_at_every_step(true);
}

/// With or without the mark, and by name if there is one.
fn crash_at_every_step(is_marked: bool) {
    let scratch = scratch();
    let backup = scratch.path().join("backup");
    old_log(&backup, 3).close();
    let old = Old::read(&backup);
    let which = if is_marked { Backup::OfLog(old.origin.clone()) } else { Backup::OfAnyLog };
    let (mut unseen, mut in_no_place) = (0_usize, 0_usize);
    for steps in 0.. {
        let place = scratch.path().join(steps.to_string());
        std::fs::create_dir(&place).unwrap();
        let directory = place.join("ledger");
        if is_marked {
            Mark::IsABackup.put(&directory).unwrap();
        }
        copied(&backup, &directory);
        let disk =
            Arc::new(StoppedDisk { left: AtomicUsize::new(steps), has_stopped: AtomicBool::new(false) });
        let whole = begin_from(&directory, &which, Disk::watched(disk.clone()));
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
        if is_marked {
            check_not_continued(&directory, &old);
        }
        let next = Restore::of(&directory, Disk::real()).next;
        // The steps that create a log are tested one by one where they are. Here some of them are enough.
        if !has_log(&next) && has_log(&directory) && unseen == 0 && steps % 8 > 0 {
            std::fs::remove_dir_all(&place).unwrap();
            continue;
        }
        if has_log(&next) {
            unseen = unseen.saturating_add(1);
            in_no_place = in_no_place.saturating_add(usize::from(!directory.exists()));
            let line = check_is_own(&directory).unwrap_err().to_string();
            assert!(line.to_lowercase().contains("start once with"), "{line}");
        }
        // If the crash came after the last step, there is nothing to do.
        let finished = begin_from(&directory, &which, Disk::real());
        assert!(
            finished.is_ok() || is_already_begun(&finished),
            "after a crash at step {steps}: {finished:?}"
        );
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
    assert!(matches!(begin(&directory), Err(ServerError::Restore(RestoreError::InTheWay(_)))));
    Ledger::discard(&restore.next, &options()).unwrap();
    begin_other();
    begin(&directory).unwrap();
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
    begin(&directory).unwrap();
    check_in_place(&directory, &old);
    check_whole(&directory);
}

#[test]
fn a_new_log_that_nobody_used_is_not_begun_again_after_its_first_entries_are_archived() {
    let scratch = scratch();
    let directory = scratch.path().join("ledger");
    old_log(&directory, 3).close();
    begin(&directory).unwrap();
    let ledger = Ledger::open(&directory, options()).unwrap();
    for n in 0..300 {
        ledger.append(revocation(RevocationTarget::Key, &n.to_string(), None).into()).unwrap();
    }
    archive(&ledger, 256, &scratch.path().join("archive"));
    assert!(is_already_begun(&begin(&directory)));
    let ledger = Ledger::open(&directory, options()).unwrap();
    ledger.append(denied("a").into()).unwrap();
    ledger.close();
    begin(&directory).expect("it was used since, so this is a backup of its own");
}

/// The name of the log in a directory.
fn origin(directory: &Path) -> String {
    ClosedLedger::read(directory).unwrap().origin().to_owned()
}

/// A backup of a log that began after a restore, made before its first decision. Returns the names of the log before and of this one.
fn unused_backup(place: &Path) -> (PathBuf, String, String) {
    let directory = place.join("ledger");
    old_log(&directory, 3).close();
    let first = origin(&directory);
    begin(&directory).unwrap();
    let second = origin(&directory);
    let lost = place.join("lost");
    std::fs::create_dir(&lost).unwrap();
    for left in [&directory, &Restore::of(&directory, Disk::real()).aside(&first)] {
        Disk::real().rename_durably(left, &lost.join(left.file_name().unwrap())).unwrap();
    }
    copied(&lost.join("ledger"), &directory);
    (directory, first, second)
}

#[test]
fn a_backup_of_a_new_log_that_nobody_used_is_restored_by_its_name_once() {
    let scratch = scratch();
    let (directory, first, second) = unused_backup(scratch.path());
    // Without a name nobody can tell whether it is the backup, and the message says what to do then.
    assert!(refused(begin(&directory)).contains(&format!("--restored-log {second}")));
    let begun = begin_once(&directory, &second).unwrap().unwrap();
    assert_eq!((&begun.predecessor.continued, &begun.predecessor.origin), (&vec![first], &second));
    let third = origin(&directory);
    assert!(
        begin_once(&directory, &second).unwrap().is_none()
            && begin_once(&directory, &second).unwrap().is_none()
    );
    assert_eq!(origin(&directory), third, "a later start begins another log");
}

#[test]
fn a_backup_of_a_new_log_that_nobody_used_is_restored_without_a_name_if_it_has_its_mark() {
    let scratch = scratch();
    let (directory, _, second) = unused_backup(scratch.path());
    Mark::IsABackup.put(&directory).unwrap();
    assert_eq!(begin(&directory).unwrap().unwrap().predecessor.origin, second);
    check_is_own(&directory).unwrap();
    assert!(is_already_begun(&begin(&directory)), "the mark is gone");
}

#[test]
fn a_backup_with_its_mark_is_not_continued_because_an_older_restore_is_named() {
    let scratch = scratch();
    let directory = scratch.path().join("ledger");
    old_log(&directory, 3).close();
    let first = origin(&directory);
    begin_once(&directory, &first).unwrap().unwrap();
    let second = origin(&directory);
    // As after a snapshot of the whole volume: the log before is there too.
    Mark::IsABackup.put(&directory).unwrap();
    let said = refused(begin_once(&directory, &first));
    assert!(said.contains(&first) && said.contains(&second) && said.contains("server.restored"), "{said}");
    assert_eq!(origin(&directory), second);
    assert!(check_is_own(&directory).is_err());
    assert_eq!(begin_once(&directory, &second).unwrap().unwrap().predecessor.continued, [first]);
}

#[test]
fn a_log_that_did_not_begin_in_place_of_the_named_one_is_not_started() {
    let scratch = scratch();
    let directory = scratch.path().join("ledger");
    old_log(&directory, 3).close();
    let first = origin(&directory);
    let other = "demo/log/0123456789abcdef0123456789abcdef";
    assert!(refused(begin_once(&directory, other)).contains("was not begun in its place"));
    begin_once(&directory, &first).unwrap().unwrap();
    assert!(refused(begin_once(&directory, other)).contains("was not begun in its place"));
    // A copy of the new log alone is a backup: where it began, the log before is kept beside it.
    let aside = Restore::of(&directory, Disk::real()).aside(&first);
    Disk::real().rename_durably(&aside, &scratch.path().join("elsewhere")).unwrap();
    assert!(refused(begin_once(&directory, &first)).contains("was not begun in its place"));
}

#[test]
fn a_restore_that_was_cut_short_goes_on_only_by_the_name_of_its_own_backup() {
    let scratch = scratch();
    let directory = scratch.path().join("ledger");
    old_log(&directory, 3).close();
    let first = origin(&directory);
    begin(&directory).unwrap();
    let second = origin(&directory);
    let restore = Restore::of(&directory, Disk::real());
    Disk::real().rename_durably(&directory, &restore.next).unwrap();
    let said = refused(begin_once(&directory, &second));
    assert!(said.contains(&format!("is that of the log {first}")), "{said}");
    assert!(!directory.exists());
    begin_once(&directory, &first).unwrap().unwrap();
    assert_eq!(origin(&directory), second);
}

#[test]
fn a_ledger_that_is_in_use_or_was_given_to_a_cluster_is_not_restored() {
    let scratch = scratch();
    let directory = scratch.path().join("ledger");
    let running = old_log(&directory, 3);
    assert!(refused(begin(&directory)).contains("another process writes to this ledger"));
    running.close();
    drop(running);
    let file = Mark::InCluster.put(&directory).unwrap();
    assert!(refused(begin(&directory)).contains("which continues it"));
    std::fs::remove_file(file).unwrap();
    begin(&directory).unwrap();
}
