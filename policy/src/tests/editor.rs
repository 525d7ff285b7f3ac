//! Tests that the schema for editors knows the same keys as the readers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fixture::{PAY_FILE, edit, faults, files, told, with_policy};
use crate::Files;
use crate::authoring::documents_schema;

const OPERATOR_TESTS: &str = "operators.test.yaml";
const ISSUANCE_TESTS: &str = "issuance.test.yaml";
const TESTS: &str = "routes/payments/pay.test.yaml";

/// A bundle that contains every kind of object.
fn everything() -> Files {
    let mut files = with_policy(
        "amount: {from: body:/amount, type: natural}",
        "forbid (principal, action, resource) when { context.args.amount > 1 };",
    );
    edit(
        &mut files,
        PAY_FILE,
        "use: once",
        "use: once, conditions: [{name: w, equals: open, maxAge: 5m}], attestation: {maxAge: 5m}",
    );
    edit(
        &mut files,
        "teams.yaml",
        "    ground:",
        "    ungoverned: [{host: payments.shop, methods: [GET], path: /healthz}]\n    ground:",
    );
    edit(
        &mut files,
        "mesh.yaml",
        "  notes:",
        "  attestors:\n    - {iss: \"https://attest.shop\", anchors: [AAAA], about: [\"spiffe://shop/**\"], keyless: true}\n  callers:\n    - {audience: a, iss: \"https://idp.shop\", jwks: {keys: [{kty: OKP, kid: a, crv: Ed25519, x: AAAA}]}}\n  subjects:\n    - {iss: \"https://idp.shop\", audience: w, jwksUri: \"https://idp.shop/keys\", sub: \"agent:{sub}\", as: holder}\n  grants:\n    small: {details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [\"/v1/**\"], args: {amount: {any: true}}}]}\n  notes:",
    );
    files.insert(
        "operators.cedar".to_owned(),
        b"permit (principal == Person::\"local\", action, resource);".to_vec(),
    );
    files.insert(OPERATOR_TESTS.to_owned(), b"apiVersion: portcullis.dev/v1alpha1\nkind: OperatorTests\ngiven: {caller: local}\ncases:\n  - {name: a, expect: allow, action: read-facts}\n".to_vec());
    files.insert(
        "issuance.cedar".to_owned(),
        b"@grant(\"small\") @lifetime(\"60s\") @use(\"1\") @depth(\"0\") permit (principal == Agent::\"agent:a\", action, resource);".to_vec(),
    );
    files.insert(ISSUANCE_TESTS.to_owned(), b"apiVersion: portcullis.dev/v1alpha1\nkind: IssuanceTests\ngiven: {holder: \"agent:a\"}\ncases:\n  - {name: a, expect: allow, details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [\"/v1/a\"], args: {amount: {any: true}}}], starter: {iss: \"https://idp.shop\", sub: b}, gets: {use: 1}}\n".to_vec());
    let tests = "apiVersion: portcullis.dev/v1alpha1\nkind: RouteTests\nmetadata: {name: pay}\ngiven: {request: {body: {amount: 1}}, caller: spiffe://shop/ns/shop/sa/payer}\ncases:\n  - {name: a, expect: allow, warrant: {use: {max: 1}, started_by: {iss: \"https://idp.shop\", sub: b}, authorization_details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [/**], args: {amount: {any: true}}}]}}\n";
    files.insert(TESTS.to_owned(), tests.as_bytes().to_vec());
    files
}

/// The keys that a reader allows in the object that begins with this text, taken from the fault for an unknown key.
fn known(file: &str, object: &str) -> BTreeSet<String> {
    let mut files = everything();
    edit(&mut files, file, object, &format!("{object}qqqqqqqq: 1, "));
    let all = faults(&files);
    let found = all
        .iter()
        .filter_map(|fault| fault.instead.strip_prefix("known keys: "))
        .map(|keys| keys.split(", ").map(str::to_owned).collect::<BTreeSet<_>>());
    found.max_by_key(BTreeSet::len).unwrap_or_else(|| panic!("{object}: {}", told(&all)))
}

/// The keys of the schema's object at this path.
fn keys(kind: &str, path: &[&str]) -> BTreeSet<String> {
    let schema = documents_schema();
    let document = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .find(|document| document["properties"]["kind"]["const"] == kind)
        .unwrap();
    let step = |schema: &Value, step: &str| match step {
        "[]" => schema["items"].clone(),
        "*" => schema["additionalProperties"].clone(),
        "|" => schema["anyOf"][0].clone(),
        name => schema["properties"][name].clone(),
    };
    let object = path.iter().fold(document.clone(), |schema, name| step(&schema, name));
    object["properties"]
        .as_object()
        .unwrap_or_else(|| panic!("{kind} {path:?}: {object}"))
        .keys()
        .cloned()
        .collect()
}

#[test]
fn the_small_bundle_with_everything_has_no_fault() {
    super::fixture::assert_sound(&everything());
    super::fixture::assert_sound(&files());
}

