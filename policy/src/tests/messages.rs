//! Tests of messages: they say what an author wrote, they offer only what may be written, and they are the same in every run.

use std::collections::BTreeSet;

use super::fixture::{PAY_FILE, assert_fault, built, edit, edited, faults, told, with_policy};
use crate::Files;

const ARGS: &str =
    "amount: {from: body:/amount, type: natural}, note: {from: body:/note, type: string, optional: true}";

/// Conditions and scopes that Cedar does not accept, each for another reason.
const REFUSED: &[&str] = &[
    "permit (principal in Group::\"payment-agents\", action, resource);",
    "permit (principal in Group::\"x\", action, resource);",
    "permit (principal, action == Action::\"GET\", resource);",
    "permit (principal, action in [Action::\"PST\", Action::\"P\"], resource);",
    "permit (principal, action, resource == Route::\"pai\") when { context.args.amount > 1 };",
    "permit (principal is User, action, resource);",
    "permit (principal, action, resource) when { context.posture == Posture::\"norml\" };",
    "permit (principal, action, resource) when { context.args.amont > 1 && context.hst == \"a\" };",
    "permit (principal, action, resource) when { context.args.note == \"a\" };",
    "permit (principal, action, resource) when { context.args.amount == \"1\" };",
    "permit (principal, action, resource) when { principal.name == \"a\" };",
    "permit (principal, action, resource) when { fo(context.host) };",
    "permit (principal, action, resource) when { ip(\"a\") == ip(\"b\") || context.warrant.root in Group::\"y\" };",
    "@id(\"a\") permit (principal, action, resource) when { context.args.amount && context.args.amount == context.host };",
];

/// A bundle with all of them, on a route with several methods.
fn refused(text: &str) -> Files {
    let mut files = with_policy(ARGS, text);
    edit(&mut files, PAY_FILE, "[POST]", "[POST, PUT, PATCH]");
    files
}

#[test]
fn no_message_names_a_policy_by_its_number_or_offers_the_reserved_name() {
    for text in REFUSED {
        let told = told(&faults(&refused(text)));
        assert!(told.starts_with(&format!("{PAY_FILE}:11:")), "{text}\n{told}");
        assert!(!told.contains("policy0") && !told.contains("\"-\"") && !told.contains("`-`"), "{told}");
        assert!(!told.contains("<route>"), "{told}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_told_with_those_that_do() {
    for (text, what, instead) in [
        (REFUSED[0], "there is no group `payment-agents` here", "did you mean `payments-agents`?"),
        (REFUSED[1], "there is no group `x` here", "write one of: payments-agents"),
        (REFUSED[2], "there is no action `GET` here", "did you mean `PUT`?"),
        (
            "permit (principal, action == Action::\"OPTIONS\", resource);",
            "there is no action `OPTIONS` here",
            "write one of: PATCH, POST, PUT",
        ),
        (REFUSED[5], "there is no entity type `User`", "write one of: Agent, Group, Key, Posture, Route"),
        (REFUSED[6], "there is no posture `norml` here", "did you mean `normal`?"),
        (
            "permit (principal, action, resource) when { context.posture == Posture::\"wary\" };",
            "there is no posture `wary` here",
            "write one of: normal, restricted",
        ),
    ] {
        let files = refused(text);
        assert_fault(&files, &format!("{PAY_FILE}:11:"), what);
        assert_eq!(faults(&files)[0].instead, instead);
    }
    let mut none = refused(REFUSED[0]);
    edit(&mut none, "identities.yaml", "payments-agents", "others");
    edit(&mut none, PAY_FILE, "group:payments-agents", "agent:a");
    assert_eq!(faults(&none)[0].instead, "write one of: others");
}

/// Cedar visits actions and names in the order of hash maps, each of which has its own seed.
#[test]
fn messages_are_the_same_in_every_run() {
    for text in REFUSED.iter().copied().chain([REFUSED[7..12].join("\n").as_str()]) {
        let files = refused(text);
        let all: BTreeSet<String> = (0..16).map(|_| told(&faults(&files))).collect();
        assert_eq!(all.len(), 1, "{text}\n{}", all.into_iter().collect::<Vec<_>>().join("\nor\n"));
    }
}

#[test]
fn a_caller_that_is_written_twice_is_one_permit_and_a_warning() {
    let caller = "\"group:payments-agents\"";
    let files = edited(PAY_FILE, &format!("[{caller}]"), &format!("[{caller}, \"agent:a\", {caller}]"));
    let built = built(&files);
    let warnings = built.warnings(warrant::Seconds::new(super::fixture::NOW));
    let told: Vec<_> = warnings.iter().map(|warning| (warning.name, warning.fault.what.as_str())).collect();
    assert_eq!(told, [("duplicate", "`group:payments-agents` occurs twice in this list")]);
    let policies = built.route_named("pay").unwrap().policies();
    assert_eq!(policies, ["pay/caller:agent:a", "pay/caller:group:payments-agents"]);
}
