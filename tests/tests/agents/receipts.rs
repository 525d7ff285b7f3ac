//! An upstream in Python checks receipts with the code of `docs/api.md`, and reaches the binary's verdict.

use portcullis_tests::command::portcullis;
use portcullis_tests::keys::TestKey;
use portcullis_tests::programs::repository;
use portcullis_tests::receipts;
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

use crate::{guide, peer};

const AT: u64 = 1_800_000_000;
const PATH: &str = "/v1/payments/a-7?dry=1";
const BODY: &str = r#"{"amount":7}"#;

/// An upstream with the key set of one server.
struct Upstream {
    directory: TempDir,
    key: TestKey,
}

impl Upstream {
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    fn new() -> Upstream {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("receipts.py"), guide::receipts()).unwrap();
        fs::copy(repository().join("tests/tests/agents/upstream.py"), path("upstream.py")).unwrap();
        let file = path("receipt.jwk").display().to_string();
        let _ = portcullis(&["key", "new", "--out", &file, "--kid", "r1"]).success();
        fs::write(path("set.json"), portcullis(&["key", "jwks", &file]).success()).unwrap();
        let key = TestKey::read(&path("receipt.jwk"));
        Upstream { directory, key }
    }

    /// A receipt for the usual request with these claims in place of its own.
    fn receipt(&self, body: Option<&str>, changes: &Value) -> String {
        let mut claims = receipts::claims(AT, body.map(str::as_bytes));
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        receipts::sign(&receipts::header("r1"), &claims, &self.key)
    }

    /// What Python answers to each request.
    fn answers(&self, requests: &[Value], now: u64) -> Vec<Value> {
        let jwks: Value =
            serde_json::from_slice(&fs::read(self.directory.path().join("set.json")).unwrap()).unwrap();
        let asked =
            json!({"jwks": jwks, "iss": "log.shop/1", "host": "pay.shop", "now": now, "requests": requests});
        let output = peer::python(self.directory.path(), &["upstream.py"], &asked.to_string());
        serde_json::from_str(&output).unwrap()
    }

    fn answer(&self, request: Value, now: u64) -> Value {
        self.answers(&[request], now).remove(0)
    }

    /// The code of the binary's verdict.
    fn verdict(&self, receipt: &str, body: Option<&str>) -> String {
        let set = self.directory.path().join("set.json").display().to_string();
        let (at, htu) = (AT.to_string(), format!("pay.shop{PATH}"));
        let mut words =
            vec!["receipt", "verify", receipt, "--jwks", &set, "--iss", "log.shop/1", "--aud", "pay.shop"];
        words.extend(["--htm", "POST", "--htu", &htu, "--at", &at, "--json"]);
        words.extend(body.iter().flat_map(|body| ["--body", body]));
        let json: Value = serde_json::from_str(&portcullis(&words).out).unwrap();
        json["result"].as_str().unwrap().to_owned()
    }
}

fn request(receipt: &str, body: Option<&str>) -> Value {
    json!({"receipts": [receipt], "method": "POST", "path": PATH, "body": body})
}

#[test]
fn the_code_for_an_upstream_has_about_thirty_lines_and_needs_a_stock_library() {
    let code = guide::receipts();
    let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
    assert!((20..=35).contains(&lines), "{lines} lines");
    let imports: Vec<&str> = code.lines().filter(|line| line.starts_with("from joserfc")).collect();
    assert_eq!(imports, ["from joserfc import jwk, jws"]);
}

#[test]
fn an_upstream_takes_a_receipt_once() {
    let upstream = Upstream::new();
    let (plain, covering) =
        (upstream.receipt(None, &json!({})), upstream.receipt(Some(BODY), &json!({"dec": "01JE"})));
    assert_eq!(upstream.verdict(&plain, None), "ok");
    assert_eq!(upstream.verdict(&covering, Some(BODY)), "ok");
    let requests = [request(&plain, None), request(&covering, Some(BODY)), request(&plain, None)];
    let refused = |why: &str| json!({"refused": why});
    assert_eq!(upstream.answers(&requests, AT), [json!("01JD"), json!("01JE"), refused("taken before")]);
}

#[test]
fn an_upstream_and_the_binary_refuse_the_same_receipts() {
    let upstream = Upstream::new();
    let (stranger, claims) =
        (TestKey::stranger(portcullis_tests::keys::Algorithm::Es256, 7), receipts::claims(AT, None));
    let with_header = |header: Value| receipts::sign(&header, &claims, &upstream.key);
    for (receipt, body, code) in [
        (receipts::sign(&receipts::header("r1"), &claims, &stranger), None, "signature-invalid"),
        (with_header(json!({"alg": "ES256", "typ": "warrant+jwt", "kid": "r1"})), None, "other-type"),
        (
            with_header(json!({"alg": "ES256", "typ": "decision-receipt+jwt", "kid": "r1", "crit": []})),
            None,
            "malformed",
        ),
        (with_header(json!({"alg": "HS256", "typ": "decision-receipt+jwt", "kid": "r1"})), None, "malformed"),
        (with_header(json!({"alg": "none", "typ": "decision-receipt+jwt", "kid": "r1"})), None, "malformed"),
        (with_header(receipts::header("r2")), None, "unknown-key"),
        (upstream.receipt(None, &json!({"iss": "log.shop/2"})), None, "other-log"),
        (upstream.receipt(None, &json!({"aud": "ship.shop"})), None, "other-audience"),
        (upstream.receipt(None, &json!({"aud": ["pay.shop"]})), None, "malformed"),
        (upstream.receipt(None, &json!({"htm": "GET"})), None, "other-method"),
        (upstream.receipt(None, &json!({"htu": "pay.shop/v1/payments/a-7"})), None, "other-target"),
        (upstream.receipt(None, &json!({})), Some(BODY), "body-not-covered"),
        (upstream.receipt(Some(BODY), &json!({})), None, "body-expected"),
        (upstream.receipt(Some("{}"), &json!({})), Some(BODY), "other-body"),
        (upstream.receipt(None, &json!({"exp": AT + 31})), None, "lives-too-long"),
        (upstream.receipt(None, &json!({"iat": AT + 6})), None, "from-the-future"),
        (upstream.receipt(None, &json!({"iat": AT - 60, "exp": AT - 30})), None, "expired"),
        ("hello".to_owned(), None, "malformed"),
    ] {
        assert_eq!(upstream.verdict(&receipt, body), code, "{receipt}");
        let answer = upstream.answer(request(&receipt, body), AT);
        assert!(answer["refused"].is_string(), "{code}: {answer}");
    }
}

#[test]
fn an_upstream_refuses_a_request_without_a_receipt_or_with_two() {
    let upstream = Upstream::new();
    let plain = upstream.receipt(None, &json!({}));
    for receipts in [json!([]), json!([plain, plain])] {
        let answer = upstream.answer(json!({"receipts": receipts, "method": "POST", "path": PATH}), AT);
        assert_eq!(answer["refused"], "not exactly one Warrant-Receipt");
    }
    assert_eq!(upstream.answer(request(&plain, None), AT + 30)["refused"], "not now");
}
