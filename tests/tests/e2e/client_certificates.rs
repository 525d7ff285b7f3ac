//! Who a client is, by its certificate: what a proxy says counts only if the certificate says the same. Envoy never sends
//! some of these checks, so they are sent to the server directly.

use crate::bundles::Signers;
use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::certificates::{A_DAY, Root, put_roots};
use portcullis_tests::client::{ClientRequest, get};
use portcullis_tests::direct_check::{Source, check};
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::tls_client::TlsClient;
use portcullis_tests::world::{HOST, Setup};
use serde_json::json;

const PAYER: &str = "spiffe://demo/ns/demo/sa/payer";
const OTHER: &str = "spiffe://demo/ns/demo/sa/other";

/// Makes the sample route `hello` ask for the certificate of this workload.
fn ask_for_certificate_of(home: &Home, caller: &str) {
    let by_certificate = UnsignedBundle::of(home).version(2).edit("routes/demo/hello.json", |hello| {
        hello["spec"]["require"]["holder"] = "mtls".into();
        hello["spec"]["callers"] = json!([caller]);
    });
    Signers::of(home).publish(&by_certificate);
}

/// A request with a warrant for this workload, without a proof.
fn request_of(agent: &Agent, holder: &str) -> ClientRequest {
    let warrant = agent.warrant(&WarrantSpec { holder: holder.to_owned(), ..hello() });
    ClientRequest::new("GET", HOST, "/hello/you").with("warrant", warrant)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_that_envoy_validated_and_sent_says_who_the_client_is() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    ask_for_certificate_of(&home, PAYER);
    let (root, files) = (Root::new("one"), directory.path().join("listener"));
    std::fs::create_dir(&files).unwrap();
    root.issue(&[], A_DAY).put(&files, "server");
    put_roots(&[&root], &files.join("roots.pem"));
    let world = Setup { clients: Some(files), ..Setup::default() }.start_in(directory, home).await;
    let client = |uris: &[&str]| TlsClient::new(&root, Some(&root.issue(uris, A_DAY)));
    let send = async |client: &TlsClient| {
        let request = request_of(&world.agent, PAYER);
        let response = world.send_as(client, &request).await;
        (response.status, response.code(), world.executions_of(&request))
    };

    assert_eq!(send(&client(&[PAYER])).await, (200, None, 1));
    assert_eq!(send(&client(&[OTHER])).await, (403, Some("identity-mismatch".into()), 0));
    for names in [&[][..], &[PAYER, OTHER], &["https://demo/payer"]] {
        assert_eq!(send(&client(names)).await, (401, Some("identity-missing".into()), 0), "{names:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_principal_that_its_certificate_does_not_bear_out_is_no_identity() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    ask_for_certificate_of(&home, PAYER);
    let server = Server::start(&home).await;
    let agent = Agent::at(&home);
    let request = request_of(&agent, PAYER);
    let root = Root::new("one");
    let certificate = |uris: &[&str], time| root.issue(uris, time).certificate;
    let (good, others) = (certificate(&[PAYER], A_DAY), certificate(&[OTHER], A_DAY));
    let ask = async |principal: &str, certificate: &str| {
        check(&home.socket(), Source { principal, certificate, service: PAYER }, &request).await
    };

    assert_eq!(ask(PAYER, &good).await, None);
    // Another service with a good certificate of its own: somebody, but not the holder of this warrant.
    assert_eq!(ask(OTHER, &others).await.as_deref(), Some("identity-mismatch"));

    let cases = [
        ("differs", PAYER, others),
        ("certificate-absent", PAYER, String::new()),
        ("absent", "", String::new()),
        ("principal-not-spiffe", "payer.demo", good.clone()),
        ("principal-not-spiffe", "", good.clone()),
        ("certificate-names", PAYER, certificate(&[PAYER, OTHER], A_DAY)),
        ("certificate-names", PAYER, certificate(&[OTHER, PAYER], A_DAY)),
        ("certificate-names", PAYER, certificate(&[], A_DAY)),
        ("certificate-unreadable", PAYER, "-----BEGIN CERTIFICATE-----".to_owned()),
        ("certificate-unreadable", PAYER, [good.as_str(), &good].concat()),
        ("out-of-time", PAYER, certificate(&[PAYER], (-7200, -3600))),
        ("out-of-time", PAYER, certificate(&[PAYER], (3600, 7200))),
    ];
    for (why, principal, certificate) in &cases {
        let answer = ask(principal, certificate).await;
        assert_eq!(answer.as_deref(), Some("identity-missing"), "{why}: {principal:?} {certificate}");
    }
    let figures = get(server.health(), "/metrics").await.unwrap().text();
    for (why, ..) in &cases {
        let expected = cases.iter().filter(|(reason, ..)| reason == why).count();
        let line = format!("portcullis_identity_missing_total{{reason=\"{why}\"}} {expected}\n");
        assert!(figures.contains(&line), "{line}{figures}");
    }
}
