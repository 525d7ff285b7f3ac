//! Those who call the API as somebody whom they are not. What else can be wrong with a token is in the tests of
//! `authority::callers`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_tests::agent::hello;
use portcullis_tests::certificates::{A_DAY, Root, put_roots};
use portcullis_tests::client::ClientResponse;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::server::Server;
use portcullis_tests::signed_bundles::{jwk, now};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use warrant::mint::Signer;

use super::api::TlsApi;

pub(super) const ISS: &str = "https://idp.demo";
pub(super) const AUDIENCE: &str = "portcullis";
const SRE: &str = "spiffe://demo/ns/ops/sa/sre";

/// An issuer of tokens, with a key that it publishes as `k1`.
pub(super) struct Issuer(pub(super) TestKey);

impl Issuer {
    pub(super) fn new() -> Issuer {
        Issuer(TestKey::stranger(Algorithm::Es256, 21))
    }

    pub(super) fn keys(&self) -> Value {
        let mut key = jwk(&self.0);
        key["kid"] = "k1".into();
        json!({"keys": [key]})
    }

    /// `Bearer …`, signed as the header says or not.
    pub(super) fn token(&self, header: &Value, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({"iss": ISS, "sub": "alice", "aud": AUDIENCE, "exp": now() + 60});
        change(&mut claims);
        let [header, claims] = [header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let input = format!("{header}.{claims}");
        let signature = self.0.sign(input.as_bytes()).unwrap();
        format!("Bearer {input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub(super) fn es256(kid: &str) -> Value {
    json!({"alg": "ES256", "typ": "JWT", "kid": kid})
}

fn code(response: &ClientResponse) -> (u16, Option<String>) {
    (response.status, response.code())
}

fn refused(status: u16, code: &str) -> (u16, Option<String>) {
    (status, Some(code.to_owned()))
}

/// Nothing of what the callers asked for is on record, and a decision is made as before.
async fn end_with_revocations(api: TlsApi, expected: &[&str]) {
    api.world.allows(&api.world.agent.request(&hello(), "GET", "/hello/you")).await;
    let auditor = LedgerAuditor::new(&api.world.home, api.world.directory());
    auditor.wait_for_decisions(1).await;
    let recorded = auditor.of_kind("revocation/1");
    let values: Vec<_> = recorded.iter().map(|entry| entry["value"].as_str().unwrap()).collect();
    assert_eq!(values, expected);
    api.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_another_audience_of_two_or_with_a_confused_algorithm_names_nobody() {
    let issuer = Issuer::new();
    let listed = json!([{"iss": ISS, "audience": AUDIENCE, "jwks": issuer.keys()}]);
    let api = TlsApi::start(Some(listed)).await;
    let client = api.anybody();
    let same = |_: &mut Value| {};
    let bad = [
        ("another audience", issuer.token(&es256("k1"), |claims| claims["aud"] = "another".into())),
        ("two audiences", issuer.token(&es256("k1"), |claims| claims["aud"] = json!([AUDIENCE, "another"]))),
        ("no algorithm", issuer.token(&json!({"alg": "none", "typ": "JWT", "kid": "k1"}), same)),
        ("an HMAC", issuer.token(&json!({"alg": "HS256", "typ": "JWT", "kid": "k1"}), same)),
        ("another curve", issuer.token(&json!({"alg": "EdDSA", "typ": "JWT", "kid": "k1"}), same)),
        ("an unknown key", issuer.token(&es256("k2"), same)),
        ("a token of yesterday", issuer.token(&es256("k1"), |claims| claims["exp"] = (now() - 1).into())),
    ];
    for (what, token) in &bad {
        let response = api.revoke(&client, &[("authorization", token)], what).await;
        assert_eq!(code(&response), refused(401, "not-authenticated"), "{what}: {}", response.text());
    }
    let good = issuer.token(&es256("k1"), same);
    let response = api.revoke(&client, &[("authorization", &good)], "agent:found").await;
    assert_eq!(response.status, 201, "{}", response.text());
    end_with_revocations(api, &["agent:found"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_and_a_token_at_once_name_nobody() {
    let issuer = Issuer::new();
    let listed = json!([{"iss": ISS, "audience": AUDIENCE, "jwks": issuer.keys()}]);
    let api = TlsApi::start(Some(listed)).await;
    let token = issuer.token(&es256("k1"), |_| {});
    let sre = api.workload(SRE);
    let response = api.revoke(&sre, &[("authorization", &token)], "agent:both").await;
    assert_eq!(code(&response), refused(401, "not-authenticated"), "{}", response.text());
    assert_eq!(api.revoke(&sre, &[], "agent:by-certificate").await.status, 201);
    let by_token = api.revoke(&api.anybody(), &[("authorization", &token)], "agent:by-token").await;
    assert_eq!(by_token.status, 201, "{}", by_token.text());
    let response = api.revoke(&api.anybody(), &[], "agent:nobody").await;
    assert_eq!(code(&response), refused(401, "not-authenticated"), "{}", response.text());
    end_with_revocations(api, &["agent:by-certificate", "agent:by-token"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_another_site_makes_ask_is_refused_although_it_shows_a_certificate() {
    let api = TlsApi::start(None).await;
    let sre = api.workload(SRE);
    let own = format!("https://localhost:{}", api.world.server.api().port());
    for headers in [
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let response = api.revoke(&sre, headers, "agent:cross-site").await;
        assert_eq!(code(&response), refused(403, "not-permitted"), "{headers:?}: {}", response.text());
    }
    let response =
        api.revoke(&sre, &[("sec-fetch-site", "same-origin"), ("origin", &own)], "agent:own").await;
    assert_eq!(response.status, 201, "{}", response.text());
    end_with_revocations(api, &["agent:own"]).await;
}

/// How often an unknown key is asked for. Callers come one after the other, each with a connection of its own.
const CALLS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kid_that_is_unknown_a_thousand_times_makes_the_server_fetch_the_keys_once() {
    let (issuer, root) = (Issuer::new(), Root::new("the issuer's"));
    let fetches = Arc::<AtomicU64>::default();
    let url = publish_keys(issuer.keys(), &root, Arc::clone(&fetches)).await;
    let mut api = TlsApi::start(Some(json!([{"iss": ISS, "audience": AUDIENCE, "jwksUri": url}]))).await;
    let roots = api.world.home.file("trusted.pem");
    put_roots(&[&root], &roots);
    api.world.server.process.stop().await;
    api.world.server = Server::start_trusting(&api.world.home, &roots).await;
    let client = api.anybody();
    for call in 0..CALLS {
        let token = issuer.token(&es256(&format!("unknown-{call}")), |_| {});
        let response = api.revoke(&client, &[("authorization", &token)], "agent:unknown").await;
        assert_eq!(code(&response), refused(401, "not-authenticated"), "{}", response.text());
    }
    let token = issuer.token(&es256("k1"), |_| {});
    let response = api.revoke(&client, &[("authorization", &token)], "agent:known").await;
    assert_eq!(response.status, 201, "{}", response.text());
    println!("{CALLS} calls, {} fetches", fetches.load(Ordering::Relaxed));
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
    end_with_revocations(api, &["agent:known"]).await;
}

/// Publishes these keys at an https URL with a certificate of this root, and counts how often they are fetched.
async fn publish_keys(keys: Value, root: &Root, fetches: Arc<AtomicU64>) -> String {
    let own = root.issue(&[], A_DAY);
    let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (acceptor, body) = (TlsAcceptor::from(Arc::new(config)), keys.to_string());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/keys", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            fetches.fetch_add(1, Ordering::Relaxed);
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all([&head, body.as_str()].concat().as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}
