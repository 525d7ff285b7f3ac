//! Tests that all faults are reported at once: a fault in one document hides none in another, and gives no other fault.

use std::collections::BTreeSet;

use super::fixture::{PAY_FILE, edit, faults, files};
use crate::Files;

const HELLO: &str = "routes/platform/hello.yaml";
const PAY_TESTS: &str = "routes/payments/pay.test.yaml";

/// A sound bundle with everything that the faults below are about.
fn sound() -> Files {
    let mut files = files();
    let defaults = "    defaults: {environment: {region: [eu]}, maxDepth: 1}\n    floors: {maxLifetime: 5m}\n    ground:";
    edit(&mut files, "teams.yaml", "    ground:", defaults);
    let policy = "  args:\n    amount: {from: body:/amount, type: natural}\n  policy: |\n    \
                  permit (principal in Group::\"payments-agents\", action == Action::\"POST\", resource)\n      \
                  when { context.args.amount > 1 && context.environment.region == \"eu\" };\n  callers:";
    edit(&mut files, PAY_FILE, "  callers:", policy);
    edit(
        &mut files,
        "mesh.cedar",
        "// nothing",
        "forbid (principal, action == Action::\"POST\", resource == Route::\"pay\")\n  when { context.warrant.root in Group::\"payments-agents\" };\n// nothing",
    );
    files.insert("routes/payments/refund.yaml".to_owned(), refund().into_bytes());
    files.insert(
        PAY_TESTS.to_owned(),
        b"apiVersion: portcullis.dev/v1alpha1\nkind: RouteTests\nmetadata: {name: pay}\ncases:\n  - {name: a, caller: \"agent:x\", request: {body: {amount: 1}}, expect: policy-denied}\n"
            .to_vec(),
    );
    files
}

