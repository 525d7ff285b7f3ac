//! Tests of grounds: which team may write routes for which hosts and paths.

use super::fixture::{assert_fault, assert_sound, edit, edited, files};
use crate::Files;

const PAY: &str = "routes/payments/pay.yaml";
const PATH: &str = "/v1/payments/{account}";

#[test]
fn a_route_stays_on_its_ground() {
    for path in ["/v1/payments", "/v1/payments/", "/v1/payments/**", "/v1/payments/a/{b}"] {
        assert_sound(&edited(PAY, PATH, path));
    }
    for path in ["/v1/paymentsx", "/v1/pay", "/v1", "/v1/**", "/**", "/v1/*/a", "/{v}/payments"] {
        assert_fault(
            &edited(PAY, PATH, path),
            &format!("{PAY}:6:"),
            "is outside the ground of team `payments`",
        );
    }
    assert_fault(&edited(PAY, "payments.shop", "localhost"), &format!("{PAY}:6:"), "is outside the ground");
}

#[test]
fn the_platform_team_writes_anywhere() {
    assert_sound(&edited("routes/platform/hello.yaml", "[localhost]", "[payments.shop]"));
    assert_sound(&edited(
        "routes/platform/hello.yaml",
        "{hosts: [localhost], methods: [GET], paths: [/hello/**]}",
        "{hosts: [payments.shop], methods: [GET], paths: [/v1/payments/x]}",
    ));
}

/// A team that removes a route must not open with it what that route governed.
#[test]
fn what_passes_without_a_warrant_on_the_ground_of_a_team_is_said_path_by_path() {
    let hello = "routes/platform/hello.yaml";
    let rest = "  require: {holder: proof, use: any, maxLifetime: 5m}\n  callers: [\"agent:demo\"]\n";
    let matched = "{hosts: [localhost], methods: [GET], paths: [/hello/**]}";
    let observed =
        format!("  ungoverned: {{reason: a, until: \"2026-11-22T03:09:39Z\", observe: true}}\n{rest}");
    for opening in ["  ungoverned: {reason: a}\n", &observed] {
        let with = |host: &str, path: &str| {
            let mut files = edited(hello, rest, opening);
            let new = format!("{{hosts: [{host}], methods: [GET], paths: [\"{path}\"]}}");
            edit(&mut files, hello, matched, &new);
            files
        };
        for path in
            ["/v1/payments/health", "/v1/payments/{id}/health", "/v1/other/**", "/v1/paymentsx/**", "/"]
        {
            assert_sound(&with("payments.shop", path));
        }
        assert_sound(&with("localhost", "/v1/payments/**"));
        for path in ["/**", "/v1/**", "/v1/payments/**", "/v1/payments/x/**", "/*/payments", "/*/**"] {
            assert_fault(
                &with("payments.shop", path),
                &format!("{hello}:6:"),
                "would let whatever matches on /v1/payments, the ground of team `payments`, pass without a warrant",
            );
        }
    }
}

fn nested() -> Files {
    edited(
        "teams.yaml",
        "  payments:",
        "  refunds: {ground: [{host: payments.shop, prefix: /v1/payments/refunds}]}\n  payments:",
    )
}

#[test]
fn an_inner_ground_belongs_only_to_its_owner() {
    let with = |path: &str| {
        let mut files = nested();
        edit(&mut files, PAY, PATH, path);
        files
    };
    assert_sound(&with("/v1/payments/accounts/{account}"));
    for path in ["/v1/payments/{account}", "/v1/payments/**", "/v1/payments/*/x", "/v1/payments/refunds/x"] {
        assert_fault(
            &with(path),
            &format!("{PAY}:6:"),
            "could match inside /v1/payments/refunds, the ground of team `refunds`",
        );
    }
}

#[test]
fn the_owner_of_the_inner_ground_may_write_there() {
    let mut files = nested();
    edit(&mut files, PAY, PATH, "/v1/payments/accounts");
    let route = String::from_utf8(files[PAY].clone())
        .unwrap()
        .replace("name: pay", "name: refund")
        .replace("/v1/payments/accounts", "/v1/payments/refunds/**");
    files.insert("routes/refunds/refund.yaml".to_owned(), route.into_bytes());
    assert_sound(&files);
}

#[test]
fn a_ground_has_one_owner() {
    let files = edited(
        "teams.yaml",
        "  payments:",
        "  refunds: {ground: [{host: payments.shop, prefix: /v1/payments}]}\n  payments:",
    );
    let faults = super::fixture::faults(&files);
    assert!(
        faults.iter().any(|fault| fault.what.contains("also belongs to the ground of team `refunds`")),
        "{}",
        super::fixture::told(&faults)
    );
}

#[test]
fn the_directory_of_a_route_names_a_team() {
    let mut files = files();
    let route = files.remove(PAY).unwrap();
    files.insert("routes/refunds/pay.yaml".to_owned(), route);
    assert_fault(&files, "routes/refunds/pay.yaml:3:", "is not the name of a team");
}
