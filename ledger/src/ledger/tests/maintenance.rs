//! Snapshots, the archive, cosignatures, restored logs, removed segments, and reading while a server writes.

use super::damage::{audit, audit_holds};
use super::*;
use crate::layout::Layout;
use crate::note::{VerifyingKey, cosign};
use crate::published_file::PublishedFile;
use crate::tree::{Directory, LogSource};
use crate::verify::Auditor;

/// Checkpoints only on request, and segments in which every frame fits.
fn large_segments() -> Options {
    small().segment_bytes(0)
}

fn filled(path: &Path, entries: usize, options: Options) -> Ledger {
    padded(path, entries, 0, options)
}

fn padded(path: &Path, entries: usize, padding: usize, options: Options) -> Ledger {
    Ledger::init(path, "demo", &options).unwrap();
    let ledger = Ledger::open(path, options).unwrap();
    let (sender, receiver) = mpsc::channel();
    for n in 0..entries {
        let sender = sender.clone();
        let done = Box::new(move |result| sender.send(result).unwrap());
        let id = format!("{n}{}", "p".repeat(padding));
        ledger.submit(decision(&id, 0, EXPIRED), done);
    }
    assert!(receiver.iter().take(entries).all(|result| result.is_ok()));
    ledger
}

#[test]
fn segments_are_removed_once_their_bundles_are_durable_and_a_start_does_not_need_them() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let ledger = padded(&path, 600, 20_000, large_segments());
    ledger.publish().unwrap();
    ledger.append(fact()).unwrap();
    ledger.close();
    let layout = Layout::new(&path);
    let first = crate::wal::reader::segments(&layout).unwrap()[0];
    assert!(first > 3, "no segments were removed below {first}");
    let ledger = Ledger::open(&path, large_segments()).unwrap();
    assert_eq!(ledger.recovery().size, 604);
    assert_eq!(ledger.read(0).unwrap().map(Result::unwrap).count(), 605);
    ledger.close();
    audit_holds(&path);
    // There are partial files only for the last checkpoint, and none of a bundle that is full.
    assert!(!layout.log().join("tile/entries/000.p").exists());
}

#[test]
fn a_start_uses_the_newest_snapshot_that_belongs_to_the_log() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let ledger = filled(&path, 300, large_segments());
    assert!(ledger.snapshots().unwrap().next().is_none());
    let size = ledger.publish().unwrap();
    for (at, facts) in [(100, "old"), (200, "older than the last"), (size, "newest")] {
        ledger.save_snapshot(at, |to| to.write_all(facts.as_bytes())).unwrap();
    }
    assert!(ledger.save_snapshot(size + 1, |_| Ok(())).is_err());
    let half = |to: &mut dyn std::io::Write| {
        to.write_all(b"half of the facts").and(Err(std::io::Error::other("the rest cannot be read")))
    };
    assert!(ledger.save_snapshot(size, half).is_err(), "and the process does not end");
    ledger.close();
    let ledger = Ledger::open(&path, large_segments()).unwrap();
    let found = ledger.snapshots().unwrap().next().unwrap();
    assert_eq!((found.saved.head.size, facts_of(found)), (size, b"newest".to_vec()));
    let snapshots = Layout::new(&path).snapshots();
    assert_eq!(std::fs::read_dir(&snapshots).unwrap().count(), 2);
    let newest = snapshots.join(format!("{size:016}.snapshot"));
    let mut bytes = std::fs::read(&newest).unwrap();
    for at in 0..bytes.len() {
        bytes[at] ^= 1;
        crate::durable::replace(&newest, &bytes).unwrap();
        let used = ledger.snapshots().unwrap().next().unwrap();
        assert_eq!(facts_of(used), b"older than the last", "byte {at}");
        bytes[at] ^= 1;
    }
}

#[test]
fn an_archived_log_verifies_together_with_its_archive() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let archive = dir.path().join("archive");
    let ledger = filled(&path, 700, large_segments());
    let size = ledger.publish().unwrap();
    assert_eq!(ledger.read(0).unwrap().first().unwrap(), 0);
    let snapshot = ledger.save_snapshot(size, |to| to.write_all(b"facts")).unwrap();
    for below in [1, 255, 768, 1024] {
        assert!(matches!(ledger.archive(below, &archive, &snapshot), Err(ArchiveError::Below(_))), "{below}");
    }
    assert_eq!(ledger.archive(512, &archive, &snapshot).unwrap(), 2);
    assert_eq!(
        ledger.archive(512, &archive, &snapshot).unwrap(),
        0,
        "the second time there is nothing to move"
    );
    assert!(ledger.read(0).unwrap().next().unwrap().is_err());
    assert_eq!(ledger.read(0).unwrap().first().unwrap(), 512);
    let archived = ledger.read(512).unwrap().map(|record| record.unwrap().entry);
    let archived = archived
        .filter_map(|entry| if let Entry::Archived(archived) = entry { Some(archived) } else { None });
    let archived: Vec<_> = archived.collect();
    assert_eq!((archived[0].below, archived[0].snapshot), (512, snapshot.digest));
    ledger.close();
    assert_eq!(
        Ledger::archives(&path).unwrap(),
        [archive.canonicalize().unwrap()],
        "named once, for readers"
    );
    assert_eq!(Layout::new(&path).foreign_names().unwrap(), Vec::<std::path::PathBuf>::new());
    let key = std::fs::read_to_string(path.join("log.vkey")).unwrap().parse().unwrap();
    assert!(audit(&path, &key).is_err(), "bundles are missing");
    let auditor = Auditor { log: &key, witnesses: &[], previous: None, threads: 2, progress: &|_, _| () };
    let both = Directory::new(&path.join("log")).with_archive(&archive);
    let report = auditor.audit(&both).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.kinds["archived/1"], 2);
}

