//! `portcullis warrant delegate` makes a narrower child, or says on which dimension the child would be wider.

use crate::workdir::{AT, Workdir};

const PAYS: &str = "--method POST --host pay.shop --path /v1/payments/a-7";

/// The code of `warrant verify` for this chain and target, or `ok`.
fn verdict(workdir: &Workdir, chain: &str, target: &str) -> String {
    workdir.write("chain", chain);
    let output = workdir.run(&Workdir::verify_line("@$chain", target));
    output.out.lines().next().unwrap().split(':').next().unwrap().to_owned()
}

#[test]
fn what_the_delegation_does_not_name_stays_as_in_the_parent() {
    let workdir = Workdir::new();
    workdir.payments();
    let child = workdir.run(&Workdir::delegate_line("")).success();
    assert_eq!(verdict(&workdir, &child, PAYS), "ok");
    assert_eq!(verdict(&workdir, &child, &PAYS.replace("a-7", "b-8")), "ok");
}

#[test]
fn the_child_allows_only_what_the_delegation_names() {
    let workdir = Workdir::new();
    workdir.payments();
    let child = workdir
        .run(&Workdir::delegate_line("--path /v1/payments/a-7 --arg amount=1..5 --env region=eu-1"))
        .success();
    assert_eq!(verdict(&workdir, &child, &format!("{PAYS} --arg amount=5 --env region=eu-1")), "ok");
    assert_eq!(
        verdict(&workdir, &child, &format!("{PAYS} --arg amount=6 --env region=eu-1")),
        "outside-warrant"
    );
    assert_eq!(
        verdict(&workdir, &child, &format!("{PAYS} --arg amount=5 --env region=us-1")),
        "environment-mismatch"
    );
    assert_eq!(verdict(&workdir, &child, &PAYS.replace("a-7", "b-8")), "outside-warrant");
}

#[test]
fn a_delegation_that_asks_for_more_is_refused_and_its_dimension_is_named() {
    let workdir = Workdir::new();
    workdir.mint(
        "--host pay.shop --method POST --path /v1/payments/* --arg amount=1..9 --action pay --use 3 --max-depth 2 \
         --lifetime 5m --env region=eu-1 --measurement \
         sha256:0000000000000000000000000000000000000000000000000000000000000000",
    );
    for (more, dimension) in [
        ("--host other.shop", "`hosts` would be wider than the parent's: other.shop is not within pay.shop"),
        ("--method GET", "`methods` would be wider than the parent's: GET is not within POST"),
        ("--path /v1/**", "`paths` would be wider than the parent's: /v1/** is not within /v1/payments/*"),
        ("--action refund", "`actions` would be wider than the parent's: refund is not within pay"),
        (
            "--arg amount=1..10",
            "`args` would be wider than the parent's: amount from 1 to 10 is not within from 1 to 9",
        ),
        ("--use 4", "`use` is wider"),
        ("--max-depth 3", "`max_depth` is wider"),
        ("--aud elsewhere", "`aud` is wider"),
        ("--env region=us-1", "`env` is wider"),
        (
            "--measurement sha256:1111111111111111111111111111111111111111111111111111111111111111",
            "`att` is wider",
        ),
        ("--lifetime 301s", "the child would be valid longer than its parent; use --lifetime 300s or less"),
    ] {
        let message = workdir.fails(&Workdir::delegate_line(more));
        assert!(message.contains(dimension), "{more}: {message}");
    }
    let early = Workdir::delegate_line("").replace(AT, "1799999990");
    assert!(
        workdir.fails(&early).contains("the child would begin 10 s before its parent; choose a later --at")
    );
}

#[test]
fn of_several_hosts_and_paths_only_the_named_ones_stay() {
    let workdir = Workdir::new();
    workdir.mint(
        "--host pay.shop --host shop --method POST --path /v1/payments/* --path /v1/refunds/* --max-depth 1",
    );
    let child = workdir.run(&Workdir::delegate_line("--path /v1/refunds/r-1 --host shop")).success();
    assert_eq!(verdict(&workdir, &child, "--method POST --host shop --path /v1/refunds/r-1"), "ok");
    assert_eq!(
        verdict(&workdir, &child, "--method POST --host pay.shop --path /v1/refunds/r-1"),
        "outside-warrant"
    );
    assert_eq!(
        verdict(&workdir, &child, "--method POST --host shop --path /v1/payments/a-7"),
        "outside-warrant"
    );
}

#[test]
fn a_delegation_that_is_not_possible_says_why() {
    let workdir = Workdir::new();
    workdir.payments();
    let stranger = Workdir::delegate_line("").replace("$a.jwk", "$c.jwk");
    assert!(workdir.fails(&stranger).contains("only its holder can delegate"));
    let late = Workdir::delegate_line("").replace(AT, "1800000330");
    assert!(workdir.fails(&late).contains("the parent has expired (30 s ago)"));
    workdir.write("root", "hello");
    assert!(workdir.fails(&Workdir::delegate_line("")).contains("the parent is malformed: link 0: "));
    workdir.mint("--host pay.shop --method POST --path /v1");
    assert!(workdir.fails(&Workdir::delegate_line("")).contains("the parent cannot be delegated"));
}
