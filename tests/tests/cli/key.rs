//! `portcullis key`: new keys, their public halves, and sets of keys.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::workdir::{AT, Workdir};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

#[test]
fn a_new_key_is_a_private_jwk_that_only_its_owner_can_read() {
    let workdir = Workdir::empty();
    for (alg, crv) in [("ES256", "P-256"), ("Ed25519", "Ed25519")] {
        let thumbprint = workdir.run(&format!("key new --out ${alg}.jwk --alg {alg} --kid k1")).success();
        assert_eq!(thumbprint.len(), 43, "{thumbprint}");
        let mode = fs::metadata(workdir.file(&format!("{alg}.jwk"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let jwk = json(&fs::read_to_string(workdir.file(&format!("{alg}.jwk"))).unwrap());
        assert_eq!((&jwk["crv"], &jwk["alg"], &jwk["kid"]), (&crv.into(), &alg.into(), &"k1".into()));
    }
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let workdir = Workdir::new();
    let before = fs::read(workdir.file("a.jwk")).unwrap();
    let output = workdir.fails("key new --out $a.jwk");
    assert!(output.contains("a.jwk") && output.contains("exists"), "{output}");
    assert_eq!(fs::read(workdir.file("a.jwk")).unwrap(), before);
}

#[test]
fn show_prints_the_public_half_and_can_read_its_own_output() {
    let workdir = Workdir::new();
    let public = workdir.run("key show $a.jwk").success();
    let mut members: Vec<String> = json(&public).as_object().unwrap().keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["alg", "crv", "kty", "x", "y"]);
    workdir.write("a.pub", &public);
    assert_eq!(workdir.run("key show $a.pub").success(), public);
}

#[test]
fn the_private_half_is_printed_only_with_the_flag_private() {
    let workdir = Workdir::new();
    workdir.payments();
    let secrets: Vec<String> = ["authority", "a", "b", "c"]
        .map(|name| json(&fs::read_to_string(workdir.file(&format!("{name}.jwk"))).unwrap())["d"].to_string())
        .iter()
        .map(|secret| secret.trim_matches('"').to_owned())
        .collect();
    workdir.write("child", &workdir.run(&Workdir::delegate_line("")).success());
    let target = "--method POST --host pay.shop --path /v1/payments/a-7";
    for line in [
        "key show $a.jwk".to_owned(),
        "key show $root".to_owned(),
        "key jwks $authority.jwk $a.jwk $b.jwk".to_owned(),
        "key new --out $a.jwk".to_owned(),
        "key new --out $d.jwk".to_owned(),
        Workdir::delegate_line(""),
        Workdir::delegate_line("--use 9"),
        "warrant inspect @$child".to_owned(),
        "warrant inspect @$child --json".to_owned(),
        "warrant inspect @$a.jwk".to_owned(),
        format!("warrant prove --key $b.jwk --warrant @$child --at {AT} {target}"),
        Workdir::verify_line("@$child", target),
        Workdir::verify_line("@$child", &format!("--json {target}")),
        Workdir::verify_line("@$a.jwk", &format!("--json {target}")),
    ] {
        let output = workdir.run(&line);
        assert!(!output.out.is_empty() || !output.err.is_empty(), "{line}");
        for secret in &secrets {
            assert!(!output.out.contains(secret) && !output.err.contains(secret), "{line} printed a secret");
        }
    }
    let private = workdir.run("key show --private $a.jwk").success();
    assert_eq!(json(&private)["d"], secrets[1].as_str());
}

#[test]
fn a_set_gives_every_key_its_own_name() {
    let workdir = Workdir::new();
    let unnamed = workdir.run("key new --out $d.jwk --alg Ed25519").success();
    assert_eq!(workdir.run("key show --thumbprint $d.jwk").success(), unnamed);
    let set = json(&workdir.run("key jwks $a.jwk $d.jwk").success());
    assert_eq!((&set["keys"][0]["kid"], &set["keys"][1]["kid"]), (&"a".into(), &unnamed.as_str().into()));
    assert!(set["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none() && key["use"] == "sig"));
    let output = workdir.fails("key jwks $a.jwk $a.jwk");
    assert!(output.contains("two keys have the kid \"a\""), "{output}");
    workdir.write("set.json", &set.to_string());
    assert_eq!(json(&workdir.run("key jwks $set.json").success()), set, "a set can be read again");
}

#[test]
fn a_file_without_a_usable_key_is_reported_in_one_line() {
    let workdir = Workdir::new();
    workdir.write("not.json", "hello");
    workdir.write("rsa.json", r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#);
    workdir.write("short.json", r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#);
    for (line, named) in [
        ("key show $nowhere.jwk", "cannot be read"),
        ("key show $not.json", "is neither a JWK"),
        ("key show $rsa.json", "holds a key that a warrant cannot contain"),
        ("key show $short.json", "holds a key that a warrant cannot contain"),
    ] {
        let output = workdir.fails(line);
        assert!(output.contains(named), "{line}: {output}");
    }
    fs::set_permissions(workdir.file("a.jwk"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(workdir.fails("key show $a.jwk").contains("chmod 600"));
}
