//! What Envoy's access log brings back into the ledger.

use portcullis_tests::agent::hello;
use portcullis_tests::client::Ask;
use portcullis_tests::condition::until;
use portcullis_tests::record::Record;
use portcullis_tests::shipped::EXT_AUTHZ;
use portcullis_tests::world::{HOST, Setup, World};
use serde_json::Value;

/// Waits until an entry of this kind is published of which that holds.
async fn published(record: &Record, kind: &str, holds: impl Fn(&Value) -> bool) -> Value {
    until(&format!("a {kind} to be published"), async || record.of_kind(kind).into_iter().find(&holds)).await
}

#[tokio::test]
async fn each_forward_has_its_outcome_and_what_others_refused_is_counted() {
    let mut world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    // By the gate, then by the court, then let through: in one connection's access log they come in this order.
    world.denies(&Ask::new("GET", HOST, "/hello/you"), 401, "warrant-missing").await;
    world.denies(&world.agent.asks(&hello(), "GET", "/hello/you?admin=1"), 403, "outside-warrant").await;
    world.turns_away(&Ask::new("GET", HOST, "/hello%2fyou"), 400).await;
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
    let decision = world.upstream.hits()[0].decision().unwrap().to_owned();

    let outcome = published(&record, "outcome/1", |outcome| outcome["id"] == *decision).await;
    let told = |name: &str| &outcome[name];
    assert_eq!((told("reached"), told("repeat")), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!((told("status"), told("attempts"), told("proxy")), (&200.into(), &1.into(), &"local".into()));
    assert_eq!(told("termination"), "", "{outcome}");
    let index = outcome["index"].as_u64().unwrap();
    let decided = record.entries().into_iter().find(|line| line["index"] == index).expect("its decision");
    assert_eq!(decided["entry"]["id"], *decision);

    let counted = |reason: &'static str| {
        let record = &record;
        async move {
            published(record, "denials/1", |denials| {
                denials["reason"] == reason && denials["source"] == "access-log:127.0.0.1"
            })
            .await["count"]
                .clone()
        }
    };
    assert_eq!(counted("warrant-missing").await, 1, "by the gate");
    assert_eq!(counted("path_normalization_failed").await, 1, "by Envoy itself");
    let all = record.of_kind("denials/1");
    assert_eq!(all.len(), 2, "the court's own denial is on record once, and by itself: {all:?}");
    assert_eq!(record.of_kind("ungoverned/1"), Vec::<Value>::new());
    assert_eq!(record.of_kind("outcome/1").len(), 1);
    assert_eq!(record.audit(&record.folder(), &[]).0, 0);

    assert!(world.court.program.stop().await.success());
    let log = world.court.program.log();
    assert!(!log.contains("still open"), "Envoy never ends its stream: the server hangs up by itself");
}

#[tokio::test]
async fn what_runs_without_a_decision_is_an_alarm_in_the_record() {
    let setup = Setup { change: |shipped| shipped.without(EXT_AUTHZ), undecided: true, ..Setup::default() };
    let world = setup.start().await;
    let record = Record::of(&world.home, world.directory());
    let ask = world.agent.asks(&hello(), "GET", "/hello/you?token=very-secret");
    assert_eq!(world.send(&ask).await.status, 200, "nobody asked the court");

    let alarm = published(&record, "ungoverned/1", |_| true).await;
    assert_eq!(alarm["id"], Value::Null);
    assert_eq!(alarm["upstream"], world.upstream.address().to_string());
    let request = &alarm["request"];
    assert_eq!((&request["method"], &request["host"]), (&"GET".into(), &HOST.into()));
    assert_eq!(request["path"], "/hello/you");
    assert!(request["query"].as_str().unwrap().starts_with("sha256:"), "{alarm}");
    assert!(!alarm.to_string().contains("very-secret"));
    assert!(world.court.program.log().contains("ALARM: a request was let through without a decision"));
}
