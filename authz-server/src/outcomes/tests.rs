//! What each kind of line comes to.

use std::sync::Arc;

use ledger::{Ledger, Options, SigningKey};

use super::*;
use crate::bundles::PolicyInForce;
use crate::clock::Clock;
use crate::keys::DigestKey;
use crate::policy_fixture::{NOW, bundle, files};
use crate::recorder::Tickets;
use crate::telemetry::{BundleFigures, LedgerFigures};

struct World {
    outcomes: Outcomes,
    tickets: Tickets,
    ledger: Ledger,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let options =
            || Options::new(SigningKey::from_seed(&[9; 32]).unwrap(), Arc::new(|| NOW * 1000), "test");
        Ledger::init(&path, "shop", &options()).unwrap();
        let ledger = Ledger::open(&path, options()).unwrap();
        let digests = DigestKey::generate().unwrap();
        let tickets = Tickets::of(&digests, ledger.origin());
        let recorder = Recorder::new(ledger.clone(), digests, 500, Clock::from_fn(|| NOW * 1000));
        let policy = Arc::new(PolicyInForce::new(bundle(&files()), None));
        let bundles = BundleFigures { policy, news: Arc::default(), candidate: None };
        let metrics = Arc::new(Metrics::new(LedgerFigures::new(ledger.clone()), bundles));
        let outcomes = Outcomes::new(Ended::default(), recorder, metrics);
        World { outcomes, tickets, ledger, _directory: directory }
    }

    /// A line about a forward of ours that ran as it should.
    fn line(&self, decision: &str, index: u64) -> Report {
        let ticket = self.tickets.issue(decision, index, "local");
        Report {
            proxy: "local".to_owned(),
            stamped: Some(Stamped { decision: decision.to_owned(), index, ticket }),
            reached: true,
            upstream: "10.0.0.7:80".to_owned(),
            attempts: 1,
            status: Some(200),
            duration: 12,
            bytes_in: 3,
            bytes_out: 5,
            details: "via_upstream".to_owned(),
            peer: Some("10.0.0.1".to_owned()),
            method: "GET".to_owned(),
            host: "shop".to_owned(),
            path: "/a?secret=1".to_owned(),
            ..Report::default()
        }
    }

    /// What was recorded of these, beside the beginning of the log.
    async fn recorded(&self, lines: Vec<Report>) -> Vec<Entry> {
        self.outcomes.hear(lines).await;
        self.outcomes.recorder.record_floods(true);
        // Behind what is on its way.
        let stop = ledger::entry::Stop { refused: 0 };
        self.ledger.append(stop.into()).unwrap();
        let entries = self.ledger.read(2).unwrap().map(|record| record.unwrap().entry);
        entries.filter(|entry| !matches!(entry, Entry::Stop(_))).collect()
    }

    fn counts(&self, outcome: &str, times: u64) {
        let line = format!("portcullis_outcomes_total{{outcome=\"{outcome}\"}} {times}");
        let text = self.outcomes.metrics.exposition();
        assert!(text.contains(&line), "{line} in {text}");
    }
}

#[tokio::test]
async fn a_forward_of_ours_has_its_outcome_and_a_second_one_is_an_alarm() {
    let world = World::new();
    let recorded = world.recorded(vec![world.line("d", 7), world.line("d", 7)]).await;
    let outcome = |repeat| {
        Entry::Outcome(OutcomeReport {
            attempts: 1,
            bytes_in: 3,
            bytes_out: 5,
            duration: 12,
            id: "d".to_owned(),
            index: Some(7),
            proxy: "local".to_owned(),
            reached: true,
            repeat,
            status: Some(200),
            termination: String::new(),
        })
    };
    assert_eq!(recorded, [outcome(false), outcome(true)]);
    world.counts("ended", 1);
    world.counts("repeated", 1);
}

#[tokio::test]
async fn one_decision_that_was_sent_upstream_again_is_an_alarm() {
    let world = World::new();
    let again = Report { attempts: 3, ..world.line("d", 7) };
    let recorded = world.recorded(vec![again]).await;
    assert!(matches!(&recorded[..], [Entry::Outcome(one)] if one.attempts == 3 && !one.repeat));
    world.counts("retried", 1);
}

