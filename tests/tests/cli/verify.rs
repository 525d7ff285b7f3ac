//! `portcullis warrant verify`: `ok` and exit status 0, or a code with its explanation and exit status 1.

use serde_json::Value;

use crate::workdir::{AT, ISSUER, Workdir};

const PAYS: &str = "--method POST --host pay.shop --path /v1/payments/a-7";

#[test]
fn a_denial_prints_its_code_its_meaning_and_its_cure() {
    let workdir = Workdir::new();
    workdir.payments();
    let line = Workdir::verify_line("@$root", PAYS);
    assert_eq!(workdir.run(&line).success(), "ok");
    let late = workdir.run(&line.replace(AT, "1800000300"));
    assert_eq!((late.status, late.err.as_str()), (1, ""));
    assert_eq!(late.out, "expired: A link of the warrant is past its `exp`.\n  Obtain a fresh warrant.");
    let json: Value =
        serde_json::from_str(&workdir.run(&format!("{} --json", line.replace(AT, "1800000300"))).out)
            .unwrap();
    assert_eq!((&json["result"], &json["status"]), (&"expired".into(), &401.into()));
    let text = |member: &str| json[member].as_str().unwrap();
    assert_eq!(late.out, format!("expired: {}\n  {}", text("meaning"), text("cure")));
    assert!(json["fault"].is_null(), "{json}");
    let ok: Value = serde_json::from_str(&workdir.run(&format!("{line} --json")).success()).unwrap();
    assert_eq!(ok, serde_json::json!({"result": "ok"}));
}

#[test]
fn each_wrong_input_has_its_own_code() {
    let workdir = Workdir::new();
    workdir.payments();
    let line = Workdir::verify_line("@$root", PAYS);
    for (asked, code) in [
        (line.replace("@$root", "hello"), "warrant-malformed"),
        (line.replace(ISSUER, "https://other.demo"), "issuer-untrusted"),
        (line.replace("$authority.jwk", "$b.jwk"), "issuer-untrusted"),
        (format!("{line} --subject spiffe://shop/**"), "issuer-untrusted"),
        (line.replace("--aud demo", "--aud other"), "audience-mismatch"),
        (line.replace(AT, "1799999990"), "not-yet-valid"),
        (format!("{line} --max-lifetime 4m"), "lifetime-too-long"),
        (line.replace("POST", "GET"), "outside-warrant"),
        (line.replace("pay.shop", "shop"), "outside-warrant"),
        (line.replace("/a-7", "/a-7/x"), "outside-warrant"),
        (line.replace("/a-7", "//"), "request-ambiguous"),
    ] {
        let output = workdir.run(&asked);
        assert_eq!(output.status, 1, "{asked}: {output:?}");
        assert!(output.out.starts_with(&format!("{code}: ")), "{asked}: {output:?}");
    }
    assert_eq!(workdir.run(&format!("{line} --subject agent:*")).success(), "ok");
}

#[test]
fn trusted_keys_can_be_read_from_a_key_set() {
    let workdir = Workdir::new();
    workdir.payments();
    workdir.write("set.json", &workdir.run("key jwks $b.jwk $authority.jwk").success());
    let line = Workdir::verify_line("@$root", PAYS).replace("$authority.jwk", "$set.json");
    assert_eq!(workdir.run(&line).success(), "ok");
    // Another key with the same name: verify tries this key and no other.
    let _ = workdir.run("key new --out $d.jwk --kid authority").success();
    let other = Workdir::verify_line("@$root", PAYS).replace("$authority.jwk", "$d.jwk");
    assert!(workdir.run(&other).out.starts_with("signature-invalid: "));
}

#[test]
fn the_json_of_a_malformed_warrant_says_what_is_wrong() {
    let workdir = Workdir::new();
    let output = workdir.run(&Workdir::verify_line("hello", &format!("{PAYS} --json")));
    let json: Value = serde_json::from_str(&output.out).unwrap();
    assert!(json["fault"].as_str().unwrap().starts_with("link 0: "), "{json}");
}
