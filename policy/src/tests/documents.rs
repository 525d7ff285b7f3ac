//! Faults of documents: each alone, with its place and its cure; and all of a bundle at once.

use super::fixture::{assert_fault, assert_sound, edit, edited, faults, files, told};
use crate::Files;

const PAY: &str = "routes/payments/pay.yaml";

fn provokes(from: &str, to: &str, line: u32, what: &str) {
    assert_fault(&edited(PAY, from, to), &format!("{PAY}:{line}:"), what);
}

#[test]
fn the_small_bundle_is_sound() {
    assert_sound(&files());
}

#[test]
fn every_fault_is_told_at_once() {
    let mut files = files();
    edit(&mut files, PAY, "callers", "calers");
    edit(&mut files, PAY, "[POST]", "[post]");
    edit(&mut files, "mesh.yaml", "leeway: 5s", "leeway: 5");
    edit(&mut files, "teams.yaml", "/v1/payments", "/v1/payments/");
    files.insert("routes/payments/pay.yml".to_owned(), Vec::new());
    let faults = faults(&files);
    assert_eq!(
        told(&faults),
        "mesh.yaml:7:11: `5` is an integer where a text is wanted; quote it: \"5\"\n".to_owned()
            + "routes/payments/pay.yaml:6:42: `post` is no method; write capital letters, like `POST`\n"
            + "routes/payments/pay.yaml:8:3: unknown key `calers`; did you mean `callers`?\n"
            + "routes/payments/pay.yml: no file of a bundle has this name; name it `routes/<team>/<name>.yaml` or `routes/<team>/<name>.test.yaml`, or begin it with a dot if it is none of the bundle's\n"
            + "teams.yaml:6:44: `/v1/payments/` is no ground; write whole literal segments, like `/v1/payments`: no `*`, no trailing slash; `/` is the whole host"
    );
}

#[test]
fn unknown_keys_and_missing_ones() {
    provokes("require: {", "require: {hodler: mtls, ", 7, "unknown key `hodler`");
    provokes("holder: mtls, ", "", 5, "`require.holder` is missing");
    provokes("use: once, ", "", 5, "`require.use` is missing");
    provokes(", maxLifetime: 60s", "", 5, "`require.maxLifetime` is missing");
    provokes("kind: GovernedRoute", "kind: GovernedRout", 2, "`GovernedRout`");
    provokes("v1alpha1", "v1", 1, "`portcullis.dev/v1`");
    provokes("  callers: [\"group:payments-agents\"]\n", "", 5, "neither `callers` nor `policy`");
}

#[test]
fn nothing_is_empty() {
    provokes("[POST]", "[]", 6, "an empty list");
    provokes("[\"group:payments-agents\"]", "[]", 8, "an empty list");
    provokes("use: once", "use: once, environment: {}", 7, "an empty map");
    provokes("use: once", "use: once, environment: {region: []}", 7, "an empty list");
}

#[test]
fn words_are_of_their_kind() {
    provokes("mtls", "tls", 7, "`tls` is not known here");
    provokes("60s", "60", 7, "where a text is wanted");
    provokes("60s", "1d", 7, "no duration");
    provokes("{name: pay}", "{name: Pay}", 3, "no name for a route");
    provokes("{name: pay}", "{name: mesh}", 3, "no name for a route");
    provokes("payments.shop", "Payments.shop", 6, "no host");
    provokes("{account}", "{account}/{account}", 6, "twice");
    provokes("{account}", "**/a", 6, "no path pattern");
    provokes("group:payments-agents", "spiffe://shop/**", 8, "no caller");
    provokes("use: once", "use: once, maxDepth: 8", 7, "an integer from 0 to 7");
}

#[test]
fn conditions_are_whole_and_told_apart() {
    let one = "{name: window, equals: open, maxAge: 5m}";
    assert_sound(&edited(PAY, "use: once", &format!("use: once, conditions: [{one}]")));
    provokes("use: once", &format!("use: once, conditions: [{one}, {one}]"), 7, "stands here twice");
    provokes("use: once", "use: once, conditions: [{name: window, equals: open}]", 7, "`maxAge` is missing");
}

#[test]
fn names_and_files_agree() {
    provokes("{name: pay}", "{name: pays}", 3, "stands in a file called `pay`");
    provokes("{name: pay}", "{name: pay, namespace: shop}", 3, "the namespace `shop`");
    assert_sound(&edited(PAY, "{name: pay}", "{name: pay, namespace: payments, labels: {a: b}}"));
}

#[test]
fn a_name_is_one_route() {
    let mut files = files();
    let other = String::from_utf8(files[PAY].clone()).unwrap().replace("/v1/payments/{account}", "/other");
    files.insert("routes/platform/pay.yaml".to_owned(), other.into_bytes());
    assert_fault(&files, "routes/platform/pay.yaml:3:", "is also in routes/payments/pay.yaml");
}

#[test]
fn every_top_file_must_be_there() {
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
        assert_fault(&files, name, "no file of a bundle has this name");
    }
}

#[test]
fn equal_weight_is_a_fault() {
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
    assert_fault(&with(same), "routes/platform/hello.yaml:6:", "is matched by route `pay` with equal weight");
    assert_sound(&with("{hosts: [payments.shop], methods: [GET], paths: [\"/v1/payments/*\"]}"));
    assert_sound(&with("{hosts: [payments.shop], methods: [POST], paths: [\"/v1/payments/*/**\"]}"));
    assert_sound(&with("{hosts: [localhost], methods: [POST], paths: [\"/v1/payments/*\"]}"));
}

#[test]
fn groups_are_described() {
    provokes("payments-agents", "payment-agents", 8, "nobody describes the group");
}

#[test]
fn aliases_are_named_canonically() {
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
