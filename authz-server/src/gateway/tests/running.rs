//! Forwards that are judged again while they run: by the same gateway, ledger and facts that allowed them.

use ledger::entry::{AttestationStatement, ConditionStatement, FactScope, PostureChange};

use super::burning::greeting_under;
use super::races::{attested, begun, signer};
use super::*;
use crate::facts::examples::{attestation, condition, posture, revocation};
use crate::gateway::running::JudgeOfForwards;

impl TestGateway {
    /// The judge of running forwards, without its thread.
    fn judge(&self) -> JudgeOfForwards {
        let Gatherer { clock, live, environment, .. } = &self.gateway.gatherer;
        JudgeOfForwards {
            live: live.clone(),
            ledger: self.ledger.clone(),
            clock: clock.clone(),
            environment: environment.clone(),
            metrics: Arc::clone(&self.gateway.metrics),
            readings: Arc::clone(&self.readings),
            earlier: EarlierTerms::default(),
        }
    }

    /// Judges what is due. Returns what must end since the start.
    fn must_end(&self) -> Vec<&'static str> {
        let judge = self.judge();
        judge.judge_everything();
        let judged = judge.live.forwards().judged();
        assert_eq!(judged.size, self.ledger.size());
        judged.ended.iter().map(|(_, denial)| denial.code()).collect()
    }

    async fn allow(&self, jti: &str) {
        assert_eq!(self.answer(payment(jti)).await, "allowed");
    }

    /// Lets this time pass, and records an entry.
    fn pass(&self, seconds: u64) {
        self.pause.store(seconds.saturating_mul(1000), Ordering::Relaxed);
        self.gateway.gatherer.clock.now();
    }
}

impl JudgeOfForwards {
    /// Judges until nothing is due.
    fn judge_everything(&self) {
        let judge = || {
            while self.judge_due().unwrap() > 0 || self.live.forwards().has_due() {}
        };
        policy::on_a_deep_stack(judge).unwrap();
    }
}

fn window(iat: u64, value: &str) -> ConditionStatement {
    ConditionStatement { signer: signer(), ..condition(iat, value, None) }
}

