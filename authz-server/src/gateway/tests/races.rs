//! A fact while decisions run: after its answer no allow that it forbids has a later index. The audit proves it from the
//! file.
//!
//! `PORTCULLIS_ROUNDS` says how many rounds there are; with it, each round has 1,000 decisions.

use std::sync::atomic::AtomicUsize;

use ledger::FactReceipt;
use ledger::entry::{
    AttestationStatement, ConditionStatement, Digest, FactScope, PostureChange, Revocation, RevocationTarget,
    Signer,
};
use ledger::verify::Auditor;
use tokio::sync::oneshot;

use super::*;
use crate::facts::examples::{attestation, condition, posture, revocation};
use crate::policy_fixture::{opened, simple_parcel};

/// As many as the gateway admits at once.
const AT_ONCE: usize = 8;

/// How many rounds, and how many decisions each has.
#[expect(clippy::disallowed_methods, reason = "it says how long a test runs, and configures nothing")]
fn size() -> (u64, usize) {
    match std::env::var("PORTCULLIS_ROUNDS") {
        Ok(rounds) => (rounds.parse().expect("PORTCULLIS_ROUNDS is a number"), 1000),
        Err(_) => (4, 160),
    }
}

impl TestGateway {
    pub(super) async fn record(&self, fact: impl Into<Entry>) -> u64 {
        let (done, answer) = oneshot::channel();
        self.ledger.submit_fact(fact.into(), Box::new(move |result| drop(done.send(result))));
        let FactReceipt { receipt, repeats } = answer.await.unwrap().unwrap();
        assert!(!repeats);
        receipt.index()
    }

    /// Activates these files as the bundle of this version. Returns the index of the entry.
    pub(super) fn activate(&self, files: Files, version: u64) -> u64 {
        let bundle = opened(&simple_parcel(&strict(files), version)).unwrap();
        activate(&self.policy, &self.ledger, bundle)
    }
}

/// Runs decisions, and in the middle of them `change`, which returns the index of its entry. Returns the answers.
async fn race(
    test: &Arc<TestGateway>,
    round: &str,
    denied_as: &'static str,
    change: impl AsyncFnOnce(&TestGateway) -> u64,
) -> Vec<&'static str> {
    let (_, decisions) = size();
    let decided = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for worker in 0..AT_ONCE {
        let (test, round, decided) = (Arc::clone(test), round.to_owned(), Arc::clone(&decided));
        tasks.push(tokio::spawn(async move {
            let mut codes = Vec::new();
            for n in 0..decisions / AT_ONCE {
                codes.push(test.answer(payment_of(&round, &format!("{worker}-{n}-{round}"))).await);
                decided.fetch_add(1, Ordering::Relaxed);
            }
            codes
        }));
    }
    while decided.load(Ordering::Relaxed) < decisions / 4 {
        tokio::task::yield_now().await;
    }
    let from = test.ledger.size();
    let changed_at = change(test).await;
    let mut answers = Vec::new();
    for task in tasks {
        answers.extend(task.await.unwrap());
    }
    assert!(answers.iter().all(|code| ["allowed", denied_as].contains(code)), "{answers:?}");
    assert!(changed_at >= from);
    for record in test.ledger.read(changed_at).unwrap() {
        let record = record.unwrap();
        let Entry::Decision(decision) = record.entry else { continue };
        let is_of_round = decision.chain.first().is_some_and(|root| root.txn.as_deref() == Some(round));
        let is_allowed = decision.outcome == DecisionOutcome::Allowed;
        assert!(!(is_of_round && is_allowed), "{} is allowed after {changed_at}", record.index);
    }
    answers
}

