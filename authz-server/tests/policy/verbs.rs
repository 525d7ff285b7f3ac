//! Each verb: its text, the members of its JSON, its exit status.

use serde_json::{Value, json};

use crate::home::{Home, REFUND_FILE, TESTS_FILE, everything_in, members, with_refunds};

/// How many tests of `operators.cedar` and `issuance.cedar` a new home has.
const SAMPLE_TESTS: usize = 13 + 6;

#[test]
fn check_distinguishes_sound_failing_and_faulty_documents() {
    let home = with_refunds();
    let (routes, tests) = (home.routes(), SAMPLE_TESTS + 3);
    let sound = home.policy(&["check"]);
    assert_eq!(
        (sound.status, sound.out.as_str(), sound.err.as_str()),
        (0, format!("no faults: {routes} routes, {tests} tests, 0 warnings\n").as_str(), "")
    );
    assert_eq!(
        home.json(&["check"], 0),
        json!({"routes": routes, "faults": [], "failures": [], "warnings": []})
    );

    home.edit(TESTS_FILE, "name: refunds, expect: allow", "name: refunds, expect: expired");
    let failing = home.policy(&["check"]);
    assert_eq!((failing.status, failing.out.as_str()), (1, ""));
    assert!(
        failing.err.starts_with("policy/routes/demo/refund.test.yaml:6:5: the case `refunds` fails"),
        "{}",
        failing.err
    );

    home.edit(REFUND_FILE, "maxLifetime: 60s", "maxLifetime: 60");
    let faulty = home.policy(&["check"]);
    assert_eq!(faulty.status, 2);
    assert!(faulty.err.starts_with("policy/routes/demo/refund.yaml:7:52: "), "{}", faulty.err);
}

#[test]
fn a_warning_is_shown_and_is_a_fault_with_strict() {
    let home = Home::new();
    home.edit("policy/identities.yaml", "[\"agent:demo\"]", "[\"agent:demo\", \"agent:demo\"]");
    let lenient = home.policy(&["check"]);
    assert_eq!(
        (lenient.status, lenient.out.as_str()),
        (0, format!("no faults: {} routes, {SAMPLE_TESTS} tests, 1 warning\n", home.routes()).as_str())
    );
    let place = "policy/identities.yaml:5:45: ";
    assert!(
        lenient.err.starts_with(&format!("warning: {place}")) && lenient.err.ends_with("[duplicate]\n"),
        "{}",
        lenient.err
    );
    let warned = home.json(&["check"], 0);
    assert_eq!(members(&warned["warnings"][0]), ["column", "file", "instead", "line", "name", "what"]);
    assert_eq!(warned["warnings"][0]["name"], "duplicate");

    for verb in ["check", "build", "sign"] {
        let strict = home.policy(&[verb, "--strict"]);
        assert_eq!((strict.status, strict.out.as_str()), (2, ""), "{verb}");
        assert!(strict.err.starts_with(place) && strict.err.contains("[duplicate]"), "{}", strict.err);
    }
    let strict = home.json(&["check", "--strict"], 2);
    assert_eq!(
        (strict["warnings"].as_array().unwrap().len(), strict["faults"].as_array().unwrap().len()),
        (0, 1)
    );
}

#[test]
fn test_prints_every_case_and_what_the_tests_cover() {
    let home = with_refunds();
    let output = home.policy(&["test"]);
    assert_eq!(output.status, 0, "{}", output.err);
    for line in [
        "  ok   refunds: allow",
        "  ok   too much: policy-denied",
        "  policies that decided: 2 of 2",
        "  requirements that denied: 0 of 3; never use, maxLifetime, args",
        "operators",
        "  ok   local halts the mesh: allow",
        "issuance",
        "  ok   one payment: allow",
        "  policies that decided: 1 of 1",
        format!("{} cases, 0 failing", SAMPLE_TESTS + 3).as_str(),
    ] {
        assert!(output.out.lines().any(|printed| printed == line), "{line:?} in\n{}", output.out);
    }

    home.edit(TESTS_FILE, "because: refund/limit", "because: refund/other");
    let failing = home.policy(&["test"]);
    assert_eq!(failing.status, 1);
    assert!(
        failing.out.contains("  FAIL too much: policy-denied")
            && failing.out.ends_with(&format!("{} cases, 1 failing\n", SAMPLE_TESTS + 3)),
        "{}",
        failing.out
    );
    assert!(
        failing.err.contains("refund.test.yaml:7:86: ")
            && failing.err.contains("but `because` names `refund/other`"),
        "{}",
        failing.err
    );

    let json = home.json(&["test"], 1);
    assert_eq!(members(&json), ["cases", "coverage", "failures", "faults", "warnings"]);
    assert_eq!(
        json["cases"][1],
        json!({"route": "refund", "case": "too much", "passed": false, "judged": {
            "route": "refund", "denial": "policy-denied", "policies": ["refund/limit"], "detail": "above the limit"}})
    );
    let covered = json["coverage"].as_array().unwrap().iter().find(|one| one["route"] == "refund").unwrap();
    assert_eq!(
        *covered,
        json!({"route": "refund", "policies": {"refund/caller:group:demo-agents": 1, "refund/limit": 1},
               "requirements": {"args": 0, "maxLifetime": 0, "use": 0}})
    );
    assert_eq!(json["failures"][0]["line"], 7);
}

