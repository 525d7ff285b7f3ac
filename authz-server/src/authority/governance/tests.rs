//! Statements from a ledger on disk to what a gate holds of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::entry::{FactScope, PostureChange, RevocationTarget};
use policy::InForceUntil;
use tempfile::TempDir;
use warrant::mint::Signer;
use warrant::statement::{Held, Pins};
use warrant::{Algorithm, AwsLcVerifier, Host, Method, RawPath, RevocationKind};

use super::*;
use crate::bundles::PolicyInForce;
use crate::facts::test_ledger::{TestLedger, follow_from_here};
use crate::facts::{ForwardList, examples};
use crate::policy_fixture::{NOW, bundle, files};

/// The proxy of the small bundle whose host is `localhost`.
const PROXY: &str = "local";

struct Scene {
    governance: Governance,
    ledger: Ledger,
    policy: Arc<PolicyInForce>,
    now: Arc<AtomicU64>,
    pins: Pins,
    _directory: TempDir,
}

fn scene() -> Scene {
    let test = TestLedger::new();
    let policy = PolicyInForce::new(bundle(&files()), Some(InForceUntil(Seconds::new(NOW + 600))));
    let policy = Arc::new(policy);
    let key = PrivateKey::generate(Algorithm::Es256, Some("s1")).unwrap();
    let pins = Pins {
        audience: "shop".into(),
        log_name: "shop".into(),
        origin: Some(test.ledger.origin().into()),
        keys: vec![("s1".into(), *key.public_key())],
    };
    let source = Source {
        live: follow_from_here(&test.ledger, ForwardList::default(), &policy, Vec::new()),
        ledger: test.ledger.clone(),
        clock: test.clock(),
        key,
        predecessors: vec![],
        environment: [].into(),
    };
    Scene {
        governance: Governance::new(source),
        ledger: test.ledger,
        policy,
        now: test.now,
        pins,
        _directory: test.directory,
    }
}

impl Scene {
    fn take(&self, before: Option<&Held>, body: &[u8]) -> Held {
        let now = Seconds::new(self.now.load(Ordering::Relaxed) / 1000);
        Held::take(before, &self.pins, body, now, &AwsLcVerifier).unwrap()
    }

    /// Does what the thread that judges does, which this scene has not: nothing runs, so nothing is to be judged. A busy machine
    /// takes seconds for the facts of a test.
    fn judge(&self) {
        let (live, now) = (&self.governance.source.live, Seconds::new(NOW));
        let due = live.forwards().take_due(live.now().as_of(), now).expect("no newer facts");
        assert!(due.indices.is_empty());
        live.forwards().finish(&due);
    }

    fn answer(&self, before: Option<&Held>) -> Vec<u8> {
        self.judge();
        self.governance.answer(PROXY, &held_parts(before)).unwrap().body
    }

    fn next(&self, before: Option<&Held>) -> Held {
        self.take(before, &self.answer(before))
    }

    fn is_held(&self, held: &Held) -> bool {
        self.governance.is_held(PROXY, &held_parts(Some(held)))
    }

    fn revoke(&self, name: &str) {
        self.ledger.append(examples::revocation(RevocationTarget::Lineage, name, None).into()).unwrap();
    }

    fn set(&self, stance: entry::Posture, scope: FactScope, subject: &str, replaces: Option<u64>) -> u64 {
        let subject = subject.to_owned();
        let change = PostureChange { scope, subject, ..examples::posture(stance, replaces) };
        self.ledger.append(change.into()).unwrap().index()
    }
}

fn held_parts(held: Option<&Held>) -> HeldParts {
    held.map_or(HeldParts::default(), |held| HeldParts {
        n: Some(held.statement().n),
        rules: Some(held.rules().digest()),
        halts: Some(held.halts().digest()),
        revocations: Some(held.revocations().digest()),
        ended: Some(held.ended().digest()),
    })
}

#[test]
fn a_gate_takes_the_first_statement_whole_and_then_only_what_changed() {
    let scene = scene();
    (0..2_000).for_each(|n| scene.revoke(&format!("t{n}")));
    let first = scene.next(None);
    let known = scene.governance.source.live.now();
    let statement = first.statement();
    assert_eq!((statement.seq, *statement.root.bytes()), (known.as_of(), known.root()));
    assert_eq!((first.revocations().len(), statement.exp.get() - statement.iat.get()), (2_000, 30));
    assert_eq!(first.rules().host(b"LOCALHOST:10000"), Host::parse("localhost").as_ref());
    assert!(first.rules().host(b"payments.shop").is_none(), "another proxy serves it");
    assert!(scene.is_held(&first));
    scene.revoke("one more");
    assert!(!scene.is_held(&first));
    let delta = scene.answer(Some(&first));
    assert!(delta.len() < 1_500, "{} bytes", delta.len());
    let second = scene.take(Some(&first), &delta);
    let mark = warrant::Mark::of(RevocationKind::Txn, "https://a", "one more");
    assert!(second.revocations().contains(&mark) && !first.revocations().contains(&mark));
    assert!(second.statement().n > first.statement().n && scene.is_held(&second));
}

#[test]
fn a_decision_changes_no_content_and_wakes_nobody_and_a_fact_does_both() {
    let scene = scene();
    let held = scene.next(None);
    let changes = scene.governance.changes();
    scene.ledger.append(crate::example_decision::denied("d").into()).unwrap();
    assert!(!changes.is_due() && scene.is_held(&held));
    let next = scene.next(Some(&held));
    assert_eq!((next.content(), next.statement().seq), (held.content(), held.statement().seq + 1));
    scene.set(entry::Posture::Restricted, FactScope::Mesh, "", None);
    assert!(changes.is_due() && !scene.is_held(&next));
    let next = scene.next(Some(&next));
    assert_eq!(next.statement().posture, Posture::Restricted);
}

#[test]
fn a_halted_route_and_issuer_are_in_the_halts_until_they_are_resumed() {
    let scene = scene();
    let halted = scene.set(entry::Posture::Halted, FactScope::Route, "hello", None);
    scene.set(entry::Posture::Halted, FactScope::Route, "pay", None);
    scene.set(entry::Posture::Halted, FactScope::Issuer, "https://authority.shop", None);
    let held = scene.next(None);
    let (host, method) = (Host::parse("localhost").unwrap(), Method::parse("GET").unwrap());
    let is_halted =
        |held: &Held| held.halts().is_halted(&host, &method, &RawPath::parse(b"/hello/x").unwrap().0);
    assert!(is_halted(&held) && held.halts().is_issuer_halted("https://authority.shop"));
    scene.set(entry::Posture::Normal, FactScope::Route, "hello", Some(halted));
    assert!(!is_halted(&scene.next(Some(&held))));
    assert_eq!(scene.next(None).statement().posture, Posture::Normal, "of the mesh");
}

#[test]
fn nothing_is_signed_without_a_bundle_in_force_or_by_a_clock_that_is_not_believed() {
    let scene = scene();
    let refused = || scene.governance.answer(PROXY, &HeldParts::default()).unwrap_err();
    scene.policy.renew(InForceUntil(Seconds::new(NOW + 10)));
    assert_eq!(scene.next(None).statement().exp.get(), NOW + 10, "not after the end of the bundle");
    scene.now.fetch_add(10_000, Ordering::Relaxed);
    assert_eq!(refused(), NoStatement::NotInForce);
    scene.now.fetch_sub(20_000, Ordering::Relaxed);
    assert_eq!(refused(), NoStatement::ClockUnreliable);
}
