//! Tests of limits: the last allowed value and the first refused one. Also of lists: each entry is tried.

use super::fixture::{PAY_FILE, TestKey, assert_fault, assert_sound, edited, note_key};

/// A public P-256 key: the curve's own generator.
const P256: &str = r#"{kty: EC, crv: P-256, x: "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU", alg: ES256}"#;

fn mesh(from: &str, good: &str, bad: &str, what: &str) {
    assert_sound(&edited("mesh.yaml", from, good));
    assert_fault(&edited("mesh.yaml", from, bad), "mesh.yaml:", what);
}

#[test]
fn the_limits_of_the_mesh_have_limits_themselves() {
    mesh("leeway: 5s", "leeway: 30s", "leeway: 31s", "a leeway of 31 s");
    mesh("maxAge: 24h", "maxAge: 720h", "maxAge: 721h", "`maxAge` of a note is");
    mesh("  leeway: 5s\n", "", "  leway: 5s\n", "unknown key `leway`");
    for needed in ["maxLifetime: 1h", "attestationMaxAge: 15m", "burner: shop/log/7f3a"] {
        let without = edited("mesh.yaml", &format!("  {needed}\n"), "");
        let name = needed.split(':').next().unwrap();
        assert_fault(&without, "mesh.yaml:", &format!("`{name}` is missing"));
    }
}

#[test]
fn a_key_has_one_role_in_the_mesh() {
    let key = TestKey::new(1).jwk();
    assert_fault(&edited("mesh.yaml", &note_key().jwk(), &key), "mesh.yaml:", "is under `issuers` too");
    let attestor = |kid: &str, key: &TestKey| {
        let key = key.jwk().replacen('{', &format!("{{\"kid\": \"{kid}\", "), 1);
        let about = "about: [\"spiffe://shop/**\"]";
        let attestor =
            format!("  attestors: [{{iss: \"https://t.shop\", keys: [{key}], {about}}}]\n  notes:");
        edited("mesh.yaml", "  notes:", &attestor)
    };
    assert_sound(&attestor("t1", &TestKey::new(7)));
    assert_fault(&attestor("t1", &TestKey::new(1)), "mesh.yaml:", "is under `issuers` too");
    assert_fault(&attestor("t1", &note_key()), "mesh.yaml:", "is under `attestors` too");
}

#[test]
fn keys_have_a_valid_name_and_algorithm() {
    mesh("\"kid\": \"a1\"", "\"kid\": \"a.1_-\"", "\"kid\": \"a 1\"", "`a 1` is not a valid `kid`");
    let attestors = |members: &str| {
        format!("attestors: [{{iss: \"https://a.shop\", about: [\"spiffe://shop/**\"]{members}}}]")
    };
    mesh(
        "  notes:",
        &format!("  {}\n  notes:", attestors(&format!(", keys: [{}]", P256.replacen('{', "{kid: t1, ", 1)))),
        &format!("  {}\n  notes:", attestors("")),
        "the attestor has neither `keys` nor `anchors`",
    );
    let other = format!("notes: {{keys: [{P256}, ");
    assert_fault(
        &edited("mesh.yaml", "notes: {keys: [", &other),
        "mesh.yaml:",
        "the key for notes is not an Ed25519 key",
    );
}

#[test]
fn a_pattern_of_identities_has_a_wildcard_only_at_its_end() {
    let member = |pattern: &str| edited("identities.yaml", "spiffe://shop/ns/batch/**", pattern);
    for good in ["spiffe://shop/**", "agent:*", "agent:payer", "spiffe://shop/ns/a"] {
        assert_sound(&member(good));
    }
    for bad in ["*", "**", "spiffe://shop/*/a", "spiffe://shop/**/a", "agent:*x", "agent:x*", "*:agent"] {
        assert_fault(&member(bad), "identities.yaml:3:", "is not a valid pattern of identities");
    }
    assert_fault(
        &edited("identities.yaml", "payments-agents", "Payments"),
        "identities.yaml:3:",
        "is not a valid name for a group",
    );
}

#[test]
fn a_route_names_at_most_64_callers() {
    let with = |count: usize| {
        let names: Vec<_> = (0..count).map(|number| format!("\"agent:a{number}\"")).collect();
        edited(PAY_FILE, "\"group:payments-agents\"", &names.join(", "))
    };
    assert_sound(&with(64));
    assert_fault(&with(65), &format!("{PAY_FILE}:8:"), "65 callers");
}

#[test]
fn headers_that_proxies_write_or_that_hold_secrets_cannot_be_arguments() {
    let with = |name: &str| {
        edited(
            PAY_FILE,
            "  callers",
            &format!("  args: {{a: {{from: \"header:{name}\", type: string}}}}\n  callers"),
        )
    };
    for refused in [
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "warrant",
        "warrant-proof",
        "x-envoy-original-path",
        "x-forwarded-host",
        "forwarded",
        "authorization",
        "proxy-authorization",
        "cookie",
    ] {
        assert_fault(
            &with(refused),
            &format!("{PAY_FILE}:8:"),
            "written by proxies, frames the message or holds a secret",
        );
    }
    for read in ["x-forward", "x-envo", "hosts", "content-type", "x-request-id"] {
        assert_sound(&with(read));
    }
    assert_fault(&with(":path"), &format!("{PAY_FILE}:8:"), "is not the name of a header");
}

#[test]
fn names_of_arguments_are_short_and_not_reserved_by_cedar() {
    let with = |name: &str| {
        edited(
            PAY_FILE,
            "  callers",
            &format!("  args: {{\"{name}\": {{from: body:/a, type: long}}}}\n  callers"),
        )
    };
    for good in ["a", "a_1", &"a".repeat(32)] {
        assert_sound(&with(good));
    }
    for bad in ["", "1a", "a-b", "A", "has", "like", "principal", &"a".repeat(33)] {
        assert_fault(&with(bad), &format!("{PAY_FILE}:8:"), "is not a valid name for an argument");
    }
}

#[test]
fn the_mesh_policy_cannot_hide_characters_either() {
    let with = |text: &str| edited("mesh.cedar", "// nothing", &format!("// {text}\n// nothing"));
    assert_sound(&with("caf\u{e9}\ttabs"));
    assert_fault(&with("\u{202e}"), "mesh.cedar:1:", "U+202E");
    assert_fault(&with("\u{7}"), "mesh.cedar:1:", "U+0007");
}

#[test]
fn durations_have_one_form() {
    let with = |duration: &str| edited(PAY_FILE, "maxLifetime: 60s", &format!("maxLifetime: {duration}"));
    for good in ["1s", "60m", "1h", "3600s"] {
        assert_sound(&with(good));
    }
    for bad in ["0s", "01s", "1.5h", "1d", "60S", "10000000s", "\"\"", "\"1 s\""] {
        assert_fault(&with(bad), &format!("{PAY_FILE}:7:"), "is not a valid duration");
    }
}
