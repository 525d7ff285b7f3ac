//! Every call of the API's document, made in each wrong way: as nobody, as somebody else, too late, without a permit, and with a body
//! that is too long, broken, ambiguous, of another type or never sent. Nothing gets on record, and no answer and no line of the log has
//! a part of a token.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_tests::agent::hello;
use portcullis_tests::api_document::{self, Operation, operations};
use portcullis_tests::attestor::{Attestor, build};
use portcullis_tests::client::{ClientRequest, ClientResponse};
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::raw::exchange_over;
use portcullis_tests::signed_bundles::now;
use portcullis_tests::tls_client::TlsClient;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::api::TlsApi;
use super::callers::{AUDIENCE, ISS, Issuer, es256};

/// How a call is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    NoCredentials,
    OtherIssuer,
    Expired,
    NotPermitted,
    Large,
    Malformed,
    MemberTwice,
    OtherType,
    /// The body does not come.
    Slow,
    OtherMethod,
}

use Wrong::{
    Expired, Large, Malformed, MemberTwice, NoCredentials, NotPermitted, OtherIssuer, OtherMethod, OtherType,
    Slow,
};

const COLUMNS: [Wrong; 10] = [
    NoCredentials,
    OtherIssuer,
    Expired,
    NotPermitted,
    Large,
    Malformed,
    MemberTwice,
    OtherType,
    Slow,
    OtherMethod,
];

/// A call, and the status for each column.
type Row = (&'static str, &'static str, [u16; 10]);

