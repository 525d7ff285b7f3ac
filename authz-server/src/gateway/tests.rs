//! What happens when a fact is recorded before an allow whose judge had not read it. The clock is read after the
//! ledger's size, so a test clock that appends a fact puts it between judging and recording.

mod burning;
mod races;
mod running;
mod terms;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ledger::entry::{Decision, DecisionOutcome, DenialCode, ENTRY_BYTES_AT_MOST, Posture, Stop};
use ledger::{Entry, Ledger};
use warrant::Seconds;
use warrant::mint::{Grant, GrantDetail, NewProof, Root};

use super::*;
use crate::bundles::{PolicyInForce, activation};
use crate::clock::Clock;
use crate::facts::test_ledger::{TestLedger, follow_from_here};
use crate::facts::{self, BurnTable, ForwardList, examples};
use crate::keys::DigestKey;
use crate::policy_fixture::{NOW, PAY_FILE, TestKey, bundle, edit, edited, files};
use crate::record::EarlierTerms;
use crate::telemetry::{BundleFigures, LedgerFigures};
use policy::{Bundle, Files, InForceUntil};

const PAYER: &str = "spiffe://shop/ns/shop/sa/payer";

type Between = Box<dyn FnOnce() + Send>;

struct TestGateway {
    gateway: Gateway,
    ledger: Ledger,
    policy: Arc<PolicyInForce>,
    readings: Arc<Readings>,
    /// What happens after the next judge has read the facts, and before its decision is recorded.
    between: Arc<Mutex<Option<Between>>>,
    /// How many more times a fact is recorded in between.
    facts: Arc<AtomicU32>,
    /// For how many milliseconds the server stands still after the next judge has read the clock. An entry is recorded then.
    pause: Arc<AtomicU64>,
    files: Files,
    _directory: tempfile::TempDir,
}

fn test_gateway() -> TestGateway {
    test_gateway_with(files())
}

/// The payments' proxy sends no certificates here, so the bundle says that it may.
fn strict(mut files: Files) -> Files {
    edit(&mut files, "proxies.yaml", "sa/payments\", hosts", "sa/payments\", strictMtls: true, hosts");
    files
}

fn test_gateway_with(files: Files) -> TestGateway {
    let files = strict(files);
    let TestLedger { ledger, now, directory, .. } = TestLedger::new();
    let (facts, pause) = (Arc::<AtomicU32>::default(), Arc::<AtomicU64>::default());
    let between = Arc::<Mutex<Option<Between>>>::default();
    let clock = Clock::from_fn({
        let (ledger, facts, pause) = (ledger.clone(), Arc::clone(&facts), Arc::clone(&pause));
        let between = Arc::clone(&between);
        move || {
            let next = between.lock().unwrap().take();
            if let Some(happen) = next {
                happen();
            }
            let due = |left: u32| left.checked_sub(1);
            if facts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
                ledger.append(posture()).unwrap();
            }
            let read = now.load(Ordering::Relaxed);
            let pause = pause.swap(0, Ordering::Relaxed);
            if pause > 0 {
                now.fetch_add(pause, Ordering::Relaxed);
                ledger.append(Stop { refused: 0 }.into()).unwrap();
            }
            read
        }
    });
    let bundle = bundle(&files);
    let origin = bundle.burner().to_owned();
    let policy = Arc::new(PolicyInForce::new(bundle, Some(InForceUntil(Seconds::new(NOW + 600)))));
    let bundles = BundleFigures { policy: Arc::clone(&policy), status: Arc::default(), candidate: None };
    let gateway = Gateway {
        gatherer: Gatherer {
            clock,
            live: follow_from_here(&ledger, ForwardList::default(), &policy, Vec::new()),
            chains: VerifiedChains::new(),
            certificates: ReadCertificates::default(),
            environment: [].into(),
        },
        burner: Burner { burns: BurnTable::default(), origin, burns_lost_at: None },
        recorder: Recorder::new(
            ledger.clone(),
            DigestKey::generate().unwrap(),
            500,
            Clock::from_fn(|| NOW * 1000),
        ),
        admission: Admission::of(16),
        metrics: Arc::new(Metrics::new(LedgerFigures::new(ledger.clone()), bundles)),
        receipts: None,
        shadow: None,
        deadline: Duration::from_secs(5),
        resource_page: None,
    };
    let readings = Arc::new(Readings::default());
    readings.note(policy.active().bundle());
    TestGateway { gateway, ledger, policy, readings, between, facts, pause, files, _directory: directory }
}

