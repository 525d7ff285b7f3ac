//! A receipt that reaches an upstream: `portcullis receipt verify` takes it for the request that was decided, and for no other.

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::client::get_from_socket;
use portcullis_tests::command::{CommandOutput, portcullis};
use portcullis_tests::ledger_auditor::LedgerAuditor;
use serde_json::Value;

use crate::denials::court::{Court, Settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_gets_a_receipt_that_names_the_recorded_decision_with_our_settings() {
    carries_a_receipt(Settings::Shipped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_gets_a_receipt_that_names_the_recorded_decision_with_istios_settings() {
    carries_a_receipt(Settings::Istio).await;
}

async fn carries_a_receipt(settings: Settings) {
    let mut court = Court::start(settings).await;
    let content = WarrantSpec { path: "/receipted/**".into(), ..hello() };
    let request = court.world.agent.request(&content, "GET", "/receipted/you");
    // A client's own receipt is replaced, not kept beside.
    let request = request.with("warrant-receipt", "made up by the client");
    assert_eq!(court.send(&request).await.status, 200);
    assert_eq!(court.send(&court.good()).await.status, 200);

    let executions = court.world.upstream.executions();
    let of = |target: &str| {
        let execution = executions.iter().rfind(|execution| execution.target == target).unwrap();
        let receipts = execution.headers.get_all("warrant-receipt").iter();
        let receipts: Vec<String> = receipts.map(|value| value.to_str().unwrap().to_owned()).collect();
        (execution.decision().unwrap().to_owned(), receipts)
    };
    assert_eq!(of("/hello/you").1, [""; 0], "its route asks for none");
    let (decision, receipts) = of("/receipted/you");
    let [receipt] = receipts.as_slice() else { panic!("one receipt: {receipts:?}") };

    let keys = court.world.home.file("receipt-jwks.json");
    let published = get_from_socket(&court.world.home.api(), "/v1/receipt-jwks.json").await.unwrap();
    put(&keys, &published.body);
    let origin = std::fs::read_to_string(court.world.home.file("ledger/log.vkey")).unwrap();
    let origin = origin.split('+').next().unwrap();
    let verify = |target: &str, further: &[&str]| -> CommandOutput {
        let keys = keys.to_str().unwrap();
        let fixed = ["receipt", "verify", receipt, "--jwks", keys, "--iss", origin, "--aud", "localhost"];
        portcullis(&[&fixed[..], &["--htm", "GET", "--htu", target], further].concat())
    };
    let held = verify("localhost/receipted/you", &["--json"]);
    let said: Value = serde_json::from_str(&held.success()).unwrap();
    assert_eq!(
        (&said["result"], &said["receipt"]["dec"]),
        (&"ok".into(), &decision.clone().into()),
        "{said}"
    );
    for other in ["localhost/receipted/them", "localhost/receipted/you?admin=1"] {
        let refused = verify(other, &[]);
        assert!(refused.status == 1 && refused.out.starts_with("other-target"), "{refused:?}");
    }

    court.recorded().await;
    let auditor = LedgerAuditor::new(&court.world.home, court.world.directory());
    let index = said["receipt"]["ledger"]["index"].as_u64().unwrap();
    let recorded = auditor.entries().into_iter().find(|line| line["index"] == index).unwrap();
    assert_eq!(
        (&recorded["entry"]["id"], &recorded["entry"]["outcome"]),
        (&decision.into(), &"allowed".into())
    );
    court.world.end().await;
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn put(file: &std::path::Path, bytes: &[u8]) {
    std::fs::write(file, bytes).unwrap();
}
