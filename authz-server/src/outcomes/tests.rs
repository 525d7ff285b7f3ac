//! What each kind of line is recorded and counted as.

use std::io;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use ledger::durable::{Disk, Op, Watch};
use ledger::{Ledger, Options};

use super::*;
use crate::bundles::PolicyInForce;
use crate::clock::Clock;
use crate::facts::test_ledger::TestLedger;
use crate::keys::DigestKey;
use crate::policy_fixture::{NOW, bundle, files};
use crate::recorder::Tickets;
use crate::telemetry::{BundleFigures, LedgerFigures};

struct TestOutcomes {
    outcomes: Outcomes,
    tickets: Tickets,
    ledger: Ledger,
    _directory: tempfile::TempDir,
}

impl TestOutcomes {
    fn new() -> TestOutcomes {
        TestOutcomes::with(|options| options)
    }

    fn with(change: impl FnOnce(Options) -> Options) -> TestOutcomes {
        let TestLedger { ledger, directory, .. } = TestLedger::with(change);
        let digests = DigestKey::generate().unwrap();
        let tickets = Tickets::of(&digests, ledger.origin());
        let recorder = Recorder::new(ledger.clone(), digests, 500, Clock::from_fn(|| NOW * 1000));
        let policy = Arc::new(PolicyInForce::new(bundle(&files()), None));
        let bundles = BundleFigures { policy, status: Arc::default(), candidate: None };
        let metrics = Arc::new(Metrics::new(LedgerFigures::new(ledger.clone()), bundles));
        let clock = Clock::from_fn(|| NOW * 1000);
        let outcomes = Outcomes::new(EndedDecisions::default(), recorder, metrics, clock);
        TestOutcomes { outcomes, tickets, ledger, _directory: directory }
    }

    /// A line about a request that this server allowed and that ran as it should.
    fn line(&self, decision: &str, index: u64) -> LogLine {
        let ticket = self.tickets.issue(decision, index, "local");
        LogLine {
            proxy: "local".to_owned(),
            stamp: Some(LoggedStamp { decision: decision.to_owned(), index, ticket }),
            reached: true,
            upstream: "10.0.0.7:80".to_owned(),
            attempts: 1,
            status: Some(200),
            duration: 12,
            bytes_in: 3,
            bytes_out: 5,
            details: "via_upstream".to_owned(),
            client_address: Some("10.0.0.1".to_owned()),
            method: "GET".to_owned(),
            host: "user:secret@shop".to_owned(),
            path: "/a?secret=1".to_owned(),
            ..LogLine::default()
        }
    }

    /// The entries that were recorded for these lines.
    fn recorded(&self, lines: Vec<LogLine>) -> Vec<Entry> {
        lines.into_iter().for_each(|line| self.outcomes.take(line));
        self.outcomes.recorder.record_floods(true);
        // There must be space for one more report. It comes after everything that was submitted before it.
        let from = Instant::now();
        while self.ledger.health().waiting > 0 {
            assert!(from.elapsed() < Duration::from_secs(30), "the ledger does not write");
            std::thread::yield_now();
        }
        let (done, durable) = mpsc::sync_channel(1);
        let stop = ledger::entry::Stop { refused: 0 };
        self.ledger.submit_report(stop.into(), Box::new(move |recorded| done.send(recorded).unwrap()));
        durable.recv().unwrap().unwrap();
        let entries = self.ledger.read(2).unwrap().map(|record| record.unwrap().entry);
        entries.filter(|entry| !matches!(entry, Entry::Stop(_))).collect()
    }

    fn counts(&self, outcome: &str, times: u64) {
        let line = format!("portcullis_outcomes_total{{outcome=\"{outcome}\"}} {times}");
        let text = self.outcomes.metrics.exposition();
        assert!(text.contains(&line), "{line} in {text}");
    }
}

