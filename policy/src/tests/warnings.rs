//! Tests of every warning: a document that causes only this warning, and one that does not.

use warrant::Seconds;

use super::fixture::{NOW, PAY_FILE, built, edit, edited, files, with_policy};
use super::policies::CONSTANT_CONDITIONS;
use crate::Files;

const AMOUNT: &str = "amount: {from: body:/amount, type: natural}";
const HELLO: &str = "routes/platform/hello.yaml";

fn names(files: &Files) -> Vec<String> {
    let all = built(files).warnings(Seconds::new(NOW));
    let line = |warning: &crate::Warning| {
        format!("{}:{} {}", warning.fault.file.display(), warning.fault.line, warning.name)
    };
    all.iter().filter(|warning| warning.name != "untested-policy").map(line).collect()
}

fn warns(files: &Files, file: &str, line: u32, name: &str) {
    assert_eq!(names(files), [format!("{file}:{line} {name}")]);
}

fn has_no_warning(files: &Files) {
    assert_eq!(names(files), Vec::<String>::new());
}

#[test]
fn the_small_bundle_has_no_warning() {
    has_no_warning(&files());
}

#[test]
fn warnings_of_cedar_are_passed_on() {
    let condition =
        |text: &str| with_policy(AMOUNT, &format!("permit (principal, action, resource) when {{ {text} }};"));
    warns(&condition("context.host == \"a\" && 1 == 2"), PAY_FILE, 11, "cedar");
    warns(&condition("context.host == \"p\u{430}y\""), PAY_FILE, 11, "cedar");
    has_no_warning(&condition("context.host == \"pay\""));
}

#[test]
fn a_permit_without_principal_or_condition_is_a_warning() {
    for text in
        ["permit (principal, action, resource);", "permit (principal, action, resource) when { true };"]
    {
        warns(&with_policy(AMOUNT, text), PAY_FILE, 11, "open-permit");
    }
    for condition in CONSTANT_CONDITIONS {
        let text = format!("permit (principal, action, resource) {condition};");
        warns(&with_policy(AMOUNT, &text), PAY_FILE, 11, "open-permit");
    }
    has_no_warning(&with_policy(
        AMOUNT,
        "permit (principal in Group::\"payments-agents\", action, resource);",
    ));
    has_no_warning(&edited(PAY_FILE, "group:payments-agents", "any-holder"));
}

#[test]
fn a_route_without_a_permit_is_a_warning() {
    let only = |text: &str| {
        edited(PAY_FILE, "callers: [\"group:payments-agents\"]", &super::fixture::policy_block(AMOUNT, text))
    };
    warns(
        &only("forbid (principal, action, resource) when { context.args.amount > 1 };"),
        PAY_FILE,
        5,
        "no-permit",
    );
    has_no_warning(&only("permit (principal, action, resource) when { context.args.amount > 1 };"));
}

#[test]
fn a_forbid_that_always_holds_is_a_warning() {
    warns(
        &with_policy(AMOUNT, "forbid (principal, action, resource);"),
        PAY_FILE,
        11,
        "unconditional-forbid",
    );
    warns(
        &with_policy(AMOUNT, "forbid (principal, action, resource) unless { false };"),
        PAY_FILE,
        11,
        "unconditional-forbid",
    );
    for condition in CONSTANT_CONDITIONS {
        let text = format!("forbid (principal, action, resource) {condition};");
        warns(&with_policy(AMOUNT, &text), PAY_FILE, 11, "unconditional-forbid");
    }
    has_no_warning(&with_policy(
        AMOUNT,
        "forbid (principal, action, resource) when { context.args.amount > 1 };",
    ));
}