/// Checks that requests were allowed and denied, and that the audit finds no fault.
fn check(test: &TestGateway, answers: &[&str]) {
    let rounds = usize::try_from(size().0).unwrap();
    let allowed = answers.iter().filter(|code| **code == "allowed").count();
    let denied = answers.len().saturating_sub(allowed);
    assert!(allowed > rounds && denied > rounds, "{allowed} allowed, {denied} denied");
    test.ledger.publish().unwrap();
    let vkey = std::fs::read_to_string(test.ledger.layout().vkey()).unwrap().parse().unwrap();
    let auditor = Auditor { log: &vkey, witnesses: &[], previous: None, threads: 1, progress: &|_, _| () };
    let report = auditor.audit(&test.ledger.log()).unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

/// A gateway whose log begins with the activation of its bundle.
pub(super) fn begun(files: Files) -> Arc<TestGateway> {
    let test = test_gateway_with(files);
    let known = test.gateway.gatherer.live.now();
    test.ledger.append(activation(known.bundle(), None).into()).unwrap();
    Arc::new(test)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_answer_to_a_revocation_no_allow_under_it_has_a_later_index() {
    let (test, mut answers) = (begun(files()), Vec::new());
    for round in 0..size().0 {
        let lineage = format!("race-{round}");
        let revoked = Revocation {
            iss: "https://authority.shop".to_owned(),
            ..revocation(RevocationTarget::Lineage, &lineage, Some(NOW + 90_000))
        };
        answers.extend(race(&test, &lineage, "revoked", async |test| test.record(revoked).await).await);
    }
    check(&test, &answers);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_answer_to_a_halt_no_allow_on_its_route_has_a_later_index() {
    let (test, mut answers) = (begun(files()), Vec::new());
    let of_route = |stance, replaces| PostureChange {
        scope: FactScope::Route,
        subject: "pay".to_owned(),
        ..posture(stance, replaces)
    };
    for round in 0..size().0 {
        let mut halted_at = 0;
        let halt = async |test: &TestGateway| {
            halted_at = test.record(of_route(Posture::Halted, None)).await;
            halted_at
        };
        answers.extend(race(&test, &format!("race-{round}"), "halted", halt).await);
        test.record(of_route(Posture::Normal, Some(halted_at))).await;
    }
    check(&test, &answers);
}

/// The small bundle with one attestor, and what the route for payments requires besides.
pub(super) fn attested(require: &str) -> Files {
    let mut files = edited(PAY_FILE, "use: once", &format!("use: once, {require}"));
    let key = TestKey::new(3).jwk().replacen('{', "{\"kid\": \"t1\", ", 1);
    let about = "\"spiffe://shop/**\", \"condition:window@mesh\"";
    let attestor = format!("{{iss: \"https://attest\", keys: [{key}], about: [{about}], keyless: true}}");
    edit(&mut files, "mesh.yaml", "  notes:", &format!("  attestors: [{attestor}]\n  notes:"));
    files
}

pub(super) fn signer() -> Signer {
    let key = warrant::mint::Signer::public_key(&TestKey::new(3)).thumbprint().to_string();
    Signer { anchor: None, key, until: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_answer_to_a_negative_attestation_no_allow_of_its_workload_has_a_later_index() {
    let (test, mut answers) = (begun(attested("attestation: {maxAge: 5m}")), Vec::new());
    let said = |iat, positive| AttestationStatement {
        signer: signer(),
        subject: PAYER.to_owned(),
        statement: Digest::of(format!("{iat} {positive}").as_bytes()),
        ..attestation(iat, positive, None)
    };
    for round in 0..size().0 {
        test.record(said(NOW + round, true)).await;
        let negative = said(NOW + round, false);
        let change = async |test: &TestGateway| test.record(negative).await;
        answers.extend(race(&test, &format!("race-{round}"), "attestation-invalid", change).await);
    }
    check(&test, &answers);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_answer_to_a_condition_no_allow_that_needs_another_value_has_a_later_index() {
    let require = "conditions: [{name: window, equals: open, maxAge: 5m}]";
    let (test, mut answers) = (begun(attested(require)), Vec::new());
    let said = |iat, value: &str| ConditionStatement {
        signer: signer(),
        statement: Digest::of(format!("{iat} {value}").as_bytes()),
        ..condition(iat, value, None)
    };
    for round in 0..size().0 {
        test.record(said(NOW + 2 * round, "open")).await;
        let closed = said(NOW + 2 * round + 1, "closed");
        let change = async |test: &TestGateway| test.record(closed).await;
        answers.extend(race(&test, &format!("race-{round}"), "condition-unmet", change).await);
    }
    check(&test, &answers);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_activation_of_a_bundle_no_allow_by_the_one_before_has_a_later_index() {
    let (open, mut answers) = (files(), Vec::new());
    let closed = edited(PAY_FILE, "group:payments-agents", "agent:nobody");
    let test = begun(open.clone());
    for round in 0..size().0 {
        let change = async |test: &TestGateway| test.activate(closed.clone(), 2 * round + 2);
        answers.extend(race(&test, &format!("race-{round}"), "policy-denied", change).await);
        test.activate(open.clone(), 2 * round + 3);
    }
    check(&test, &answers);
}