#[test]
fn an_allowed_request_has_its_outcome_and_a_second_one_is_an_alarm() {
    let test = TestOutcomes::new();
    let recorded = test.recorded(vec![test.line("d", 7), test.line("d", 7)]);
    let outcome = |repeat| {
        Entry::Outcome(OutcomeReport {
            attempts: 1,
            bytes_in: 3,
            bytes_out: 5,
            duration: 12,
            id: "d".to_owned(),
            index: 7,
            proxy: "local".to_owned(),
            reached: true,
            repeat,
            status: Some(200),
            termination: String::new(),
        })
    };
    assert_eq!(recorded, [outcome(false), outcome(true)]);
    test.counts("ended", 1);
    test.counts("repeated", 1);
}

#[test]
fn a_request_that_was_sent_upstream_more_than_once_is_an_alarm() {
    let test = TestOutcomes::new();
    let again = LogLine { attempts: 3, ..test.line("d", 7) };
    let recorded = test.recorded(vec![again]);
    assert!(matches!(&recorded[..], [Entry::Outcome(one)] if one.attempts == 3 && !one.repeat));
    test.counts("retried", 1);
}

#[test]
fn a_request_that_ran_without_our_decision_is_an_alarm_and_records_no_secret() {
    let test = TestOutcomes::new();
    let forged = |change: fn(&mut LoggedStamp)| {
        let mut line = test.line("d", 7);
        change(line.stamp.as_mut().unwrap());
        line
    };
    let lines = vec![
        LogLine { stamp: None, ..test.line("d", 7) },
        LogLine { proxy: "another".to_owned(), ..test.line("d", 7) },
        forged(|stamp| stamp.index = 8),
        forged(|stamp| stamp.decision = "e".to_owned()),
        forged(|stamp| stamp.ticket = "AAAA".to_owned()),
    ];
    let count = lines.len();
    let recorded = test.recorded(lines);
    assert_eq!(recorded.len(), count);
    for entry in &recorded {
        let Entry::Ungoverned(one) = entry else { panic!("{entry:?}") };
        assert_eq!((one.upstream.as_str(), one.request.path.kept()), ("10.0.0.7:80", &b"/a"[..]));
        assert!(one.request.query.is_some() && !format!("{one:?}").contains("secret"));
    }
    test.counts("ungoverned", 5);
}

#[test]
fn a_refusal_from_elsewhere_is_counted_by_reason_and_our_own_denial_is_not() {
    let test = TestOutcomes::new();
    let refused = |details: &str, denial: Option<&str>| LogLine {
        stamp: None,
        reached: false,
        attempts: 0,
        status: Some(403),
        details: details.to_owned(),
        denial: denial.map(str::to_owned),
        ..test.line("d", 7)
    };
    let recorded = test.recorded(vec![
        refused("", Some("warrant-missing")),
        refused("", Some("warrant-missing")),
        refused("ext_authz_denied", Some("policy-denied")),
        refused("ext_authz_error", None),
        refused("http1.codec_error{and what a client wrote}", Some("no code of ours")),
        refused("{nothing}", None),
    ]);
    let counted: Vec<_> = recorded
        .iter()
        .map(|entry| {
            let Entry::Denials(one) = entry else { panic!("{entry:?}") };
            (one.source.as_str(), one.reason.as_str(), one.count)
        })
        .collect();
    let from = "access-log:10.0.0.1";
    assert_eq!(
        counted,
        [
            (from, "ext_authz_error", 1),
            (from, "http1.codec_error", 1),
            (from, "refused", 1),
            (from, "warrant-missing", 2),
        ]
    );
    test.counts("refused", 5);
}

#[test]
fn an_alarm_can_be_recorded_whatever_the_client_sends() {
    let test = TestOutcomes::new();
    let long = "\u{1}é".repeat(40_000);
    let line = LogLine {
        stamp: Some(LoggedStamp { decision: long.clone(), index: 1, ticket: String::new() }),
        method: long.clone(),
        host: long.clone(),
        path: format!("/{long}?{long}"),
        upstream: long.clone(),
        ..test.line("d", 7)
    };
    let recorded = test.recorded(vec![line]);
    assert!(matches!(&recorded[..], [Entry::Ungoverned(_)]), "{recorded:?}");
}