#[test]
fn a_rewritten_log_does_not_continue_the_checkpoint_of_an_auditor() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let ledger = filled(&path, 10, large_segments());
    ledger.publish().unwrap();
    let earlier = std::fs::read(path.join("log/checkpoint")).unwrap();
    ledger.append(fact()).unwrap();
    ledger.close();
    let source = Directory::new(&path.join("log"));
    let key: VerifyingKey = std::fs::read_to_string(path.join("log.vkey")).unwrap().parse().unwrap();
    let audit = |previous: &[u8]| {
        let auditor =
            Auditor { log: &key, witnesses: &[], previous: Some(previous), threads: 1, progress: &|_, _| () };
        auditor.audit(&source).unwrap()
    };
    assert!(audit(&earlier).holds());
    let signing = SigningKey::from_seed(&[1; 32]).unwrap();
    for (size, what) in [(3, "it was rewritten"), (1_000, "it names 1000 entries")] {
        let other =
            crate::note::Checkpoint { origin: key.name().to_owned(), size, root: [3; 32] }.sign(&signing);
        let report = audit(other.note().as_bytes());
        assert!(!report.holds() && report.faults[0].what.contains(what), "{:?}", report.faults);
    }
}

#[test]
fn a_checkpoint_keeps_the_cosignatures_of_configured_witnesses() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let witness = SigningKey::from_seed(&[5; 32]).unwrap();
    let key = VerifyingKey::of_witness("witness.example/w", witness.public()).unwrap();
    let ledger = filled(&path, 3, large_segments().witnesses(vec![key.clone()]));
    ledger.publish().unwrap();
    let source = Directory::new(&path.join("log"));
    let published = || {
        let log = std::fs::read_to_string(path.join("log.vkey")).unwrap().parse().unwrap();
        let note = source.get(PublishedFile::Checkpoint).unwrap().unwrap();
        crate::note::SignedCheckpoint::parse(&note, &log, std::slice::from_ref(&key)).unwrap()
    };
    let line = cosign(published().checkpoint(), 1_700_000_000, &key, &witness);
    let stranger = SigningKey::from_seed(&[6; 32]).unwrap();
    let forged = cosign(published().checkpoint(), 1_700_000_000, &key, &stranger);
    assert_eq!(ledger.add_cosignatures(&forged).unwrap(), 0);
    assert_eq!(ledger.add_cosignatures(&format!("{forged}{line}")).unwrap(), 1);
    assert_eq!(ledger.add_cosignatures(&line).unwrap(), 1);
    assert_eq!(published().cosigners()[0].witness, "witness.example/w");
    ledger.close();
    assert_eq!(published().cosigners(), [], "a new checkpoint has no cosignatures yet");
}

#[test]
fn a_restored_log_has_a_new_name_and_names_the_log_that_it_continues() {
    let dir = scratch();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let ledger = filled(&old, 3, large_segments());
    let (size, root) = ledger.root();
    let predecessor = crate::entry::Predecessor {
        continued: vec![],
        origin: ledger.origin().to_owned(),
        root: base64::Engine::encode(&base64::engine::general_purpose::STANDARD, root),
        size,
    };
    let origin = Ledger::init_restored(&new, "demo", &large_segments(), predecessor.clone()).unwrap();
    assert_ne!(origin.name(), ledger.origin());
    let first = Ledger::entries(&new, 0).unwrap().next().unwrap().unwrap();
    let Entry::Init(init) = first.entry else { panic!("{first:?}") };
    assert_eq!(init.restored, Some(predecessor));
    audit_holds(&new);
}

/// Stops the other thread even if this one panics: the scope waits for both.
struct StopOnDrop<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_ledger_can_be_read_copied_and_audited_while_it_is_written() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let ledger = padded(&path, 20, 0, large_segments().interval(std::time::Duration::from_millis(1)));
    let key: VerifyingKey = std::fs::read_to_string(path.join("log.vkey")).unwrap().parse().unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut last = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let padding = "p".repeat(3_000);
            for n in 0..2_000 {
                ledger.append(decision(&format!("{n}{padding}"), 0, EXPIRED)).unwrap();
                if stop.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        let _stopped = StopOnDrop(&stop);
        for _ in 0..10 {
            let report = audit(&path, &key).unwrap();
            assert!(report.holds() && report.size >= last, "{:?}", report.faults);
            last = report.size;
            let read = Ledger::entries(&path, 0).unwrap().map(Result::unwrap).count();
            assert!(read as u64 >= last);
            assert!(Ledger::inspect(&path).unwrap().durable.size >= last);
        }
    });
    println!("audited 10 times up to {last} entries, while it grew to {}", ledger.size());
    assert!(last > 20);
}