#[tokio::test]
async fn what_ran_without_a_decision_of_ours_is_an_alarm_and_keeps_no_secret() {
    let world = World::new();
    let forged = |change: fn(&mut Stamped)| {
        let mut line = world.line("d", 7);
        change(line.stamped.as_mut().unwrap());
        line
    };
    let lines = vec![
        Report { stamped: None, ..world.line("d", 7) },
        Report { proxy: "another".to_owned(), ..world.line("d", 7) },
        forged(|stamped| stamped.index = 8),
        forged(|stamped| stamped.decision = "e".to_owned()),
        forged(|stamped| stamped.ticket = "AAAA".to_owned()),
    ];
    let count = lines.len();
    let recorded = world.recorded(lines).await;
    assert_eq!(recorded.len(), count);
    for entry in &recorded {
        let Entry::Ungoverned(one) = entry else { panic!("{entry:?}") };
        assert_eq!((one.upstream.as_str(), one.request.path.as_bytes()), ("10.0.0.7:80", &b"/a"[..]));
        assert!(one.request.query.is_some() && !format!("{one:?}").contains("secret"));
    }
    world.counts("ungoverned", 5);
}

#[tokio::test]
async fn what_was_refused_elsewhere_is_counted_by_reason_and_what_we_denied_is_not() {
    let world = World::new();
    let refused = |details: &str, denial: Option<&str>| Report {
        stamped: None,
        reached: false,
        attempts: 0,
        status: Some(403),
        details: details.to_owned(),
        denial: denial.map(str::to_owned),
        ..world.line("d", 7)
    };
    let recorded = world
        .recorded(vec![
            refused("", Some("warrant-missing")),
            refused("", Some("warrant-missing")),
            refused("ext_authz_denied", Some("policy-denied")),
            refused("ext_authz_error", None),
            refused("http1.codec_error{and what a client wrote}", Some("no code of ours")),
            refused("{nothing}", None),
        ])
        .await;
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
    world.counts("refused", 5);
}

#[tokio::test]
async fn whatever_a_client_sends_there_is_room_for_the_alarm() {
    let world = World::new();
    let long = "\u{1}é".repeat(40_000);
    let line = Report {
        stamped: Some(Stamped { decision: long.clone(), index: 1, ticket: String::new() }),
        method: long.clone(),
        host: long.clone(),
        path: format!("/{long}?{long}"),
        upstream: long.clone(),
        ..world.line("d", 7)
    };
    let recorded = world.recorded(vec![line]).await;
    assert!(matches!(&recorded[..], [Entry::Ungoverned(_)]), "{recorded:?}");
}

#[tokio::test]
async fn what_went_on_without_a_decision_is_an_alarm_though_no_upstream_was_found() {
    let world = World::new();
    let line = Report { stamped: None, reached: false, attempts: 2, status: Some(503), ..world.line("d", 7) };
    let recorded = world.recorded(vec![line]).await;
    assert!(matches!(&recorded[..], [Entry::Ungoverned(_)]), "{recorded:?}");
    let again = Report { reached: false, attempts: 2, ..world.line("d", 7) };
    let recorded = world.recorded(vec![again]).await;
    assert!(matches!(&recorded[..], [_, Entry::Outcome(one)] if one.reached), "its first attempt may have");
}

#[tokio::test]
async fn what_the_proxy_answers_by_itself_is_no_denial() {
    let world = World::new();
    let line = Report { stamped: None, reached: false, attempts: 0, status: Some(301), ..world.line("d", 7) };
    assert_eq!(world.recorded(vec![line]).await, []);
    world.counts("answered", 1);
}

#[tokio::test]
async fn an_outcome_that_cannot_be_recorded_is_counted_and_the_next_is_the_first() {
    let world = World::new();
    world.ledger.close();
    world.outcomes.hear([world.line("d", 7), Report { stamped: None, ..world.line("d", 7) }]).await;
    world.counts("lost", 2);
    world.counts("ungoverned", 1);
    assert!(!world.outcomes.ended.note(7));
}

#[tokio::test]
async fn a_forward_that_met_no_upstream_says_so() {
    let world = World::new();
    let line = Report {
        reached: false,
        attempts: 1,
        status: Some(503),
        details: "upstream_reset_before_response_started{connection_failure}".to_owned(),
        ..world.line("d", 7)
    };
    let recorded = world.recorded(vec![line]).await;
    let [Entry::Outcome(one)] = &recorded[..] else { panic!("{recorded:?}") };
    assert!(!one.reached && one.termination.starts_with("upstream_reset"), "{one:?}");
}
