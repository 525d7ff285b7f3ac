//! Every warning: a document that provokes just it, and a neighbour that does not.

use warrant::Seconds;

use super::fixture::{NOW, PAY_FILE, built, edit, edited, files, with_policy};
use crate::Files;

const AMOUNT: &str = "amount: {from: body:/amount, type: natural}";
const HELLO: &str = "routes/platform/hello.yaml";

fn names(files: &Files) -> Vec<String> {
    let all = built(files).warnings(Seconds::new(NOW));
    let told = |warning: &crate::Warning| {
        format!("{}:{} {}", warning.fault.file.display(), warning.fault.line, warning.name)
    };
    all.iter().filter(|warning| warning.name != "untested-policy").map(told).collect()
}

fn warns(files: &Files, file: &str, line: u32, name: &str) {
    assert_eq!(names(files), [format!("{file}:{line} {name}")]);
}

fn is_quiet(files: &Files) {
    assert_eq!(names(files), Vec::<String>::new());
}

#[test]
fn the_small_bundle_is_quiet() {
    is_quiet(&files());
}

#[test]
fn what_cedar_warns_of() {
    let condition =
        |text: &str| with_policy(AMOUNT, &format!("permit (principal, action, resource) when {{ {text} }};"));
    warns(&condition("1 == 2"), PAY_FILE, 11, "cedar");
    warns(&condition("context.host == \"p\u{430}y\""), PAY_FILE, 11, "cedar");
    is_quiet(&condition("context.host == \"pay\""));
}

#[test]
fn open_permits() {
    for text in
        ["permit (principal, action, resource);", "permit (principal, action, resource) when { true };"]
    {
        warns(&with_policy(AMOUNT, text), PAY_FILE, 11, "open-permit");
    }
    is_quiet(&with_policy(AMOUNT, "permit (principal in Group::\"payments-agents\", action, resource);"));
    is_quiet(&edited(PAY_FILE, "group:payments-agents", "any-holder"));
}

#[test]
fn nothing_permits() {
    let only = |text: &str| {
        edited(PAY_FILE, "callers: [\"group:payments-agents\"]", &super::fixture::policy_block(AMOUNT, text))
    };
    warns(
        &only("forbid (principal, action, resource) when { context.args.amount > 1 };"),
        PAY_FILE,
        5,
        "no-permit",
    );
    is_quiet(&only("permit (principal, action, resource) when { context.args.amount > 1 };"));
}

#[test]
fn unconditional_forbids() {
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
    is_quiet(&with_policy(AMOUNT, "forbid (principal, action, resource) when { context.args.amount > 1 };"));
}

#[test]
fn twins_but_for_a_slash() {
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
    is_quiet(&with("/hello/x"));
    is_quiet(&edited(HELLO, "[/hello/**]", "[/hello, /hello/]"));
}

#[test]
fn hosts_that_nobody_serves() {
    warns(&edited(HELLO, "[localhost]", "[localhots]"), HELLO, 6, "unserved-host");
}

#[test]
fn exceptions_that_are_over_or_have_no_end() {
    let until = |day: &str| {
        edited(
            HELLO,
            "  require",
            &format!("  ungoverned: {{reason: adoption, until: \"{day}\", observe: true}}\n  require"),
        )
    };
    warns(&until("2026-11-21T03:09:39Z"), HELLO, 7, "until-past");
    is_quiet(&until("2026-11-21T03:09:40Z"));
    is_quiet(&until("2027-02-19T03:09:39Z"));
    warns(&until("2027-02-19T03:09:40Z"), HELLO, 7, "until-far");
}

#[test]
fn duplicates_in_a_list() {
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
fn policies_that_no_test_hits() {
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
