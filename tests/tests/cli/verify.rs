//! `portcullis warrant verify`: `ok` and 0, or a code with its explanation and 1.

use serde_json::Value;

use crate::desk::{AT, Desk, ISSUER};

const PAYS: &str = "--method POST --host pay.shop --path /v1/payments/a-7";

#[test]
fn a_denial_is_its_code_its_meaning_and_its_cure() {
    let desk = Desk::new();
    desk.payments();
    let line = Desk::verify_line("@$root", PAYS);
    assert_eq!(desk.says(&line).well(), "ok");
    let late = desk.says(&line.replace(AT, "1800000300"));
    assert_eq!((late.status, late.err.as_str()), (1, ""));
    assert_eq!(late.out, "expired: A link of the warrant is past its `exp`.\n  Obtain a fresh warrant.");
    let told: Value =
        serde_json::from_str(&desk.says(&format!("{} --json", line.replace(AT, "1800000300"))).out).unwrap();
    assert_eq!((&told["result"], &told["status"]), (&"expired".into(), &401.into()));
    assert!(told["meaning"].is_string() && told["cure"].is_string() && told["fault"].is_null(), "{told}");
    let ok: Value = serde_json::from_str(&desk.says(&format!("{line} --json")).well()).unwrap();
    assert_eq!(ok, serde_json::json!({"result": "ok"}));
}

#[test]
fn each_question_has_its_own_answer() {
    let desk = Desk::new();
    desk.payments();
    let line = Desk::verify_line("@$root", PAYS);
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
        let said = desk.says(&asked);
        assert_eq!(said.status, 1, "{asked}: {said:?}");
        assert!(said.out.starts_with(&format!("{code}: ")), "{asked}: {said:?}");
    }
    assert_eq!(desk.says(&format!("{line} --subject agent:*")).well(), "ok");
}

#[test]
fn keys_may_come_as_a_set_of_another_tool() {
    let desk = Desk::new();
    desk.payments();
    desk.put("set.json", &desk.says("key jwks $b.jwk $authority.jwk").well());
    let line = Desk::verify_line("@$root", PAYS).replace("$authority.jwk", "$set.json");
    assert_eq!(desk.says(&line).well(), "ok");
    // The same name on another key: that key is tried, and no other.
    let _ = desk.says("key new --out $d.jwk --kid authority").well();
    let other = Desk::verify_line("@$root", PAYS).replace("$authority.jwk", "$d.jwk");
    assert!(desk.says(&other).out.starts_with("signature-invalid: "));
}

#[test]
fn a_fault_of_form_is_told_to_whoever_made_it() {
    let desk = Desk::new();
    let said = desk.says(&Desk::verify_line("hello", &format!("{PAYS} --json")));
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert!(told["fault"].as_str().unwrap().starts_with("link 0: "), "{told}");
}
