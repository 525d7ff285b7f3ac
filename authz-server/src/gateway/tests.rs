//! What happens when a fact comes before an allow that had not read it. The clock is read after the ledger's size, so a
//! clock that appends a fact is a fact that comes between judging and recording.

use std::sync::atomic::{AtomicU32, Ordering};

use ledger::entry::{DecisionOutcome, FactScope, Posture, PostureChange};
use ledger::{Entry, Ledger, Options, SigningKey};
use warrant::Seconds;
use warrant::mint::{Grant, GrantDetail, Root};

use super::*;
use crate::bundles::PolicyInForce;
use crate::clock::Clock;
use crate::facts::Uses;
use crate::keys::DigestKey;
use crate::policy_fixture::{NOW, TestKey, bundle, files};
use crate::telemetry::{BundleFigures, LedgerFigures};
use policy::InForceUntil;
use policy::decision::Identity;

const PAYER: &str = "spiffe://shop/ns/shop/sa/payer";

struct World {
    gateway: Gateway,
    ledger: Ledger,
    /// So many more times a fact comes in between.
    facts: Arc<AtomicU32>,
    _directory: tempfile::TempDir,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let options = || Options::new(SigningKey::from_seed(&[9; 32]).unwrap(), Arc::new(|| NOW * 1000), "test");
    Ledger::init(&path, "shop", &options()).unwrap();
    let ledger = Ledger::open(&path, options()).unwrap();
    let facts: Arc<AtomicU32> = Arc::default();
    let clock = Clock::from_fn({
        let (ledger, facts) = (ledger.clone(), Arc::clone(&facts));
        move || {
            let due = |left: u32| left.checked_sub(1);
            if facts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
                ledger.append(posture()).unwrap();
            }
            NOW * 1000
        }
    });
    let bundle = bundle(&files());
    let origin = bundle.burner().to_owned();
    let policy = Arc::new(PolicyInForce::new(bundle, Some(InForceUntil(Seconds::new(NOW + 60)))));
    let bundles = BundleFigures { policy: Arc::clone(&policy), news: Arc::default(), candidate: None };
    let gateway = Gateway {
        gatherer: Gatherer {
            clock,
            policy,
            ledger: ledger.clone(),
            verified: Verified::new(),
            environment: [].into(),
            stance: Posture::Normal,
        },
        burner: Burner { uses: Uses::default(), origin, forgot: None },
        recorder: Recorder::new(
            ledger.clone(),
            DigestKey::generate().unwrap(),
            500,
            Clock::from_fn(|| NOW * 1000),
        ),
        admission: Admission::of(8),
        metrics: Arc::new(Metrics::new(LedgerFigures::new(ledger.clone()), bundles)),
        shadow: None,
        deadline: Duration::from_secs(5),
    };
    World { gateway, ledger, facts, _directory: directory }
}

fn posture() -> Entry {
    let (by, reason, subject) = ("op".to_owned(), "a drill".to_owned(), String::new());
    PostureChange { by, reason, scope: FactScope::Mesh, stance: Posture::Normal, subject }.into()
}

/// One payment with a warrant for one use.
fn payment(jti: &str) -> Asked {
    let detail = GrantDetail {
        hosts: vec!["payments.shop".to_owned()],
        methods: vec!["POST".to_owned()],
        paths: vec!["/v1/**".to_owned()],
        ..GrantDetail::default()
    };
    let grant = Grant {
        sub: PAYER.to_owned(),
        cnf: *warrant::mint::Signer::public_key(&TestKey::new(2)),
        aud: vec!["shop".to_owned()],
        jti: jti.to_owned(),
        iat: Seconds::new(NOW),
        nbf: Seconds::new(NOW),
        exp: Seconds::new(NOW + 60),
        max_depth: 0,
        use_max: Some(1),
        env: vec![],
        att: None,
        details: vec![detail],
    };
    let (iss, txn) = ("https://authority.shop".to_owned(), "t".to_owned());
    let root = Root { iss, txn, ini: None, pol: None, dec: None, attr: None, grant };
    let token = root.sign(&TestKey::new(1), "a1").unwrap();
    Asked {
        proxy: Some("spiffe://shop/ns/shop/sa/payments".to_owned()),
        identity: Some(Identity(PAYER.to_owned())),
        peer: None,
        http: Some(AskedHttp {
            method: "POST".to_owned(),
            authority: b"payments.shop:8080".to_vec(),
            path: b"/v1/payments/a-7".to_vec(),
            headers: vec![("warrant".to_owned(), token.into_bytes())],
            are_raw: false,
            body: None,
        }),
    }
}

impl World {
    async fn code(&self, jti: &str, facts_between: u32) -> &'static str {
        self.facts.store(facts_between, Ordering::Relaxed);
        match self.gateway.decide(payment(jti)).await {
            Answer::Allow(_) => "allowed",
            Answer::Deny(refusal) => refusal.denied.denial.code(),
        }
    }

    /// Outcome, and how much was spent, of each decision on record; each is judged again, to the same bytes.
    fn on_record(&self) -> Vec<(String, usize)> {
        // Denials are not waited for; whatever was handed over before this is durable with it.
        self.ledger.append(posture()).unwrap();
        let bundle = bundle(&files());
        let decided = |entry| {
            let Entry::Decision(decision) = entry else { return None };
            let again = policy::on_a_deep_stack(|| crate::record::again(&decision, &bundle)).unwrap();
            assert_eq!(again, crate::record::Again::Same, "judged again: {decision:?}");
            Some((decision.outcome.to_string(), decision.burned.len()))
        };
        self.ledger.read(0).unwrap().filter_map(|record| decided(record.unwrap().entry)).collect()
    }
}

