//! Statements of attestors about workloads and about conditions: what they allow and deny through Envoy, with our settings and
//! with Istio's, and what an attestor cannot say.

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::attestor::{Attestor, build};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::operator::{attest, call_api};
use serde_json::{Value, json};
use warrant::Denial;

use crate::denials::court::{Court, Settings};

const WORKLOAD: &str = "spiffe://demo/ns/demo/sa/worker";

/// A request of the workload with a warrant that is bound to the first build.
fn request(court: &Court) -> ClientRequest {
    let content = WarrantSpec { measurement: Some(build(1)), ..hello() };
    court.by_certificate(WORKLOAD, "/attested/you", content)
}

/// What the workload gets: the code of the denial, or none if its request was executed.
async fn outcome(court: &Court) -> Option<Denial> {
    let request = request(court);
    let response = court.world.send_as(&court.client(&[WORKLOAD]), &request).await;
    let denial = response.code().and_then(|code| Denial::from_code(&code));
    let status = denial.map_or(200, Denial::status);
    assert_eq!(response.status, status, "{}", response.text());
    assert_eq!(court.world.executions_of(&request), usize::from(denial.is_none()), "{}", response.text());
    denial
}

fn says(court: &Court, words: &[&str]) {
    let (status, printed) = attest(&court.world.home, words);
    assert_eq!(status, 0, "{words:?}: {printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_passes_while_its_attestor_says_so_with_our_settings() {
    follow_the_attestor(Settings::Shipped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_passes_while_its_attestor_says_so_with_istios_settings() {
    follow_the_attestor(Settings::Istio).await;
}

async fn follow_the_attestor(settings: Settings) {
    let court = Court::start(settings).await;
    assert_eq!(outcome(&court).await, Some(Denial::AttestationMissing));
    let (first, second) = (build(1), build(2));
    says(&court, &["workload", WORKLOAD, "--measurement", &first]);
    assert_eq!(outcome(&court).await, None);
    wait_for_the_next_second().await;
    says(&court, &["workload", WORKLOAD, "--measurement", &first, "--negative"]);
    assert_eq!(outcome(&court).await, Some(Denial::AttestationInvalid));
    wait_for_the_next_second().await;
    says(&court, &["workload", WORKLOAD, "--measurement", &second]);
    assert_eq!(outcome(&court).await, Some(Denial::AttestationMismatch));
    wait_for_the_next_second().await;
    says(&court, &["workload", WORKLOAD, "--measurement", &first, "--debuggable"]);
    assert_eq!(outcome(&court).await, Some(Denial::AttestationInvalid));
    wait_for_the_next_second().await;
    says(&court, &["workload", WORKLOAD, "--measurement", &first]);
    assert_eq!(outcome(&court).await, None);

    let asked = || {
        let content = WarrantSpec { path: "/window/**".into(), ..hello() };
        court.world.agent.request(&content, "GET", "/window/you")
    };
    let denied = async || court.provoke(asked()).await.assert_is(Denial::ConditionUnmet);
    denied().await;
    says(&court, &["condition", "change-window", "open"]);
    assert_eq!(court.send(&asked()).await.status, 200);
    wait_for_the_next_second().await;
    says(&court, &["condition", "change-window", "closed"]);
    denied().await;
    court.world.end().await;
}

/// Statements of the same second are not newer than each other.
async fn wait_for_the_next_second() {
    let made = portcullis_tests::signed_bundles::now();
    portcullis_tests::condition::until("the next second", async || {
        (portcullis_tests::signed_bundles::now() > made).then_some(())
    })
    .await;
}

/// Brings a statement that must be refused.
async fn refuses(court: &Court, path: &str, statement: String, status: u16, code: &str) {
    let answer = call_api(&court.world.home, "POST", path, &json!({"statement": statement})).await;
    assert_eq!((answer.0, answer.1["code"].as_str()), (status, Some(code)), "{}", answer.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_positive_statement_does_not_come_back_after_a_newer_negative_one() {
    let court = Court::start(Settings::Shipped).await;
    let attestor = &court.attestor;
    let old = attestor.about(WORKLOAD, &build(1), 30, |_| {});
    court.attest(old.clone()).await;
    assert_eq!(outcome(&court).await, None);
    let negative = |claims: &mut Value| claims["status"] = "negative".into();
    court.attest(attestor.about(WORKLOAD, &build(1), 10, negative)).await;
    assert_eq!(outcome(&court).await, Some(Denial::AttestationInvalid));
    refuses(&court, "/v1/attestations", old, 409, "conflict").await;
    refuses(&court, "/v1/attestations", attestor.about(WORKLOAD, &build(1), 20, |_| {}), 409, "conflict")
        .await;
    assert_eq!(outcome(&court).await, Some(Denial::AttestationInvalid));
    court.attest(attestor.about(WORKLOAD, &build(1), 5, |_| {})).await;
    assert_eq!(outcome(&court).await, None);
    court.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attestor_cannot_speak_about_what_is_not_its_own_nor_another_in_its_name() {
    let court = Court::start(Settings::Shipped).await;
    let attestor = &court.attestor;
    let (attestations, conditions) = ("/v1/attestations", "/v1/conditions");
    let other_mesh = attestor.about("spiffe://other/ns/demo/sa/worker", &build(1), 0, |_| {});
    refuses(&court, attestations, other_mesh, 403, "not-permitted").await;
    refuses(&court, conditions, attestor.condition("freeze", "no", 0), 403, "not-permitted").await;
    let thief = Attestor { key: TestKey::stranger(Algorithm::Es256, 5), ..attestor.clone() };
    refuses(&court, attestations, thief.about(WORKLOAD, &build(1), 0, |_| {}), 400, "malformed").await;
    let stranger = Attestor { iss: "https://stranger.demo".into(), ..thief };
    refuses(&court, attestations, stranger.about(WORKLOAD, &build(1), 0, |_| {}), 403, "not-permitted").await;
    assert_eq!(outcome(&court).await, Some(Denial::AttestationMissing));
    court.attest(attestor.about(WORKLOAD, &build(1), 0, |_| {})).await;
    assert_eq!(outcome(&court).await, None);
    court.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_from_the_future_or_for_another_mesh_counts_for_nothing() {
    let court = Court::start(Settings::Shipped).await;
    let attestor = &court.attestor;
    let bad = [
        attestor.about(WORKLOAD, &build(1), -600, |_| {}),
        attestor.about(WORKLOAD, &build(1), 0, |claims| claims["aud"] = "another".into()),
        attestor.about(WORKLOAD, &build(1), 7200, |_| {}),
    ];
    for statement in bad {
        refuses(&court, "/v1/attestations", statement, 400, "malformed").await;
    }
    assert_eq!(outcome(&court).await, Some(Denial::AttestationMissing));
    court.world.end().await;
}
