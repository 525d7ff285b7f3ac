//! Changes one byte at every offset of every file of a small ledger, and drops, swaps, doubles and replaces frames.

use super::*;
use crate::layout::Layout;
use crate::note::VerifyingKey;
use crate::tree::Directory;
use crate::verify::{AuditReport, Auditor};

pub(super) fn audit(path: &Path, key: &VerifyingKey) -> Result<AuditReport, ReadError> {
    let auditor = Auditor { log: key, witnesses: &[], previous: None, threads: 1, progress: &|_, _| () };
    auditor.audit(&Directory::new(&Layout::new(path).log()))
}

pub(super) fn audit_holds(path: &Path) {
    let key = std::fs::read_to_string(Layout::new(path).vkey()).unwrap().parse().unwrap();
    let report = audit(path, &key).unwrap();
    assert!(report.holds(), "{:?}", report.faults);
}

fn small_ledger(path: &Path, entries: usize) -> VerifyingKey {
    let origin = Ledger::init(path, "demo", &small()).unwrap();
    let ledger = Ledger::open(path, small()).unwrap();
    ledger.append(crate::example_log::activation(1).into()).unwrap();
    for n in 0..entries {
        ledger.append(decision(&n.to_string(), ledger.size(), DecisionOutcome::Allowed)).unwrap();
        if n == entries / 2 {
            ledger.publish().unwrap();
        }
    }
    ledger.close();
    origin.key().clone()
}

fn files(path: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn a_changed_byte_at_any_offset_is_found_or_lies_in_the_torn_tail() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let key = small_ledger(&path, 6);
    let whole = Ledger::inspect(&path).unwrap();
    assert!(audit(&path, &key).unwrap().holds());
    let mut all = Vec::new();
    files(&path, &mut all);
    let (mut tried, mut by_start, mut by_audit, mut as_torn) = (0, 0, 0, 0);
    for file in all {
        let bytes = std::fs::read(&file).unwrap();
        let mut open = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
        for at in 0..bytes.len() {
            use std::os::unix::fs::FileExt;
            open.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
            let start = Ledger::inspect(&path);
            // A verifier reads only the published log, with its own copy of the key.
            let audited = audit(&path, &key).is_ok_and(|report| report.holds());
            match start {
                Err(_) => by_start += 1,
                Ok(found) if found.torn > 0 => {
                    assert!(found.durable.size + 1 >= whole.durable.size, "more than the last frame was cut");
                    as_torn += 1;
                }
                Ok(_) => assert!(!audited, "{}: the change of byte {at} was not found", file.display()),
            }
            by_audit += usize::from(!audited);
            tried += 1;
            open.write_all_at(&bytes[at..=at], at as u64).unwrap();
        }
        std::io::Write::flush(&mut open).unwrap();
    }
    assert_eq!(Ledger::inspect(&path).unwrap(), whole);
    println!(
        "{tried} bytes changed: {by_start} found by a start, {by_audit} found by an audit, {as_torn} cut off as a torn tail"
    );
    assert!(tried > 10_000 && by_start > 5_000 && by_audit > 3_000);
}

#[test]
fn a_start_refuses_dropped_swapped_doubled_and_foreign_frames() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    small_ledger(&path, 6);
    let segment = Layout::new(&path).segment(1);
    let bytes = std::fs::read(&segment).unwrap();
    let mut frames = Vec::new();
    let mut at = 0;
    while let Ok(length) = crate::wal::frame::length(&bytes[at..]) {
        frames.push(bytes[at..at + length].to_vec());
        at += length;
    }
    assert!(frames.len() > 6);
    let (other, _) = (dir.path().join("other"), ());
    small_ledger(&other, 6);
    let foreign = std::fs::read(Layout::new(&other).segment(1)).unwrap();
    let foreign = foreign[..crate::wal::frame::length(&foreign).unwrap()].to_vec();

    let mut orders: Vec<(&str, Vec<Vec<u8>>)> = Vec::new();
    for n in 1..frames.len() - 1 {
        let (mut dropped, mut swapped, mut doubled, mut replaced) =
            (frames.clone(), frames.clone(), frames.clone(), frames.clone());
        dropped.remove(n);
        swapped.swap(n, n + 1);
        doubled.insert(n, frames[n].clone());
        replaced[n] = foreign.clone();
        orders.extend([
            ("dropped", dropped),
            ("swapped", swapped),
            ("doubled", doubled),
            ("foreign", replaced),
        ]);
    }
    for (what, order) in &orders {
        let mut changed = order.concat();
        changed.resize(bytes.len().max(changed.len()), 0);
        crate::durable::replace(&segment, &changed).unwrap();
        let error = Ledger::open(&path, small()).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt(..)), "{what}: {error}");
    }
    println!("{} orders of frames tried", orders.len());
    assert!(orders.len() > 20);
}

#[test]
fn a_log_that_is_shorter_than_its_checkpoint_does_not_start() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    small_ledger(&path, 6);
    let layout = Layout::new(&path);
    let segment = layout.segment(1);
    let mut bytes = std::fs::read(&segment).unwrap();
    let first = crate::wal::frame::length(&bytes).unwrap();
    bytes[first..].fill(0);
    for number in 2..4 {
        let _ = std::fs::remove_file(layout.segment(number));
    }
    crate::durable::replace(&segment, &bytes).unwrap();
    let error = Ledger::open(&path, small()).unwrap_err();
    assert!(matches!(error, OpenError::EntriesMissing { found: 1, .. }), "{error}");
    let line = error.to_string();
    assert!(line.contains("acknowledged entries are missing") && line.contains("--restored"), "{line}");
}

#[test]
fn a_start_checks_the_log_against_what_a_witness_knows() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    small_ledger(&path, 6);
    let whole = Ledger::inspect(&path).unwrap().durable;
    let beyond = TreeHead { size: whole.size + 1, root: whole.root };
    let error = Ledger::open(&path, small().must_contain("witness w", beyond)).unwrap_err();
    assert!(matches!(&error, OpenError::EntriesMissing { by, .. } if by == "witness w"), "{error}");
    let other = TreeHead { size: whole.size, root: [0; 32] };
    let error = Ledger::open(&path, small().must_contain("witness w", other)).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt(..)), "{error}");
    let error = Ledger::open(&path, small().must_reach("witness w", beyond.size)).unwrap_err();
    assert!(error.to_string().contains("witness w names"), "{error}");
    assert_eq!(Ledger::inspect(&path).unwrap().durable, whole, "a refused start records nothing");
    let counted = small().must_reach("witness w", whole.size).must_reach("witness v", whole.size - 1);
    Ledger::open(&path, counted.must_contain("witness u", whole)).unwrap().close();
}
