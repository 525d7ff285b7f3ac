//! `portcullis warrant delegate`: narrower, or a line that says on which dimension it would not be.

use crate::desk::{AT, Desk};

const PAYS: &str = "--method POST --host pay.shop --path /v1/payments/a-7";

/// The code of a chain for one payment, or `ok`.
fn verdict(desk: &Desk, chain: &str, target: &str) -> String {
    desk.put("chain", chain);
    let said = desk.says(&Desk::verify_line("@$chain", target));
    said.out.lines().next().unwrap().split(':').next().unwrap().to_owned()
}

#[test]
fn what_is_not_named_stays_as_the_parent_has_it() {
    let desk = Desk::new();
    desk.payments();
    let child = desk.says(&Desk::delegate_line("")).well();
    assert_eq!(verdict(&desk, &child, PAYS), "ok");
    assert_eq!(verdict(&desk, &child, &PAYS.replace("a-7", "b-8")), "ok");
}

#[test]
fn what_is_named_is_all_that_is_left() {
    let desk = Desk::new();
    desk.payments();
    let child =
        desk.says(&Desk::delegate_line("--path /v1/payments/a-7 --arg amount=1..5 --env region=eu-1")).well();
    assert_eq!(verdict(&desk, &child, &format!("{PAYS} --arg amount=5 --env region=eu-1")), "ok");
    assert_eq!(
        verdict(&desk, &child, &format!("{PAYS} --arg amount=6 --env region=eu-1")),
        "outside-warrant"
    );
    assert_eq!(
        verdict(&desk, &child, &format!("{PAYS} --arg amount=5 --env region=us-1")),
        "environment-mismatch"
    );
    assert_eq!(verdict(&desk, &child, &PAYS.replace("a-7", "b-8")), "outside-warrant");
}

#[test]
fn whoever_asks_for_more_is_told_on_which_dimension() {
    let desk = Desk::new();
    desk.mint(
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
        ("--lifetime 301s", "`time` would be wider than the parent's: the parent has 300 s left"),
    ] {
        let said = desk.complains(&Desk::delegate_line(more));
        assert!(said.contains(dimension), "{more}: {said}");
    }
    let early = Desk::delegate_line("").replace(AT, "1799999990");
    assert!(
        desk.complains(&early).contains("`time` would be wider than the parent's: the parent begins 10 s later")
    );
}

#[test]
fn of_several_hosts_and_paths_those_stay_that_are_named() {
    let desk = Desk::new();
    desk.mint(
        "--host pay.shop --host shop --method POST --path /v1/payments/* --path /v1/refunds/* --max-depth 1",
    );
    let child = desk.says(&Desk::delegate_line("--path /v1/refunds/r-1 --host shop")).well();
    assert_eq!(verdict(&desk, &child, "--method POST --host shop --path /v1/refunds/r-1"), "ok");
    assert_eq!(
        verdict(&desk, &child, "--method POST --host pay.shop --path /v1/refunds/r-1"),
        "outside-warrant"
    );
    assert_eq!(
        verdict(&desk, &child, "--method POST --host shop --path /v1/payments/a-7"),
        "outside-warrant"
    );
}

#[test]
fn who_cannot_delegate_is_told_why() {
    let desk = Desk::new();
    desk.payments();
    let stranger = Desk::delegate_line("").replace("$a.jwk", "$c.jwk");
    assert!(desk.complains(&stranger).contains("only its holder can delegate"));
    let late = Desk::delegate_line("").replace(AT, "1800000330");
    assert!(desk.complains(&late).contains("the parent has expired (30 s ago)"));
    desk.put("root", "hello");
    assert!(desk.complains(&Desk::delegate_line("")).contains("the parent is malformed: link 0: "));
    desk.mint("--host pay.shop --method POST --path /v1");
    assert!(desk.complains(&Desk::delegate_line("")).contains("the parent is sealed"));
}
