//! Each verb: what it says, the shape of its JSON, its exit status.

use serde_json::{Value, json};

use crate::house::{House, REFUND_FILE, TESTS_FILE, members, with_refunds};

#[test]
fn check_tells_sound_from_failing_from_faulty() {
    let house = with_refunds();
    let routes = house.routes();
    let sound = house.policy(&["check"]);
    assert_eq!(
        (sound.status, sound.out.as_str(), sound.err.as_str()),
        (0, format!("sound: {routes} routes, 3 tests, 0 warnings\n").as_str(), "")
    );
    assert_eq!(
        house.json(&["check"], 0),
        json!({"routes": routes, "faults": [], "failures": [], "warnings": []})
    );

    house.edit(TESTS_FILE, "name: refunds, expect: allow", "name: refunds, expect: expired");
    let failing = house.policy(&["check"]);
    assert_eq!((failing.status, failing.out.as_str()), (1, ""));
    assert!(
        failing.err.starts_with("policy/routes/demo/refund.test.yaml:6:5: the case `refunds` fails"),
        "{}",
        failing.err
    );

    house.edit(REFUND_FILE, "maxLifetime: 60s", "maxLifetime: 60");
    let faulty = house.policy(&["check"]);
    assert_eq!(faulty.status, 2);
    assert!(faulty.err.starts_with("policy/routes/demo/refund.yaml:7:52: "), "{}", faulty.err);
}

#[test]
fn a_warning_is_shown_and_is_a_fault_for_the_strict() {
    let house = House::new();
    house.edit("policy/identities.yaml", "[\"agent:demo\"]", "[\"agent:demo\", \"agent:demo\"]");
    let lenient = house.policy(&["check"]);
    assert_eq!(
        (lenient.status, lenient.out.as_str()),
        (0, format!("sound: {} routes, 0 tests, 1 warning\n", house.routes()).as_str())
    );
    let told = "policy/identities.yaml:4:45: ";
    assert!(
        lenient.err.starts_with(&format!("warning: {told}")) && lenient.err.ends_with("[duplicate]\n"),
        "{}",
        lenient.err
    );
    let warned = house.json(&["check"], 0);
    assert_eq!(members(&warned["warnings"][0]), ["column", "file", "instead", "line", "name", "what"]);
    assert_eq!(warned["warnings"][0]["name"], "duplicate");

    for verb in ["check", "build", "sign"] {
        let strict = house.policy(&[verb, "--strict"]);
        assert_eq!((strict.status, strict.out.as_str()), (2, ""), "{verb}");
        assert!(strict.err.starts_with(told) && strict.err.contains("[duplicate]"), "{}", strict.err);
    }
    let strict = house.json(&["check", "--strict"], 2);
    assert_eq!(
        (strict["warnings"].as_array().unwrap().len(), strict["faults"].as_array().unwrap().len()),
        (0, 1)
    );
}

#[test]
fn test_prints_every_case_and_what_the_tests_reach() {
    let house = with_refunds();
    let said = house.policy(&["test"]);
    assert_eq!(said.status, 0, "{}", said.err);
    for line in [
        "  ok   refunds: allow",
        "  ok   too much: policy-denied",
        "  policies that decided: 2 of 2",
        "  requirements that denied: 0 of 3; never use, maxLifetime, args",
        "3 cases, 0 failing",
    ] {
        assert!(said.out.lines().any(|told| told == line), "{line:?} in\n{}", said.out);
    }

    house.edit(TESTS_FILE, "because: refund/limit", "because: refund/other");
    let failing = house.policy(&["test"]);
    assert_eq!(failing.status, 1);
    assert!(
        failing.out.contains("  FAIL too much: policy-denied")
            && failing.out.ends_with("3 cases, 1 failing\n"),
        "{}",
        failing.out
    );
    assert!(
        failing.err.contains("refund.test.yaml:7:86: ")
            && failing.err.contains("not because of `refund/other`"),
        "{}",
        failing.err
    );

    let told = house.json(&["test"], 1);
    assert_eq!(members(&told), ["cases", "coverage", "failures", "faults", "warnings"]);
    assert_eq!(
        told["cases"][1],
        json!({"route": "refund", "case": "too much", "passed": false, "judged": {
            "route": "refund", "denial": "policy-denied", "policies": ["refund/limit"], "detail": "above the limit"}})
    );
    let covered = told["coverage"].as_array().unwrap().iter().find(|one| one["route"] == "refund").unwrap();
    assert_eq!(
        *covered,
        json!({"route": "refund", "policies": {"refund/caller:group:demo-agents": 1, "refund/limit": 1},
               "requirements": {"args": 0, "maxLifetime": 0, "use": 0}})
    );
    assert_eq!(told["failures"][0]["line"], 7);
}

