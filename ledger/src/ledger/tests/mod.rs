//! Tests of a ledger on disk: opening and appending here; crashes, damage and disk faults in the modules below.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    reason = "small numbers in tests, which look for one kind of entry among all"
)]

mod billion;
mod crash;
mod damage;
mod faults;
mod follow;
mod maintenance;
mod model;
mod read_ahead;
mod reserve;
mod waiting;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::entry::{Decision, DecisionOutcome, DenialCode, FactScope, Posture, PostureChange};
use crate::example_decision::denied;
use crate::example_log;
use crate::note::SigningKey;

fn options(now: &Arc<AtomicU64>) -> Options {
    let now = Arc::clone(now);
    let key = SigningKey::from_seed(&[1; 32]).unwrap();
    Options::new(key, Arc::new(move || now.load(Ordering::SeqCst)), "test").segment_bytes(0)
}

/// A clock that does not move, and segments so small that a short run fills several.
fn small() -> Options {
    let mut options = options(&Arc::new(AtomicU64::new(1_700_000_000_000)));
    options.segment_bytes = 8 * 1024;
    options.interval = std::time::Duration::from_secs(3600);
    options
}

/// A directory for a test that syncs often: in memory, if the machine has `/dev/shm`.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn facts_of(mut snapshot: crate::Snapshot) -> Vec<u8> {
    let mut facts = Vec::new();
    snapshot.facts.read_to_end(&mut facts).unwrap();
    facts
}

/// Random numbers that are the same for the same seed.
struct SeededRandom(u64);

impl SeededRandom {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const EXPIRED: DecisionOutcome = DecisionOutcome::Denied(DenialCode::Expired);

fn decision(id: &str, as_of: u64, outcome: DecisionOutcome) -> Entry {
    let like = match outcome {
        DecisionOutcome::Denied(_) => denied(id),
        DecisionOutcome::Allowed | DecisionOutcome::Observed | DecisionOutcome::Ungoverned => {
            example_log::allowed(id)
        }
    };
    Entry::Decision(Decision { as_of, outcome, ..like })
}

/// A fact that concerns every decision and can be recorded any number of times.
fn fact() -> Entry {
    let (by, reason, subject) = ("op".to_owned(), "a drill".to_owned(), String::new());
    let (scope, stance) = (FactScope::Mesh, Posture::Normal);
    PostureChange { bundle: None, by, reason, replaces: None, scope, stance, subject, was: None }.into()
}

#[test]
fn acknowledged_entries_are_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    let origin = Ledger::init(&path, "demo", &options(&now)).unwrap();
    assert!(matches!(Ledger::init(&path, "demo", &options(&now)), Err(InitError::Taken(_))));
    assert_eq!(std::fs::read_to_string(path.join("log.vkey")).unwrap(), format!("{}\n", origin.key()));

    let ledger = Ledger::open(&path, options(&now)).unwrap();
    assert!(matches!(Ledger::open(&path, options(&now)), Err(OpenError::Locked(_))));
    assert_eq!(*ledger.recovery(), Recovery { size: 1, cut: false, torn: 0, start: 1 });
    let receipt = ledger.append(decision("d1", 2, DecisionOutcome::Allowed)).unwrap();
    assert_eq!((receipt.index(), receipt.size(), receipt.time()), (2, 3, 1_700_000_000_000));
    now.store(1_600_000_000_000, Ordering::SeqCst);
    let denied = decision("d2", 0, EXPIRED);
    assert_eq!(ledger.append(denied.clone()).unwrap().time(), 1_700_000_000_000, "time never goes back");
    ledger.close();
    assert_eq!(ledger.append(denied.clone()), Err(RecordError::Closed));
    let root = ledger.root();

    let again = Ledger::open(&path, options(&now)).unwrap();
    assert_eq!(again.recovery().size, root.0);
    assert!(!again.recovery().cut);
    let records: Vec<_> = again.read(2).unwrap().map(Result::unwrap).collect();
    assert_eq!(records[0].entry, decision("d1", 2, DecisionOutcome::Allowed));
    assert_eq!(records[1].entry, denied);
    let kinds: Vec<_> =
        Ledger::entries(&path, 0).unwrap().map(|record| record.unwrap().entry.kind()).collect();
    assert_eq!(kinds, ["init/1", "start/1", "decision/1", "decision/1", "stop/1", "start/1"]);
}

