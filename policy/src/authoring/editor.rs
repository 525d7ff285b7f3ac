//! A JSON schema of the documents, for completion and error marks in editors. The readers in `documents`
//! decide what is valid; a test ensures that both know the same keys.

use serde_json::{Map, Value, json};
use warrant::RevocationKind;

use crate::documents::issuance::HolderKeyOrigin;
use crate::documents::operators::{OperatorAction, Stance};

/// The schema of every kind of document.
pub fn documents_schema() -> Value {
    let kinds = [
        document("Mesh", false, &[("spec", mesh())], &["spec"]),
        document("Proxies", false, &[("spec", some(proxy()))], &["spec"]),
        document("Identities", false, &[("spec", object(&[("groups", map(texts()))], &[]))], &["spec"]),
        document("Teams", false, &[("spec", map(team()))], &["spec"]),
        document("GovernedRoute", true, &[("spec", route())], &["spec"]),
        document(
            "RouteTests",
            true,
            &[("given", object(&situation(), &[])), ("cases", some(case()))],
            &["cases"],
        ),
        document(
            "OperatorTests",
            false,
            &[("given", object(&call(), &[])), ("cases", some(operator_case()))],
            &["cases"],
        ),
        document(
            "IssuanceTests",
            false,
            &[("given", object(&issue(), &[])), ("cases", some(issuance_case()))],
            &["cases"],
        ),
    ];
    json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Portcullis policy documents", "oneOf": kinds})
}

fn document(kind: &str, has_metadata: bool, members: &[(&str, Value)], required: &[&str]) -> Value {
    let mut all =
        vec![("apiVersion", json!({"const": "portcullis.dev/v1alpha1"})), ("kind", json!({"const": kind}))];
    let mut needed = vec!["apiVersion", "kind"];
    if has_metadata {
        all.push(("metadata", metadata()));
        needed.push("metadata");
    }
    all.extend(members.iter().cloned());
    needed.extend(required);
    object(&all, &needed)
}

fn metadata() -> Value {
    let notes = json!({"type": "object"});
    object(
        &[("name", label()), ("namespace", label()), ("labels", notes.clone()), ("annotations", notes)],
        &["name"],
    )
}

fn mesh() -> Value {
    let key = object(
        &[
            ("kid", text()),
            ("kty", text()),
            ("crv", text()),
            ("x", text()),
            ("y", text()),
            ("alg", one_of(&["ES256", "Ed25519", "EdDSA"])),
        ],
        &["kty", "crv", "x", "alg"],
    );
    let issuer = object(
        &[("iss", text()), ("keys", some(key.clone())), ("subjects", texts()), ("starters", texts())],
        &["iss", "keys", "subjects"],
    );
    let attestor = object(
        &[
            ("iss", text()),
            ("keys", some(key.clone())),
            ("anchors", texts()),
            ("about", texts()),
            ("keyless", flag()),
        ],
        &["iss", "about"],
    );
    let threshold = json!({"type": "integer", "minimum": 1, "maximum": 64});
    let members = [
        ("audience", text()),
        ("maxLifetime", duration()),
        ("attestationMaxAge", duration()),
        ("leeway", duration()),
        ("maxStream", duration()),
        ("burner", text()),
        ("issuers", some(issuer)),
        ("attestors", some(attestor)),
        ("callers", some(caller_issuer())),
        ("subjects", some(subject_issuer())),
        ("grants", map(grant())),
        ("notes", object(&[("keys", some(key.clone())), ("maxAge", duration())], &["keys", "maxAge"])),
        ("routesBy", object(&[("threshold", threshold), ("keys", some(key))], &["threshold", "keys"])),
    ];
    object(&members, &["audience", "maxLifetime", "attestationMaxAge", "burner", "issuers", "notes"])
}

/// An issuer of tokens for the API.
fn caller_issuer() -> Value {
    let members =
        [("iss", text()), ("audience", text()), ("jwks", key_set()), ("jwksUri", text()), ("groups", text())];
    object(&members, &["iss", "audience"])
}

