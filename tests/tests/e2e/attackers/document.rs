//! Somebody who knows the API's document and tries everything that it permits and everything that it forbids: schemathesis makes
//! calls from the served document, and compares each answer with it.

use std::process::Command;
use std::time::Duration;

use portcullis_tests::agent::hello;
use portcullis_tests::process::Process;
use portcullis_tests::programs::{api_python, repository};
use portcullis_tests::signed_bundles::now;
use serde_json::{Value, json};

use super::api::TlsApi;
use super::callers::{AUDIENCE, ISS, Issuer, es256};

/// The same calls in each run.
const SEED: &str = "20261128";

/// Calls for each operation and phase.
const EXAMPLES: &str = "50";

/// Four times what it takes.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_to_calls_that_are_made_from_the_document_is_one_that_it_describes() {
    let issuer = Issuer::new();
    let listed = json!([{"iss": ISS, "audience": AUDIENCE, "jwks": issuer.keys()}]);
    let alice = format!("@id(\"alice\") permit (principal == Person::\"{ISS}|alice\", action, resource);");
    let api = TlsApi::permitting(Some(listed), &alice).await;
    api.world.allows(&api.world.agent.request(&hello(), "GET", "/hello/you")).await;
    let token = issuer.token(&es256("k1"), |claims: &mut Value| claims["exp"] = (now() + 600).into());
    let origin = format!("https://localhost:{}", api.world.server.api().port());
    let here = repository().join("tests/tests/e2e/attackers");
    let mut schemathesis = Command::new(api_python());
    schemathesis
        .args(["-B", "-m", "schemathesis.cli", "--config-file"])
        .arg(here.join("schemathesis.toml"))
        .args(["run", &format!("{origin}/v1/openapi.json"), "--url", &origin])
        .args(["--seed", SEED, "--max-examples", EXAMPLES, "--tls-verify"])
        .arg(api.world.home.file("clients.pem"))
        .env("PORTCULLIS_TOKEN", token.trim_start_matches("Bearer "))
        .env("PYTHONPATH", &here)
        .env("NO_COLOR", "1")
        .current_dir(api.world.directory())
        // If it does not end, it says where it is.
        .env("PYTHONFAULTHANDLER", "1");
    let mut schemathesis = Process::start("schemathesis", schemathesis);
    let status = schemathesis.end_within(ENDS_WITHIN).await;
    assert!(status.is_some_and(|status| status.success()), "{status:?}:\n{}", schemathesis.log());
    println!("{}", schemathesis.log());
    api.world.end().await;
}
