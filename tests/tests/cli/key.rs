//! `portcullis key`.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::desk::{AT, Desk};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

#[test]
fn a_new_key_is_a_private_jwk_that_its_owner_alone_can_read() {
    let desk = Desk::empty();
    for (alg, crv) in [("ES256", "P-256"), ("Ed25519", "Ed25519")] {
        let thumbprint = desk.says(&format!("key new --out ${alg}.jwk --alg {alg} --kid k1")).well();
        assert_eq!(thumbprint.len(), 43, "{thumbprint}");
        let mode = fs::metadata(desk.file(&format!("{alg}.jwk"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let jwk = json(&fs::read_to_string(desk.file(&format!("{alg}.jwk"))).unwrap());
        assert_eq!((&jwk["crv"], &jwk["alg"], &jwk["kid"]), (&crv.into(), &alg.into(), &"k1".into()));
    }
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let desk = Desk::new();
    let before = fs::read(desk.file("a.jwk")).unwrap();
    let said = desk.complains("key new --out $a.jwk");
    assert!(said.contains("a.jwk") && said.contains("exists"), "{said}");
    assert_eq!(fs::read(desk.file("a.jwk")).unwrap(), before);
}

#[test]
fn show_prints_the_public_half_and_reads_it_again() {
    let desk = Desk::new();
    let shown = desk.says("key show $a.jwk").well();
    let mut members: Vec<String> = json(&shown).as_object().unwrap().keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["alg", "crv", "kty", "x", "y"]);
    desk.put("a.pub", &shown);
    assert_eq!(desk.says("key show $a.pub").well(), shown);
}

#[test]
fn the_private_half_is_printed_when_it_is_asked_for_and_never_else() {
    let desk = Desk::new();
    desk.payments();
    let secrets: Vec<String> = ["authority", "a", "b", "c"]
        .map(|name| json(&fs::read_to_string(desk.file(&format!("{name}.jwk"))).unwrap())["d"].to_string())
        .iter()
        .map(|secret| secret.trim_matches('"').to_owned())
        .collect();
    desk.put("child", &desk.says(&Desk::delegate_line("")).well());
    let target = "--method POST --host pay.shop --path /v1/payments/a-7";
    for line in [
        "key show $a.jwk".to_owned(),
        "key show $root".to_owned(),
        "key jwks $authority.jwk $a.jwk $b.jwk".to_owned(),
        "key new --out $a.jwk".to_owned(),
        "key new --out $d.jwk".to_owned(),
        Desk::delegate_line(""),
        Desk::delegate_line("--use 9"),
        "warrant inspect @$child".to_owned(),
        "warrant inspect @$child --json".to_owned(),
        "warrant inspect @$a.jwk".to_owned(),
        format!("warrant prove --key $b.jwk --warrant @$child --at {AT} {target}"),
        Desk::verify_line("@$child", target),
        Desk::verify_line("@$child", &format!("--json {target}")),
        Desk::verify_line("@$a.jwk", &format!("--json {target}")),
    ] {
        let said = desk.says(&line);
        assert!(!said.out.is_empty() || !said.err.is_empty(), "{line}");
        for secret in &secrets {
            assert!(!said.out.contains(secret) && !said.err.contains(secret), "{line} told a secret");
        }
    }
    let asked_for = desk.says("key show --private $a.jwk").well();
    assert_eq!(json(&asked_for)["d"], secrets[1].as_str());
}

#[test]
fn a_set_names_every_key_once() {
    let desk = Desk::new();
    let unnamed = desk.says("key new --out $d.jwk --alg Ed25519").well();
    let set = json(&desk.says("key jwks $a.jwk $d.jwk").well());
    assert_eq!((&set["keys"][0]["kid"], &set["keys"][1]["kid"]), (&"a".into(), &unnamed.as_str().into()));
    assert!(set["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none() && key["use"] == "sig"));
    let said = desk.complains("key jwks $a.jwk $a.jwk");
    assert!(said.contains("two keys have the kid \"a\""), "{said}");
    desk.put("set.json", &set.to_string());
    assert_eq!(json(&desk.says("key jwks $set.json").well()), set, "a set can be read again");
}

#[test]
fn what_is_no_key_is_told_in_one_line() {
    let desk = Desk::new();
    desk.put("not.json", "hello");
    desk.put("rsa.json", r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#);
    desk.put("short.json", r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#);
    for (line, named) in [
        ("key show $nowhere.jwk", "cannot be read"),
        ("key show $not.json", "is no JWK"),
        ("key show $rsa.json", "holds no key"),
        ("key show $short.json", "holds no key"),
    ] {
        let said = desk.complains(line);
        assert!(said.contains(named), "{line}: {said}");
    }
    fs::set_permissions(desk.file("a.jwk"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(desk.complains("key show $a.jwk").contains("chmod 600"));
}