/// An issuer of tokens that are exchanged for warrants.
fn subject_issuer() -> Value {
    let members = [
        ("iss", text()),
        ("trustDomain", text()),
        ("audience", text()),
        ("jwks", key_set()),
        ("jwksUri", text()),
        ("sub", text()),
        ("as", one_of(&["holder", "starter"])),
    ];
    object(&members, &["audience", "as"])
}

fn grant() -> Value {
    let members = [("details", details()), ("environment", map(texts())), ("attestation", texts())];
    object(&members, &["details"])
}

/// What a warrant allows.
fn details() -> Value {
    let constraint = object(
        &[
            ("exact", json!({})),
            ("one_of", some(json!({}))),
            ("range", some(json!({"type": "integer"}))),
            ("any", json!({"const": true})),
        ],
        &[],
    );
    some(object(
        &[
            ("type", json!({"const": "execution"})),
            ("hosts", texts()),
            ("methods", texts()),
            ("paths", texts()),
            ("actions", texts()),
            ("args", map(constraint)),
        ],
        &["type", "hosts", "methods", "paths"],
    ))
}

fn key_set() -> Value {
    let names = ["kid", "kty", "alg", "use", "n", "e", "crv", "x", "y", "x5t", "x5t#S256"];
    let mut key: Vec<_> = names.map(|name| (name, text())).into();
    key.extend([("key_ops", texts()), ("x5c", texts())]);
    object(&[("keys", some(object(&key, &["kid", "kty"])))], &["keys"])
}

fn proxy() -> Value {
    let members = [
        ("id", text()),
        ("hosts", map(json!({"type": "array", "items": text()}))),
        ("strictMtls", flag()),
        ("environment", map(texts())),
    ];
    object(&members, &["id", "hosts"])
}

fn team() -> Value {
    let ground = object(&[("host", text()), ("prefix", text())], &["host", "prefix"]);
    let allowance =
        object(&[("host", text()), ("methods", texts()), ("path", text())], &["host", "methods", "path"]);
    let members = [
        ("platform", flag()),
        ("ground", some(ground)),
        ("floors", require()),
        ("defaults", require()),
        ("ungoverned", some(allowance)),
    ];
    object(&members, &[])
}

/// The tests of a route that is an object of Kubernetes: they are in its `spec`.
pub(super) fn tests_beside_a_route() -> Value {
    object(&[("given", object(&situation(), &[])), ("cases", some(case()))], &["cases"])
}

/// What `spec` of a route may contain.
pub(super) fn route() -> Value {
    let item = object(
        &[("hosts", texts()), ("methods", texts()), ("paths", texts()), ("grpc", text())],
        &["hosts", "methods"],
    );
    let types = one_of(&["long", "natural", "string", "bool", "strings"]);
    let argument = object(
        &[("from", text()), ("type", types), ("optional", flag()), ("record", one_of(&["value", "digest"]))],
        &["from", "type"],
    );
    let members = [
        ("match", some(item)),
        ("require", require()),
        ("args", map(argument)),
        ("action", object(&[("from", text()), ("one_of", texts())], &["from", "one_of"])),
        ("query", one_of(&["declared", "any"])),
        ("body", object(&[("max", text())], &["max"])),
        ("evidence", object(&[("receipt", flag())], &["receipt"])),
        ("maxStream", duration()),
        ("callers", texts()),
        ("policy", text()),
        ("ungoverned", object(&[("reason", text()), ("until", text()), ("observe", flag())], &["reason"])),
    ];
    object(&members, &["match"])
}

fn require() -> Value {
    let condition = object(
        &[("name", text()), ("equals", text()), ("maxAge", duration())],
        &["name", "equals", "maxAge"],
    );
    let members = [
        ("holder", one_of(&["mtls", "proof", "both"])),
        ("use", one_of(&["once", "limited", "any"])),
        ("maxLifetime", duration()),
        ("maxDepth", json!({"type": "integer", "minimum": 0, "maximum": 7})),
        ("issued", flag()),
        ("environment", map(texts())),
        ("conditions", some(condition)),
        ("attestation", object(&[("maxAge", duration())], &["maxAge"])),
    ];
    object(&members, &[])
}

