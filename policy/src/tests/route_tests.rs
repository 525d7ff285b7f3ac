//! Route tests: they run, they fail with a clear message if something is wrong, and they pass only if
//! everything is right.

use super::fixture::{
    PAY_FILE, assert_fault, assert_sound, edit, faults, files, simple_parcel, told, with_policy,
};
use crate::Files;

const FILE: &str = "routes/payments/pay.test.yaml";

const LIMIT: &str = "@id(\"limit\") @reason(\"above the limit\")\nforbid (principal, action, resource) when { context.args.amount > 10000 };";

const TESTS: &str = "apiVersion: portcullis.dev/v1alpha1
kind: RouteTests
metadata: {name: pay}
given: {request: {method: POST, path: /v1/payments/a-7, body: {amount: 10, currency: EUR}}, caller: spiffe://shop/ns/shop/sa/payer, warrant: {use: {max: 1}}}
cases:
  - {name: pays, expect: allow}
  - {name: too much, request: {body: {amount: 20000, currency: EUR}}, expect: policy-denied, because: pay/limit}
  - {name: a stranger, caller: spiffe://shop/ns/x/sa/y, expect: policy-denied}
";

fn with_tests(tests: &str) -> Files {
    let mut files = with_policy("amount: {from: body:/amount, type: natural}", LIMIT);
    files.insert(FILE.to_owned(), tests.as_bytes().to_vec());
    files
}

/// The tests with one more case.
fn case(case: &str) -> Files {
    with_tests(&format!("{TESTS}  - {{name: more, {case}}}\n"))
}

fn fails(files: &Files, what: &str) {
    assert_fault(files, &format!("{FILE}:9:"), what);
}

#[test]
fn the_example_of_the_documentation_passes() {
    assert_sound(&with_tests(TESTS));
}

#[test]
fn a_failing_test_stops_the_build_and_says_what_the_result_was() {
    fails(
        &case("expect: policy-denied"),
        "the case `more` fails: the result is `allow` by pay/caller:group:payments-agents, but `policy-denied` is expected",
    );
    fails(
        &case("request: {body: {amount: 20000}}, expect: allow"),
        "the result is `policy-denied` by pay/limit (above the limit), but `allow` is expected",
    );
    fails(
        &case("caller: \"agent:x\", expect: policy-denied, because: pay/limit"),
        "the result is `policy-denied` by no policy, but `because` names `pay/limit`",
    );
}

#[test]
fn every_denial_that_a_policy_decides_can_be_expected() {
    for good in [
        "request: {path: /v1/other}, expect: no-route-policy",
        "warrant: {use: {max: 2}}, expect: use-too-wide",
        "warrant: {use: unlimited}, expect: use-too-wide",
        "warrant: {lifetime: 61s}, expect: lifetime-too-long",
        "warrant: {lifetime: 2h}, expect: lifetime-too-long",
        "warrant: {depth: 2}, expect: allow",
        "request: {body: {amount: ten}}, expect: arguments-invalid",
        "request: {body: {amount: -5}}, expect: arguments-invalid",
        "request: {body: {amount: null}}, expect: arguments-invalid",
        "request: {body: []}, expect: arguments-invalid",
        "request: {query: a=1}, expect: outside-warrant",
        "request: {headers: {content-type: text/plain}}, expect: arguments-invalid",
        "warrant: {authorization_details: [{type: execution, hosts: [payments.shop], methods: [GET], paths: [/**]}]}, expect: outside-warrant",
        "warrant: {authorization_details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [/**], args: {amount: {range: [1, 9]}}}]}, expect: outside-warrant",
        "warrant: {authorization_details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [/**], args: {amount: {range: [1, 10]}}}]}, expect: allow",
        "warrant: {started_by: {iss: \"https://idp.shop\", sub: ann}, attr: {purpose: refund}}, expect: allow",
        "posture: restricted, now: \"2026-06-01T00:00:00Z\", expect: allow",
    ] {
        let files = case(good);
        assert!(faults(&files).is_empty(), "{good}\n{}", told(&faults(&files)));
    }
}

#[test]
fn requirements_hold_unless_the_case_says_otherwise() {
    let mut files = case("environment: {region: us}, expect: environment-mismatch");
    edit(
        &mut files,
        PAY_FILE,
        "use: once",
        "use: once, maxDepth: 1, issued: true, environment: {region: [eu, us-2]}, conditions: [{name: window, equals: open, maxAge: 5m}]",
    );
    assert_sound(&files);
    for (say, code) in [
        ("conditions: {window: shut}", "condition-unmet"),
        ("warrant: {issued: false}", "not-issued"),
        ("warrant: {depth: 2}", "lineage-too-deep"),
        ("environment: {region: us-2}", "allow"),
    ] {
        edit(
            &mut files,
            FILE,
            "  - {name: more",
            &format!("  - {{name: {code}, {say}, expect: {code}}}\n  - {{name: more"),
        );
        assert_sound(&files);
    }
}

#[test]
fn a_delegated_key_has_no_name() {
    let hello = "routes/platform/hello.yaml";
    let tests = "apiVersion: portcullis.dev/v1alpha1\nkind: RouteTests\nmetadata: {name: hello}\ncases:\n  - {name: root, caller: \"agent:demo\", expect: allow}\n  - {name: link, caller: \"agent:demo\", warrant: {depth: 1}, expect: policy-denied}\n";
    let mut files = files();
    files.insert("routes/platform/hello.test.yaml".to_owned(), tests.as_bytes().to_vec());
    assert_sound(&files);
    edit(&mut files, hello, "holder: proof", "holder: mtls");
    assert_fault(&files, "routes/platform/hello.test.yaml:6:", "the result is `allow`");
}

#[test]
fn what_a_case_may_contain() {
    fails(&case("expect: denied"), "is not `allow` or the code of a denial");
    fails(&case("expect: allow, expects: allow"), "unknown key `expects`");
    fails(&case("expect: allow, warrant: {uses: {max: 1}}"), "unknown key `uses`");
    fails(
        &case("request: {body: {amount: 1.5}}, expect: arguments-invalid"),
        "some YAML parsers do not read",
    );
    fails(&case("request: {path: \"/v1/payments/a?b=1\"}, expect: allow"), "the path contains a query");
    fails(&case("request: {path: /v1//x}, expect: allow"), "not a path that can be governed");
    assert_fault(
        &with_tests(&format!("{TESTS}  - {{name: pays, expect: allow}}\n")),
        &format!("{FILE}:9:"),
        "a second case is called `pays`",
    );
    assert_fault(
        &with_tests(&TESTS.replace("name: pay}", "name: pays}")),
        &format!("{FILE}:3:"),
        "but the name of the file is",
    );
}

#[test]
fn tests_need_their_route_in_the_same_directory() {
    let mut files = files();
    files.insert(
        "routes/payments/other.test.yaml".to_owned(),
        TESTS.replace("name: pay}", "name: other}").into_bytes(),
    );
    assert_fault(&files, "routes/payments/other.test.yaml:", "there is no route for these tests");
}

#[test]
fn tests_are_packed_and_signed_with_the_rest() {
    let parcel = simple_parcel(&case("request: {body: {amount: -5}}, expect: arguments-invalid"), 1);
    let packed = String::from_utf8(parcel.files["routes/payments/pay.test.json"].clone()).unwrap();
    assert!(packed.contains("\"amount\":-5"), "{packed}");
    assert!(super::fixture::opened(&parcel).is_ok());
}

#[test]
fn a_failure_names_the_nearest_permit() {
    let stranger = case("caller: \"agent:x\", expect: allow");
    fails(
        &stranger,
        "the result is `policy-denied` (the nearest permit is pay/caller:group:payments-agents; this part of it does not hold: principal in Group::\"payments-agents\"), but `allow` is expected",
    );
}

#[test]
fn coverage_counts_policies_and_requirements() {
    let built = super::fixture::built(&case("warrant: {use: {max: 2}}, expect: use-too-wide"));
    let coverage = built.coverage();
    let pay = coverage.iter().find(|coverage| coverage.route == "pay").unwrap();
    assert_eq!(
        pay.policies,
        [("pay/caller:group:payments-agents".to_owned(), 1), ("pay/limit".to_owned(), 1)]
    );
    assert_eq!(pay.requirements, [("use", 1), ("maxLifetime", 0), ("args", 0)]);
    assert_eq!(built.outcomes().len(), 4);
}

#[test]
fn coverage_shows_first_what_an_author_works_on() {
    let mut files = with_tests(TESTS);
    let mesh = "@id(\"frozen\") forbid (principal, action, resource) when { context.warrant.depth > 3 };\n// nothing";
    edit(&mut files, "mesh.cedar", "// nothing", mesh);
    let coverage = super::fixture::built(&files).coverage();
    let routes: Vec<_> = coverage.iter().map(|coverage| coverage.route.as_str()).collect();
    assert_eq!(routes, ["pay", "hello"], "hello has no tests");
    let policies: Vec<_> = coverage[0].policies.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(policies, ["pay/caller:group:payments-agents", "pay/limit", "mesh/frozen"]);
}

const SERVED: &str = "  - {id: \"spiffe://shop/ns/shop/sa/payments\", hosts: {payments.shop: [payments, \"payments.shop:8080\"]}}\n";

#[test]
fn tests_run_under_the_trust_of_the_mesh() {
    for (good, code) in [
        ("caller: \"robot:x\"", "issuer-untrusted"),
        ("caller: spiffe://bank/a", "issuer-untrusted"),
        ("warrant: {root: \"robot:x\", depth: 1}", "issuer-untrusted"),
        ("warrant: {issuer: \"https://other.shop\"}", "issuer-untrusted"),
        ("warrant: {started_by: {iss: \"https://other.shop\", sub: ann}}", "issuer-untrusted"),
        // Only the root has an issuer.
        ("caller: \"robot:x\", warrant: {root: \"agent:a\", depth: 1}", "policy-denied"),
        ("caller: \"agent:x\"", "policy-denied"),
    ] {
        assert_sound(&case(&format!("{good}, expect: {code}")));
    }
    fails(
        &case("caller: \"robot:x\", expect: allow"),
        "the result is `issuer-untrusted` (no issuer of the mesh may vouch for `robot:x`: see `subjects` in mesh.yaml)",
    );
}

#[test]
fn a_warrant_of_a_test_comes_from_the_issuer_that_may_vouch_for_its_holder() {
    let mut files =
        case("caller: \"robot:x\", warrant: {issuer: \"https://robots.shop\"}, expect: policy-denied");
    let key = super::fixture::TestKey::new(2).jwk().replacen('{', "{\"kid\": \"b1\", ", 1);
    let issuer =
        format!("    - {{iss: \"https://robots.shop\", keys: [{key}], subjects: [\"robot:*\"]}}\n  notes");
    edit(&mut files, "mesh.yaml", "  notes", &issuer);
    assert_sound(&files);
    edit(&mut files, FILE, ", warrant: {issuer: \"https://robots.shop\"}", "");
    assert_sound(&files);
    // A case that names no caller gets one that the mesh trusts.
    edit(&mut files, "mesh.yaml", "\"spiffe://shop/**\", \"agent:*\"", "\"spiffe://shop/**\"");
    edit(&mut files, FILE, "caller: spiffe://shop/ns/shop/sa/payer", "posture: normal");
    edit(&mut files, FILE, "{name: pays, expect: allow}", "{name: pays, expect: policy-denied}");
    edit(
        &mut files,
        FILE,
        "because: pay/limit}",
        "because: pay/limit}\n  - {name: elsewhere, request: {path: /v1/other}, expect: no-route-policy}",
    );
    assert_sound(&files);
}

#[test]
fn tests_run_under_the_terms_of_the_mesh() {
    let mut files = case("warrant: {lifetime: 61m}, expect: lifetime-too-long");
    edit(&mut files, PAY_FILE, "maxLifetime: 60s", "maxLifetime: 2h");
    assert_sound(&files);
    edit(&mut files, FILE, "expect: lifetime-too-long", "expect: allow");
    fails(
        &files,
        "the result is `lifetime-too-long` (the mesh allows at most 1h: see `maxLifetime` in mesh.yaml)",
    );
    edit(&mut files, FILE, "lifetime: 61m", "lifetime: 1h");
    assert_sound(&files);
}

/// Tests use the judge that requests use, so the rules before the route's own rules apply too.
#[test]
fn a_host_that_no_proxy_serves_is_told_once_and_first() {
    let mut unserved = with_tests(TESTS);
    edit(&mut unserved, "proxies.yaml", SERVED, "");
    assert_fault(
        &unserved,
        &format!("{FILE}:"),
        "no proxy serves `payments.shop`, so every request there is `target-mismatch`",
    );
    assert!(told(&faults(&unserved)).contains("for this reason alone: 3;"));
    edit(&mut unserved, FILE, "path: /v1/payments/a-7,", "path: /v1/payments/a-7, host: localhost,");
    let all = faults(&unserved);
    assert!(
        all.len() == 3 && all.iter().all(|fault| fault.what.contains("`no-route-policy`")),
        "{}",
        told(&all)
    );
    let expected = TESTS
        .replace("expect: allow", "expect: target-mismatch")
        .replace("expect: policy-denied, because: pay/limit", "expect: target-mismatch");
    let mut expected = with_tests(&expected.replace("expect: policy-denied", "expect: target-mismatch"));
    edit(&mut expected, "proxies.yaml", SERVED, "");
    assert_sound(&expected);
}

#[test]
fn a_test_of_what_is_ungoverned_passes() {
    let mut ungoverned = case("request: {path: /v1/payments/a-7/health}, expect: allow");
    let open = "apiVersion: portcullis.dev/v1alpha1
kind: GovernedRoute
metadata: {name: open}
spec:
  match:
    - {hosts: [payments.shop], methods: [POST], paths: [/v1/payments/a-7/health]}
  ungoverned: {reason: a probe}
";
    ungoverned.insert("routes/payments/open.yaml".to_owned(), open.as_bytes().to_vec());
    edit(&mut ungoverned, "teams.yaml", "payments:\n", "payments:\n    platform: true\n");
    assert_sound(&ungoverned);
}

#[test]
fn a_test_that_says_nothing_about_the_workload_satisfies_the_route() {
    let mut files = with_tests(TESTS);
    edit(&mut files, PAY_FILE, "holder: mtls,", "holder: both, attestation: {maxAge: 10m},");
    assert_sound(&files);
}
