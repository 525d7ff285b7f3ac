//! Every fault is reported with its place: file, line, column, the fault, and what to write instead.

use crate::home::{Home, REFUND_FILE, TESTS_FILE, with_refunds};

/// For every kind of file and of rule: a file, a text in it, its replacement, the place that is reported, and
/// a part of the message.
const CHANGES: [(&str, &str, &str, &str, &str); 16] = [
    ("policy/mesh.yaml", "leeway: 5s", "leeway: 5m", "policy/mesh.yaml:9:3", "30s"),
    ("policy/mesh.yaml", "  maxLifetime: 1h", "  maxLifetim: 1h", "policy/mesh.yaml:7:3", "maxLifetime"),
    ("policy/proxies.yaml", "{id: local", "{id: lo cal", "policy/proxies.yaml:6:10", "lo cal"),
    ("policy/identities.yaml", "agent:demo", "agent:*:x", "policy/identities.yaml:5:", "agent:*:x"),
    ("policy/teams.yaml", "prefix: /", "prefix: v1", "policy/teams.yaml:7:", "v1"),
    (
        "policy/mesh.cedar",
        "// Mesh-wide",
        "permit (principal, action, resource); //",
        "policy/mesh.cedar:1:1",
        "forbid",
    ),
    (
        "policy/operators.cedar",
        "Person::\"local\"",
        "Group::\"demo-agent\"",
        "policy/operators.cedar:3:1",
        "`demo-agents`",
    ),
    (REFUND_FILE, "methods: [POST]", "methods: [NO, post]", "policy/routes/demo/refund.yaml:6:38", "quote"),
    (
        REFUND_FILE,
        "hosts: [localhost]",
        "hosts: [\"127.0.0.1\"]",
        "policy/routes/demo/refund.yaml:6:16",
        "localhost",
    ),
    (REFUND_FILE, "from: path:account", "from: path:acount", "policy/routes/demo/refund.yaml:9:21", "acount"),
    (REFUND_FILE, "amount > 100", "amont > 100", "policy/routes/demo/refund.yaml:14:49", "amont"),
    (REFUND_FILE, "when { context", "when { ( context", "policy/routes/demo/refund.yaml:14:", "`}`"),
    (REFUND_FILE, "\n  args:", "\n  <<: *args\n  args:", "policy/routes/demo/refund.yaml:8:3", "merge key"),
    (REFUND_FILE, "name: refund}", "name: refunds}", "policy/routes/demo/refund.yaml:3:18", "refund"),
    (REFUND_FILE, "\"/v1/refunds/{account}\"", "\"/v1/payments/{account}\"", "policy/routes/demo/", "pay"),
    (
        TESTS_FILE,
        "expect: policy-denied, because",
        "expect: policy-denid, because",
        "policy/routes/demo/refund.test.yaml:7:62",
        "policy-denid",
    ),
];

#[test]
fn every_kind_of_fault_has_its_place() {
    for (file, from, to, place, what) in CHANGES {
        let home = with_refunds();
        home.edit(file, from, to);
        let output = home.policy(&["check"]);
        assert_eq!((output.status, output.out.as_str()), (2, ""), "{to}");
        let found = output.err.lines().any(|line| line.starts_with(place) && line.contains(what));
        assert!(found, "{to}: {place} {what:?} in\n{}", output.err);
        assert!(output.err.lines().all(|line| line.contains("; ")), "what to write instead:\n{}", output.err);

        let faults = home.json(&["check"], 2)["faults"].clone();
        for fault in faults.as_array().unwrap() {
            let expected = format!(
                "{}:{}:{}: {}; {}",
                fault["file"].as_str().unwrap(),
                fault["line"],
                fault["column"],
                fault["what"].as_str().unwrap(),
                fault["instead"].as_str().unwrap()
            );
            assert!(output.err.lines().any(|line| line == expected), "{expected}\n{}", output.err);
        }
    }
}

#[test]
fn a_missing_file_or_one_in_the_wrong_place_is_a_fault_without_a_line() {
    let home = Home::new();
    home.write("policy/routes/demo/pay.yml", "kind: GovernedRoute\n");
    home.write("policy/routes/demo/gone.test.yaml", crate::home::TESTS.replace("refund", "gone").as_str());
    std::fs::remove_file(home.path.join("policy/identities.yaml")).unwrap();
    let output = home.policy(&["check"]);
    assert_eq!(output.status, 2);
    for (begins, what) in [
        ("policy/identities.yaml: ", "missing"),
        ("policy/routes/demo/pay.yml: ", "name"),
        ("policy/routes/demo/gone.test.yaml: ", "gone.yaml"),
    ] {
        let is_told = |line: &str| line.starts_with(begins) && line.contains(what);
        assert!(output.err.lines().any(is_told), "{begins}{what}\n{}", output.err);
    }
}

#[test]
fn faults_of_all_files_are_reported_at_once() {
    let home = with_refunds();
    home.edit("policy/mesh.yaml", "leeway: 5s", "leeway: 5m");
    home.edit("policy/routes/demo/pay.yaml", "holder: proof", "holder: nobody");
    home.edit(REFUND_FILE, "type: natural", "type: naturl");
    let faults = home.json(&["check"], 2)["faults"].clone();
    let expected = [
        ("policy/mesh.yaml", "300 s"),
        ("policy/routes/demo/pay.yaml", "nobody"),
        ("policy/routes/demo/refund.yaml", "naturl"),
    ];
    assert_eq!(faults.as_array().unwrap().len(), expected.len(), "{faults}");
    for (fault, (file, what)) in faults.as_array().unwrap().iter().zip(expected) {
        assert!(fault["file"] == file && fault["what"].as_str().unwrap().contains(what), "{file}: {fault}");
    }
}

#[test]
fn every_run_of_check_says_the_same() {
    let home = with_refunds();
    home.edit(REFUND_FILE, "methods: [POST]", "methods: [POST, PUT, PATCH]");
    home.edit(REFUND_FILE, "amount > 100", "amont > 100 && context.hst == \"a\" && action == Action::\"P\"");
    let first = home.policy(&["check"]);
    assert_eq!((first.status, first.err.lines().count()), (2, 3), "{}", first.err);
    for _ in 0..8 {
        assert_eq!(home.policy(&["check"]).err, first.err);
    }
}