fn refund() -> String {
    "apiVersion: portcullis.dev/v1alpha1
kind: GovernedRoute
metadata: {name: refund}
spec:
  match:
    - {hosts: [payments.shop], methods: [PUT], paths: [/v1/payments/refunds]}
  require: {holder: mtls, use: once, maxLifetime: 60s}
  callers: [\"group:payments-agents\"]
  policy: |
    forbid (principal, action, resource) when { context.host == \"a\" };
"
    .to_owned()
}

/// Faults that depend on more than one document: a file, a text in it, a wrong text, and a part of the message.
const BETWEEN: &[(&str, &str, &str, &str)] = &[
    ("routes/payments/refund.yaml", "/v1/payments/refunds", "/v2/refunds", "outside the ground"),
    ("routes/payments/refund.yaml", "group:payments-agents", "group:nobody", "`nobody` is not defined"),
    ("routes/payments/refund.yaml", "maxLifetime: 60s", "maxLifetime: 6m", "below the floor"),
    ("routes/payments/refund.yaml", "context.host", "context.hst", "attribute `hst` not found"),
    (
        "mesh.cedar",
        "// nothing",
        "forbid (principal, action, resource) when { context.pth == \"a\" };\n// nothing",
        "`pth`",
    ),
    (HELLO, "[localhost]", "[\"localhost:10000\"]", "is an alias"),
];

/// Faults of one document: a file, a text in it, a wrong text, and a part of the only message. Last, the faults of
/// `BETWEEN` that it hides, because they depend on what cannot be read.
const SHAPES: &[(&str, &str, &str, &str, &[&str])] = &[
    ("mesh.yaml", "leeway: 5s", "leeway: 5", "is not a valid duration", &[]),
    ("mesh.yaml", "  leeway: 5s", "  leway: 5s", "did you mean `leeway`", &[]),
    ("mesh.yaml", "  issuers:", "  issuers: &a", "an anchor is not allowed", &[]),
    ("proxies.yaml", "{id: local,", "{id: here,", "identity of a proxy", &[]),
    ("proxies.yaml", "[\"localhost:10000\"]", "[\"localhost:10000\", Localhost]", "is not a valid host", &[]),
    ("proxies.yaml", "kind: Proxies", "kind: *Proxies", "alias is not allowed", &["is an alias"]),
    ("identities.yaml", "sa/payer", "sa/*/payer", "valid pattern of identities", &[]),
    (
        "identities.yaml",
        "{groups: {",
        "{groups: {Other: [a], ",
        "name for a group",
        &["`nobody` is not defined"],
    ),
    (
        "identities.yaml",
        "spec: {groups",
        "spec: {group",
        "did you mean `groups`",
        &["`nobody` is not defined"],
    ),
    ("identities.yaml", "spec:", "spec: !a", "a tag is not allowed", &["`nobody` is not defined"]),
    ("teams.yaml", "  platform: {platform: true}", "  platform: {platform: yes}", "expected a boolean", &[]),
    (
        "teams.yaml",
        "  platform: {platform: true}",
        "  platform: {platform: true}\n  Other: {}",
        "name for a team",
        &[],
    ),
    (
        "teams.yaml",
        "prefix: /v1/payments",
        "prefix: v1/payments",
        "prefix of a ground",
        &["outside the ground"],
    ),
    (
        "teams.yaml",
        "floors: {maxLifetime: 5m}",
        "floors: {maxLifetime: 5}",
        "valid duration",
        &["below the floor"],
    ),
    (
        "teams.yaml",
        "floors: {maxLifetime: 5m}",
        "flors: {maxLifetime: 5m}",
        "did you mean `floors`",
        &["below the floor"],
    ),
    ("teams.yaml", "{environment: {region: [eu]}", "{environment: {region: [NO]}", "quote it: \"NO\"", &[]),
    (
        "teams.yaml",
        "defaults: {",
        "defaults: [{",
        "YAML is not accepted",
        &["outside the ground", "below the floor"],
    ),
    (
        "teams.yaml",
        "kind: Teams",
        "kind: Proxies",
        "is not a value of this key",
        &["outside the ground", "below the floor"],
    ),
    (PAY_FILE, "methods: [POST]", "methods: [post]", "is not a valid method", &[]),
    (PAY_FILE, "hosts: [payments.shop]", "hosts: [NO]", "is not a valid host", &[]),
    (PAY_FILE, "paths: [", "path: [", "did you mean `paths`", &[]),
    (PAY_FILE, "holder: mtls", "holder: tls", "is not a value of this key", &[]),
    (PAY_FILE, "holder: mtls", "hodler: mtls", "did you mean `holder`", &[]),
    (PAY_FILE, "require: {", "reqire: {", "did you mean `require`", &[]),
    (PAY_FILE, "type: natural", "type: naturl", "is not a value of this key", &[]),
    (PAY_FILE, "  args:", "  arg:", "did you mean `args`", &[]),
    (PAY_FILE, "callers:", "calers:", "did you mean `callers`", &[]),
    (PAY_FILE, "callers: [", "callers: [payer, ", "is not a valid caller", &[]),
    (PAY_FILE, "policy: |", "policy: >", "not a literal block", &[]),
    (PAY_FILE, "metadata: {name: pay}", "metadata: {name: pays}", "the name of the file is `pay`", &[]),
    (PAY_FILE, "metadata: {name: pay}", "metadata: {nme: pay}", "did you mean `name`", &[]),
    (
        PAY_FILE,
        "apiVersion: portcullis.dev/v1alpha1",
        "apiVersion: v1",
        "write `portcullis.dev/v1alpha1`",
        &[],
    ),
    (PAY_FILE, "spec:", "spec:\n  ungoverned: {reason: a, observe: maybe}", "expected a boolean", &[]),
    (PAY_FILE, "spec:", "spec: &a", "an anchor is not allowed", &[]),
    (PAY_FILE, "kind: GovernedRoute", "kind: RouteTests", "write `GovernedRoute`", &[]),
    (PAY_TESTS, "expect: policy-denied", "expect: denied", "the code of a denial", &[]),
    (PAY_TESTS, "cases:", "given: []\ncases:", "its keys are:", &[]),
];

fn what(files: &Files) -> BTreeSet<String> {
    faults(files).iter().map(ToString::to_string).collect()
}

fn with_faults_between(mut files: Files) -> Files {
    for (file, from, to, _) in BETWEEN.iter().copied() {
        edit(&mut files, file, from, to);
    }
    files
}

#[test]
fn a_fault_in_one_document_gives_no_other_fault() {
    assert_eq!(what(&sound()), BTreeSet::new());
    for (file, from, to, told, _) in SHAPES.iter().copied() {
        let mut files = sound();
        edit(&mut files, file, from, to);
        let found = what(&files);
        assert!(found.len() == 1 && found.iter().all(|fault| fault.contains(told)), "{to}: {found:#?}");
    }
}

#[test]
fn a_fault_in_one_document_hides_none_between_others() {
    let between = what(&with_faults_between(sound()));
    assert_eq!(between.len(), BETWEEN.len(), "{between:#?}");
    for (.., told) in BETWEEN {
        assert_eq!(between.iter().filter(|fault| fault.contains(told)).count(), 1, "{told}: {between:#?}");
    }
    for (file, from, to, told, hides) in SHAPES.iter().copied() {
        let mut files = sound();
        edit(&mut files, file, from, to);
        let mut expected = what(&files);
        let is_hidden = |fault: &&String| hides.iter().any(|hidden| fault.contains(hidden));
        expected.extend(between.iter().filter(|fault| !is_hidden(fault)).cloned());
        let found = what(&with_faults_between(files));
        assert_eq!(found, expected, "{to} ({told})");
    }
}

/// What can be known of a document that has a fault itself is still checked.
#[test]
fn a_fault_in_one_key_hides_none_in_another() {
    let mut files = sound();
    edit(&mut files, PAY_FILE, "methods: [POST]", "methods: [post]");
    edit(&mut files, PAY_FILE, "\"/v1/payments/{account}\"", "/v2/payments");
    edit(&mut files, PAY_FILE, "maxLifetime: 60s", "maxLifetime: 6m");
    edit(&mut files, PAY_FILE, "callers: [\"group:payments-agents\"]", "callers: [payer, \"group:nobody\"]");
    edit(&mut files, PAY_FILE, "context.args.amount > 1", "context.args.amont > 1");
    edit(&mut files, PAY_FILE, "[payments.shop]", "[payments.shop, Payments]");
    let found = what(&files);
    for told in [
        "`post` is not a valid method",
        "`Payments` is not a valid host",
        "/v2/payments is outside the ground",
        "below the floor",
        "`payer` is not a valid caller",
        "`nobody` is not defined",
        "`args.amont` not found",
    ] {
        assert_eq!(found.iter().filter(|fault| fault.contains(told)).count(), 1, "{told}: {found:#?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
}
