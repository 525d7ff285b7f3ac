//! What happens when a fact is recorded before an allow whose judge had not read it. The clock is read after the
//! ledger's size, so a test clock that appends a fact puts it between judging and recording.

use std::sync::atomic::{AtomicU32, Ordering};

use ledger::entry::{DecisionOutcome, DenialCode, FactScope, Posture, PostureChange};
use ledger::{Entry, Ledger, Options, SigningKey};
use warrant::Seconds;
use warrant::mint::{Grant, GrantDetail, Root};

use super::*;
use crate::bundles::PolicyInForce;
use crate::clock::Clock;
use crate::facts::BurnTable;
use crate::keys::DigestKey;
use crate::policy_fixture::{NOW, TestKey, bundle, files};
use crate::telemetry::{BundleFigures, LedgerFigures};
use policy::InForceUntil;
use policy::decision::Identity;

const PAYER: &str = "spiffe://shop/ns/shop/sa/payer";

struct TestGateway {
    gateway: Gateway,
    ledger: Ledger,
    /// How many more times a fact is recorded in between.
    facts: Arc<AtomicU32>,
    _directory: tempfile::TempDir,
}

fn test_gateway() -> TestGateway {
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
    let bundles = BundleFigures { policy: Arc::clone(&policy), status: Arc::default(), candidate: None };
    let gateway = Gateway {
        gatherer: Gatherer {
            clock,
            policy,
            ledger: ledger.clone(),
            chains: VerifiedChains::new(),
            environment: [].into(),
            posture: Posture::Normal,
        },
        burner: Burner { burns: BurnTable::default(), origin, burns_lost_at: None },
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
    TestGateway { gateway, ledger, facts, _directory: directory }
}

fn posture() -> Entry {
    let (by, reason, subject) = ("op".to_owned(), "a drill".to_owned(), String::new());
    PostureChange { by, reason, scope: FactScope::Mesh, stance: Posture::Normal, subject }.into()
}

/// One payment with a warrant for one use.
fn payment(jti: &str) -> IncomingRequest {
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
    IncomingRequest {
        proxy: Some("spiffe://shop/ns/shop/sa/payments".to_owned()),
        identity: Some(Identity(PAYER.to_owned())),
        client_address: None,
        http: Some(IncomingHttp {
            method: "POST".to_owned(),
            authority: b"payments.shop:8080".to_vec(),
            path: b"/v1/payments/a-7".to_vec(),
            headers: vec![("warrant".to_owned(), token.into_bytes())],
            are_raw: false,
            body: None,
        }),
    }
}

impl TestGateway {
    async fn code(&self, jti: &str, facts_between: u32) -> &'static str {
        self.facts.store(facts_between, Ordering::Relaxed);
        match self.gateway.decide(payment(jti)).await {
            Answer::Allow(_) => "allowed",
            Answer::Deny(denial_answer) => denial_answer.denied.denial.code(),
        }
    }

    /// Outcome and number of burned items of each recorded decision; each is judged again, with the same bytes as
    /// result.
    fn on_record(&self) -> Vec<(String, usize)> {
        // Denials are not waited for; everything that was submitted before this entry is durable with it.
        self.ledger.append(posture()).unwrap();
        let bundle = bundle(&files());
        let decided = |entry| {
            let Entry::Decision(decision) = entry else { return None };
            let again = policy::on_a_deep_stack(|| crate::record::judge_again(&decision, &bundle)).unwrap();
            assert_eq!(again, crate::record::JudgedAgain::Same, "judged again: {decision:?}");
            Some((decision.outcome.to_string(), decision.burned.len()))
        };
        self.ledger.read(0).unwrap().filter_map(|record| decided(record.unwrap().entry)).collect()
    }
}

#[tokio::test]
async fn a_fact_in_between_causes_a_second_judging_that_the_burned_use_pays_for() {
    let test = test_gateway();
    assert_eq!(test.code("one", 0).await, "allowed");
    assert_eq!(test.code("two", 1).await, "allowed", "it is judged again, and the same use pays for it");
    assert_eq!(test.code("two", 0).await, "replayed", "it was burned once, and only once");
    assert_eq!(
        test.on_record(),
        [("allowed", 1), ("allowed", 1), ("replayed", 0)].map(|(code, burned)| (code.to_owned(), burned))
    );
}

#[tokio::test]
async fn a_second_fact_in_between_denies_and_the_use_stays_burned_also_after_a_restart() {
    let test = test_gateway();
    assert_eq!(test.code("one", 2).await, "governance-stale");
    assert_eq!(test.code("one", 0).await, "replayed");
    let stale = DecisionOutcome::Denied(DenialCode::GovernanceStale).to_string();
    assert_eq!(test.on_record(), [(stale, 1), ("replayed".to_owned(), 0)], "the record says what was burned");
    let (folded, _) = crate::facts::fold(&test.ledger, Seconds::new(NOW)).unwrap();
    assert_eq!(folded.burns.len(), 1);
}

