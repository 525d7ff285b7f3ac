//! Tests of the rules for policy texts: each with a document that breaks only this rule, and one that does not.

use super::fixture::{PAY_FILE, assert_fault, assert_sound, edit, edited, with_policy};
use crate::Files;

const AMOUNT: &str = "amount: {from: body:/amount, type: natural}";

fn pay(text: &str) -> Files {
    with_policy(AMOUNT, text)
}

/// Policies begin at line 11, column 5 of the file.
fn provokes(text: &str, place: &str, what: &str) {
    assert_fault(&pay(text), &format!("{PAY_FILE}:{place}"), what);
}

#[test]
fn faults_that_cedar_finds_have_a_place_in_the_file() {
    provokes(
        "permit (principal, action, resource)\n  when { context.args.amount > };",
        "12:",
        "unexpected token",
    );
    provokes("permit (principal, action, resource)\n  when { context.args.amont > 1 };", "12:14:", "amont");
    provokes(
        "permit (principal, action, resource)\n  when { context.args.amount == \"1\" };",
        "12:",
        "String",
    );
    provokes("permit (principal, action == Action::\"GET\", resource);", "11:34:", "GET");
    provokes("permit (principal in Group::\"payment-agents\", action, resource);", "11:", "payment-agents");
    provokes("permit (principal is User, action, resource);", "11:", "User");
    provokes(
        "permit (principal, action, resource) when { context.environment.region == \"eu\" };",
        "11:",
        "region",
    );
    assert_sound(&pay(
        "permit (principal in Group::\"payments-agents\", action == Action::\"POST\", resource)\n  when { context.args.amount > 1 };",
    ));
}

#[test]
fn places_are_right_with_an_indentation_indicator() {
    let mut files = pay("  permit (principal, action, resource) when { context.args.amont > 1 };");
    edit(&mut files, PAY_FILE, "policy: |", "policy: |2-  # indented by two");
    assert_fault(&files, &format!("{PAY_FILE}:11:51:"), "amont");
}

#[test]
fn an_optional_argument_must_be_tested_before_use() {
    let optional = "note: {from: body:/note, type: string, optional: true}";
    assert_fault(
        &with_policy(optional, "forbid (principal, action, resource) when { context.args.note == \"x\" };"),
        PAY_FILE,
        "note",
    );
    assert_sound(&with_policy(
        optional,
        "forbid (principal, action, resource) when { context.args has note && context.args.note == \"x\" };",
    ));
}

#[test]
fn in_yaml_a_policy_is_a_literal_block() {
    let files = edited(
        PAY_FILE,
        "callers:",
        "policy: \"permit (principal, action, resource) when { context.host == \\\"a\\\" };\"\n  callers:",
    );
    assert_fault(&files, &format!("{PAY_FILE}:8:11"), "not a literal block");
    let folded = edited(
        PAY_FILE,
        "callers:",
        "policy: >\n    permit (principal, action, resource) when { context.host == \"a\" };\n  callers:",
    );
    assert_fault(&folded, &format!("{PAY_FILE}:9:"), "not a literal block");
}

#[test]
fn templates_and_slots_are_refused() {
    provokes("forbid (principal == ?principal, action, resource);", "11:26:", "a template slot");
    provokes("forbid (principal, action, resource == ?resource);", "11:44:", "a template slot");
}

#[test]
fn only_known_annotations_are_allowed() {
    provokes(
        "@resaon(\"x\")\npermit (principal, action, resource) when { context.args.amount > 1 };",
        "11:5:",
        "unknown annotation `@resaon`",
    );
    provokes(
        "@id(\"Limit\")\npermit (principal, action, resource) when { context.args.amount > 1 };",
        "11:5:",
        "not a valid policy name",
    );
    assert_sound(&pay(
        "@id(\"limit\") @reason(\"x\") @cure(\"y\")\npermit (principal, action, resource) when { context.args.amount > 1 };",
    ));
}

#[test]
fn two_policies_of_a_route_cannot_have_one_name() {
    let two = |one: &str, other: &str| {
        format!(
            "@id(\"{one}\") permit (principal, action, resource) when {{ context.args.amount > 1 }};\n@id(\"{other}\") permit (principal, action, resource) when {{ context.args.amount > 2 }};"
        )
    };
    provokes(&two("a", "a"), "12:5:", "a second policy called `pay/a`");
    assert_sound(&pay(&two("a", "b")));
    let same = "permit (principal, action, resource) when { context.args.amount > 1 };";
    provokes(&format!("{same}\n{same}"), "12:5:", "a second policy called `pay/");
}

#[test]
fn a_resource_is_open_or_the_route_itself() {
    let about = |resource: &str| {
        format!("permit (principal, action, {resource}) when {{ context.args.amount > 1 }};")
    };
    assert_sound(&pay(&about("resource")));
    assert_sound(&pay(&about("resource == Route::\"pay\"")));
    for resource in ["resource is Route", "resource in Route::\"pay\"", "resource is Route in Route::\"pay\""]
    {
        provokes(&about(resource), "11:5:", "limited to something other than this route");
    }
}

#[test]
fn a_policy_cannot_name_the_reserved_member() {
    provokes(
        "forbid (principal, action, resource) when { context.warrant.root in Group::\"-\" };",
        "11:5:",
        "the name `-`",
    );
}

