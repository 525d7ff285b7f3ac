//! Tests of faults in documents: each one alone, with its place and its cure, and all of a bundle at once.

use super::fixture::{assert_fault, assert_sound, edit, edited, faults, files, told};
use crate::Files;

const PAY: &str = "routes/payments/pay.yaml";

fn provokes(from: &str, to: &str, line: u32, what: &str) {
    assert_fault(&edited(PAY, from, to), &format!("{PAY}:{line}:"), what);
}

#[test]
fn the_small_bundle_has_no_fault() {
    assert_sound(&files());
}

#[test]
fn all_faults_are_reported_at_once() {
    let mut files = files();
    edit(&mut files, PAY, "callers", "calers");
    edit(&mut files, PAY, "[POST]", "[post]");
    edit(&mut files, "mesh.yaml", "leeway: 5s", "leeway: 5");
    edit(&mut files, "teams.yaml", "/v1/payments", "/v1/payments/");
    files.insert("routes/payments/pay.yml".to_owned(), Vec::new());
    let faults = faults(&files);
    assert_eq!(
        told(&faults),
        "mesh.yaml:7:11: `5` is not a valid duration; write a whole number from 1 to 9999999 and `s`, `m` or `h`, like `60s`\n".to_owned()
            + "routes/payments/pay.yaml:6:42: `post` is not a valid method; write it in capital letters, like `POST`\n"
            + "routes/payments/pay.yaml:8:3: unknown key `calers`; did you mean `callers`?\n"
            + "routes/payments/pay.yml: a bundle has no file with this name; name it `routes/<team>/<name>.yaml` or `routes/<team>/<name>.test.yaml`, or begin its name with a dot if it does not belong to the bundle\n"
            + "teams.yaml:6:44: `/v1/payments/` is not a valid prefix of a ground: it ends in `/`; write `/v1/payments`"
    );
}

#[test]
fn unknown_and_missing_keys_are_faults() {
    provokes("require: {", "require: {hodler: mtls, ", 7, "unknown key `hodler`");
    provokes("holder: mtls, ", "", 5, "`require.holder` is missing");
    provokes("use: once, ", "", 5, "`require.use` is missing");
    provokes(", maxLifetime: 60s", "", 5, "`require.maxLifetime` is missing");
    provokes("kind: GovernedRoute", "kind: GovernedRout", 2, "`GovernedRout`");
    provokes("v1alpha1", "v1", 1, "`portcullis.dev/v1`");
    provokes("  callers: [\"group:payments-agents\"]\n", "", 5, "neither `callers` nor `policy`");
}

#[test]
fn empty_lists_and_maps_are_faults() {
    provokes("[POST]", "[]", 6, "an empty list");
    provokes("[\"group:payments-agents\"]", "[]", 8, "an empty list");
    provokes("use: once", "use: once, environment: {}", 7, "an empty map");
    provokes("use: once", "use: once, environment: {region: []}", 7, "an empty list");
}

#[test]
fn each_value_has_the_form_of_its_key() {
    provokes("mtls", "tls", 7, "`tls` is not a value of this key");
    provokes("60s", "60", 7, "`60` is not a valid duration");
    provokes("60s", "1d", 7, "is not a valid duration");
    provokes("{name: pay}", "{name: Pay}", 3, "is not a valid name for a route");
    provokes("{name: pay}", "{name: mesh}", 3, "is not a valid name for a route");
    provokes("payments.shop", "Payments.shop", 6, "is not a valid host");
    provokes("{account}", "{account}/{account}", 6, "twice");
    provokes("{account}", "**/a", 6, "is not a valid path pattern");
    provokes("group:payments-agents", "spiffe://shop/**", 8, "is not a valid caller");
    provokes("use: once", "use: once, maxDepth: 8", 7, "an integer from 0 to 7");
}

#[test]
fn conditions_are_complete_and_have_different_names() {
    let one = "{name: window, equals: open, maxAge: 5m}";
    assert_sound(&edited(PAY, "use: once", &format!("use: once, conditions: [{one}]")));
    provokes("use: once", &format!("use: once, conditions: [{one}, {one}]"), 7, "occurs twice");
    provokes("use: once", "use: once, conditions: [{name: window, equals: open}]", 7, "`maxAge` is missing");
}