#[test]
fn build_lists_what_would_be_signed_and_recorded() {
    let house = with_refunds();
    let said = house.policy(&["build"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(
        said.out.starts_with(&format!(
            "for demo: {0} routes, {1} files\n",
            house.routes(),
            house.routes() + 6
        )),
        "{}",
        said.out
    );
    assert!(said.out.ends_with(
        "the record will hold of each request:\n  refund: account, as a keyed digest\n  refund: amount, by value\n"
    ));
    let told = house.json(&["build"], 0);
    assert_eq!(members(&told), ["audience", "failures", "faults", "files", "recorded", "warnings"]);
    assert_eq!(
        told["recorded"],
        json!([{"route": "refund", "argument": "account", "is_withheld": true},
               {"route": "refund", "argument": "amount", "is_withheld": false}])
    );
    assert!(told["files"]["routes/demo/refund.test.json"].as_str().unwrap().starts_with("sha256:"));

    house.edit(TESTS_FILE, "because: refund/limit", "because: refund/other");
    let failing = house.policy(&["build"]);
    assert_eq!((failing.status, failing.out.as_str()), (1, ""));
    assert_eq!(members(&house.json(&["build"], 1)), ["failures", "faults", "warnings"]);
}

#[test]
fn show_lists_routes_and_shows_documents() {
    let house = with_refunds();
    let all = house.policy(&["show"]).out;
    assert!(all.contains("refund of demo\n  POST localhost/v1/refunds/{account}\n"), "{all}");
    let told = house.json(&["show"], 0);
    assert_eq!(members(&told), ["routes", "ungoverned"]);
    assert_eq!(
        members(&told["routes"][0]),
        ["match", "name", "observed_until", "policies", "reads_body", "team"]
    );

    house.edit(
        "policy/teams.yaml",
        "prefix: /}]",
        "prefix: /}]\n    defaults: {use: once, maxLifetime: 30s}",
    );
    house.edit("policy/routes/demo/pay.yaml", "    use: once\n    maxLifetime: 60s\n", "");
    assert_eq!(house.json(&["show", "pay"], 0)["spec"]["require"], json!({"holder": "proof"}));
    let expanded = json!({"holder": "proof", "use": "once", "maxLifetime": "30s"});
    assert_eq!(house.json(&["show", "--expanded", "pay"], 0)["spec"]["require"], expanded);
    // What was signed is still the other.
    let signed = json!({"holder": "proof", "use": "once", "maxLifetime": "60s"});
    assert_eq!(house.json(&["show", "pay", "--signed"], 0)["spec"]["require"], signed);

    let unknown = house.policy(&["show", "refunds"]);
    assert_eq!(unknown.status, 2);
    assert!(
        unknown.err.contains("no governed route `refunds`; there are: errand, hello, pay, refund"),
        "{}",
        unknown.err
    );
}

#[test]
fn what_show_prints_can_be_written_back() {
    let house = with_refunds();
    let before = house.json(&["build"], 0)["files"].clone();
    for (name, file) in [("refund", REFUND_FILE), ("pay", "policy/routes/demo/pay.yaml")] {
        let shown = house.policy(&["show", name]).out;
        house.write(file, &shown);
    }
    assert_eq!(house.json(&["build"], 0)["files"], before);
}

#[test]
fn explain_says_which_route_which_policies_why_and_the_cure() {
    let house = with_refunds();
    let ask = |holder: &str, amount: &str| {
        house.policy(&["explain", "POST", "/v1/refunds/a-7", "--holder", holder, "--arg", amount])
    };
    assert_eq!(ask("agent:demo", "amount=100").status, 0);
    let denied = ask("agent:demo", "amount=101");
    assert_eq!(
        (denied.status, denied.out.as_str()),
        (
            1,
            "policy-denied (403)\n  route:    refund of demo\n  policies: refund/limit\n  why:      above the limit\n  cure:     ask for less\n"
        )
    );
    let stranger = ask("agent:stranger", "amount=1");
    assert_eq!(stranger.status, 1);
    assert!(stranger.out.starts_with("policy-denied (403)\n"), "{}", stranger.out);
    assert!(
        stranger.out.contains("the nearest permit is refund/caller:group:demo-agents"),
        "{}",
        stranger.out
    );
    let unknown = ask("agent:demo", "sum=1");
    assert_eq!(unknown.status, 2, "{}", unknown.out);
    assert!(unknown.err.contains("no argument `sum`; it has: account, amount"), "{}", unknown.err);

    let told = house.json(&["explain", "GET", "/v1/refunds/a-7", "--holder", "agent:demo"], 1);
    assert_eq!(
        members(&told),
        ["cure", "observed_until", "policies", "result", "route", "status", "team", "why"]
    );
    assert_eq!(
        (&told["result"], &told["route"], &told["status"]),
        (&json!("no-route-policy"), &Value::Null, &json!(403))
    );
    // The signed bundle knows no refunds yet.
    let signed = house.json(&["explain", "POST", "/v1/refunds/a-7", "--holder", "agent:demo", "--signed"], 1);
    assert_eq!(signed["result"], "no-route-policy");
}

#[test]
fn every_requirement_can_be_asked_about() {
    let house = with_refunds();
    house.edit(
        REFUND_FILE,
        "maxLifetime: 60s}",
        "maxLifetime: 60s, maxDepth: 1, environment: {region: [eu-1]}, conditions: [{name: window, equals: open, maxAge: 5m}]}",
    );
    let code = |more: &[&str]| {
        let asked =
            ["explain", "POST", "/v1/refunds/a-7", "--holder", "agent:demo", "--body", r#"{"amount":1}"#];
        let status = i32::from(!more.is_empty());
        house.json(&[&asked, more].concat(), status)["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(&[]), "allow");
    assert_eq!(code(&["--lifetime", "61s"]), "lifetime-too-long");
    assert_eq!(code(&["--use", "unlimited"]), "use-too-wide");
    assert_eq!(code(&["--depth", "2"]), "lineage-too-deep");
    assert_eq!(code(&["--env", "region=us-1"]), "environment-mismatch");
    assert_eq!(code(&["--condition", "window=closed"]), "condition-unmet");
    assert_eq!(code(&["--host", "elsewhere"]), "target-mismatch");
    assert_eq!(code(&["--header", "content-type=text/plain"]), "arguments-invalid");
}

#[test]
fn schemas_are_printed_for_cedar_and_for_editors() {
    let house = with_refunds();
    let schema = house.json(&["schema", "refund"], 0);
    assert!(schema.to_string().contains("\"amount\""), "{schema}");
    let editors = house.json(&["schema", "--yaml"], 0);
    assert_eq!(editors["title"], "Portcullis policy documents");
    let unnamed = house.policy(&["schema"]);
    assert!(unnamed.status == 2 && unnamed.err.contains("<ROUTE>"), "{}", unnamed.err);
    let unknown = house.policy(&["schema", "nothing"]);
    assert!(unknown.status == 2 && unknown.err.contains("`nothing`"), "{}", unknown.err);
}

#[test]
fn envoy_gets_a_body_where_one_is_read_and_nowhere_else() {
    let house = with_refunds();
    let told = house.json(&["envoy"], 0);
    assert_eq!(told["pay"], json!({}));
    let body = &told["refund"]["envoy.filters.http.ext_authz"]["check_settings"]["with_request_body"];
    assert_eq!(
        *body,
        json!({"max_request_bytes": 1_048_576, "allow_partial_message": false, "pack_as_bytes": true})
    );
}

#[test]
fn documents_alone_are_enough_to_check_and_test() {
    let house = with_refunds();
    house.write("keep/nothing", "");
    std::fs::rename(house.path.join("policy"), house.path.join("keep/documents")).unwrap();
    for verb in ["check", "test", "build", "show"] {
        assert_eq!(house.policy(&[verb, "--dir", "keep/documents"]).status, 0, "{verb}");
    }
    let nowhere = house.policy(&["check"]);
    assert_eq!(nowhere.status, 2);
    assert!(nowhere.err.contains("policy is no folder: name a house by --home"), "{}", nowhere.err);
}

#[test]
fn what_is_only_asked_needs_sound_documents_and_no_passing_tests() {
    let house = with_refunds();
    house.edit(TESTS_FILE, "because: refund/limit", "because: refund/other");
    let asked: [&[&str]; 4] = [
        &["show"],
        &["schema", "refund"],
        &["envoy"],
        &["explain", "GET", "/hello/you", "--holder", "agent:demo"],
    ];
    for verb in asked {
        assert_eq!(house.policy(verb).status, 0, "{verb:?}");
    }
    house.edit(REFUND_FILE, "type: natural", "type: naturl");
    for verb in asked {
        let said = house.policy(verb);
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{verb:?}");
        assert!(said.err.starts_with("policy/routes/demo/refund.yaml:10:"), "{}", said.err);
        assert_eq!(members(&house.json(verb, 2)), ["failures", "faults", "warnings"]);
    }
}