#[tokio::test]
async fn a_fact_in_between_has_it_judged_once_more_on_the_use_that_is_spent() {
    let world = world();
    assert_eq!(world.code("one", 0).await, "allowed");
    assert_eq!(world.code("two", 1).await, "allowed", "judged again, and the same use pays for it");
    assert_eq!(world.code("two", 0).await, "replayed", "it was spent once, and once only");
    assert_eq!(
        world.on_record(),
        [("allowed", 1), ("allowed", 1), ("replayed", 0)].map(|(code, spent)| (code.to_owned(), spent))
    );
}

#[tokio::test]
async fn a_second_fact_in_between_denies_and_the_use_stays_spent_over_a_start_too() {
    let world = world();
    assert_eq!(world.code("one", 2).await, "governance-stale");
    assert_eq!(world.code("one", 0).await, "replayed");
    let stale = DecisionOutcome::Denied("governance-stale".to_owned()).to_string();
    assert_eq!(world.on_record(), [(stale, 1), ("replayed".to_owned(), 0)], "the record says what was spent");
    let (folded, _) = crate::facts::fold(&world.ledger, Seconds::new(NOW)).unwrap();
    assert_eq!(folded.uses.len(), 1);
}

#[tokio::test]
async fn an_allow_that_nobody_waits_for_any_more_is_said_to_have_come_to_nothing() {
    let world = world();
    let asked = Arc::new(payment("late"));
    let decision = DecisionId::random();
    let mut run = Box::pin(world.gateway.run(&decision, &asked));
    // Once: it is judged, paid for, and on its way into the record, which takes a sync.
    assert!(polled_once(run.as_mut()).await.is_none(), "nothing is allowed without waiting");
    drop(run);

    world.ledger.append(posture()).unwrap();
    let entries: Vec<Entry> = world.ledger.read(0).unwrap().map(|record| record.unwrap().entry).collect();
    let decided =
        entries.iter().position(|entry| matches!(entry, Entry::Decision(one) if one.id == decision.as_str()));
    let ended = entries.iter().position(
        |entry| matches!(entry, Entry::Outcome(one) if one.id == decision.as_str() && one.termination == "deadline-exceeded"),
    );
    assert!(decided.is_some() && decided < ended, "{decided:?} {ended:?}");
    assert_eq!(world.code("late", 0).await, "replayed", "what it had burned stays burned");
}

#[tokio::test]
async fn what_no_entry_can_hold_is_denied_before_anything_is_spent_and_counted() {
    let world = world();
    let asked = |length: usize| {
        let mut asked = payment("long");
        asked.http.as_mut().unwrap().path = [b"/v1/payments/".to_vec(), vec![b'a'; length]].concat();
        asked
    };
    // Not with what would be spent; and not at all.
    for (length, is_summarised) in [(60_000, false), (70_000, true)] {
        let Answer::Deny(refusal) = world.gateway.decide(asked(length)).await else { panic!("allowed") };
        assert_eq!(
            (refusal.denied.denial.code(), refusal.is_summarised),
            ("arguments-invalid", is_summarised)
        );
    }
    world.gateway.recorder.record_floods(true);
    assert!(matches!(world.gateway.decide(asked(40_000)).await, Answer::Allow(_)), "nothing was spent");
    let recorded = [("arguments-invalid", 0), ("allowed", 1)].map(|(code, spent)| (code.to_owned(), spent));
    assert_eq!(world.on_record(), recorded);
    let counted = world.ledger.read(0).unwrap().find_map(|record| {
        let Entry::Denials(denials) = record.unwrap().entry else { return None };
        Some((denials.reason, denials.count))
    });
    assert_eq!(counted, Some(("arguments-invalid".to_owned(), 1)));
}

#[tokio::test]
async fn what_was_spent_finds_its_place_in_the_record_however_long_the_rest_is() {
    let world = world();
    assert_eq!(world.code("one", 0).await, "allowed");
    world.on_record();
    let decided = world.ledger.read(0).unwrap().find_map(|record| {
        let Entry::Decision(decision) = record.unwrap().entry else { return None };
        Some(decision)
    });
    let mut long = decided.unwrap();
    assert!(recording::fits(&long, 0));
    long.request.path = ledger::entry::RequestText::from("\u{1}".repeat(30_000).as_str());
    assert!(!recording::fits(&long, 0));
    let before = (long.id.clone(), long.verdict.clone(), long.burned.clone());
    recording::shorten(&mut long);
    assert!(recording::fits(&long, 60_000));
    assert_eq!((long.id, long.verdict, long.burned), before);
}

/// What a future says to one poll.
async fn polled_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_request_line_that_the_raw_headers_do_not_repeat_is_ambiguous() {
    let world = world();
    let line = [(":method", "POST"), (":authority", "payments.shop:8080"), (":path", "/v1/payments/a-7")];
    let said = async |jti: &str, headers: &[(&str, &str)]| {
        let mut asked = payment(jti);
        let http = asked.http.as_mut().unwrap();
        http.are_raw = true;
        http.headers
            .extend(headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())));
        match world.gateway.decide(asked).await {
            Answer::Allow(_) => "allowed",
            Answer::Deny(refusal) => refusal.denied.denial.code(),
        }
    };
    assert_eq!(said("whole", &line).await, "allowed");
    for missing in 0..line.len() {
        let mut short = line.to_vec();
        let (name, _) = short.remove(missing);
        assert_eq!(said("short", &short).await, "request-ambiguous", "without {name}");
        let twice = [&line[..], &line[missing..=missing]].concat();
        assert_eq!(said("twice", &twice).await, "request-ambiguous", "{name} twice");
        let mut other = line;
        other[missing].1 = "OTHER";
        assert_eq!(said("other", &other).await, "request-ambiguous", "another {name}");
    }
}
