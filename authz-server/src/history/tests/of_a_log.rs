//! The index of a ledger on disk.

use std::path::Path;
use std::sync::Arc;

use ledger::{Options, SigningKey};
use tempfile::TempDir;

use super::example::{Link, decided, id, outcome};
use crate::history::*;

fn options() -> Options {
    Options::new(SigningKey::from_seed(&[9; 32]).unwrap(), Arc::new(|| 1_700_000_000_000), "test")
}

pub(super) fn created(path: &Path) -> Ledger {
    Ledger::init(path, "demo", &options()).unwrap();
    Ledger::open(path, options()).unwrap()
}

fn scene() -> (TempDir, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    let ledger = created(&directory.path().join("ledger"));
    (directory, ledger)
}

fn read_all(history: &History) {
    while history.read_on(100).unwrap() {}
}

#[test]
fn while_it_lags_it_says_so_and_then_it_knows_the_rest() {
    let (_directory, ledger) = scene();
    let history = History::new(ledger.clone(), 1000);
    let ids: Vec<String> = (0..40).map(id).collect();
    let record = |id: &str| {
        let decision = decided(id, Some("hello"), false, &[Link::new("r", 0)]);
        ledger.append(decision.into()).unwrap().index()
    };
    let first = record(&ids[0]);
    for id in &ids[1..] {
        record(id);
    }
    assert_eq!(history.span(), Span { from: 0, as_of: 0, size: ledger.size() });
    ledger.publish().unwrap();
    assert!(history.read_on(10).unwrap(), "there is more");
    let (span, found) = history.decision(&ids[0]);
    assert_eq!((span.as_of, span.size, found.unwrap().index), (10, ledger.size(), first));
    let (span, found) = history.decision(&ids[39]);
    assert_eq!(found, None);
    assert!(span.as_of < span.size, "{span:?}");

    let at = ledger.append(outcome(first).into()).unwrap().index();
    ledger.publish().unwrap();
    read_all(&history);
    let (span, found) = history.decision(&ids[39]);
    assert_eq!((span.as_of, span.size), (at + 1, at + 1));
    let last = found.unwrap();
    let (_, found) = history.decision(&ids[0]);
    assert_eq!(found.unwrap().outcome, Some(at));
    let entries = history.entries([at, last.index, first]).unwrap();
    let summaries = [&entries[1], &entries[2]].map(|bytes| Summary::of_entry(0, bytes).unwrap());
    assert_eq!(summaries.map(|summary| summary.id), [ids[39].clone(), ids[0].clone()]);
}

#[test]
fn it_begins_with_the_newest_entries_only() {
    let (_directory, ledger) = scene();
    for at in 0..1000 {
        let decision = decided(&id(at), None, false, &[]);
        ledger.submit(decision.into(), Box::new(|recorded| assert!(recorded.is_ok())));
    }
    ledger.append(outcome(0).into()).unwrap();
    ledger.publish().unwrap();
    let history = History::new(ledger.clone(), 400);
    read_all(&history);
    let span = history.span();
    assert_eq!(span.as_of, ledger.size());
    assert!(span.from >= 512 && span.as_of - span.from <= 400, "{span:?}");
    assert_eq!(history.decision(&id(0)).1, None);
    assert!(history.decision(&id(999)).1.is_some());
}