const OPEN_WINDOW: &str = "conditions: [{name: window, equals: open, maxAge: 30s}]";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_policy_ends_what_it_would_not_allow_and_nothing_else() {
    let test = begun(files());
    test.allow("one").await;
    assert!(test.must_end().is_empty());
    test.activate(edited(PAY_FILE, "maxLifetime: 60s", "maxLifetime: 2m"), 2);
    assert!(test.must_end().is_empty(), "it still allows the payment");
    test.activate(edited(PAY_FILE, "group:payments-agents", "agent:nobody"), 3);
    assert_eq!(test.must_end(), ["policy-denied"]);
    test.activate(files(), 4);
    assert_eq!(test.must_end(), ["policy-denied"], "it stays listed until it has ended");
    let metrics = test.gateway.metrics.exposition();
    assert!(metrics.contains("portcullis_forwards_ended_total{code=\"policy-denied\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_proxies_and_requirements_are_those_of_the_new_bundle() {
    let other_key = TestKey::new(7).jwk().replacen('{', "{\"kid\": \"a1\", ", 1);
    let own_key = TestKey::new(1).jwk().replacen('{', "{\"kid\": \"a1\", ", 1);
    let hosts =
        ("hosts: {payments.shop: [payments, \"payments.shop:8080\"]}", "hosts: {other.shop: [other]}");
    let mut moved = edited("proxies.yaml", hosts.0, hosts.1);
    edit(&mut moved, PAY_FILE, "hosts: [payments.shop]", "hosts: [other.shop]");
    edit(&mut moved, "teams.yaml", "host: payments.shop", "host: other.shop");
    for (code, files) in [
        ("issuer-untrusted", edited("mesh.yaml", &own_key, &other_key)),
        ("target-mismatch", moved),
        ("proof-missing", edited(PAY_FILE, "holder: mtls", "holder: both")),
        ("lifetime-too-long", edited(PAY_FILE, "maxLifetime: 60s", "maxLifetime: 30s")),
    ] {
        let test = begun(super::files());
        test.allow("one").await;
        test.activate(files, 2);
        assert_eq!(test.must_end(), [code]);
    }
    let test = begun(files());
    test.allow("one").await;
    activate(&test.policy, &test.ledger, bundle(&files()));
    assert_eq!(
        test.must_end(),
        ["identity-missing"],
        "the proxy's word does not count without a certificate"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halted_route_or_mesh_ends_what_runs() {
    for (scope, subject) in [(FactScope::Mesh, ""), (FactScope::Route, "pay")] {
        let test = begun(files());
        test.allow("one").await;
        let change = |stance, replaces| PostureChange {
            scope,
            subject: subject.to_owned(),
            ..posture(stance, replaces)
        };
        test.record(change(Posture::Restricted, None)).await;
        assert!(test.must_end().is_empty());
        let halted = test.record(change(Posture::Halted, None)).await;
        assert_eq!(test.must_end(), ["halted"]);
        test.record(change(Posture::Normal, Some(halted))).await;
        test.allow("two").await;
        assert_eq!(test.must_end(), ["halted"], "only the first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_reads_the_posture_is_asked_again_when_it_changes() {
    let mut files = files();
    let calm = "@id(\"calm\") @reason(\"not now\") @cure(\"wait\")\nforbid (principal, action, resource) when { context.posture == Posture::\"restricted\" };";
    files.insert("mesh.cedar".to_owned(), calm.as_bytes().to_vec());
    let test = begun(files);
    test.allow("one").await;
    test.record(posture(Posture::Restricted, None)).await;
    assert_eq!(test.must_end(), ["policy-denied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_negative_attestation_ends_what_its_workload_runs() {
    let test = begun(attested("attestation: {maxAge: 5m}"));
    let said = |positive, iat| AttestationStatement {
        signer: signer(),
        subject: PAYER.to_owned(),
        statement: ledger::entry::Digest::of(format!("{iat} {positive}").as_bytes()),
        ..attestation(iat, positive, None)
    };
    test.record(said(true, NOW)).await;
    test.allow("one").await;
    test.record(AttestationStatement { subject: "spiffe://shop/other".to_owned(), ..said(false, NOW) }).await;
    test.record(said(true, NOW + 1)).await;
    assert!(test.must_end().is_empty());
    test.record(said(false, NOW + 2)).await;
    assert_eq!(test.must_end(), ["attestation-invalid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_ends_what_read_it_when_it_turns_or_grows_too_old_and_not_while_it_is_renewed() {
    let test = begun(attested(OPEN_WINDOW));
    test.record(window(NOW, "open")).await;
    test.allow("one").await;
    test.pass(20);
    test.record(window(NOW + 20, "open")).await;
    test.pass(11);
    assert!(test.must_end().is_empty(), "the first statement is too old now, and the second is not");
    test.pass(19);
    assert!(test.must_end().is_empty());
    test.pass(1);
    assert_eq!(test.must_end(), ["condition-unmet"]);

    let test = begun(attested(OPEN_WINDOW));
    test.record(window(NOW, "open")).await;
    test.allow("one").await;
    test.record(window(NOW + 1, "closed")).await;
    assert_eq!(test.must_end(), ["condition-unmet"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_ends_earlier_than_the_one_before_counts_until_its_own_end() {
    let test = begun(attested(OPEN_WINDOW));
    test.record(window(NOW, "open")).await;
    test.allow("one").await;
    test.record(ConditionStatement { exp: NOW + 5, ..window(NOW + 1, "open") }).await;
    assert!(test.must_end().is_empty());
    test.pass(4);
    assert!(test.must_end().is_empty());
    test.pass(1);
    assert_eq!(test.must_end(), ["condition-unmet"]);
}

/// The sample route with these arguments and this policy.
fn reading(args: &str, forbids: &str) -> Files {
    let callers = "  callers: [\"group:payments-agents\"]\n";
    let policy = format!("forbid (principal, action, resource) when {{ {forbids} }};");
    let policy = format!("    @id(\"p\") @reason(\"no\") @cure(\"none\")\n    {policy}\n");
    edited(PAY_FILE, callers, &format!("{args}{callers}  policy: |\n{policy}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_changed_route_reads_is_read_again_from_the_path_and_elsewhere_nothing_is_known() {
    let nothing = reading("", "context.host == \"elsewhere\"");
    let account = |value: &str| {
        let account = "  args: {account: {from: path:account, type: string}}\n";
        reading(account, &format!("context.args.account == \"{value}\""))
    };
    let header = reading(
        "  args: {why: {from: header:x-why, type: string, optional: true}}\n",
        "context.args has why && context.args.why == \"no\"",
    );
    for (files, ends) in
        [(account("a-8"), None), (account("a-7"), Some("policy-denied")), (header, Some("state-unavailable"))]
    {
        let test = begun(nothing.clone());
        test.allow("one").await;
        let mut same = nothing.clone();
        edit(&mut same, PAY_FILE, "maxLifetime: 60s", "maxLifetime: 2m");
        test.activate(same, 2);
        assert!(test.must_end().is_empty(), "it reads as before");
        test.activate(files, 3);
        assert_eq!(test.must_end(), ends.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_lapses_while_an_allow_that_read_it_waits_for_its_sync_ends_it_at_once() {
    let test = begun(attested(OPEN_WINDOW));
    test.record(window(NOW, "open")).await;
    test.pause.store(31_000, Ordering::Relaxed);
    test.allow("one").await;
    assert_eq!(test.must_end(), ["condition-unmet"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ungoverned_or_observed_ends_only_by_what_denies_it_there() {
    let governed = "  require: {holder: proof, use: any, maxLifetime: 5m}\n  callers: [\"agent:demo\"]\n";
    let until = "until: \"2027-01-01T00:00:00Z\"";
    for open in [
        format!("  ungoverned: {{reason: probes, {until}}}\n"),
        format!("{governed}  ungoverned: {{reason: new, {until}, observe: true}}\n"),
    ] {
        let exempt = edited(HELLO_FILE, governed, &open);
        let test = begun(exempt.clone());
        assert_eq!(test.answer(hello()).await, "allowed");
        let mut other = exempt.clone();
        edit(&mut other, PAY_FILE, "group:payments-agents", "agent:nobody");
        test.activate(other, 2);
        assert!(test.must_end().is_empty(), "this policy does not concern it: {open}");
        test.record(PostureChange {
            scope: FactScope::Route,
            subject: "hello".to_owned(),
            ..posture(Posture::Halted, None)
        })
        .await;
        assert_eq!(test.must_end(), ["halted"], "{open}");

        let test = begun(exempt);
        assert_eq!(test.answer(hello()).await, "allowed");
        test.activate(files(), 2);
        assert_eq!(test.must_end(), ["warrant-missing"], "it is governed now: {open}");
    }
}

/// A greeting without a warrant.
fn hello() -> IncomingRequest {
    let mut asked = payment("none");
    asked.proxy = Some("local".to_owned());
    let http = asked.http.as_mut().unwrap();
    (http.method, http.authority, http.path) =
        ("GET".to_owned(), b"localhost:10000".to_vec(), b"/hello/you".to_vec());
    http.headers.clear();
    asked
}

const HELLO_FILE: &str = "routes/platform/hello.yaml";

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_ends_nothing_by_its_decision_and_is_found_when_something_else_is_due() {
    let test = begun(files());
    test.allow("one").await;
    assert!(test.must_end().is_empty());
    let revoked = ledger::entry::Revocation {
        iss: "https://authority.shop".to_owned(),
        ..revocation(ledger::entry::RevocationTarget::Lineage, "t", Some(NOW + 90_000))
    };
    test.record(revoked).await;
    assert!(test.must_end().is_empty(), "its proxy ends it by its mark");
    test.record(posture(Posture::Restricted, None)).await;
    assert_eq!(test.must_end(), ["revoked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_with_too_many_requests_that_run_is_overloaded_and_another_one_is_not() {
    let test = begun(files());
    test.allow("one").await;
    let forwards = test.gateway.gatherer.live.forwards();
    forwards.fill("spiffe://shop/ns/shop/sa/payments");
    let Answer::Deny(denial) = test.decide(payment("two")).await else { panic!("allowed") };
    assert_eq!(denial.denied.denial, Denial::Overloaded);
    assert!(forwards.has_room("local", facts::HolderTag::default()));
    assert_eq!(test.on_record().last().unwrap(), &("overloaded".to_owned(), 0), "nothing was burned");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_whose_terms_an_earlier_one_says_is_judged_again_from_memory_and_from_the_log() {
    let test = begun(files());
    for proof in ["p1", "p2"] {
        assert_eq!(test.answer(greeting_under("root", proof, NOW)).await, "allowed");
    }
    let file = "routes/platform/hello.yaml";
    // After a start both are read from the log.
    let after_a_start = || {
        let running = facts::fold(&test.ledger).unwrap().0.own.running;
        let live = follow_from_here(&test.ledger, running, &test.policy, Vec::new());
        let judge = JudgeOfForwards { live, ..test.judge() };
        judge.judge_everything();
        judge
    };
    let codes = |judge: &JudgeOfForwards| {
        let judged = judge.live.forwards().judged();
        judged.ended.iter().map(|(_, denial)| denial.code()).collect::<Vec<_>>()
    };
    test.activate(edited(file, "maxLifetime: 5m", "maxLifetime: 4m"), 2);
    assert!(test.must_end().is_empty(), "both may go on");
    let decisions = test.decisions();
    let keeps_terms = |forwards: &facts::LiveForwards| -> Vec<bool> {
        let keeps = |index| forwards.case(index).unwrap().terms.is_some();
        decisions.iter().map(|(index, ..)| keeps(*index)).collect()
    };
    let live = test.gateway.gatherer.live.forwards();
    assert_eq!(keeps_terms(live), [false, true], "the log may not have published them yet");
    test.activate(edited(file, "agent:demo", "agent:nobody"), 3);
    assert_eq!(test.must_end(), ["policy-denied"; 2]);
    assert_eq!(codes(&after_a_start()), ["policy-denied"; 2]);

    test.activate(files(), 4);
    let judge = after_a_start();
    assert!(codes(&judge).is_empty());
    assert_eq!(keeps_terms(judge.live.forwards()), [false, false], "they are read from the log");
}

/// How many forwards are judged again in the measurement.
const MANY: usize = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_forwards_are_judged_again_from_memory_and_after_a_start_from_the_log() {
    let test = begun(files());
    test.allow("one").await;
    let entry = test.ledger.read(0).unwrap().find_map(|record| {
        let Entry::Decision(decision) = record.unwrap().entry else { return None };
        Some(decision)
    });
    let entry = entry.unwrap();
    for _ in 0..MANY / 1000 {
        let waiting: Vec<_> = (0..1000)
            .map(|_| {
                let (done, answer) = tokio::sync::oneshot::channel();
                let id = DecisionId::random().as_str().to_owned();
                let decision = ledger::entry::Decision { id, ..entry.clone() };
                test.ledger.submit(decision.into(), Box::new(move |result| drop(done.send(result))));
                answer
            })
            .collect();
        for answer in waiting {
            answer.await.unwrap().unwrap();
        }
    }
    test.activate(edited(PAY_FILE, "maxLifetime: 60s", "maxLifetime: 2m"), 2);
    let began = std::time::Instant::now();
    assert!(test.must_end().is_empty());
    let from_memory = began.elapsed();
    let forwards = test.gateway.gatherer.live.forwards();
    assert_eq!(forwards.counts().running, MANY + 1);
    // After a start they are read from the log.
    let running = facts::fold(&test.ledger).unwrap().0.own.running;
    assert_eq!(running.len(), MANY + 1);
    let live = follow_from_here(&test.ledger, running, &test.policy, Vec::new());
    let judge = JudgeOfForwards { live, ..test.judge() };
    let began = std::time::Instant::now();
    judge.judge_everything();
    let from_log = began.elapsed();
    let judged = judge.live.forwards().judged();
    assert!(!judged.is_behind() && judged.ended.is_empty());
    println!("{MANY} forwards judged again: {from_memory:?} from memory, {from_log:?} from the log");
    // A tenth of this with an optimised policy engine.
    assert!(from_memory.max(from_log) < Duration::from_secs(30), "{from_memory:?}, {from_log:?}");
}