#[test]
fn the_schema_has_the_keys_of_the_readers() {
    for (kind, path, file, object) in [
        ("Mesh", &["spec", "notes"][..], "mesh.yaml", "notes: {"),
        ("Mesh", &["spec", "issuers", "[]"], "mesh.yaml", "- {"),
        ("Mesh", &["spec", "attestors", "[]"], "mesh.yaml", "attestors:\n    - {"),
        ("Mesh", &["spec", "callers", "[]"], "mesh.yaml", "callers:\n    - {"),
        ("Mesh", &["spec", "callers", "[]", "jwks"], "mesh.yaml", "jwks: {"),
        ("Mesh", &["spec", "callers", "[]", "jwks", "keys", "[]"], "mesh.yaml", "jwks: {keys: [{"),
        ("Mesh", &["spec", "subjects", "[]"], "mesh.yaml", "subjects:\n    - {"),
        ("Mesh", &["spec", "grants", "*"], "mesh.yaml", "small: {"),
        ("IssuanceTests", &["given"], ISSUANCE_TESTS, "given: {"),
        ("IssuanceTests", &["cases", "[]"], ISSUANCE_TESTS, "- {"),
        ("IssuanceTests", &["cases", "[]", "starter"], ISSUANCE_TESTS, "starter: {"),
        ("IssuanceTests", &["cases", "[]", "gets"], ISSUANCE_TESTS, "gets: {"),
        ("OperatorTests", &["given"], OPERATOR_TESTS, "given: {"),
        ("OperatorTests", &["cases", "[]"], OPERATOR_TESTS, "- {"),
        ("Proxies", &["spec", "[]"], "proxies.yaml", "- {"),
        ("Identities", &["spec"], "identities.yaml", "spec: {"),
        ("Teams", &["spec", "*"], "teams.yaml", "platform: {"),
        ("Teams", &["spec", "*", "ground", "[]"], "teams.yaml", "ground: [{"),
        ("Teams", &["spec", "*", "ungoverned", "[]"], "teams.yaml", "ungoverned: [{"),
        ("GovernedRoute", &["metadata"], PAY_FILE, "metadata: {"),
        ("GovernedRoute", &["spec", "match", "[]"], PAY_FILE, "- {"),
        ("GovernedRoute", &["spec", "require"], PAY_FILE, "require: {"),
        ("GovernedRoute", &["spec", "require", "conditions", "[]"], PAY_FILE, "conditions: [{"),
        ("GovernedRoute", &["spec", "require", "attestation"], PAY_FILE, "attestation: {"),
        ("GovernedRoute", &["spec", "args", "*"], PAY_FILE, "amount: {"),
        ("RouteTests", &["cases", "[]"], TESTS, "- {"),
        ("RouteTests", &["given"], TESTS, "given: {"),
        ("RouteTests", &["given", "request"], TESTS, "request: {"),
        ("RouteTests", &["given", "warrant"], TESTS, "warrant: {"),
        ("RouteTests", &["given", "warrant", "use", "|"], TESTS, "use: {"),
        ("RouteTests", &["given", "warrant", "started_by"], TESTS, "started_by: {"),
        (
            "RouteTests",
            &["given", "warrant", "authorization_details", "[]"],
            TESTS,
            "authorization_details: [{",
        ),
        (
            "RouteTests",
            &["given", "warrant", "authorization_details", "[]", "args", "*"],
            TESTS,
            "amount: {any",
        ),
    ] {
        let object = if object == "amount: {any" { "args: {amount: {" } else { object };
        assert_eq!(keys(kind, path), known(file, object), "{kind} {path:?}");
    }
}

/// Block maps: the added key has a line of its own.
#[test]
fn the_schema_has_the_keys_of_the_readers_for_whole_documents() {
    for (kind, path, file, before) in [
        ("Mesh", &["spec"][..], "mesh.yaml", "  audience:"),
        ("Mesh", &[], "mesh.yaml", "kind:"),
        ("GovernedRoute", &["spec"], PAY_FILE, "  match:"),
        ("GovernedRoute", &[], PAY_FILE, "kind:"),
        ("RouteTests", &[], TESTS, "kind:"),
        ("OperatorTests", &[], OPERATOR_TESTS, "kind:"),
        ("IssuanceTests", &[], ISSUANCE_TESTS, "kind:"),
    ] {
        let mut files = everything();
        let indent: String = before.chars().take_while(|letter| *letter == ' ').collect();
        edit(&mut files, file, before, &format!("{indent}qqqqqqqq: 1\n{before}"));
        let all = faults(&files);
        let found = all
            .iter()
            .find_map(|fault| fault.instead.strip_prefix("known keys: "))
            .unwrap_or_else(|| panic!("{}", told(&all)));
        assert_eq!(keys(kind, path), found.split(", ").map(str::to_owned).collect(), "{kind} {path:?}");
    }
}
