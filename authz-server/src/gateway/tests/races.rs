//! A revocation while decisions run: after its answer no allow under it has a later index. The audit proves it from the
//! file.

use std::sync::atomic::AtomicUsize;

use ledger::FactReceipt;
use ledger::entry::{Activation, Revocation, RevocationTarget};
use ledger::verify::Auditor;
use tokio::sync::oneshot;

use super::*;
use crate::facts::Known;
use crate::facts::examples::revocation;

/// As many as the gateway admits at once.
const AT_ONCE: usize = 8;
const DECISIONS: usize = 200;

async fn revoke(ledger: &Ledger, txn: &str) -> FactReceipt {
    let entry = Revocation {
        iss: "https://authority.shop".to_owned(),
        ..revocation(RevocationTarget::Lineage, txn, Some(NOW + 90_000))
    };
    let (done, answer) = oneshot::channel();
    ledger.submit_fact(entry.into(), Box::new(move |result| drop(done.send(result))));
    answer.await.unwrap().unwrap()
}

/// The activation of the bundle that the gateway begins with.
fn activation(known: &Known) -> Activation {
    let bundle = known.bundle();
    Activation {
        bundle: bundle.digest(),
        expires: bundle.expires().get(),
        previous: None,
        retired: vec![],
        version: bundle.version(),
        was: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_answer_to_a_revocation_no_allow_under_it_has_a_later_index() {
    const ROUNDS: usize = 5;
    let test = Arc::new(test_gateway());
    test.ledger.append(activation(&test.gateway.gatherer.live.now()).into()).unwrap();
    let (mut allowed, mut revoked) = (0, 0);
    for round in 0..ROUNDS {
        let txn = format!("race-{round}");
        let decided = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for worker in 0..AT_ONCE {
            let (test, txn, decided) = (Arc::clone(&test), txn.clone(), Arc::clone(&decided));
            tasks.push(tokio::spawn(async move {
                let mut codes = Vec::new();
                for n in 0..DECISIONS / AT_ONCE {
                    codes.push(test.answer(payment_of(&txn, &format!("{worker}-{n}-{txn}"))).await);
                    decided.fetch_add(1, Ordering::Relaxed);
                }
                codes
            }));
        }
        while decided.load(Ordering::Relaxed) < DECISIONS / 4 {
            tokio::task::yield_now().await;
        }
        let FactReceipt { receipt, repeats } = revoke(&test.ledger, &txn).await;
        assert!(!repeats);
        for task in tasks {
            let codes = task.await.unwrap();
            allowed += codes.iter().filter(|code| **code == "allowed").count();
            revoked += codes.iter().filter(|code| **code == "revoked").count();
            assert!(codes.iter().all(|code| ["allowed", "revoked"].contains(code)), "{codes:?}");
        }
        for record in test.ledger.read(0).unwrap() {
            let record = record.unwrap();
            let Entry::Decision(decision) = record.entry else { continue };
            let is_under_it = decision.chain.first().is_some_and(|root| root.txn.as_deref() == Some(&txn));
            if is_under_it && decision.outcome == DecisionOutcome::Allowed {
                assert!(record.index < receipt.index(), "{} after {}", record.index, receipt.index());
            }
        }
    }
    assert!(allowed > ROUNDS && revoked > ROUNDS, "{allowed} allowed, {revoked} revoked");
    test.ledger.publish().unwrap();
    let vkey = std::fs::read_to_string(test.ledger.layout().vkey()).unwrap().parse().unwrap();
    let auditor = Auditor { log: &vkey, witnesses: &[], previous: None, threads: 1, progress: &|_, _| () };
    let report = auditor.audit(&test.ledger.log()).unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}
