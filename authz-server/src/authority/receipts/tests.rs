//! Receipts that hold, and receipts that do not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use warrant::Algorithm;

use super::*;
use crate::keys::{NamedKey, PrivateKey, jwks};

const NOW: u64 = 1_800_000_000;
const BODY: &[u8] = br#"{"amount":7}"#;

fn key() -> PrivateKey {
    PrivateKey::generate(Algorithm::Es256, Some("r1")).unwrap()
}

fn named(key: &PrivateKey) -> NamedKey {
    NamedKey { kid: key.kid().unwrap_or("r2").to_owned(), key: *key.public_key() }
}

fn keys(key: &PrivateKey) -> ReceiptKeys {
    ReceiptKeys::read(jwks([named(key)]).as_bytes()).unwrap()
}

fn new_receipt<'a>(chain: &'a [String], body: Option<&'a [u8]>) -> NewReceipt<'a> {
    NewReceipt {
        origin: "log.shop/1",
        index: 41,
        decision: "01JD",
        now: Seconds::new(NOW),
        warrant_ends: Some(Seconds::new(NOW + 300)),
        host: "pay.shop",
        method: "POST",
        path_and_query: "/v1/payments/a-7?dry=1",
        chain,
        bundle: Digest::of(b"bundle"),
        body: body.map(Digest::of),
    }
}

fn expected(body: Option<&[u8]>) -> ExpectedReceipt<'_> {
    ExpectedReceipt {
        iss: "log.shop/1",
        aud: "pay.shop",
        method: "POST",
        htu: "pay.shop/v1/payments/a-7?dry=1",
        body,
        now: Seconds::new(NOW),
        leeway: 0,
    }
}