fn posture() -> Entry {
    examples::posture(Posture::Normal, None).into()
}

/// Activates a bundle. Returns the index of the entry.
fn activate(policy: &PolicyInForce, ledger: &Ledger, bundle: Bundle) -> u64 {
    let entry = activation(&bundle, Some(policy.active().bundle().digest()));
    let mut index = 0;
    let record = || ledger.append(entry.into()).map(|receipt| index = receipt.index());
    policy.activate(Arc::new(bundle), InForceUntil(Seconds::new(NOW + 600)), record).unwrap();
    index
}

/// A warrant of the authority for the key 2.
fn warrant(jti: &str, sub: &str, use_max: Option<u32>, details: (&str, &str, &str)) -> String {
    warrant_of("t", jti, sub, use_max, details)
}

/// The same in this lineage.
fn warrant_of(
    txn: &str,
    jti: &str,
    sub: &str,
    use_max: Option<u32>,
    (method, host, paths): (&str, &str, &str),
) -> String {
    let detail = GrantDetail {
        hosts: vec![host.to_owned()],
        methods: vec![method.to_owned()],
        paths: vec![paths.to_owned()],
        ..GrantDetail::default()
    };
    let grant = Grant {
        sub: sub.to_owned(),
        cnf: *warrant::mint::Signer::public_key(&TestKey::new(2)),
        aud: vec!["shop".to_owned()],
        jti: jti.to_owned(),
        iat: Seconds::new(NOW),
        nbf: Seconds::new(NOW),
        exp: Seconds::new(NOW + 60),
        max_depth: 0,
        use_max,
        env: vec![],
        att: None,
        details: vec![detail],
    };
    let (iss, txn) = ("https://authority.shop".to_owned(), txn.to_owned());
    let root = Root { iss, txn, ini: None, pol: None, dec: None, attr: None, grant };
    root.sign(&TestKey::new(1), "a1").unwrap()
}

/// One payment with a warrant for one use.
fn payment(jti: &str) -> IncomingRequest {
    payment_of("t", jti)
}

/// The same in this lineage.
fn payment_of(txn: &str, jti: &str) -> IncomingRequest {
    let token = warrant_of(txn, jti, PAYER, Some(1), ("POST", "payments.shop", "/v1/**"));
    IncomingRequest {
        proxy: Some("spiffe://shop/ns/shop/sa/payments".to_owned()),
        client: ClientPeer { principal: PAYER.to_owned(), certificate: String::new() },
        client_address: None,
        http: Some(IncomingHttp {
            scheme: "http".to_owned(),
            method: "POST".to_owned(),
            authority: b"payments.shop:8080".to_vec(),
            path: b"/v1/payments/a-7".to_vec(),
            headers: vec![("warrant".to_owned(), token.into_bytes())],
            are_raw: false,
            body: IncomingBody::Absent,
        }),
    }
}

impl Drop for TestGateway {
    /// An answer may come before the writer has let go of what the caller gave it. The ledger must be closed here, and not
    /// where its last handle happens to be dropped: its directory is about to be removed.
    fn drop(&mut self) {
        self.ledger.close();
    }
}