#[test]
fn build_lists_what_would_be_signed_and_recorded() {
    let home = with_refunds();
    let output = home.policy(&["build"]);
    assert_eq!(output.status, 0, "{}", output.err);
    assert!(
        output.out.starts_with(&format!(
            "for demo: {0} routes, {1} files\n",
            home.routes(),
            home.routes() + 10
        )),
        "{}",
        output.out
    );
    assert!(output.out.ends_with(
        "arguments that will be recorded for each request:\n  refund: account, as a keyed digest\n  refund: amount, by value\n"
    ));
    let json = home.json(&["build"], 0);
    assert_eq!(members(&json), ["audience", "failures", "faults", "files", "recorded", "warnings"]);
    assert_eq!(
        json["recorded"],
        json!([{"route": "refund", "argument": "account", "is_withheld": true},
               {"route": "refund", "argument": "amount", "is_withheld": false}])
    );
    assert!(json["files"]["routes/demo/refund.test.json"].as_str().unwrap().starts_with("sha256:"));

    home.edit(TESTS_FILE, "because: refund/limit", "because: refund/other");
    let failing = home.policy(&["build"]);
    assert_eq!((failing.status, failing.out.as_str()), (1, ""));
    assert_eq!(members(&home.json(&["build"], 1)), ["failures", "faults", "warnings"]);
}

#[test]
fn show_lists_routes_and_shows_documents() {
    let home = with_refunds();
    let all = home.policy(&["show"]).out;
    assert!(all.contains("refund of demo\n  POST localhost/v1/refunds/{account}\n"), "{all}");
    let json = home.json(&["show"], 0);
    assert_eq!(members(&json), ["routes", "ungoverned"]);
    assert_eq!(
        members(&json["routes"][0]),
        ["match", "name", "observed_until", "policies", "reads_body", "team"]
    );

    home.edit("policy/teams.yaml", "prefix: /}]", "prefix: /}]\n    defaults: {use: once, maxLifetime: 30s}");
    home.edit("policy/routes/demo/pay.yaml", "    use: once\n    maxLifetime: 60s\n", "");
    assert_eq!(home.json(&["show", "pay"], 0)["spec"]["require"], json!({"holder": "proof"}));
    let expanded = json!({"holder": "proof", "use": "once", "maxLifetime": "30s"});
    assert_eq!(home.json(&["show", "--expanded", "pay"], 0)["spec"]["require"], expanded);
    // The signed bundle still has the old document.
    let signed = json!({"holder": "proof", "use": "once", "maxLifetime": "60s"});
    assert_eq!(home.json(&["show", "pay", "--signed"], 0)["spec"]["require"], signed);

    let unknown = home.policy(&["show", "refunds"]);
    assert_eq!(unknown.status, 2);
    assert!(
        unknown
            .err
            .contains("no governed route `refunds`; the governed routes are: errand, hello, pay, refund"),
        "{}",
        unknown.err
    );
}

#[test]
fn the_output_of_show_can_be_written_back() {
    let home = with_refunds();
    let before = home.json(&["build"], 0)["files"].clone();
    for (name, file) in [("refund", REFUND_FILE), ("pay", "policy/routes/demo/pay.yaml")] {
        let shown = home.policy(&["show", name]).out;
        home.write(file, &shown);
    }
    assert_eq!(home.json(&["build"], 0)["files"], before);
}