/// A call that takes no body does not look at it: there the last columns but one show the answer to a good call.
const TABLE: [Row; 20] = [
    ("GET", "/v1/attestations", [401, 401, 401, 403, 200, 200, 200, 200, 200, 405]),
    ("GET", "/v1/conditions", [401, 401, 401, 403, 200, 200, 200, 200, 200, 405]),
    ("GET", "/v1/decisions", [401, 401, 401, 403, 200, 200, 200, 200, 200, 405]),
    ("GET", "/v1/posture", [401, 401, 401, 403, 200, 200, 200, 200, 200, 405]),
    ("GET", "/v1/proxies", [401, 401, 401, 403, 200, 200, 200, 200, 200, 405]),
    ("GET", "/v1/revocations", [401, 401, 401, 403, 200, 200, 200, 200, 200, 405]),
    // There is none.
    ("GET", "/v1/candidate", [401, 401, 401, 403, 404, 404, 404, 404, 404, 405]),
    // Who may not see a decision or a lineage is told the same as about one that does not exist.
    ("GET", "/v1/decisions/{id}", [401, 401, 401, 404, 404, 404, 404, 404, 404, 405]),
    ("GET", "/v1/lineages/{txn}", [401, 401, 401, 403, 404, 404, 404, 404, 404, 405]),
    ("GET", "/v1/decisions/{id}/proof", [401, 401, 401, 403, 404, 404, 404, 404, 404, 405]),
    ("GET", "/v1/revocations/{index}", [401, 401, 401, 403, 404, 404, 404, 404, 404, 405]),
    // For everybody.
    ("GET", "/v1/jwks.json", [200, 200, 200, 200, 200, 200, 200, 200, 200, 405]),
    ("GET", "/v1/openapi.json", [200, 200, 200, 200, 200, 200, 200, 200, 200, 405]),
    ("GET", "/v1/receipt-jwks.json", [200, 200, 200, 200, 200, 200, 200, 200, 200, 405]),
    // What records something. A statement needs no permit, but an attestor of the bundle.
    ("POST", "/v1/attestations", [401, 401, 401, 403, 413, 400, 400, 415, 400, 405]),
    ("POST", "/v1/conditions", [401, 401, 401, 403, 413, 400, 400, 415, 400, 405]),
    ("POST", "/v1/reinstatements", [401, 401, 401, 403, 413, 400, 400, 415, 400, 405]),
    ("POST", "/v1/revocations", [401, 401, 401, 403, 413, 400, 400, 415, 400, 405]),
    ("PUT", "/v1/posture", [401, 401, 401, 403, 413, 400, 400, 415, 400, 405]),
    // OAuth has 400 for all that is wrong with a form and the tokens in it, and for a grant that the holder may not have.
    ("POST", "/v1/token", [400, 400, 400, 400, 413, 400, 400, 400, 400, 405]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_refused_for_what_is_wrong_with_it_and_leaves_nothing_behind() {
    let issuer = Issuer::new();
    let listed = json!([{"iss": ISS, "audience": AUDIENCE, "jwks": issuer.keys()}]);
    let alice = format!("@id(\"alice\") permit (principal == Person::\"{ISS}|alice\", action, resource);");
    let api = TlsApi::permitting(Some(listed), &alice).await;
    let mut told = Vec::new();
    // What the calls that end a revocation name.
    let good = issuer.token(&es256("k1"), |_| {});
    let recorded = api.revoke(&api.anybody(), &[("authorization", &good)], "agent:nobody").await;
    let recorded: Value = serde_json::from_slice(&recorded.body).unwrap();
    let credentials = Credentials::new(&issuer, &api, recorded["index"].clone());

    let rows: Vec<Operation> = TABLE
        .iter()
        .map(|(method, path, _)| Operation { method: (*method).to_owned(), path: (*path).to_owned() })
        .collect();
    let without: Vec<_> = operations().into_iter().filter(|operation| !rows.contains(operation)).collect();
    assert!(without.is_empty(), "calls of the document without a row: {without:?}");

    let mut slow = JoinSet::new();
    for (method, path, expected) in TABLE {
        let at =
            path.replace("{id}", "AAAAAAAAAAAAAAAAAAAAAA").replace("{txn}", "t1").replace("{index}", "0");
        for (wrong, status) in COLUMNS.into_iter().zip(expected) {
            let request = credentials.call(method, &at, wrong);
            let client =
                if (path, wrong) == ("/v1/token", NotPermitted) { api.keyholder() } else { api.anybody() };
            let sent = send(client, api.world.server.api(), request, wrong);
            if wrong == Slow {
                slow.spawn(async move { (sent.await, status) });
            } else {
                told.push((sent.await, status));
            }
        }
    }
    while let Some(answered) = slow.join_next().await {
        told.push(answered.unwrap());
    }
    for ((request, response), status) in &told {
        api_document::check(request, response);
        assert_eq!(response.status, *status, "{request:?}: {response:?}");
    }
    let told: Vec<ClientResponse> = told.into_iter().map(|((_, response), _)| response).collect();
    assert_eq!(told.len(), TABLE.len() * COLUMNS.len());
    credentials.assert_in_none_of(&told, &api.world.server.process.log());

    api.world.allows(&api.world.agent.request(&hello(), "GET", "/hello/you")).await;
    let auditor = LedgerAuditor::new(&api.world.home, api.world.directory());
    auditor.wait_for_decisions(1).await;
    for kind in ["reinstate/1", "posture/1", "attestation/1", "condition/1", "issued/1"] {
        assert_eq!(auditor.of_kind(kind), Vec::<Value>::new());
    }
    let revoked = auditor.of_kind("revocation/1");
    assert_eq!(revoked.iter().map(|entry| &entry["value"]).collect::<Vec<_>>(), ["agent:nobody"]);
    api.world.end().await;
}

/// Sends a request, but not the body of a slow one. After every other the same connection serves the next call, also if nothing read
/// the body.
async fn send(
    client: TlsClient,
    to: SocketAddr,
    request: ClientRequest,
    wrong: Wrong,
) -> (ClientRequest, ClientResponse) {
    let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, request.target, request.host);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let length = if wrong == Slow { 100 } else { request.body.len() };
    let head = format!("{head}content-length: {length}\r\n\r\n");
    let next: &[u8] = b"GET /v1/receipt-jwks.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let (next, answers) = if wrong == Slow { (&[][..], 1) } else { (next, 2) };
    let stream = client.connect(to).await.unwrap();
    let bytes = [head.as_bytes(), &request.body, next].concat();
    let mut answered = exchange_over(stream, &bytes, answers).await;
    let rest = answered.responses.split_off(1);
    assert!(rest.len() + 1 == answers && rest.iter().all(|next| next.status == 200), "{request:?}: {rest:?}");
    (request, answered.responses.swap_remove(0))
}

/// Tokens of every kind, and what was sent of them.
struct Credentials {
    alice: String,
    bob: String,
    expired: String,
    stranger: String,
    /// For the token endpoint: of nobody who may have anything, and one that has expired.
    subject: String,
    expired_subject: String,
    statement: String,
    /// A condition's statement.
    condition: String,
    /// The index of a revocation in force.
    revocation: Value,
}

impl Credentials {
    fn new(issuer: &Issuer, api: &TlsApi, revocation: Value) -> Credentials {
        let token = |change: &dyn Fn(&mut Value)| issuer.token(&es256("k1"), |claims| change(claims));
        let idp = Issuer(TestKey::read(&api.world.home.file("keys/idp.jwk")));
        let subject = |exp: u64| {
            let token = idp.token(&es256("i1"), |claims| {
                let more = json!({"iss": "https://idp.demo", "aud": "demo", "sub": "stranger", "jti": exp.to_string()});
                claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                claims["exp"] = exp.into();
            });
            token.trim_start_matches("Bearer ").to_owned()
        };
        let attestor = Attestor {
            iss: "https://attestor.stranger".to_owned(),
            kid: "t1".to_owned(),
            key: TestKey::stranger(Algorithm::Es256, 9),
        };
        Credentials {
            alice: token(&|_| {}),
            bob: token(&|claims| claims["sub"] = "bob".into()),
            expired: token(&|claims| claims["exp"] = (now() - 1).into()),
            stranger: Issuer(TestKey::stranger(Algorithm::Es256, 33))
                .token(&es256("k1"), |claims| claims["iss"] = "https://idp.stranger".into()),
            subject: subject(now() + 60),
            expired_subject: subject(now() - 1),
            statement: attestor.about("spiffe://demo/ns/a/sa/b", &build(1), 0, |_| {}),
            condition: attestor.condition("maintenance", "on", 0),
            revocation,
        }
    }

    /// A call that is wrong in this way, and in no other.
    fn call(&self, method: &str, at: &str, wrong: Wrong) -> ClientRequest {
        let method = if wrong == OtherMethod { "DELETE" } else { method };
        let request = ClientRequest::new(method, "localhost", at);
        if at == "/v1/token" {
            return self.exchange(request, wrong);
        }
        let caller = match wrong {
            NoCredentials => None,
            OtherIssuer => Some(&self.stranger),
            Expired => Some(&self.expired),
            NotPermitted => Some(&self.bob),
            Large | Malformed | MemberTwice | OtherType | Slow | OtherMethod => Some(&self.alice),
        };
        let request = match caller {
            Some(token) => request.with("authorization", token),
            None => request,
        };
        let kind = if wrong == OtherType { "text/plain" } else { "application/json" };
        let body = self.body(at, wrong);
        ClientRequest { body: body.into(), ..request.with("content-type", kind) }
    }

    fn body(&self, at: &str, wrong: Wrong) -> String {
        let body = match at {
            "/v1/posture" => json!({"scope": "mesh", "stance": "halted", "reason": "a drill"}),
            "/v1/reinstatements" => json!({"revocation": self.revocation, "reason": "a drill"}),
            "/v1/attestations" => json!({"statement": self.statement}),
            "/v1/conditions" => json!({"statement": self.condition}),
            _ => json!({"what": "sub", "value": "agent:victim", "reason": "a drill"}),
        };
        match wrong {
            Large => " ".repeat(64 * 1024 + 1),
            Malformed => "{\"reason\":".to_owned(),
            MemberTwice => {
                let (name, value) = body.as_object().unwrap().iter().next().unwrap();
                body.to_string().replacen('{', &format!("{{\"{name}\":{value},"), 1)
            }
            Slow => String::new(),
            NoCredentials | OtherIssuer | Expired | NotPermitted | OtherType | OtherMethod => {
                body.to_string()
            }
        }
    }

    /// A call for a warrant.
    fn exchange(&self, request: ClientRequest, wrong: Wrong) -> ClientRequest {
        let stranger = self.stranger.trim_start_matches("Bearer ");
        let token = match wrong {
            NoCredentials => None,
            OtherIssuer => Some(stranger),
            Expired => Some(self.expired_subject.as_str()),
            NotPermitted | Large | Malformed | MemberTwice | OtherType | Slow | OtherMethod => {
                Some(self.subject.as_str())
            }
        };
        let mut form =
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&scope=greetings".to_owned();
        if let Some(token) = token {
            let kind = "urn:ietf:params:oauth:token-type:jwt";
            form = format!("{form}&subject_token={token}&subject_token_type={kind}");
        }
        let body = match wrong {
            Large => "x".repeat(64 * 1024 + 1),
            Malformed => "{\"scope\":".to_owned(),
            MemberTwice => format!("{form}&scope=greetings"),
            Slow => String::new(),
            NoCredentials | OtherIssuer | Expired | NotPermitted | OtherType | OtherMethod => form,
        };
        let kind = if wrong == OtherType { "application/json" } else { "application/x-www-form-urlencoded" };
        ClientRequest { body: body.into(), ..request.with("content-type", kind) }
    }

    fn assert_in_none_of(&self, told: &[ClientResponse], log: &str) {
        let all =
            [&self.alice, &self.bob, &self.expired, &self.stranger, &self.subject, &self.expired_subject];
        let parts = all.into_iter().flat_map(|token| token.split('.').skip(1));
        for part in parts.chain(
            [self.statement.as_str(), &self.condition].into_iter().flat_map(|jws| jws.split('.').skip(1)),
        ) {
            assert!(
                part.len() > 40 && URL_SAFE_NO_PAD.decode(part).is_ok(),
                "{part} is not a part of a token"
            );
            for response in told {
                let all = format!("{:?} {}", response.headers, response.text());
                assert!(!all.contains(part), "an answer has a part of a token: {all}");
            }
            assert!(!log.contains(part), "the log has a part of a token: {part}");
        }
    }
}