fn case() -> Value {
    let mut members = vec![("name", text()), ("expect", text()), ("because", text())];
    members.extend(situation());
    object(&members, &["name", "expect"])
}

fn operator_case() -> Value {
    let mut members = vec![("name", text()), ("expect", text()), ("because", text())];
    members.extend(call());
    object(&members, &["name", "expect"])
}

/// A call of the API.
fn call() -> Vec<(&'static str, Value)> {
    let words = |words: Vec<&'static str>| one_of(&words);
    vec![
        ("caller", text()),
        ("groups", texts()),
        ("action", words(OperatorAction::ALL.iter().map(|action| action.word()).collect())),
        ("resource", text()),
        ("kind", words(RevocationKind::ALL.iter().map(|kind| kind.word()).collect())),
        ("value", text()),
        ("stance", words(Stance::ALL.iter().map(|stance| stance.word()).collect())),
        ("reason", text()),
    ]
}

fn issuance_case() -> Value {
    let mut members = vec![("name", text()), ("expect", text()), ("because", text())];
    members.extend(issue());
    object(&members, &["name", "expect"])
}

/// A request for a warrant.
fn issue() -> Vec<(&'static str, Value)> {
    let natural = || json!({"type": "integer", "minimum": 0});
    let uses = || json!({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "unlimited"}]});
    let limits = object(&[("lifetime", duration()), ("use", uses()), ("depth", natural())], &[]);
    let starter = object(&[("iss", text()), ("sub", text()), ("mayAct", flag())], &["iss", "sub"]);
    let keys: Vec<_> = HolderKeyOrigin::ALL.into_iter().map(HolderKeyOrigin::word).collect();
    vec![
        ("holder", text()),
        ("starter", starter),
        ("key", one_of(&keys)),
        ("token", text()),
        ("roots", natural()),
        ("posture", one_of(&["normal", "restricted"])),
        ("now", text()),
        ("grant", text()),
        ("details", details()),
        ("hosts", texts()),
        ("lifetime", duration()),
        ("use", uses()),
        ("depth", natural()),
        ("gets", limits),
    ]
}

fn situation() -> Vec<(&'static str, Value)> {
    let request = object(
        &[
            ("host", text()),
            ("method", text()),
            ("path", text()),
            ("query", text()),
            ("headers", map(text())),
            ("body", json!({})),
        ],
        &[],
    );
    vec![
        ("request", request),
        ("caller", text()),
        ("warrant", warrant()),
        ("environment", map(text())),
        ("conditions", map(text())),
        ("posture", one_of(&["normal", "restricted"])),
        ("now", text()),
    ]
}

fn warrant() -> Value {
    let limit = object(&[("max", json!({"type": "integer", "minimum": 1}))], &["max"]);
    let members = [
        ("use", json!({"anyOf": [limit, {"const": "unlimited"}]})),
        ("lifetime", duration()),
        ("depth", json!({"type": "integer", "minimum": 0, "maximum": 7})),
        ("issued", flag()),
        ("issuer", text()),
        ("root", text()),
        ("started_by", object(&[("iss", text()), ("sub", text())], &["iss", "sub"])),
        ("attr", map(text())),
        ("authorization_details", details()),
    ];
    object(&members, &[])
}

fn object(members: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<_, _> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn map(of: Value) -> Value {
    json!({"type": "object", "additionalProperties": of, "minProperties": 1})
}

fn some(of: Value) -> Value {
    json!({"type": "array", "items": of, "minItems": 1})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn texts() -> Value {
    some(text())
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn one_of(words: &[&str]) -> Value {
    json!({"enum": words})
}

fn label() -> Value {
    json!({"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"})
}

fn duration() -> Value {
    json!({"type": "string", "pattern": "^[1-9][0-9]{0,6}(s|m|h)$"})
}
