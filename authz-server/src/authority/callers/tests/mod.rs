//! Callers of every kind, and attackers who pretend to be one.

mod remote;
mod tokens;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use warrant::{Digest, Seconds};

use super::*;
use crate::authority::tokens::example_issuer::IssuerKey;
use crate::authority::tokens::{KeySet, KeySetFault};
use policy::CallerKeys;

pub(super) const ISS: &str = "https://login.shop";
pub(super) const AUDIENCE: &str = "portcullis-shop";
pub(super) const NOW: u64 = 1_800_000_000;
const AGENT: &str = "spiffe://shop/ns/ops/sa/robot";

/// The callers of one issuer with this key.
pub(super) fn callers(key: &IssuerKey) -> Callers {
    let keys = CallerKeys::Jwks(json!({"keys": [key.jwk]}).to_string());
    let issuer = CallerIssuer {
        iss: ISS.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys,
        groups: Some("groups".to_owned()),
    };
    Callers::new(vec![issuer], Fetcher::new().unwrap(), None).unwrap()
}

/// The claims of a token that is accepted.
pub(super) fn claims() -> Value {
    json!({"iss": ISS, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 60, "groups": ["sre", "on call"]})
}

/// The good claims with some of them replaced; `null` takes a claim out.
pub(super) fn claims_but(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

pub(super) fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

fn certificate() -> ClientCertificate {
    ClientCertificate {
        spiffe_id: Some(AGENT.to_owned()),
        digest: Digest::of(b"the certificate's DER"),
        not_after: Seconds::new(NOW + 30),
        key: None,
    }
}

/// Asks who calls; the refusal as text.
pub(super) async fn ask(
    callers: &Callers,
    connection: &Connection,
    headers: &HeaderMap,
) -> Result<Caller, String> {
    let answer = callers.authenticate(connection, headers, Seconds::new(NOW)).await;
    answer.map_err(|error| error.to_string())
}

fn assert_refused(answer: Result<Caller, String>, why: &str) {
    let said = answer.expect_err("the caller was accepted");
    assert!(said.starts_with("not-authenticated: ") && said.contains(why), "{said}");
}

#[tokio::test]
async fn the_caller_on_the_unix_socket_is_local() {
    let callers = callers(&IssuerKey::es256());
    let caller = ask(&callers, &Connection::Local, &HeaderMap::new()).await.unwrap();
    assert_eq!((caller.id.to_string().as_str(), caller.groups, caller.until), ("local", vec![], None));
    let token = IssuerKey::es256().token(&claims());
    assert_refused(ask(&callers, &Connection::Local, &bearer(&token)).await, "the caller `local`");
}

#[tokio::test]
async fn a_certificate_with_one_spiffe_id_is_that_workload() {
    let callers = callers(&IssuerKey::es256());
    let caller = ask(&callers, &Connection::Certificate(certificate()), &HeaderMap::new()).await.unwrap();
    assert_eq!(caller.id, CallerId::Agent(AGENT.to_owned()));
    assert_eq!(caller.until, Some(Seconds::new(NOW + 30)));

    let nameless = ClientCertificate { spiffe_id: None, ..certificate() };
    let answer = ask(&callers, &Connection::Certificate(nameless), &HeaderMap::new()).await;
    assert_refused(answer, "exactly one SPIFFE ID");
    let old = ClientCertificate { not_after: Seconds::new(NOW - 1), ..certificate() };
    assert_refused(ask(&callers, &Connection::Certificate(old), &HeaderMap::new()).await, "expired");
    assert_refused(ask(&callers, &Connection::Anonymous, &HeaderMap::new()).await, "neither");
}

#[tokio::test]
async fn a_certificate_and_a_bearer_token_at_once_are_refused() {
    let key = IssuerKey::es256();
    let callers = callers(&key);
    let connection = Connection::Certificate(certificate());
    let answer = ask(&callers, &connection, &bearer(&key.token(&claims()))).await;
    assert_refused(answer, "came with a client certificate");
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_counts_only_on_its_connection() {
    let key = IssuerKey::es256();
    let callers = callers(&key);
    let bound = |cnf: Value| bearer(&key.token(&claims_but(&json!({"cnf": cnf}))));
    let own = json!({"x5t#S256": certificate().digest.to_base64url()});
    let here = Connection::Certificate(certificate());
    let caller = ask(&callers, &here, &bound(own.clone())).await.unwrap();
    assert_eq!(caller.id, CallerId::Person(format!("{ISS}|alice")));
    assert_eq!(caller.until, Some(Seconds::new(NOW + 30)), "the certificate ends before the token");

    let other = ClientCertificate { digest: Digest::of(b"another"), ..certificate() };
    for connection in [Connection::Anonymous, Connection::Certificate(other)] {
        assert_refused(ask(&callers, &connection, &bound(own.clone())).await, "is bound");
    }
    let thumbprint = certificate().digest.to_base64url();
    for cnf in [
        json!({"jkt": thumbprint}),
        json!({"x5t#S256": thumbprint, "jkt": thumbprint}),
        json!({}),
        json!("x5t#S256"),
        json!({"x5t#S256": 7}),
    ] {
        assert_refused(ask(&callers, &here, &bound(cnf.clone())).await, "is bound");
        assert_refused(ask(&callers, &Connection::Anonymous, &bound(cnf)).await, "is bound");
    }
}

#[test]
fn a_list_of_issuers_with_a_fault_is_refused() {
    let issuer = |iss: &str, keys: CallerKeys| CallerIssuer {
        iss: iss.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys,
        groups: None,
    };
    let listed = || CallerKeys::Jwks(json!({"keys": [IssuerKey::es256().jwk]}).to_string());
    let at = |url: &str| CallerKeys::JwksUri(url.to_owned());
    let fault = |issuers: Vec<CallerIssuer>| {
        Callers::new(issuers, Fetcher::new().unwrap(), None).unwrap_err().to_string()
    };
    for (issuers, why) in [
        (vec![issuer("https://a|b", listed())], "has a `|`"),
        (vec![issuer(ISS, listed()), issuer(ISS, at("https://login.shop/keys"))], "two entries"),
        (vec![issuer(ISS, at("http://127.0.0.1/keys"))], "write an https:// URL"),
        (vec![issuer(ISS, CallerKeys::Jwks("[]".to_owned()))], "not a JWK set"),
    ] {
        let said = fault(issuers);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_caller_prints_as_the_by_of_an_entry() {
    assert_eq!(CallerId::Agent(AGENT.to_owned()).to_string(), AGENT);
    let group = CallerGroup { iss: ISS.to_owned(), value: "sre".to_owned() };
    assert_eq!(group.to_string(), "https://login.shop|sre");
}