impl TestGateway {
    async fn code(&self, jti: &str, facts_between: u32) -> &'static str {
        self.facts.store(facts_between, Ordering::Relaxed);
        self.answer(payment(jti)).await
    }

    async fn answer(&self, request: IncomingRequest) -> &'static str {
        match self.decide(request).await {
            Answer::Allow(_) => "allowed",
            Answer::Deny(denial_answer) => denial_answer.denied.denial.code(),
        }
    }

    async fn decide(&self, request: IncomingRequest) -> Answer {
        match self.gateway.admission.enter("local") {
            Ok(arrival) => self.gateway.decide(request, arrival).await,
            Err(denial) => self.gateway.turn_away(denial, request.source()),
        }
    }

    /// The bytes of the entry at this index.
    fn entry(&self, index: u64) -> Vec<u8> {
        self.ledger.read(index).unwrap().next_bytes().unwrap().unwrap().1.to_vec()
    }

    /// Finds the terms of a decision that refers to an earlier one, in the log.
    fn complete(&self, decision: &mut Decision) {
        let earlier = EarlierTerms::default();
        earlier
            .complete(decision, |index| Ok::<_, std::convert::Infallible>(Some(self.entry(index))))
            .unwrap();
    }

    /// Outcome and number of burned items of each recorded decision. Each whose path is recorded whole is judged again,
    /// with the same bytes as result.
    fn on_record(&self) -> Vec<(String, usize)> {
        // Denials are not waited for; everything that was submitted before this entry is durable with it.
        self.ledger.append(posture()).unwrap();
        let bundle = bundle(&self.files);
        let decided = |entry| {
            let Entry::Decision(mut decision) = entry else { return None };
            self.complete(&mut decision);
            let again = policy::on_a_deep_stack(|| crate::record::judge_again(&decision, &bundle)).unwrap();
            let expected = match decision.request.path.whole() {
                Some(_) => crate::record::JudgedAgain::Same,
                None => crate::record::JudgedAgain::Withheld,
            };
            assert_eq!(again, expected, "judged again: {decision:?}");
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
async fn the_second_judging_asks_its_own_bundle_whether_a_proxy_may_send_no_certificates() {
    let test = test_gateway();
    let doubting = bundle(&files());
    let (policy, ledger) = (Arc::clone(&test.policy), test.ledger.clone());
    *test.between.lock().unwrap() = Some(Box::new(move || {
        activate(&policy, &ledger, doubting);
    }));
    assert_eq!(test.code("one", 0).await, "identity-missing");
    let counted = test.gateway.metrics.exposition();
    assert!(!counted.contains("identity_missing_total{"), "the client was identified at first: {counted}");
    assert_eq!(test.code("two", 0).await, "identity-missing");
    let counted = test.gateway.metrics.exposition();
    assert!(counted.contains("identity_missing_total{reason=\"certificate-absent\"} 1"), "{counted}");
}

#[tokio::test]
async fn a_second_fact_in_between_denies_and_the_use_stays_burned_also_after_a_restart() {
    let test = test_gateway();
    assert_eq!(test.code("one", 2).await, "governance-stale");
    assert_eq!(test.code("one", 0).await, "replayed");
    let stale = DecisionOutcome::Denied(DenialCode::GovernanceStale).to_string();
    assert_eq!(test.on_record(), [(stale, 1), ("replayed".to_owned(), 0)], "the record says what was burned");
    assert_eq!(crate::facts::fold(&test.ledger).unwrap().0.burns.len(), 1);
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

    // When the first is durable, the outcome is queued; when the second is durable, the outcome is too. They are not facts,
    // which would overtake the decision.
    test.ledger.append(Stop { refused: 0 }.into()).unwrap();
    test.ledger.append(Stop { refused: 0 }.into()).unwrap();
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
    // The first does not fit together with the rest; the second does not fit at all.
    for length in [65_000, 70_000] {
        let answer = test.decide(with_path("long", &long_path(length))).await;
        let Answer::Deny(denial_answer) = answer else { panic!("allowed") };
        assert_eq!(
            (denial_answer.denied.denial.code(), denial_answer.is_summarised),
            ("arguments-invalid", false)
        );
    }
    let allowed = test.decide(with_path("long", &long_path(40_000))).await;
    assert!(matches!(allowed, Answer::Allow(_)), "nothing was burned");
    let recorded = [("arguments-invalid", 0), ("arguments-invalid", 0), ("allowed", 1)];
    assert_eq!(test.on_record(), recorded.map(|(code, burned)| (code.to_owned(), burned)));
}

fn with_path(jti: &str, path: &str) -> IncomingRequest {
    let mut asked = payment(jti);
    asked.http.as_mut().unwrap().path = path.as_bytes().to_vec();
    asked
}

fn long_path(length: usize) -> String {
    format!("/v1/payments/{}", "a".repeat(length))
}

#[tokio::test]
async fn a_denial_whose_arguments_no_entry_can_hold_is_counted() {
    let reads = "  args: {a: {from: body:/a, type: strings}, b: {from: body:/b, type: strings}, c: {from: body:/c, type: strings}, d: {from: body:/d, type: strings}}\n  callers:";
    let test = test_gateway_with(edited(PAY_FILE, "  callers:", reads));
    let mut asked = payment("large");
    let http = asked.http.as_mut().unwrap();
    let texts = serde_json::json!(vec!["a".repeat(250); 64]);
    let body = serde_json::json!({"a": texts, "b": texts, "c": texts, "d": texts});
    http.headers.push(("content-type".to_owned(), b"application/json".to_vec()));
    http.body = IncomingBody::Whole(body.to_string().into_bytes());
    let Answer::Deny(denial_answer) = test.decide(asked).await else { panic!("allowed") };
    assert_eq!(
        (denial_answer.denied.denial.code(), denial_answer.is_summarised),
        ("arguments-invalid", true)
    );
    test.gateway.recorder.record_floods(true);
    assert_eq!(test.on_record(), []);
    let counted = test.ledger.read(0).unwrap().find_map(|record| {
        let Entry::Denials(denials) = record.unwrap().entry else { return None };
        Some((denials.reason, denials.count))
    });
    assert_eq!(counted, Some(("arguments-invalid".to_owned(), 1)));
}

#[tokio::test]
async fn a_denial_keeps_only_the_beginning_of_a_long_path_and_an_allow_keeps_all_of_it() {
    let test = test_gateway();
    let path = long_path(30_000);
    let recorded = async |asked| {
        test.decide(asked).await;
        test.on_record();
        let entries = test.ledger.read(0).unwrap();
        let decided = entries.filter_map(|record| {
            let Entry::Decision(decision) = record.unwrap().entry else { return None };
            Some(decision)
        });
        decided.last().unwrap()
    };

    let allowed = recorded(with_path("one", &path)).await;
    assert_eq!(
        (allowed.outcome.to_string().as_str(), allowed.request.path.kept()),
        ("allowed", path.as_bytes())
    );

    let denied = recorded(with_path("one", &path)).await;
    assert_eq!(denied.outcome.to_string(), "replayed");
    let as_json = serde_json::to_value(&denied.request.path).unwrap();
    let digest = warrant::Digest::of(path.as_bytes()).to_string();
    assert_eq!(
        as_json,
        serde_json::json!({"digest": digest, "length": path.len(), "start": long_path(1024 - long_path(0).len())})
    );
    assert!(denied.len_at_most().unwrap() < 3_000, "{:?}", denied.len_at_most());
}

#[tokio::test]
async fn a_password_in_the_authority_and_a_fragment_are_not_recorded() {
    let test = test_gateway();
    let mut asked = with_path("one", "/v1/payments/a-7#token=s3cret");
    asked.http.as_mut().unwrap().authority = b"user:s3cret@payments.shop:8080".to_vec();
    assert!(matches!(test.decide(asked).await, Answer::Deny(_)));
    let mut asked = payment("one");
    asked.http.as_mut().unwrap().authority = b"user:s3cret@payments.shop:8080".to_vec();
    let Answer::Deny(denied) = test.decide(asked).await else { panic!("allowed") };
    assert_eq!(denied.denied.denial.code(), "target-mismatch");

    let codes = ["request-ambiguous", "target-mismatch"].map(|code| (code.to_owned(), 0));
    assert_eq!(test.on_record(), codes);
    for record in test.ledger.read(0).unwrap() {
        let entry = format!("{:?}", record.unwrap().entry);
        assert!(!entry.contains("s3cret") && !entry.contains("user"), "{entry}");
    }
}

#[tokio::test]
async fn a_proof_that_covers_another_body_is_invalid_even_where_the_route_reads_no_body() {
    let test = test_gateway_with(edited(PAY_FILE, "holder: mtls", "holder: proof"));
    let code = async |jti: &str, covered: Option<&[u8]>, sent: IncomingBody| {
        let mut asked = payment(jti);
        let http = asked.http.as_mut().unwrap();
        let header = String::from_utf8(http.headers[0].1.clone()).unwrap();
        let proof = NewProof {
            jti: jti.to_owned(),
            iat: Seconds::new(NOW),
            method: "POST",
            authority: "payments.shop:8080",
            path_and_query: "/v1/payments/a-7",
            warrant_header: &header,
            body: covered,
        };
        let proof = proof.sign(&TestKey::new(2)).unwrap();
        http.headers.push(("warrant-proof".to_owned(), proof.into_bytes()));
        http.body = sent;
        match test.decide(asked).await {
            Answer::Allow(_) => "allowed",
            Answer::Deny(denial_answer) => denial_answer.denied.denial.code(),
        }
    };
    let whole = || IncomingBody::Whole(b"{}".to_vec());
    assert_eq!(code("same", Some(b"{}"), whole()).await, "allowed");
    assert_eq!(code("none", None, whole()).await, "allowed");
    assert_eq!(code("other", Some(b"[]"), whole()).await, "proof-invalid");
    for (jti, sent) in
        [("cut", IncomingBody::Partial), ("text", IncomingBody::Text), ("unsent", IncomingBody::Absent)]
    {
        assert_eq!(code(jti, Some(b"[]"), sent).await, "allowed", "only a whole body can be compared");
    }
}

#[tokio::test]
async fn neither_a_query_nor_a_fragment_is_ever_recorded() {
    let test = test_gateway();
    for (path, code) in
        [("/v1/payments/a-7?card=1", "outside-warrant"), ("/v1/a#card?b", "request-ambiguous")]
    {
        let mut asked = payment("p");
        asked.http.as_mut().unwrap().path = path.as_bytes().to_vec();
        let Answer::Deny(denial_answer) = test.decide(asked).await else { panic!("allowed") };
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
            .map(|decision| String::from_utf8_lossy(decision.request.path.kept()).into_owned())
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
    let length = |decision: &Decision| decision.len_at_most().unwrap();
    assert!(length(&long) < ENTRY_BYTES_AT_MOST);
    long.request.path = ledger::entry::RequestText::from("\u{1}".repeat(30_000).as_str());
    assert!(length(&long) > ENTRY_BYTES_AT_MOST);
    let before = (long.id.clone(), long.verdict.clone(), long.burns().collect::<Vec<_>>());
    long.request.shorten();
    recording::shorten(&mut long);
    assert!(length(&long) + 50_000 < ENTRY_BYTES_AT_MOST);
    let burned = long.burns().collect();
    assert_eq!((long.id, long.verdict, burned), before);
}

/// The result of polling a future once.
async fn polled_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// Envoy writes `!` for every byte that is not UTF-8, unless it sends the raw headers too.
#[tokio::test]
async fn without_raw_headers_a_path_with_an_exclamation_mark_is_ambiguous() {
    let test = test_gateway();
    let answer = async |jti: &str, are_raw: bool, path: &str| {
        let mut asked = payment(jti);
        let http = asked.http.as_mut().unwrap();
        http.are_raw = are_raw;
        http.path = path.as_bytes().to_vec();
        if are_raw {
            let line = [(":method", "POST"), (":authority", "payments.shop:8080"), (":path", path)];
            http.headers.extend(line.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())));
        }
        match test.decide(asked).await {
            Answer::Allow(_) => "allowed",
            Answer::Deny(denial_answer) => denial_answer.denied.denial.code(),
        }
    };
    assert_eq!(answer("plain", false, "/v1/payments/a-7").await, "allowed");
    assert_eq!(answer("mark", false, "/v1/payments/a!7").await, "request-ambiguous");
    assert_eq!(answer("query", false, "/v1/payments/a-7?x=!").await, "request-ambiguous");
    assert_ne!(answer("raw", true, "/v1/payments/a!7").await, "request-ambiguous");
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
        match test.decide(asked).await {
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