#[test]
fn an_allow_is_stale_if_a_new_fact_was_recorded_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    Ledger::init(&path, "demo", &options(&now)).unwrap();
    let ledger = Ledger::open(&path, options(&now)).unwrap();
    let as_of = ledger.size();
    ledger.append(fact()).unwrap();
    assert_eq!(ledger.append(decision("d", as_of, DecisionOutcome::Allowed)), Err(RecordError::Stale));
    assert_eq!(ledger.append(decision("d", as_of, DecisionOutcome::Observed)), Err(RecordError::Stale));
    assert!(ledger.append(decision("d", as_of, EXPIRED)).is_ok());
    assert!(ledger.append(decision("d", ledger.size(), DecisionOutcome::Allowed)).is_ok());
    now.store(1_699_999_994_000, Ordering::SeqCst);
    let Entry::Decision(mut ahead) = decision("d", ledger.size(), DecisionOutcome::Allowed) else {
        panic!("a decision")
    };
    ahead.clock = 1_700_000_006;
    assert_eq!(ledger.append(ahead.into()), Err(RecordError::ClockAhead));
}

#[test]
fn an_allow_that_comes_too_long_after_its_clock_is_stale() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    Ledger::init(&path, "demo", &options(&now)).unwrap();
    let ledger = Ledger::open(&path, options(&now)).unwrap();
    let judged_now = |outcome| {
        let Entry::Decision(decision) = decision("d", ledger.size(), outcome) else { panic!("a decision") };
        Entry::Decision(Decision { clock: 1_700_000_000, ..decision })
    };
    now.store(1_700_000_060_999, Ordering::SeqCst);
    assert!(ledger.append(judged_now(DecisionOutcome::Allowed)).is_ok());
    // As after a stop of the whole process, a disk that did not answer, or a wall clock that was set.
    now.store(1_700_000_061_000, Ordering::SeqCst);
    for forwarded in [DecisionOutcome::Allowed, DecisionOutcome::Observed, DecisionOutcome::Ungoverned] {
        assert_eq!(ledger.append(judged_now(forwarded)), Err(RecordError::Stale), "{forwarded}");
    }
    assert!(ledger.append(judged_now(EXPIRED)).is_ok(), "a denial is recorded whenever it comes");
}

#[test]
fn an_entry_that_is_too_large_or_not_canonical_is_refused_and_nothing_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    Ledger::init(&path, "demo", &options(&now)).unwrap();
    let ledger = Ledger::open(&path, options(&now)).unwrap();
    let large = decision(&"x".repeat(70_000), 9, EXPIRED);
    assert!(matches!(ledger.append(large), Err(RecordError::TooLarge(_))));
    let Entry::Decision(mut inexact) = decision("d", 9, EXPIRED) else { panic!("a decision") };
    inexact.clock = 1 << 53;
    assert!(matches!(ledger.append(inexact.into()), Err(RecordError::NotCanonical(_))));
    assert_eq!(ledger.size(), 2);
}

#[test]
fn many_writers_share_frames_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let now = Arc::new(AtomicU64::new(1_700_000_000_000));
    Ledger::init(&path, "demo", &options(&now)).unwrap();
    let ledger = Ledger::open(&path, options(&now)).unwrap();
    let padding = "y".repeat(20_000);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (ledger, padding) = (&ledger, &padding);
            scope.spawn(move || {
                for n in 0..40 {
                    let entry = decision(&format!("{writer}-{n}-{padding}"), 0, EXPIRED);
                    ledger.append(entry).unwrap();
                }
            });
        }
    });
    assert_eq!(ledger.size(), 322);
    ledger.close();
    assert!(crate::wal::reader::segments(&crate::layout::Layout::new(&path)).unwrap().len() > 2);
    assert_eq!(Ledger::entries(&path, 0).unwrap().map(Result::unwrap).count(), 323);
}
