//! `portcullis warrant mint` and `prove`.

use portcullis_tests::command::portcullis;
use portcullis_tests::court::Home;

use crate::desk::{AT, Desk, ISSUER};

#[test]
fn a_root_of_a_key_file_holds_for_what_it_says_and_for_nothing_else() {
    let desk = Desk::new();
    desk.mint(
        "--host pay.shop --method POST --path /v1/payments/* --arg amount=1..100 --arg currency=EUR|USD",
    );
    let pays = |more: &str| {
        let target = "--method POST --host pay.shop --path /v1/payments/a-7";
        desk.says(&Desk::verify_line("@$root", &format!("{target} {more}")))
    };
    assert_eq!(pays("--arg amount=5 --arg currency=EUR").well(), "ok");
    for outside in ["", "--arg amount=101 --arg currency=EUR", "--arg amount=5 --arg currency=GBP"] {
        let said = pays(outside);
        assert_eq!(said.status, 1, "{outside}: {said:?}");
        assert!(said.out.starts_with("outside-warrant: "), "{said:?}");
    }
}

#[test]
fn a_holder_may_be_known_by_its_public_half_alone() {
    let desk = Desk::new();
    desk.put("b.pub", &desk.says("key show $b.jwk").well());
    let line = format!(
        "warrant mint --key $authority.jwk --issuer {ISSUER} --aud demo --sub agent:b --cnf $b.pub --at {AT} \
         --host pay.shop --method GET --path /v1/**"
    );
    desk.put("root", &desk.says(&line).well());
    let prove = format!(
        "warrant prove --key $b.jwk --warrant @$root --method GET --host pay.shop --path /v1/x?y=1 --at {AT}"
    );
    desk.put("proof", &desk.says(&prove).well());
    let target = "--method GET --host pay.shop --path /v1/x?y=1 --proof @$proof";
    assert_eq!(desk.says(&Desk::verify_line("@$root", target)).well(), "ok");
    let other = desk.says(&Desk::verify_line("@$root", &target.replace("y=1", "y=2")));
    assert!(other.status == 1 && other.out.starts_with("proof-invalid: "), "{other:?}");
}

#[test]
fn a_root_of_a_house_holds_under_its_bundle() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]).file("").display().to_string();
    let agent = format!("{home}agent.jwk");
    let warrant = portcullis(&[
        "warrant",
        "mint",
        "--home",
        &home,
        "--sub",
        "agent:demo",
        "--cnf",
        &agent,
        "--host",
        "localhost",
        "--method",
        "GET",
        "--path",
        "/hello/**",
    ])
    .well();
    let verify = |path: &str| {
        portcullis(&[
            "warrant",
            "verify",
            &warrant,
            "--home",
            &home,
            "--method",
            "GET",
            "--host",
            "localhost",
            "--path",
            path,
        ])
    };
    assert_eq!(verify("/hello/you").well(), "ok");
    assert_eq!(verify("/other").status, 1);

    let refused = |sub: &str, lifetime: &str| {
        let scope = ["--host", "localhost", "--method", "GET", "--path", "/hello/**"];
        let whose = ["--home", &home, "--sub", sub, "--cnf", &agent, "--lifetime", lifetime];
        let said = portcullis(&[&["warrant", "mint"], &whose[..], &scope[..]].concat());
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{said:?}");
        said.err
    };
    assert!(refused("spiffe://elsewhere/a", "60s").contains("may not issue warrants for spiffe://elsewhere/a"));
    assert!(refused("agent:demo", "999h").contains("at most 3600 s"));
}

#[test]
fn only_the_holder_can_prove_and_anybody_else_is_told_before_asking() {
    let desk = Desk::new();
    desk.payments();
    let prove = |key: &str, warrant: &str| {
        format!(
            "warrant prove --key {key} --warrant {warrant} --method POST --host pay.shop --path /v1/payments/a"
        )
    };
    assert!(
        desk.complains(&prove("$b.jwk", "@$root")).contains("not the key that the warrant's last link names")
    );
    assert!(desk.complains(&prove("$a.jwk", "no.warrant")).contains("malformed"));
    assert_eq!(desk.says(&prove("$a.jwk", "@$root")).status, 0);
}

#[test]
fn what_would_be_refused_is_not_minted() {
    let desk = Desk::new();
    let mint = |more: &str| {
        desk.complains(&format!(
            "warrant mint --key $authority.jwk --issuer {ISSUER} --aud demo --sub agent:a --cnf $a.jwk {more}"
        ))
    };
    for (more, named) in [
        ("--host pay.shop --method POST", "--path is missing"),
        ("--host Pay.Shop --method POST --path /v1", "host"),
        ("--host pay.shop --method post --path /v1", "method"),
        ("--host pay.shop --method POST --path /v1//x", "path"),
        ("--host pay.shop --method POST --path /v1 --arg Amount=1", "argument"),
        ("--host pay.shop --method POST --path /v1 --arg a=9..1", "range"),
        ("--host pay.shop --method POST --path /v1 --use 0", "--use"),
        ("--host pay.shop --method POST --path /v1 --lifetime soon", "not a valid duration"),
    ] {
        let said = mint(more);
        assert!(said.contains(named), "{more}: {said}");
    }
}
