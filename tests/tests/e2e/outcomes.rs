//! The entries that Envoy's access log adds to the ledger.

use portcullis_tests::agent::hello;
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::shipped::{Configuration, EXT_AUTHZ, SEAL};
use portcullis_tests::world::{HOST, Setup, World};
use serde_json::Value;

/// Waits until an entry of this kind for which `holds` is true is published.
async fn published(auditor: &LedgerAuditor, kind: &str, holds: impl Fn(&Value) -> bool) -> Value {
    until(&format!("a {kind} to be published"), async || auditor.of_kind(kind).into_iter().find(&holds)).await
}

#[tokio::test]
async fn each_forwarded_request_has_an_outcome_and_denials_by_gate_and_envoy_are_counted() {
    let mut world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    // Denied by the gate, by the server and by Envoy, then allowed: the access log has them in this order.
    world.denies(&ClientRequest::new("GET", HOST, "/hello/you"), 401, "warrant-missing").await;
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you?admin=1"), 403, "outside-warrant").await;
    world.denies_with_status(&ClientRequest::new("GET", HOST, "/hello%2fyou"), 400).await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    let decision = world.upstream.executions()[0].decision().unwrap().to_owned();

    let outcome = published(&auditor, "outcome/1", |outcome| outcome["id"] == *decision).await;
    let member = |name: &str| &outcome[name];
    assert_eq!((member("reached"), member("repeat")), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(
        (member("status"), member("attempts"), member("proxy")),
        (&200.into(), &1.into(), &"local".into())
    );
    assert_eq!(member("termination"), "", "{outcome}");
    let index = outcome["index"].as_u64().unwrap();
    let decided = auditor.entries().into_iter().find(|line| line["index"] == index).expect("its decision");
    assert_eq!(decided["entry"]["id"], *decision);

    let counted = |reason: &'static str| {
        let auditor = &auditor;
        async move {
            published(auditor, "denials/1", |denials| {
                denials["reason"] == reason && denials["source"] == "access-log:127.0.0.1"
            })
            .await["count"]
                .clone()
        }
    };
    assert_eq!(counted("warrant-missing").await, 1, "by the gate");
    assert_eq!(counted("path_normalization_failed").await, 1, "by Envoy itself");
    let all = auditor.of_kind("denials/1");
    assert_eq!(
        all.len(),
        2,
        "the server's own denial is recorded as a decision and not counted here: {all:?}"
    );
    assert_eq!(auditor.of_kind("ungoverned/1"), Vec::<Value>::new());
    assert_eq!(auditor.of_kind("outcome/1").len(), 1);
    auditor.audit(auditor.folder(), &[]).expect_holds();

    assert!(world.server.process.stop().await.success());
    let log = world.server.process.log();
    assert!(!log.contains("still open"), "Envoy never ends its stream, so the server must close it");
    world.end().await;
}

#[tokio::test]
async fn an_execution_without_a_decision_is_recorded_as_an_alarm() {
    let change = |shipped: Configuration| shipped.without(EXT_AUTHZ).without(SEAL);
    let world = Setup { change, allow_undecided: true, ..Setup::default() }.start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let request = world.agent.request(&hello(), "GET", "/hello/you?token=very-secret");
    assert_eq!(world.send(&request).await.status, 200, "Envoy did not ask the server");

    let alarm = published(&auditor, "ungoverned/1", |_| true).await;
    assert_eq!(alarm["id"], Value::Null);
    assert_eq!(alarm["upstream"], world.upstream.address().to_string());
    let request = &alarm["request"];
    assert_eq!((&request["method"], &request["host"]), (&"GET".into(), &HOST.into()));
    assert_eq!(request["path"], "/hello/you");
    assert!(request["query"].as_str().unwrap().starts_with("sha256:"), "{alarm}");
    assert!(!alarm.to_string().contains("very-secret"));
    assert!(world.server.process.log().contains("ALARM: a request was let through without a decision"));
    world.end().await;
}
