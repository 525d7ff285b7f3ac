//! An attacker who holds the log's key rewrites a sound log and signs it again: every false entry is named.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "small numbers in tests, which look for one kind of entry among all"
)]

mod allows;
mod facts;
mod joined;
mod names;
mod terms;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{AuditReport, Auditor};
use crate::entry::{
    Decision, DecisionOutcome, EarlierTerms, Entry, Nonce, OutcomeReport, RecordedTerms, Stamps, Terms,
};
use crate::example_decision::denied;
use crate::example_log::{CLOCK, activation, allowed, allowed_with_limits};
use crate::ledger::{Ledger, Options};
use crate::merkle::{Edge, leaf_hash};
use crate::note::{Checkpoint, SigningKey, VerifyingKey};
use crate::publish::TileBuilder;
use crate::published_file::PublishedFile;
use crate::tree::tests::Memory;
use crate::tree::{Directory, LogSource};

/// The places of the entries in the sound log.
const ALLOWED: usize = 3;
const OUTCOME: usize = 4;
const DENIED: usize = 5;
const OBSERVED: usize = 6;
const UNGOVERNED: usize = 7;
/// The size of the sound log without its `stop/1`: where an attacker adds entries.
const END: usize = 8;

fn signing_key() -> SigningKey {
    SigningKey::from_seed(&[1; 32]).unwrap()
}

fn options() -> Options {
    let now = Arc::new(AtomicU64::new(CLOCK * 1000));
    Options::new(signing_key(), Arc::new(move || now.load(Ordering::SeqCst)), "test")
}

/// A ledger with one decision of each kind, written by the library itself.
struct SoundLog {
    dir: tempfile::TempDir,
    key: VerifyingKey,
    /// The published entries, without the last one.
    entries: Vec<(Stamps, Entry)>,
}

fn outcome_of(index: u64, id: &str) -> OutcomeReport {
    OutcomeReport {
        attempts: 1,
        bytes_in: 1,
        bytes_out: 1,
        duration: 1,
        id: id.to_owned(),
        index,
        proxy: "local".to_owned(),
        reached: true,
        repeat: false,
        status: Some(200),
        termination: String::new(),
    }
}

fn sound_log() -> SoundLog {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let key = Ledger::init(&path, "demo", &options()).unwrap().key().clone();
    let ledger = Ledger::open(&path, options()).unwrap();
    let as_of = 3;
    let entries: [Entry; 6] = [
        activation(1).into(),
        Decision { as_of, ..allowed_with_limits("a", &[("r", Some(2)), ("c", Some(1))]) }.into(),
        outcome_of(3, "a").into(),
        denied("b").into(),
        Decision { as_of, outcome: DecisionOutcome::Observed, ..allowed("o") }.into(),
        Decision {
            as_of,
            outcome: DecisionOutcome::Ungoverned,
            chain: Vec::new().into(),
            terms: RecordedTerms::default(),
            ..allowed("u")
        }
        .into(),
    ];
    for entry in entries {
        ledger.append(entry).unwrap();
    }
    ledger.close();
    let mut entries: Vec<_> = Ledger::entries(&path, 0)
        .unwrap()
        .map(|record| record.map(|record| (record.stamps, record.entry)).unwrap())
        .collect();
    assert!(matches!(entries.pop(), Some((_, Entry::Stop(_)))));
    assert_eq!(entries.len(), END);
    SoundLog { dir, key, entries }
}

impl SoundLog {
    fn path(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    /// The entries as bytes, after this change.
    fn rewritten(&self, change: impl FnOnce(&mut Vec<(Stamps, Entry)>)) -> Vec<Vec<u8>> {
        let mut entries = self.entries.clone();
        change(&mut entries);
        entries.into_iter().map(|(stamps, entry)| entry.to_bytes(stamps).unwrap()).collect()
    }

    /// The log of these entries, with all tiles computed again and the checkpoint signed with the log's key.
    fn signed_again(&self, entries: &[Vec<u8>]) -> Memory {
        let (mut builder, mut edge, mut files) = (TileBuilder::default(), Edge::default(), BTreeMap::new());
        for entry in entries {
            edge.append(leaf_hash(entry));
            builder.add(entry, leaf_hash(entry), &mut |file, bytes| drop(files.insert(file, bytes)));
        }
        builder.partials(&mut |file, bytes| drop(files.insert(file, bytes)));
        let checkpoint =
            Checkpoint { origin: self.key.name().to_owned(), size: edge.size(), root: edge.root() };
        let note = checkpoint.sign(&signing_key()).note().as_bytes().to_vec();
        files.insert(PublishedFile::Checkpoint, note);
        Memory(files)
    }

    fn audit(&self, source: &dyn LogSource) -> AuditReport {
        let auditor =
            Auditor { log: &self.key, witnesses: &[], previous: None, threads: 1, progress: &|_, _| () };
        auditor.audit(source).unwrap()
    }

    fn audit_after(&self, change: impl FnOnce(&mut Vec<(Stamps, Entry)>)) -> AuditReport {
        self.audit(&self.signed_again(&self.rewritten(change)))
    }

    /// Asserts that the change is found: every fault is at this entry, and one of them says this.
    fn finds(&self, index: usize, text: &str, change: impl FnOnce(&mut Vec<(Stamps, Entry)>)) {
        let report = self.audit_after(change);
        assert!(!report.holds(), "accepted: {text}");
        let faults = &report.faults;
        let is_here = faults.iter().all(|fault| fault.place == format!("entry {index}"));
        assert!(
            is_here && faults.iter().any(|fault| fault.what.contains(text)),
            "wanted {index} {text}: {faults:?}"
        );
    }

    /// Asserts that a log with these entries at its end is accepted.
    fn accepts(&self, what: &str, entries: Vec<Entry>) {
        let report = self.audit_after(|log| add(log, entries));
        assert!(report.holds(), "{what}: {:?}", report.faults);
    }

    /// Asserts that the last of these entries at the log's end is a fault that says this.
    fn refuses(&self, text: &str, entries: Vec<Entry>) {
        self.finds(END + entries.len() - 1, text, |log| add(log, entries));
    }
}

/// Adds entries a millisecond apart.
fn add(log: &mut Vec<(Stamps, Entry)>, entries: Vec<Entry>) {
    for entry in entries {
        let time = log.last().unwrap().0.time + 1;
        log.push((Stamps { nonce: Nonce([7; 16]), time }, entry));
    }
}

fn decision_at(log: &mut [(Stamps, Entry)], index: usize) -> &mut Decision {
    match &mut log[index].1 {
        Entry::Decision(decision) => decision,
        other => panic!("{other:?}"),
    }
}

/// The terms that this decision says.
fn terms_of(decision: &mut Decision) -> &mut Terms {
    match &mut decision.terms {
        RecordedTerms::Whole(terms) => terms,
        RecordedTerms::SameAs(earlier) => panic!("{earlier:?}"),
    }
}

fn said_at(index: u64) -> RecordedTerms {
    RecordedTerms::SameAs(EarlierTerms { index, known: None })
}

/// An allow at the end of the sound log after `facts` more entries, all of which its judge had read.
fn next_allow(facts: usize) -> Decision {
    Decision { as_of: u64::try_from(END + facts).unwrap(), ..allowed("next") }
}

#[test]
fn a_sound_log_holds_as_it_was_written_and_signed_again() {
    let sound = sound_log();
    let report = sound.audit(&Directory::new(&sound.path().join("log")));
    assert!(report.holds(), "{:?}", report.faults);
    let report = sound.audit_after(|_| ());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!((report.size, report.allows), (8, 1));
}
