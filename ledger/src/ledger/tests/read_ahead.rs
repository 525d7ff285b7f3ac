//! Entries that several threads read are those that one reads, in order; and what is damaged is an error at its place.

use std::os::unix::fs::FileExt;

use super::*;

/// More bundles than one thread reads alone, and a part of one.
const ENTRIES: u64 = 11 * 256 + 7;

fn log(path: &Path) -> Ledger {
    let options = || options(&Arc::new(AtomicU64::new(1_700_000_000_000))).segment_bytes(1 << 20);
    Ledger::init(path, "demo", &options()).unwrap();
    let ledger = Ledger::open(path, options()).unwrap();
    for n in ledger.size()..ENTRIES {
        ledger.submit(decision(&n.to_string(), 0, EXPIRED), Box::new(|answer| assert!(answer.is_ok())));
        // The queue has an end.
        while ledger.health().waiting > 1_000 {
            std::thread::yield_now();
        }
    }
    while ledger.size() < ENTRIES {
        std::thread::yield_now();
    }
    ledger.publish().unwrap();
    ledger
}

#[test]
fn the_same_entries_come_in_the_same_order_from_wherever_one_begins() {
    let directory = scratch();
    let ledger = log(&directory.path().join("ledger"));
    ledger.publish().unwrap();
    for from in [0, 1, 255, 256, 257, 3 * 256 + 9, ENTRIES - 8 * 256, ENTRIES - 1, ENTRIES, ENTRIES + 500] {
        let mut alone = ledger.read(from).unwrap();
        let mut ahead = ledger.read(from).unwrap().ahead();
        let expected: Vec<_> = alone.by_ref().map(Result::unwrap).collect();
        let found: Vec<_> = ahead.by_ref().map(Result::unwrap).collect();
        assert_eq!(found, expected, "from {from}");
        assert_eq!(u64::try_from(found.len()).unwrap(), ledger.size().saturating_sub(from), "from {from}");
        assert_eq!(ahead.bytes(), alone.bytes(), "from {from}");
    }
}

#[test]
fn a_damaged_bundle_is_an_error_after_the_entries_before_it_and_the_last_that_comes() {
    let directory = scratch();
    let path = directory.path().join("ledger");
    let ledger = log(&path);
    ledger.publish().unwrap();
    let file = path.join("log/tile/entries/005");
    let middle = std::fs::metadata(&file).unwrap().len() / 2;
    let open = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    open.write_all_at(b"!", middle).unwrap();
    let mut ahead = ledger.read_published(0).unwrap().ahead();
    assert_eq!(ahead.by_ref().take_while(Result::is_ok).count(), 5 * 256);
    assert!(ahead.next().is_none());
    let why = ledger.read_published(0).unwrap().ahead().find_map(Result::err).unwrap();
    assert!(why.to_string().contains("entries/005"), "{why}");
}

#[test]
fn whoever_has_enough_need_not_take_the_rest() {
    let directory = scratch();
    let ledger = log(&directory.path().join("ledger"));
    let mut ahead = ledger.read(0).unwrap().ahead();
    assert!(ahead.next().unwrap().is_ok());
    drop(ahead); // It waits for its threads, which must not wait for somebody to take what they have.
}
