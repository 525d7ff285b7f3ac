//! `portcullis warrant mint` and `portcullis warrant prove`.

use portcullis_tests::command::portcullis;
use portcullis_tests::server::Home;

use crate::workdir::{AT, ISSUER, Workdir};

#[test]
fn a_root_minted_with_a_key_file_covers_what_it_says_and_nothing_else() {
    let workdir = Workdir::new();
    workdir.mint(
        "--host pay.shop --method POST --path /v1/payments/* --arg amount=1..100 --arg currency=EUR|USD",
    );
    let pays = |more: &str| {
        let target = "--method POST --host pay.shop --path /v1/payments/a-7";
        workdir.run(&Workdir::verify_line("@$root", &format!("{target} {more}")))
    };
    assert_eq!(pays("--arg amount=5 --arg currency=EUR").success(), "ok");
    for outside in ["", "--arg amount=101 --arg currency=EUR", "--arg amount=5 --arg currency=GBP"] {
        let output = pays(outside);
        assert_eq!(output.status, 1, "{outside}: {output:?}");
        assert!(output.out.starts_with("outside-warrant: "), "{output:?}");
    }
}

#[test]
fn the_public_half_of_the_holders_key_is_enough_to_mint() {
    let workdir = Workdir::new();
    workdir.write("b.pub", &workdir.run("key show $b.jwk").success());
    let line = format!(
        "warrant mint --key $authority.jwk --issuer {ISSUER} --aud demo --sub agent:b --cnf $b.pub --at {AT} \
         --host pay.shop --method GET --path /v1/**"
    );
    workdir.write("root", &workdir.run(&line).success());
    let prove = format!(
        "warrant prove --key $b.jwk --warrant @$root --method GET --host pay.shop --path /v1/x?y=1 --at {AT}"
    );
    workdir.write("proof", &workdir.run(&prove).success());
    let target = "--method GET --host pay.shop --path /v1/x?y=1 --proof @$proof";
    assert_eq!(workdir.run(&Workdir::verify_line("@$root", target)).success(), "ok");
    let other = workdir.run(&Workdir::verify_line("@$root", &target.replace("y=1", "y=2")));
    assert!(other.status == 1 && other.out.starts_with("proof-invalid: "), "{other:?}");
}

#[test]
fn a_root_minted_in_a_home_directory_is_judged_by_its_bundle() {
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
    .success();
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
    assert_eq!(verify("/hello/you").success(), "ok");
    let outside = verify("/other");
    assert!(outside.status == 1 && outside.out.starts_with("outside-warrant: "), "{outside:?}");

    let refused = |sub: &str, lifetime: &str| {
        let scope = ["--host", "localhost", "--method", "GET", "--path", "/hello/**"];
        let whose = ["--home", &home, "--sub", sub, "--cnf", &agent, "--lifetime", lifetime];
        let output = portcullis(&[&["warrant", "mint"], &whose[..], &scope[..]].concat());
        assert_eq!((output.status, output.out.as_str()), (2, ""), "{output:?}");
        output.err
    };
    assert!(
        refused("spiffe://elsewhere/a", "60s").contains("may not issue warrants for spiffe://elsewhere/a")
    );
    assert!(refused("agent:demo", "999h").contains("at most 3600 s"));
}

#[test]
fn only_the_holder_can_make_a_proof_and_prove_refuses_everyone_else() {
    let workdir = Workdir::new();
    workdir.payments();
    let prove = |key: &str, warrant: &str| {
        format!(
            "warrant prove --key {key} --warrant {warrant} --method POST --host pay.shop --path /v1/payments/a"
        )
    };
    assert!(
        workdir.fails(&prove("$b.jwk", "@$root")).contains("not the key that the warrant's last link names")
    );
    assert!(workdir.fails(&prove("$a.jwk", "no.warrant")).contains("malformed"));
    assert_eq!(workdir.run(&prove("$a.jwk", "@$root")).status, 0);
}

#[test]
fn a_warrant_that_the_server_would_refuse_is_not_minted() {
    let workdir = Workdir::new();
    let mint = |more: &str| {
        workdir.fails(&format!(
            "warrant mint --key $authority.jwk --issuer {ISSUER} --aud demo --sub agent:a --cnf $a.jwk {more}"
        ))
    };
    for (more, expected) in [
        ("--host pay.shop --method POST", "--path is missing"),
        ("--host Pay.Shop --method POST --path /v1", "a host that is not canonical"),
        ("--host pay.shop --method post --path /v1", "malformed: a method"),
        ("--host pay.shop --method POST --path /v1//x", "a path pattern that no path can match"),
        ("--host pay.shop --method POST --path /v1 --arg Amount=1", "a name that no argument can have"),
        (
            "--host pay.shop --method POST --path /v1 --arg a=9..1",
            "a range is not two numbers with the smaller one first",
        ),
        ("--host pay.shop --method POST --path /v1 --use 0", "'0' for '--use"),
        ("--host pay.shop --method POST --path /v1 --lifetime soon", "'soon' for '--lifetime"),
    ] {
        let output = mint(more);
        assert!(output.contains(expected), "{more}: {output}");
    }
}