#[test]
fn names_and_files_agree() {
    provokes("{name: pay}", "{name: pays}", 3, "but the name of the file is `pay`");
    provokes("{name: pay}", "{name: pay, namespace: shop}", 3, "the namespace is not `payments`");
    assert_sound(&edited(PAY, "{name: pay}", "{name: pay, namespace: payments, labels: {a: b}}"));
}

#[test]
fn two_routes_cannot_have_one_name() {
    let mut files = files();
    let other = String::from_utf8(files[PAY].clone()).unwrap().replace("/v1/payments/{account}", "/other");
    files.insert("routes/platform/pay.yaml".to_owned(), other.into_bytes());
    assert_fault(&files, "routes/platform/pay.yaml:3:", "is also in routes/payments/pay.yaml");
}

#[test]
fn every_top_level_file_is_needed() {
    for name in ["mesh.yaml", "proxies.yaml", "identities.yaml", "teams.yaml", "mesh.cedar"] {
        let mut files: Files = files();
        files.remove(name);
        assert_fault(&files, name, "the file is missing");
    }
}

#[test]
fn a_misspelt_file_is_a_fault() {
    for name in [
        "routes/payments/pay.yml",
        "routes/pay.yaml",
        "routes/payments/deep/pay.yaml",
        "mesh.yml",
        "notes.txt",
        "routes/Payments/pay.yaml",
    ] {
        let mut files = files();
        files.insert(name.to_owned(), b"a: b".to_vec());
        assert_fault(&files, name, "a bundle has no file with this name");
    }
}

#[test]
fn two_routes_cannot_have_the_same_pattern_host_and_method() {
    let with = |matches: &str| {
        let mut files = files();
        edit(
            &mut files,
            "routes/platform/hello.yaml",
            "{hosts: [localhost], methods: [GET], paths: [/hello/**]}",
            matches,
        );
        files
    };
    let same = "{hosts: [payments.shop], methods: [GET, POST], paths: [\"/v1/payments/*\"]}";
    assert_fault(
        &with(same),
        "routes/platform/hello.yaml:6:",
        "is also matched by route `pay`, and neither is more specific",
    );
    assert_sound(&with("{hosts: [payments.shop], methods: [GET], paths: [\"/v1/payments/*\"]}"));
    assert_sound(&with("{hosts: [payments.shop], methods: [POST], paths: [\"/v1/payments/*/**\"]}"));
    assert_sound(&with("{hosts: [localhost], methods: [POST], paths: [\"/v1/payments/*\"]}"));
}

#[test]
fn groups_must_be_defined() {
    provokes("payments-agents", "payment-agents", 8, "is not defined");
}

#[test]
fn an_alias_is_replaced_by_the_canonical_name() {
    let mut files = edited(PAY, "payments.shop", "payments");
    edit(
        &mut files,
        "teams.yaml",
        "{host: payments.shop, prefix: /v1/payments}",
        "{host: payments.shop, prefix: /v1/payments}, {host: payments, prefix: /v1/payments}",
    );
    let faults = faults(&files);
    assert_eq!(
        faults
            .iter()
            .filter(|fault| fault.what == "`payments` is an alias"
                && fault.instead == "write the canonical name: `payments.shop`")
            .count(),
        2,
        "{}",
        told(&faults)
    );
}

#[test]
fn a_name_means_one_host() {
    let files = edited("proxies.yaml", "[\"localhost:10000\"]", "[\"localhost:10000\", payments]");
    assert_fault(&files, "proxies.yaml:5:", "means `localhost` here and `payments.shop` elsewhere");
}

#[test]
fn issuers_do_not_overlap() {
    let second =
        "    - {iss: \"https://other.shop\", keys: [KEY], subjects: [\"spiffe://shop/ns/a/**\"]}\n  notes";
    let key = super::fixture::TestKey::new(2).jwk().replacen('{', "{\"kid\": \"b1\", ", 1);
    let files = edited("mesh.yaml", "  notes", &second.replace("KEY", &key));
    assert_fault(&files, "mesh.yaml:10:", "overlap");
}