#[test]
fn a_policy_text_contains_a_policy() {
    provokes("// nothing yet", "11:5", "the policy text contains no policy");
}

#[test]
fn mesh_wide_policies_only_forbid() {
    let mesh = |text: &str| edited("mesh.cedar", "// nothing", &format!("{text}\n// nothing"));
    assert_fault(
        &mesh("permit (principal, action, resource) when { context.host == \"a\" };"),
        "mesh.cedar:1:1:",
        "a mesh-wide policy that permits",
    );
    assert_sound(&mesh("forbid (principal, action, resource) when { context.host == \"a\" };"));
    assert_fault(
        &mesh("forbid (principal, action, resource)\n when { context.args.amount > 1 };"),
        "mesh.cedar:2:",
        "args",
    );
    assert_fault(&mesh("forbid (principal, action == Action::\"PUT\", resource);"), "mesh.cedar:1:", "PUT");
    assert_sound(&mesh(
        "forbid (principal, action == Action::\"POST\", resource) when { context.host == \"a\" };",
    ));
    assert_sound(&mesh(
        "forbid (principal, action, resource == Route::\"pay\") when { context.host == \"a\" };",
    ));
}

#[test]
fn a_holder_cannot_escape_a_forbid_by_delegating() {
    let hello = |text: &str| {
        let file = "routes/platform/hello.yaml";
        edited(file, "callers:", &format!("policy: |\n    {text}\n  callers:"))
    };
    let what = "a forbid that names `principal` but not `context.warrant.root`";
    for text in [
        "forbid (principal == Agent::\"agent:x\", action, resource);",
        "forbid (principal in Group::\"payments-agents\", action, resource);",
        "forbid (principal is Agent, action, resource) when { context.host == \"a\" };",
        "forbid (principal, action, resource) unless { principal in Group::\"payments-agents\" };",
    ] {
        assert_fault(&hello(text), "routes/platform/hello.yaml:9:5:", what);
        // A delegated key cannot ask here, so delegation changes nothing.
        assert_sound(&pay(text));
        assert_fault(
            &edited("mesh.cedar", "// nothing", &format!("{text}\n// nothing")),
            "mesh.cedar:1:1:",
            what,
        );
    }
    for text in [
        "forbid (principal, action, resource) when { context.warrant.root == Agent::\"agent:x\" };",
        "forbid (principal, action, resource) when { principal == Agent::\"agent:x\" || context.warrant.root == Agent::\"agent:x\" };",
        "permit (principal == Agent::\"agent:x\", action, resource);",
    ] {
        assert_sound(&hello(text));
    }
}

/// They read neither `principal` nor `context`, so they are the same for every request.
pub(super) const CONSTANT_CONDITIONS: &[&str] = &[
    "when { true }",
    "when { 1 == 1 }",
    "when { 2 > 1 && \"a\" like \"*\" }",
    "when { resource == resource }",
    "when { resource is Route }",
    "when { action == action }",
    "when { [1, 2].contains(1) }",
    "when { {principal: 1, context: 2}.principal == 1 }",
    "when { \"principal\" != \"context\" }",
    "when { Agent::\"principal\" == Agent::\"principal\" }",
    "when { if true then true else false }",
    "when { datetime(\"2026-01-01\") < datetime(\"2027-01-01\") }",
    "unless { false }",
    "unless { 1 == 2 }",
    "unless { !(resource in resource) }",
    "when { true } unless { 1 > 2 }",
];

#[test]
fn the_warrant_alone_never_decides() {
    let file = "routes/platform/hello.yaml";
    let what = "allows every holder of a valid warrant";
    let any_holder = edited(file, "agent:demo", "any-holder");
    assert_fault(&any_holder, &format!("{file}:8:13:"), what);
    for require in ["{holder: mtls, use: any", "{holder: proof, use: limited"] {
        let mut files = any_holder.clone();
        edit(&mut files, file, "{holder: proof, use: any", require);
        assert_sound(&files);
    }
    let written = |text: &str| edited(file, "callers: [\"agent:demo\"]", &format!("policy: |\n    {text}"));
    for text in [
        "permit (principal, action, resource);",
        "permit (principal, action, resource) when { true };",
        "permit (principal, action == Action::\"GET\", resource) unless { false };",
    ] {
        assert_fault(&written(text), &format!("{file}:9:5:"), what);
    }
    for condition in CONSTANT_CONDITIONS {
        let text = format!("permit (principal, action, resource) {condition};");
        assert_fault(&written(&text), &format!("{file}:9:5:"), what);
    }
    for text in [
        "permit (principal is Agent, action, resource);",
        "permit (principal, action, resource) when { context.host == \"localhost\" };",
        "permit (principal, action, resource) when { principal is Agent };",
        "permit (principal, action, resource) when { 1 == 1 } unless { context.warrant.depth > 1 };",
        "permit (principal, action, resource) when { if 1 == 1 then context.host == \"a\" else false };",
        "permit (principal, action, resource) when { [1].contains(1) && {a: context.host}.a == \"a\" };",
    ] {
        assert_sound(&written(text));
    }
}
