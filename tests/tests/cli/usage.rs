//! Wrong arguments: one line that says what is wrong and where, nothing on standard output, exit status 2.

use crate::workdir::{AT, Workdir};

const PAYS: &str = "--method POST --host pay.shop --path /v1/payments/a-7";

#[test]
fn every_wrong_argument_is_reported_in_one_line() {
    let workdir = Workdir::new();
    workdir.payments();
    let mint = "warrant mint --key $authority.jwk --issuer i --aud demo --sub agent:a --cnf $a.jwk";
    for (line, expected) in [
        ("key new".to_owned(), "--out"),
        ("key new --out $d.jwk --alg RS256".to_owned(), "RS256"),
        ("key new --outt $d.jwk".to_owned(), "--outt"),
        ("key show".to_owned(), "<FILE>"),
        ("key jwks".to_owned(), "<FILES>"),
        ("key steal".to_owned(), "steal"),
        (
            format!("warrant mint --sub agent:a --cnf $a.jwk {PAYS}"),
            "choose who signs: --home, or --key with",
        ),
        (format!("{} {PAYS}", mint.replace("--aud demo", "")), "choose who signs: --home, or --key with"),
        (format!("{mint} --home $here"), "--home"),
        (format!("{mint} --use many"), "many"),
        (format!("{mint} --arg amount"), "write NAME=VALUE"),
        (format!("{mint} --env region"), "write NAME=VALUE"),
        (format!("{mint} --at soon"), "soon"),
        (mint.replace("$authority.jwk", "$nowhere.jwk"), "--host is missing"),
        (format!("{} {PAYS}", mint.replace("$authority.jwk", "$nowhere.jwk")), "nowhere.jwk"),
        (format!("{} {PAYS}", mint.replace("--cnf $a.jwk", "--cnf $nowhere.jwk")), "nowhere.jwk"),
        (Workdir::delegate_line("").replace("@$root", "@$nowhere"), "nowhere cannot be read"),
        (Workdir::delegate_line("--use 0"), "--use"),
        ("warrant inspect".to_owned(), "<WARRANT>"),
        ("warrant inspect @$nowhere".to_owned(), "nowhere cannot be read"),
        ("warrant prove --key $a.jwk --warrant x".to_owned(), "--method"),
        (format!("warrant prove --key $nowhere.jwk --warrant x --at {AT} {PAYS}"), "nowhere.jwk"),
        (format!("warrant verify @$root {PAYS}"), "say which issuer to trust: give --home, or --key with"),
        (Workdir::verify_line("@$root", "--method POST --host pay.shop"), "--path"),
        (Workdir::verify_line("@$root", &PAYS.replace("pay.shop", "Pay.Shop")), "write it in lower case"),
        (Workdir::verify_line("@$root", &format!("{PAYS} --arg Amount=1")), "Amount=1"),
        (Workdir::verify_line("@$root", &format!("{PAYS} --subject *")), "not a valid pattern"),
        (Workdir::verify_line("@$root", &format!("{PAYS} --authority x")), "--proof"),
        (Workdir::verify_line("@$root", PAYS).replace("$authority.jwk", "$root"), "is neither a JWK"),
        (format!("warrant verify @$root --home $nowhere {PAYS}"), "nowhere"),
        ("warrant".to_owned() + " shred", "shred"),
    ] {
        let message = workdir.fails(&line);
        assert!(message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn help_and_version_are_not_errors() {
    let workdir = Workdir::empty();
    for line in ["--help", "--version", "key --help", "warrant mint --help", "warrant verify --help"] {
        assert!(!workdir.run(line).success().is_empty(), "{line}");
    }
}
