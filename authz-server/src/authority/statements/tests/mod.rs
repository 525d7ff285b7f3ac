//! Statements that hold, and attackers who make others.

mod certificates;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use warrant::mint::Signer;
use warrant::{Algorithm, PublicKey, SubjectPattern};

use super::*;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::keys::PrivateKey;

const ISS: &str = "https://attest.shop";
const MESH: &str = "shop";
const NOW: u64 = 1_800_000_000;
const WORKLOAD: &str = "spiffe://shop/ns/pay/sa/api";
const MEASUREMENT: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn key(algorithm: Algorithm) -> PrivateKey {
    PrivateKey::generate(algorithm, None).unwrap()
}

/// An attestor with these keys and anchors (DER), about the payments' workloads and two conditions.
pub(in crate::authority) fn attestor(keys: &[(&str, PublicKey)], anchors: &[&[u8]]) -> Attestor {
    let about = ["spiffe://shop/ns/pay/**", "condition:change-window@mesh", "condition:incident@region=eu"];
    Attestor {
        iss: ISS.to_owned(),
        keys: keys.iter().map(|(kid, key)| ((*kid).to_owned(), *key)).collect(),
        anchors: anchors.iter().map(|anchor| policy::Anchor::new(anchor.to_vec())).collect(),
        about: about.map(|text| SubjectPattern::parse(text).unwrap()).to_vec(),
        keyless: false,
    }
}

fn terms(attestors: &[Attestor]) -> StatementTerms<'_> {
    StatementTerms { attestors, audience: MESH, leeway: 5, now: Seconds::new(NOW) }
}

fn claims() -> Value {
    json!({
        "iss": ISS, "sub": WORKLOAD, "iat": NOW - 10, "exp": NOW + 300, "aud": MESH,
        "measurement": [MEASUREMENT], "dbgstat": "disabled-since-boot", "status": "positive",
    })
}

fn condition_claims() -> Value {
    json!({
        "iss": ISS, "iat": NOW - 10, "exp": NOW + 300, "aud": MESH, "name": "change-window", "value": "open",
        "scope": "mesh",
    })
}