#[tokio::test]
async fn an_allow_that_comes_after_the_deadline_is_recorded_as_not_forwarded() {
    let test = test_gateway();
    let asked = Arc::new(payment("late"));
    let decision = DecisionId::random();
    let mut run = Box::pin(test.gateway.run(&decision, &asked));
    // One poll: the request is judged, paid for, and on its way into the record, which takes a sync.
    assert!(polled_once(run.as_mut()).await.is_none(), "nothing is allowed without waiting");
    drop(run);

    test.ledger.append(posture()).unwrap();
    let entries: Vec<Entry> = test.ledger.read(0).unwrap().map(|record| record.unwrap().entry).collect();
    let decided =
        entries.iter().position(|entry| matches!(entry, Entry::Decision(one) if one.id == decision.as_str()));
    let ended = entries.iter().position(
        |entry| matches!(entry, Entry::Outcome(one) if one.id == decision.as_str() && one.termination == "deadline-exceeded"),
    );
    assert!(decided.is_some() && decided < ended, "{decided:?} {ended:?}");
    let Some(Entry::Outcome(outcome)) = ended.map(|place| &entries[place]) else { panic!("{ended:?}") };
    assert_eq!(usize::try_from(outcome.index).ok(), decided, "the outcome names the entry of its decision");
    assert_eq!(test.code("late", 0).await, "replayed", "what it had burned stays burned");
}

#[tokio::test]
async fn a_request_that_no_entry_can_hold_is_denied_and_counted_before_anything_is_burned() {
    let test = test_gateway();
    let asked = |length: usize| {
        let mut asked = payment("long");
        asked.http.as_mut().unwrap().path = [b"/v1/payments/".to_vec(), vec![b'a'; length]].concat();
        asked
    };
    // The first does not fit together with what would be burned; the second does not fit at all.
    for (length, is_summarised) in [(60_000, false), (70_000, true)] {
        let Answer::Deny(denial_answer) = test.gateway.decide(asked(length)).await else { panic!("allowed") };
        assert_eq!(
            (denial_answer.denied.denial.code(), denial_answer.is_summarised),
            ("arguments-invalid", is_summarised)
        );
    }
    test.gateway.recorder.record_floods(true);
    assert!(matches!(test.gateway.decide(asked(40_000)).await, Answer::Allow(_)), "nothing was burned");
    let recorded = [("arguments-invalid", 0), ("allowed", 1)].map(|(code, burned)| (code.to_owned(), burned));
    assert_eq!(test.on_record(), recorded);
    let counted = test.ledger.read(0).unwrap().find_map(|record| {
        let Entry::Denials(denials) = record.unwrap().entry else { return None };
        Some((denials.reason, denials.count))
    });
    assert_eq!(counted, Some(("arguments-invalid".to_owned(), 1)));
}

#[tokio::test]
async fn neither_a_query_nor_a_fragment_is_ever_recorded() {
    let test = test_gateway();
    for (path, code) in
        [("/v1/payments/a-7?card=1", "outside-warrant"), ("/v1/a#card?b", "request-ambiguous")]
    {
        let mut asked = payment("p");
        asked.http.as_mut().unwrap().path = path.as_bytes().to_vec();
        let Answer::Deny(denial_answer) = test.gateway.decide(asked).await else { panic!("allowed") };
        assert_eq!(denial_answer.denied.denial.code(), code);
    }
    test.on_record();
    let paths: Vec<String> =
        test.ledger
            .read(0)
            .unwrap()
            .filter_map(|record| {
                if let Entry::Decision(decision) = record.unwrap().entry { Some(decision) } else { None }
            })
            .map(|decision| String::from_utf8_lossy(decision.request.path.as_bytes()).into_owned())
            .collect();
    assert_eq!(paths, ["/v1/payments/a-7", "/v1/a"]);
}

#[tokio::test]
async fn what_was_burned_fits_into_the_record_however_long_the_rest_is() {
    let test = test_gateway();
    assert_eq!(test.code("one", 0).await, "allowed");
    test.on_record();
    let decided = test.ledger.read(0).unwrap().find_map(|record| {
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

/// The result of polling a future once.
async fn polled_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_request_line_that_the_raw_headers_do_not_repeat_is_ambiguous() {
    let test = test_gateway();
    let line = [(":method", "POST"), (":authority", "payments.shop:8080"), (":path", "/v1/payments/a-7")];
    let code = async |jti: &str, headers: &[(&str, &str)]| {
        let mut asked = payment(jti);
        let http = asked.http.as_mut().unwrap();
        http.are_raw = true;
        http.headers
            .extend(headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())));
        match test.gateway.decide(asked).await {
            Answer::Allow(_) => "allowed",
            Answer::Deny(denial_answer) => denial_answer.denied.denial.code(),
        }
    };
    assert_eq!(code("whole", &line).await, "allowed");
    for missing in 0..line.len() {
        let mut short = line.to_vec();
        let (name, _) = short.remove(missing);
        assert_eq!(code("short", &short).await, "request-ambiguous", "without {name}");
        let twice = [&line[..], &line[missing..=missing]].concat();
        assert_eq!(code("twice", &twice).await, "request-ambiguous", "{name} twice");
        let mut other = line;
        other[missing].1 = "OTHER";
        assert_eq!(code("other", &other).await, "request-ambiguous", "another {name}");
    }
}
