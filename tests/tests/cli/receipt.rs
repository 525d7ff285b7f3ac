//! `portcullis receipt verify`: `ok` and exit status 0, or a code with its explanation and exit status 1.

use portcullis_tests::keys::TestKey;
use portcullis_tests::receipts;
use serde_json::{Value, json};

use crate::workdir::Workdir;

const AT: u64 = 1_800_000_000;
const BODY: &[u8] = b"{\"amount\":7}";

/// A working directory with the keys of two servers, a receipt with a body, and one without.
fn workdir() -> Workdir {
    let workdir = Workdir::empty();
    for name in ["receipt", "other"] {
        let _ = workdir.run(&format!("key new --out ${name}.jwk --kid r1")).success();
        workdir.write(&format!("{name}.json"), &workdir.run(&format!("key jwks ${name}.jwk")).success());
    }
    let key = TestKey::read(&workdir.path().join("receipt.jwk"));
    for (name, body) in [("plain", None), ("covering", Some(BODY))] {
        workdir.write(name, &receipts::sign(&receipts::header("r1"), &receipts::claims(AT, body), &key));
    }
    workdir.write("body", std::str::from_utf8(BODY).unwrap());
    workdir
}

fn line(receipt: &str, more: &str) -> String {
    format!(
        "receipt verify {receipt} --jwks $receipt.json --iss log.shop/1 --aud pay.shop --htm POST \
         --htu pay.shop/v1/payments/a-7?dry=1 --at {AT} {more}"
    )
}

#[test]
fn a_receipt_that_holds_names_its_decision_and_its_entry() {
    let workdir = workdir();
    let ok = "ok: decision 01JD is entry 41 of log.shop/1";
    assert_eq!(workdir.run(&line("@$plain", "")).success(), ok);
    assert_eq!(workdir.run(&line("@$covering", "--body @$body")).success(), ok);
    let json: Value = serde_json::from_str(&workdir.run(&line("@$plain", "--json")).success()).unwrap();
    assert_eq!(json, json!({"result": "ok", "receipt": receipts::claims(AT, None)}));
}

#[test]
fn each_receipt_that_does_not_hold_has_its_own_code() {
    let workdir = workdir();
    let plain = line("@$plain", "");
    for (asked, code) in [
        (line("hello", ""), "malformed"),
        (plain.replace("$receipt.json", "$other.json"), "signature-invalid"),
        (plain.replace("--iss log.shop/1", "--iss log.shop/2"), "other-log"),
        (plain.replace("--aud pay.shop", "--aud ship.shop"), "other-audience"),
        (plain.replace("POST", "GET"), "other-method"),
        (plain.replace("?dry=1", ""), "other-target"),
        (plain.replace(&AT.to_string(), &(AT + 35).to_string()), "expired"),
        (plain.replace(&AT.to_string(), &(AT - 6).to_string()), "from-the-future"),
        (line("@$plain", "--body @$body"), "body-not-covered"),
        (line("@$covering", ""), "body-expected"),
        (line("@$covering", "--body {}"), "other-body"),
    ] {
        let output = workdir.run(&asked);
        assert_eq!((output.status, output.err.as_str()), (1, ""), "{asked}: {output:?}");
        assert!(output.out.starts_with(&format!("{code}: ")), "{asked}: {output:?}");
        let json: Value = serde_json::from_str(&workdir.run(&format!("{asked} --json")).out).unwrap();
        assert_eq!(json["result"], code, "{json}");
        assert_eq!(output.out, format!("{code}: {}", json["meaning"].as_str().unwrap()));
    }
}

#[test]
fn a_key_set_that_cannot_be_used_is_reported_in_one_line() {
    let workdir = workdir();
    let plain = line("@$plain", "");
    let _ = workdir.run("key new --out $ed.jwk --alg ed25519").success();
    workdir.write("ed.json", &workdir.run("key jwks $ed.jwk").success());
    for (place, expected) in [
        ("$nowhere", "cannot be read"),
        ("$plain", "is neither a JWK nor a JWK set"),
        ("$ed.json", "not for ES256"),
        ("$receipt.jwk", "private key"),
        ("http://log.example/v1/receipt-jwks.json", "use https://"),
        ("http://127.0.0.1:1/v1/receipt-jwks.json", "127.0.0.1:1"),
    ] {
        let message = workdir.fails(&plain.replace("$receipt.json", place));
        assert!(message.contains(expected), "{place}: {message}");
    }
}