#[test]
fn two_routes_that_differ_only_in_a_last_slash_are_a_warning() {
    let with = |path: &str| {
        let mut files = files();
        let other = String::from_utf8(files[HELLO].clone())
            .unwrap()
            .replace("name: hello", "name: twin")
            .replace("/hello/**", path);
        edit(&mut files, HELLO, "/hello/**", "/hello");
        files.insert("routes/platform/twin.yaml".to_owned(), other.into_bytes());
        files
    };
    warns(&with("/hello/"), "routes/platform/twin.yaml", 6, "slash-twins");
    has_no_warning(&with("/hello/x"));
    has_no_warning(&edited(HELLO, "[/hello/**]", "[/hello, /hello/]"));
}

#[test]
fn a_host_that_no_proxy_serves_is_a_warning() {
    warns(&edited(HELLO, "[localhost]", "[localhots]"), HELLO, 6, "unserved-host");
}

#[test]
fn an_exception_that_is_over_or_far_ahead_is_a_warning() {
    let until = |day: &str| {
        edited(
            HELLO,
            "  require",
            &format!("  ungoverned: {{reason: adoption, until: \"{day}\", observe: true}}\n  require"),
        )
    };
    warns(&until("2026-11-21T03:09:39Z"), HELLO, 7, "until-past");
    has_no_warning(&until("2026-11-21T03:09:40Z"));
    has_no_warning(&until("2027-02-19T03:09:39Z"));
    warns(&until("2027-02-19T03:09:40Z"), HELLO, 7, "until-far");
}

#[test]
fn a_value_twice_in_a_list_is_a_warning() {
    warns(&edited(PAY_FILE, "[POST]", "[POST, \"POST\"]"), PAY_FILE, 6, "duplicate");
    warns(
        &edited(
            "identities.yaml",
            "[\"spiffe://shop/ns/shop/sa/payer\"",
            "[\"spiffe://shop/ns/shop/sa/payer\", 'spiffe://shop/ns/shop/sa/payer'",
        ),
        "identities.yaml",
        3,
        "duplicate",
    );
}

#[test]
fn a_policy_that_no_test_hits_is_a_warning() {
    let untested = |files: &Files| -> Vec<u32> {
        let all = built(files).warnings(Seconds::new(NOW));
        all.iter()
            .filter(|warning| warning.name == "untested-policy")
            .map(|warning| warning.fault.line)
            .collect()
    };
    let text = "@id(\"limit\") forbid (principal, action, resource) when { context.args.amount > 1 };";
    let mut files = with_policy(AMOUNT, text);
    assert_eq!(untested(&files), [11]);
    let tests = "apiVersion: portcullis.dev/v1alpha1\nkind: RouteTests\nmetadata: {name: pay}\ncases: [{name: much, request: {body: {amount: 2}}, expect: policy-denied, because: pay/limit}]\n";
    files.insert("routes/payments/pay.test.yaml".to_owned(), tests.as_bytes().to_vec());
    assert_eq!(untested(&files), Vec::<u32>::new());
}

/// Before anything is governed, the mesh-wide policies have nothing to apply to. That does not make them impossible.
#[test]
fn a_bundle_of_ungoverned_routes_alone_has_no_warning() {
    let mut files = edited(
        HELLO,
        "  require: {holder: proof, use: any, maxLifetime: 5m}\n  callers: [\"agent:demo\"]\n",
        "  ungoverned: {reason: a probe}\n",
    );
    files.remove(PAY_FILE);
    for text in [
        "forbid (principal, action, resource) when { context.warrant.depth > 3 };",
        "forbid (principal, action == Action::\"GET\", resource) when { context.host == \"a\" };",
    ] {
        let mut files = files.clone();
        edit(&mut files, "mesh.cedar", "// nothing", &format!("{text}\n// nothing"));
        has_no_warning(&files);
    }
    // A policy that is impossible everywhere is still one.
    edit(
        &mut files,
        "mesh.cedar",
        "// nothing",
        "forbid (principal, action, resource) when { context.warrant.depth > 3 && false };\n// nothing",
    );
    warns(&files, "mesh.cedar", 1, "cedar");
}