#[test]
fn a_receipt_holds_for_its_request_and_has_exactly_the_claims_of_the_page() {
    let (key, chain) = (key(), [Digest::of(b"root").to_base64url(), Digest::of(b"leaf").to_base64url()]);
    let token = mint(&new_receipt(&chain, Some(BODY)), "r1", &key).unwrap();
    let claims = verify(&token, &keys(&key), &expected(Some(BODY))).unwrap();
    let json = serde_json::to_value(&claims).unwrap();
    assert_eq!(
        json,
        json!({
            "iss": "log.shop/1", "dec": "01JD", "iat": NOW, "exp": NOW + 30, "aud": "pay.shop", "htm": "POST",
            "htu": "pay.shop/v1/payments/a-7?dry=1", "chain": chain, "bundle": Digest::of(b"bundle").to_string(),
            "ledger": {"origin": "log.shop/1", "index": 41}, "bd": Digest::of(BODY).to_base64url(),
        })
    );
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(header, br#"{"alg":"ES256","typ":"decision-receipt+jwt","kid":"r1"}"#);
    let without = mint(&new_receipt(&[], None), "r1", &key).unwrap();
    assert!(verify(&without, &keys(&key), &expected(None)).is_ok());
}

#[test]
fn a_receipt_does_not_outlive_its_warrant() {
    let key = key();
    let until = |ends: Option<u64>| {
        let receipt = NewReceipt { warrant_ends: ends.map(Seconds::new), ..new_receipt(&[], None) };
        verify(&mint(&receipt, "r1", &key).unwrap(), &keys(&key), &expected(None)).unwrap().exp
    };
    assert_eq!((until(Some(NOW + 7)), until(Some(NOW + 31)), until(None)), (NOW + 7, NOW + 30, NOW + 30));
}

#[test]
fn each_other_request_is_refused_for_its_reason() {
    let key = key();
    let (keys, plain) = (keys(&key), mint(&new_receipt(&[], None), "r1", &key).unwrap());
    let with_body = mint(&new_receipt(&[], Some(BODY)), "r1", &key).unwrap();
    let good = expected(None);
    for (token, asked, fault) in [
        (&plain, ExpectedReceipt { iss: "log.shop/2", ..good }, ReceiptFault::OtherLog),
        (&plain, ExpectedReceipt { aud: "ship.shop", ..good }, ReceiptFault::OtherAudience),
        (&plain, ExpectedReceipt { method: "GET", ..good }, ReceiptFault::OtherMethod),
        (&plain, ExpectedReceipt { htu: "pay.shop/v1/payments/a-7", ..good }, ReceiptFault::OtherTarget),
        (&plain, expected(Some(BODY)), ReceiptFault::BodyNotCovered),
        (&with_body, good, ReceiptFault::BodyExpected),
        (&with_body, expected(Some(b"{}")), ReceiptFault::OtherBody),
        (&with_body, expected(Some(b"")), ReceiptFault::OtherBody),
        (&plain, ExpectedReceipt { now: Seconds::new(NOW + 30), ..good }, ReceiptFault::Expired),
        (&plain, ExpectedReceipt { now: Seconds::new(NOW - 1), ..good }, ReceiptFault::FromTheFuture),
    ] {
        assert_eq!(verify(token, &keys, &asked), Err(fault));
    }
    for now in [NOW + 34, NOW - 5] {
        let asked = ExpectedReceipt { now: Seconds::new(now), leeway: 5, ..good };
        assert!(verify(&plain, &keys, &asked).is_ok());
    }
}

#[test]
fn a_token_that_this_server_did_not_sign_as_a_receipt_is_refused() {
    let (key, stranger) = (key(), key());
    let claims = new_receipt(&[], None).claims();
    let header = |changes: Value| {
        let mut header = json!({"alg": "ES256", "typ": TYP, "kid": "r1"});
        header.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        header
    };
    let judged = |header: &Value, claims: &Value, signer: &PrivateKey| {
        verify(&sign_jws(header, claims, signer).unwrap(), &keys(&key), &expected(None))
    };
    let claims = serde_json::to_value(claims).unwrap();
    assert!(judged(&header(json!({})), &claims, &key).is_ok());
    assert_eq!(judged(&header(json!({})), &claims, &stranger), Err(ReceiptFault::SignatureInvalid));
    assert_eq!(judged(&header(json!({"typ": "warrant+jwt"})), &claims, &key), Err(ReceiptFault::OtherType));
    assert_eq!(judged(&header(json!({"kid": "s1"})), &claims, &key), Err(ReceiptFault::UnknownKey));
    for changes in [json!({"alg": "none"}), json!({"alg": "HS256"}), json!({"crit": []}), json!({"jwk": {}})]
    {
        let answer = judged(&header(changes), &claims, &key);
        assert!(matches!(answer, Err(ReceiptFault::Malformed(_))), "{answer:?}");
    }
    let mut longer = claims.clone();
    longer["exp"] = json!(NOW + 31);
    assert_eq!(judged(&header(json!({})), &longer, &key), Err(ReceiptFault::LivesTooLong));
    let mut several = claims.clone();
    several["aud"] = json!(["pay.shop", "ship.shop"]);
    assert!(matches!(judged(&header(json!({})), &several, &key), Err(ReceiptFault::Malformed(_))));
    let mut elsewhere = claims;
    elsewhere["ledger"]["origin"] = json!("log.shop/2");
    assert_eq!(judged(&header(json!({})), &elsewhere, &key), Err(ReceiptFault::OtherLog));
    for text in ["", "a.b", "a.b.c", "..", &"x".repeat(20_000)] {
        let answer = verify(text, &keys(&key), &expected(None));
        assert!(matches!(answer, Err(ReceiptFault::Malformed(_))), "{answer:?}");
    }
}

#[test]
fn the_key_set_of_receipts_holds_public_es256_keys_by_name() {
    let (first, second) = (key(), PrivateKey::generate(Algorithm::Es256, None).unwrap());
    let set: Value = serde_json::from_str(&jwks([named(&first), named(&second)])).unwrap();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys[0]["kid"], "r1");
    assert_eq!(keys[1]["kid"], "r2");
    assert!(keys.iter().all(|key| key.get("d").is_none() && key["alg"] == "ES256" && key["use"] == "sig"));
    // Two keys of one name: neither is found.
    let twice = ReceiptKeys::read(jwks([named(&first), named(&key())]).as_bytes()).unwrap();
    let token = mint(&new_receipt(&[], None), "r1", &first).unwrap();
    assert_eq!(verify(&token, &twice, &expected(None)), Err(ReceiptFault::UnknownKey));
    let ed25519 = PrivateKey::generate(Algorithm::Ed25519, None).unwrap();
    assert!(ReceiptKeys::read(jwks([named(&ed25519)]).as_bytes()).unwrap_err().contains("not for ES256"));
}
