//! Who asks, where, and in which state the workload is.

use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::attestor::build;
use portcullis_tests::client::ClientRequest;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::operator::call_api;
use portcullis_tests::world::HOST;
use serde_json::{Value, json};
use warrant::Denial;

use super::court::{Court, PAYER, Source};
use super::{Provoked, Row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(Denial::IdentityMissing, "the client's certificate has no SPIFFE ID", |court| {
            Box::pin(unnamed(court))
        })
        .only(Source::Ours),
        // STRICT refuses the handshake of such a client. But without `strictMtls` in the bundle nobody is believed, because the
        // proxy sends no certificate.
        Row::new(
            Denial::IdentityMissing,
            "Istio sends no certificate, and the bundle does not rely on it",
            |court| Box::pin(without_certificate(court)),
        )
        .only(Source::Istio),
        Row::new(Denial::IdentityMismatch, "the warrant of another workload", |court| {
            Box::pin(stolen(court))
        }),
        // Our settings remove this header; Istio's keep what the client says in front of what the proxy knows.
        Row::new(
            Denial::IdentityMismatch,
            "the client's own header names the holder's certificate",
            |court| Box::pin(named_by_a_header(court)),
        )
        .only(Source::Istio),
        Row::new(Denial::ProofMissing, "no proof", |court| Box::pin(without_proof(court))),
        Row::new(Denial::ProofInvalid, "a proof by another key", |court| Box::pin(proof_by_another(court))),
        Row::new(Denial::EnvironmentMismatch, "a route for another region", |court| {
            Box::pin(elsewhere(court))
        }),
        Row::new(Denial::ConditionUnmet, "the change window is closed", |court| Box::pin(closed(court))),
        Row::new(Denial::AttestationMissing, "nobody has attested the workload", |court| {
            Box::pin(runs(court, "spiffe://demo/ns/demo/sa/unknown"))
        }),
        Row::new(Denial::AttestationInvalid, "its attestor does not rely on the workload", |court| {
            Box::pin(negative(court))
        }),
        Row::new(
            Denial::AttestationStale,
            "it was attested ten minutes ago, and the route wants one",
            |court| Box::pin(attested_long_ago(court)),
        ),
        Row::new(Denial::AttestationMismatch, "it runs another build than its warrant names", |court| {
            Box::pin(other_build(court))
        }),
    ]
}

async fn unnamed(court: &Court) -> Provoked {
    court.provoke_as(&[], court.by_certificate(PAYER, "/mine/you", hello())).await
}

async fn without_certificate(court: &Court) -> Provoked {
    court
        .publish(3600, |bundle| {
            bundle.edit("proxies.json", |proxies| proxies["spec"][0]["strictMtls"] = false.into())
        })
        .await;
    let provoked = court.provoke(court.by_certificate(PAYER, "/mine/you", hello())).await;
    court.restore_bundle().await;
    provoked
}

async fn stolen(court: &Court) -> Provoked {
    let request = court.by_certificate(PAYER, "/mine/you", hello());
    court.provoke_as(&["spiffe://demo/ns/demo/sa/thief"], request).await
}

async fn named_by_a_header(court: &Court) -> Provoked {
    let request = court.by_certificate(PAYER, "/mine/you", hello());
    let request = request.with("x-forwarded-client-cert", format!("By=spiffe://demo/x;URI={PAYER}"));
    court.provoke_as(&["spiffe://demo/ns/demo/sa/thief"], request).await
}

async fn without_proof(court: &Court) -> Provoked {
    let warrant = court.world.agent.warrant(&hello());
    court.provoke(ClientRequest::new("GET", HOST, "/hello/you").with("warrant", warrant)).await
}

async fn proof_by_another(court: &Court) -> Provoked {
    let warrant = court.world.agent.warrant(&hello());
    let holder = TestKey::stranger(Algorithm::Es256, 7);
    let thief = Agent { holder, ..court.world.agent.clone() };
    court.provoke(thief.present(&warrant, ClientRequest::new("GET", HOST, "/hello/you"))).await
}

async fn elsewhere(court: &Court) -> Provoked {
    let content = WarrantSpec { path: "/us/**".into(), ..hello() };
    court.provoke(court.world.agent.request(&content, "GET", "/us/you")).await
}

async fn closed(court: &Court) -> Provoked {
    let body = json!({"statement": court.attestor.condition("change-window", "closed", 0)});
    let (status, answer) = call_api(&court.world.home, "POST", "/v1/conditions", &body).await;
    assert_eq!(status, 201, "{answer}");
    let content = WarrantSpec { path: "/window/**".into(), ..hello() };
    court.provoke(court.world.agent.request(&content, "GET", "/window/you")).await
}

/// The workload asks with a warrant that is bound to the first build.
async fn runs(court: &Court, workload: &str) -> Provoked {
    let measured = WarrantSpec { measurement: Some(build(1)), ..hello() };
    let request = court.by_certificate(workload, "/attested/you", measured);
    court.provoke_as(&[workload], request).await
}

async fn negative(court: &Court) -> Provoked {
    let workload = "spiffe://demo/ns/demo/sa/infected";
    let says = |claims: &mut Value| claims["status"] = "negative".into();
    court.attest(court.attestor.about(workload, &build(1), 0, says)).await;
    runs(court, workload).await
}

async fn attested_long_ago(court: &Court) -> Provoked {
    let workload = "spiffe://demo/ns/demo/sa/forgotten";
    court.attest(court.attestor.about(workload, &build(1), 600, |_| {})).await;
    runs(court, workload).await
}

async fn other_build(court: &Court) -> Provoked {
    let workload = "spiffe://demo/ns/demo/sa/changed";
    court.attest(court.attestor.about(workload, &build(2), 0, |_| {})).await;
    runs(court, workload).await
}