#[test]
fn explain_says_which_route_which_policies_why_and_the_cure() {
    let home = with_refunds();
    let ask = |holder: &str, amount: &str| {
        home.policy(&["explain", "POST", "/v1/refunds/a-7", "--holder", holder, "--arg", amount])
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

    let json = home.json(&["explain", "GET", "/v1/refunds/a-7", "--holder", "agent:demo"], 1);
    assert_eq!(
        members(&json),
        ["cure", "observed_until", "policies", "result", "route", "status", "team", "why"]
    );
    assert_eq!(
        (&json["result"], &json["route"], &json["status"]),
        (&json!("no-route-policy"), &Value::Null, &json!(403))
    );
    // The signed bundle does not have this route yet.
    let signed = home.json(&["explain", "POST", "/v1/refunds/a-7", "--holder", "agent:demo", "--signed"], 1);
    assert_eq!(signed["result"], "no-route-policy");
}

#[test]
fn explain_covers_every_requirement() {
    let home = with_refunds();
    home.edit(
        REFUND_FILE,
        "maxLifetime: 60s}",
        "maxLifetime: 60s, maxDepth: 1, environment: {region: [eu-1]}, conditions: [{name: window, equals: open, maxAge: 5m}]}",
    );
    let code = |more: &[&str]| {
        let asked =
            ["explain", "POST", "/v1/refunds/a-7", "--holder", "agent:demo", "--body", r#"{"amount":1}"#];
        let status = i32::from(!more.is_empty());
        home.json(&[&asked, more].concat(), status)["result"].as_str().unwrap().to_owned()
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
    let home = with_refunds();
    let schema = home.json(&["schema", "refund"], 0);
    assert!(schema.to_string().contains("\"amount\""), "{schema}");
    let editors = home.json(&["schema", "--yaml"], 0);
    assert_eq!(editors["title"], "Portcullis policy documents");
    let unnamed = home.policy(&["schema"]);
    assert!(unnamed.status == 2 && unnamed.err.contains("<ROUTE>"), "{}", unnamed.err);
    let unknown = home.policy(&["schema", "nothing"]);
    assert!(unknown.status == 2 && unknown.err.contains("`nothing`"), "{}", unknown.err);
}

#[test]
fn envoy_sends_a_body_only_for_a_route_that_reads_it() {
    let home = with_refunds();
    let json = home.json(&["envoy"], 0);
    assert_eq!(json["pay"], json!({}));
    let body = &json["refund"]["envoy.filters.http.ext_authz"]["check_settings"]["with_request_body"];
    assert_eq!(
        *body,
        json!({"max_request_bytes": 65_536, "allow_partial_message": false, "pack_as_bytes": true})
    );
}

#[test]
fn documents_alone_are_enough_to_check_and_test() {
    let home = with_refunds();
    home.write("keep/nothing", "");
    std::fs::rename(home.path.join("policy"), home.path.join("keep/documents")).unwrap();
    for verb in ["check", "test", "build", "show"] {
        assert_eq!(home.policy(&[verb, "--dir", "keep/documents"]).status, 0, "{verb}");
    }
    let nowhere = home.policy(&["check"]);
    assert_eq!(nowhere.status, 2);
    assert!(
        nowhere.err.contains("policy is not a directory: name a home directory with --home"),
        "{}",
        nowhere.err
    );
}

#[test]
fn commands_that_only_ask_need_sound_documents_but_no_passing_tests() {
    let home = with_refunds();
    home.edit(TESTS_FILE, "because: refund/limit", "because: refund/other");
    let asked: [&[&str]; 4] = [
        &["show"],
        &["schema", "refund"],
        &["envoy"],
        &["explain", "GET", "/hello/you", "--holder", "agent:demo"],
    ];
    for verb in asked {
        assert_eq!(home.policy(verb).status, 0, "{verb:?}");
    }
    home.edit(REFUND_FILE, "type: natural", "type: naturl");
    for verb in asked {
        let output = home.policy(verb);
        assert_eq!((output.status, output.out.as_str()), (2, ""), "{verb:?}");
        assert!(output.err.starts_with("policy/routes/demo/refund.yaml:10:"), "{}", output.err);
        assert_eq!(members(&home.json(verb, 2)), ["failures", "faults", "warnings"]);
    }
}

#[test]
fn every_document_that_init_makes_links_the_schema_for_editors() {
    let home = Home::new();
    let printed = home.policy(&["schema", "--yaml"]).out;
    let mut linked = 0;
    for (path, bytes) in everything_in(&home.path.join("policy")) {
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = String::from_utf8(bytes).unwrap();
            let link = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=");
            let schema = path.parent().unwrap().join(link.unwrap_or_else(|| panic!("{}", path.display())));
            assert_eq!(std::fs::read_to_string(schema).unwrap(), printed, "{}", path.display());
            linked += 1;
        }
    }
    assert_eq!(linked, 9);
}
