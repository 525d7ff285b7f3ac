//! What the index costs.

use std::sync::mpsc;
use std::time::Instant;

use super::example::{Link, decided, outcome};
use super::of_a_log::created;
use crate::history::*;

const ENTRIES: u64 = 1_000_000;
const DELEGATIONS: u64 = 1_000;
const OF_ONE_ROOT: u64 = 10_000;

/// The memory of this process that is in RAM, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Half of the entries are decisions, each with its outcome. Every hundredth decision is of one root, under one of its
/// delegations; the others have roots of their own.
#[test]
#[ignore = "measures: cargo test --release -p authz-server --lib -- --ignored a_million_entries_are_read --nocapture"]
fn a_million_entries_are_read_within_a_minute_and_256_mb() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = created(&directory.path().join("ledger"));
    let (sender, answers) = mpsc::channel();
    let decisions = ENTRIES / 2;
    let each = decisions / OF_ONE_ROOT;
    let mut in_flight = 0;
    for n in 0..decisions {
        let links = if n % each == 0 {
            let delegation = n / each % DELEGATIONS;
            vec![Link::new("root", 0), Link::new(&format!("delegation-{delegation:09}"), 1)]
        } else {
            vec![Link { txn: format!("lineage-{n:014}"), ..Link::new(&format!("warrant-{n:014}"), 0) }]
        };
        let mut decision =
            decided(crate::recorder::DecisionId::random().as_str(), Some("hello"), true, &links);
        decision.as_of = ledger.size();
        for entry in [ledger::Entry::from(decision), outcome(2 * n + 2).into()] {
            let sender = sender.clone();
            ledger.submit(entry, Box::new(move |recorded| sender.send(recorded.is_ok()).unwrap()));
            in_flight += 1;
            if in_flight > 1000 {
                answers.recv().unwrap();
                in_flight -= 1;
            }
        }
    }
    assert_eq!(answers.iter().take(in_flight).count(), in_flight);
    ledger.publish().unwrap();

    let history = History::new(ledger.clone(), ENTRIES);
    let (before, began) = (resident(), Instant::now());
    while history.read_on(10_000).unwrap() {}
    let (took, grown) = (began.elapsed(), resident().saturating_sub(before));
    let span = history.span();
    let size = history.bytes();
    println!(
        "{} entries, {span:?}, read in {took:?}; {size} bytes, the process grew by {grown}",
        ledger.size()
    );

    for _ in 0..3 {
        let began = Instant::now();
        let (_, lineages) = history.lineages("t0", None, &mut |_| true);
        let made = began.elapsed();
        let json = serde_json::to_vec(&lineages).unwrap();
        println!("the lineage in {made:?}, {} bytes of JSON in {:?}", json.len(), began.elapsed());
        let [lineage] = lineages.as_slice() else { panic!("{} lineages", lineages.len()) };
        let children = &lineage.warrants[0].children;
        let count: u64 = children.iter().map(|child| child.decisions.count).sum();
        println!("{} delegations, {count} decisions", children.len());
        assert!(made.as_millis() < 100, "{made:?}");
    }
    let began = Instant::now();
    let wanted =
        Wanted { holder: Some("agent:1".to_owned()), code: Some("expired".to_owned()), ..Wanted::default() };
    let (_, page) = history.decisions(&wanted, None, 50, &mut |_| true);
    println!("a list in which nothing is found in {:?}", began.elapsed());
    assert_eq!(page.decisions, []);
    let began = Instant::now();
    let (_, page) = history.decisions(&Wanted::default(), None, 200, &mut |_| true);
    let entries = history.entries(page.decisions.iter().map(|found| found.index)).unwrap();
    println!("a page of {} with its entries in {:?}", entries.len(), began.elapsed());
    assert!(took.as_secs() < 60 && grown < 256 * 1024 * 1024);
}