#[test]
fn a_request_that_was_let_through_without_a_decision_is_an_alarm_even_without_an_upstream() {
    let test = TestOutcomes::new();
    let line = LogLine { stamp: None, reached: false, attempts: 2, status: Some(503), ..test.line("d", 7) };
    let recorded = test.recorded(vec![line]);
    assert!(matches!(&recorded[..], [Entry::Ungoverned(_)]), "{recorded:?}");
    let again = LogLine { reached: false, attempts: 2, ..test.line("d", 7) };
    let recorded = test.recorded(vec![again]);
    assert!(matches!(&recorded[..], [_, Entry::Outcome(one)] if one.reached), "its first attempt may have");
}

#[test]
fn an_answer_by_the_proxy_itself_is_not_a_denial() {
    let test = TestOutcomes::new();
    let line = LogLine { stamp: None, reached: false, attempts: 0, status: Some(301), ..test.line("d", 7) };
    assert_eq!(test.recorded(vec![line]), []);
    test.counts("answered", 1);
}

#[test]
fn an_outcome_that_cannot_be_recorded_is_counted_and_the_next_one_counts_as_the_first() {
    let test = TestOutcomes::new();
    test.ledger.close();
    test.outcomes.take(test.line("d", 7));
    test.outcomes.take(LogLine { stamp: None, ..test.line("d", 7) });
    test.counts("lost", 2);
    test.counts("ungoverned", 1);
    assert!(!test.outcomes.ended.note(7));
}

#[test]
fn an_allowed_request_that_reached_no_upstream_says_so() {
    let test = TestOutcomes::new();
    let line = LogLine {
        reached: false,
        attempts: 1,
        status: Some(503),
        details: "upstream_reset_before_response_started{connection_failure}".to_owned(),
        ..test.line("d", 7)
    };
    let recorded = test.recorded(vec![line]);
    let [Entry::Outcome(one)] = &recorded[..] else { panic!("{recorded:?}") };
    assert!(!one.reached && one.termination.starts_with("upstream_reset"), "{one:?}");
}

/// A disk whose syncs do not end while it is stopped.
#[derive(Debug, Default)]
struct StoppedDisk {
    is_stopped: Mutex<bool>,
    changed: Condvar,
}

impl StoppedDisk {
    fn set(&self, is_stopped: bool) {
        *self.is_stopped.lock().unwrap() = is_stopped;
        self.changed.notify_all();
    }
}

impl Watch for StoppedDisk {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        if let Op::Sync(_) = op {
            drop(self.changed.wait_while(self.is_stopped.lock().unwrap(), |stopped| *stopped).unwrap());
        }
        Ok(())
    }
}

#[test]
fn while_the_disk_stands_still_lines_are_taken_and_those_that_do_not_fit_are_counted_in_an_entry() {
    const LINES: u64 = 1000;
    let disk = Arc::<StoppedDisk>::default();
    let test = TestOutcomes::with(|options| options.disk(Disk::watched(disk.clone())).reports(100));
    let line = LogLine { stamp: None, ..test.line("d", 7) };
    disk.set(true);
    // No line waits for the disk: otherwise this would never end.
    (0..LINES).for_each(|_| test.outcomes.take(line.clone()));
    assert_eq!(test.ledger.health().waiting, 100);
    disk.set(false);

    test.outcomes.record_dropped();
    test.outcomes.record_dropped();
    let recorded = test.recorded(vec![]);
    // The first lines left the queue before the disk stood still.
    let kept = recorded.iter().filter(|entry| matches!(entry, Entry::Ungoverned(_))).count();
    let gap = |entry: &Entry| {
        let Entry::Gap(gap) = entry else { return None };
        Some((gap.reason.clone(), gap.count))
    };
    let gaps: Vec<_> = recorded.iter().filter_map(gap).collect();
    let dropped = LINES - u64::try_from(kept).unwrap();
    assert_eq!(gaps, [("queue-full".to_owned(), dropped)], "one entry counts what was dropped");
    test.counts("ungoverned", LINES);
    test.counts("lost", dropped);
}