/// These claims with some of them replaced; `null` takes a claim out.
fn but(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

fn header(typ: &str) -> Value {
    json!({"alg": "ES256", "typ": typ, "kid": "k1"})
}

fn forge(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let input =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = encode(&sign(input.as_bytes()));
    format!("{input}.{signature}")
}

fn signed(header: &Value, claims: &Value, key: &PrivateKey) -> String {
    forge(header, claims, |input| key.sign(input).unwrap().to_vec())
}

#[test]
fn a_statement_about_a_workload_is_read_with_the_key_that_signed_it() {
    for algorithm in [Algorithm::Es256, Algorithm::Ed25519] {
        let key = key(algorithm);
        let attestors = [attestor(&[("k1", *key.public_key())], &[])];
        let claims: WorkloadClaims = serde_json::from_value(but(
            claims(),
            &json!({"cnf": {"jkt": key.public_key().thumbprint().to_string()}}),
        ))
        .unwrap();
        let token = sign_workload(&claims, "k1", &key).unwrap();
        let accepted = workload(&token, &terms(&attestors)).unwrap();
        assert_eq!(accepted.key, key.public_key().thumbprint());
        assert_eq!(accepted.certificate, None);
        assert_eq!(accepted.digest, Digest::of(token.rsplit_once('.').unwrap().0.as_bytes()));
        assert_eq!(accepted.claims, claims);
        assert!(!claims.dbgstat.unwrap().is_enabled());
    }
}

#[test]
fn a_statement_about_a_condition_is_read_with_its_scope() {
    let key = key(Algorithm::Es256);
    let attestors = [attestor(&[("k1", *key.public_key())], &[])];
    for (changes, scope) in [
        (json!({}), ConditionScope::Mesh),
        (
            json!({"name": "incident", "scope": "region=eu"}),
            ConditionScope::Environment { dimension: "region".to_owned(), value: "eu".to_owned() },
        ),
    ] {
        let claims: ConditionClaims = serde_json::from_value(but(condition_claims(), &changes)).unwrap();
        let token = sign_condition(&claims, "k1", &key).unwrap();
        let accepted = condition(&token, &terms(&attestors)).unwrap();
        assert_eq!(accepted.claims.condition_scope(), Some(scope));
    }
}

#[test]
fn each_false_statement_about_a_workload_is_refused_for_its_reason() {
    let key = key(Algorithm::Es256);
    let attestors = [attestor(&[("k1", *key.public_key())], &[])];
    let largest = (1_u64 << 53) - 1;
    for (changes, fault) in [
        (json!({}), None),
        (json!({"iat": NOW + 5}), None),
        (json!({"iat": NOW + 6}), Some(StatementFault::FromTheFuture)),
        (json!({"aud": "other"}), Some(StatementFault::Audience)),
        (json!({"iss": "https://other"}), Some(StatementFault::UnknownAttestor)),
        (json!({"sub": "spiffe://shop/ns/hr/sa/api"}), Some(StatementFault::NotAbout)),
        (json!({"sub": "spiffe://shop/ns/pay/../hr"}), Some(StatementFault::NotAbout)),
        (json!({"sub": "condition:change-window@mesh"}), Some(StatementFault::Claim("sub"))),
        (json!({"exp": NOW}), Some(StatementFault::Expired)),
        (json!({"exp": NOW + 1}), None),
        (json!({"iat": NOW, "exp": NOW}), Some(StatementFault::EndsBeforeItBegins)),
        (json!({"iat": NOW + 2, "exp": NOW + 1}), Some(StatementFault::EndsBeforeItBegins)),
        (json!({"iat": NOW, "exp": NOW + 86_400}), None),
        (json!({"iat": NOW, "exp": NOW + 86_401}), Some(StatementFault::LivesTooLong)),
        (json!({"exp": largest}), Some(StatementFault::LivesTooLong)),
        (json!({"exp": largest + 1}), Some(StatementFault::Claim("exp"))),
        (json!({"measurement": []}), Some(StatementFault::Claim("measurement"))),
        (json!({"measurement": null}), Some(StatementFault::Claim("measurement"))),
        (json!({"measurement": vec![MEASUREMENT; 17]}), Some(StatementFault::Claim("measurement"))),
        (json!({"measurement": null, "status": "negative"}), None),
        (json!({"cnf": {"jkt": "x"}}), Some(StatementFault::Claim("cnf"))),
        (json!({"dbgstat": null}), None),
        (json!({"dbgstat": "enabled"}), None),
    ] {
        let token = signed(&header("workload-attestation+jwt"), &but(claims(), &changes), &key);
        assert_eq!(workload(&token, &terms(&attestors)).err(), fault, "{changes}");
    }
}

#[test]
fn each_false_statement_about_a_condition_is_refused_for_its_reason() {
    let key = key(Algorithm::Es256);
    let attestors = [attestor(&[("k1", *key.public_key())], &[])];
    for (changes, fault) in [
        (json!({"name": "another"}), Some(StatementFault::NotAbout)),
        (json!({"name": "incident"}), Some(StatementFault::NotAbout)),
        (json!({"name": "incident", "scope": "region=us"}), Some(StatementFault::NotAbout)),
        (json!({"scope": "region=eu"}), Some(StatementFault::NotAbout)),
        (json!({"scope": "everywhere"}), Some(StatementFault::Claim("scope"))),
        (json!({"name": "change-window@mesh"}), Some(StatementFault::Claim("name"))),
        (json!({"value": ""}), Some(StatementFault::Claim("value"))),
        (json!({"value": "a\"b"}), Some(StatementFault::Claim("value"))),
        (json!({"aud": "other"}), Some(StatementFault::Audience)),
        (json!({"iat": NOW + 6}), Some(StatementFault::FromTheFuture)),
    ] {
        let token = signed(&header("condition+jwt"), &but(condition_claims(), &changes), &key);
        assert_eq!(condition(&token, &terms(&attestors)).err(), fault, "{changes}");
    }
}

#[test]
fn a_token_of_another_kind_is_refused_although_the_same_key_signed_it() {
    let key = key(Algorithm::Es256);
    let attestors = [attestor(&[("k1", *key.public_key())], &[])];
    let is_type =
        |token: &str| matches!(workload(token, &terms(&attestors)).err(), Some(StatementFault::Type(_)));
    for typ in ["condition+jwt", "JWT", "warrant+jwt", "", "application/workload-attestation+jwt"] {
        assert!(is_type(&signed(&header(typ), &claims(), &key)), "{typ}");
    }
    let token = signed(&header("workload-attestation+jwt"), &claims(), &key);
    assert!(matches!(
        condition(&token, &terms(&attestors)).err(),
        Some(StatementFault::Form(_) | StatementFault::Type(_))
    ));
}

#[test]
fn the_algorithm_is_the_keys_and_a_signature_by_another_key_is_refused() {
    let (key, stranger, other) = (key(Algorithm::Es256), key(Algorithm::Es256), key(Algorithm::Ed25519));
    let attestors = [attestor(&[("k1", *key.public_key()), ("k2", *other.public_key())], &[])];
    let header = |alg: &str, kid: &str| json!({"alg": alg, "typ": "workload-attestation+jwt", "kid": kid});
    for (header, signer, fault) in [
        (header("ES256", "k1"), &stranger, StatementFault::Signature),
        (header("ES256", "k2"), &key, StatementFault::Algorithm),
        (header("EdDSA", "k1"), &other, StatementFault::Algorithm),
        (header("none", "k1"), &key, StatementFault::Algorithm),
        (header("HS256", "k1"), &key, StatementFault::Algorithm),
        (header("ES256", "k3"), &key, StatementFault::UnknownKey),
    ] {
        assert_eq!(
            workload(&signed(&header, &claims(), signer), &terms(&attestors)).err(),
            Some(fault),
            "{header}"
        );
    }
    for alg in ["EdDSA", "Ed25519"] {
        assert!(workload(&signed(&header(alg, "k2"), &claims(), &other), &terms(&attestors)).is_ok());
    }
    let jwk: Value = serde_json::from_str(&stranger.public_key().to_jwk_json()).unwrap();
    let mut with_key = header("ES256", "k1");
    with_key["jwk"] = jwk;
    let answer = workload(&signed(&with_key, &claims(), &stranger), &terms(&attestors));
    assert!(matches!(answer, Err(StatementFault::Form(_))));
}

#[test]
fn a_statement_of_another_form_is_refused() {
    let key = key(Algorithm::Es256);
    let attestors = [attestor(&[("k1", *key.public_key())], &[])];
    let good = header("workload-attestation+jwt");
    let is_form =
        |token: &str| matches!(workload(token, &terms(&attestors)).err(), Some(StatementFault::Form(_)));
    for changes in [
        json!({"extra": 1}),
        json!({"status": "good"}),
        json!({"status": null}),
        json!({"dbgstat": "off"}),
        json!({"iat": 1.5}),
        json!({"exp": "tomorrow"}),
        json!({"aud": [MESH]}),
        json!({"measurement": ["sha256:11"]}),
        json!({"cnf": {}}),
    ] {
        assert!(is_form(&signed(&good, &but(claims(), &changes), &key)), "{changes}");
    }
    for changes in [json!({"crit": ["exp"]}), json!({"kid": null}), json!({"x5c": ["AAAA"]})] {
        assert!(is_form(&signed(&but(good.clone(), &changes), &claims(), &key)), "{changes}");
    }
    let token = signed(&good, &claims(), &key);
    for text in ["", ".", "..", "a.b", &format!("{token}.x"), &format!("{token}="), &format!(" {token}")] {
        assert!(is_form(text), "{text}");
    }
    let long = signed(&good, &but(claims(), &json!({"sub": "x".repeat(32 * 1024)})), &key);
    assert_eq!(workload(&long, &terms(&attestors)).err(), Some(StatementFault::TooLong));
}

#[test]
fn a_repeated_claim_is_refused() {
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let key = key(Algorithm::Es256);
    let attestors = [attestor(&[("k1", *key.public_key())], &[])];
    let twice = claims().to_string().replacen('{', r#"{"status":"negative","#, 1);
    let input = format!("{}.{}", encode(&header("workload-attestation+jwt").to_string()), encode(&twice));
    let signature = key.sign(input.as_bytes()).unwrap();
    let token = format!("{input}.{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signature));
    let said = workload(&token, &terms(&attestors)).unwrap_err().to_string();
    assert!(said.contains("occurs twice"), "{said}");
}

#[test]
fn who_may_not_say_it_is_not_permitted_and_all_else_is_malformed() {
    let code = |fault: StatementFault| ApiError::from(fault).code();
    assert_eq!(code(StatementFault::NotAbout), ApiErrorCode::NotPermitted);
    assert_eq!(code(StatementFault::UnknownAttestor), ApiErrorCode::NotPermitted);
    assert_eq!(code(StatementFault::Signature), ApiErrorCode::Malformed);
    assert_eq!(code(StatementFault::TooLong), ApiErrorCode::TooLarge);
}
