//! Objects that somebody made to do harm: each gets a clear message, and none changes anything for another team.

use serde_json::json;

use super::*;

/// Fifty objects, each with what its message must say.
pub(in crate::operator) fn bad() -> Vec<(Value, &'static str)> {
    let good = || route("/v1/payments/x");
    let item = |hosts: Value, methods: Value, paths: Value| {
        with(good(), "match", json!([{"hosts": hosts, "methods": methods, "paths": paths}]))
    };
    let path = |path: &str| item(json!(["payments.shop"]), json!(["POST"]), json!([path]));
    let policy = |text: &str| with(with(good(), "callers", json!(null)), "policy", json!(text));
    let args = |args: Value| with(good(), "args", args);
    let require = |key: &str, value: Value| {
        let mut spec = good();
        spec["require"][key] = value;
        spec
    };
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    vec![
        (json!(null), "spec: expected a map"),
        (json!([]), "spec: expected a map"),
        (json!({}), "spec: `match` is missing"),
        (json!({"match": []}), "spec.match: "),
        (json!({"match": {}}), "spec.match: "),
        (json!({"match": [7]}), "spec.match[0]: "),
        (with(good(), "mach", json!(1)), "spec.mach: unknown key"),
        (with(good(), "polcy", json!("x")), "did you mean `policy`"),
        (with(good(), "callers", json!([])), "spec.callers: "),
        (with(good(), "callers", json!(["group:nobody"])), "the group `nobody` is not defined"),
        (with(good(), "callers", json!(["spiffe://Shop/*"])), "spec.callers[0]: "),
        (with(good(), "callers", json!("any-holder")), "spec.callers: expected a list"),
        (with(good(), "require", json!({})), "holder"),
        (require("holder", json!("nobody")), "spec.require.holder: "),
        (require("use", json!("twice")), "spec.require.use: "),
        (require("maxLifetime", json!("1 minute")), "spec.require.maxLifetime: "),
        (require("maxLifetime", json!(60)), "spec.require.maxLifetime: "),
        (require("maxDepth", json!(8)), "spec.require.maxDepth: "),
        (require("maxDepth", json!(-1)), "spec.require.maxDepth: "),
        (require("environment", json!({})), "spec.require.environment: "),
        (require("conditions", json!([{"name": "a"}])), "spec.require.conditions[0]: "),
        (path("/v2/x"), "outside the ground of team `payments`"),
        (path("/v1/payments/refunds/all/x"), "the ground of team `refunds`"),
        (path("/**"), "outside the ground"),
        (path("/v1/payments/../x"), "spec.match[0].paths[0]: "),
        (path("/v1/payments/a*"), "spec.match[0].paths[0]: "),
        (path("v1/payments"), "does not begin with `/`"),
        (path("/v1/payments/%2f"), "spec.match[0].paths[0]: "),
        (path("/v1/payments/{a}/{a}"), "occurs twice"),
        (
            item(json!(["PAYMENTS.shop"]), json!(["POST"]), json!(["/v1/payments/x"])),
            "spec.match[0].hosts[0]: ",
        ),
        (item(json!(["payments"]), json!(["POST"]), json!(["/v1/payments/x"])), "write the canonical name"),
        (item(json!(["localhost"]), json!(["POST"]), json!(["/ledger/x"])), "outside the ground"),
        (
            item(json!(["payments.shop"]), json!(["post"]), json!(["/v1/payments/x"])),
            "spec.match[0].methods[0]: ",
        ),
        (item(json!(["payments.shop"]), json!([7]), json!(["/v1/payments/x"])), "spec.match[0].methods[0]: "),
        (args(json!({"A": {"from": "path:a", "type": "long"}})), "spec.args.A"),
        (args(json!({"a": {"from": "path:nowhere", "type": "long"}})), "nowhere"),
        (args(json!({"a": {"from": "header:authorization", "type": "string"}})), "authorization"),
        (args(json!({"a": {"from": "body:", "type": "string"}})), "spec.args.a"),
        (args(json!({"a": {"from": "query:a", "type": "float"}})), "spec.args.a.type: "),
        (policy("permit (principal, action, resource"), "spec.policy, line "),
        (policy("permit (principal, action, resource)\nwhen { context.nothing };"), "spec.policy, line 2"),
        (policy("permit (principal == ?principal, action, resource);"), "spec.policy, line 1"),
        (policy("permit (principal, action, resource == Route::\"hello\");"), "spec.policy, line 1"),
        (
            policy(&format!(
                "permit (principal, action, resource) when {{ {}true{} }};",
                "(".repeat(300),
                ")".repeat(300)
            )),
            "spec.policy",
        ),
        (policy(&"x".repeat(300_000)), "the maximum is 262144"),
        (policy("// \u{202e} permit\npermit (principal, action, resource);"), "spec.policy"),
        (with(good(), "ungoverned", json!({"reason": "because"})), "may not make this route ungoverned"),
        (with(good(), "query", json!("some")), "spec.query: "),
        (with(good(), "maxStream", json!("9h9")), "spec.maxStream: "),
        (with(good(), "tests", json!({"cases": [{"name": "a", "expect": deep}]})), "32 levels deep"),
    ]
}

#[test]
fn fifty_bad_objects_each_get_a_clear_message_and_change_nothing_for_others() {
    let mut cluster = Cluster::new();
    cluster.apply("ledger", "book", on("localhost", "/ledger/**"));
    cluster.sign();
    let all = bad();
    assert_eq!(all.len(), 50);
    for (number, (spec, _)) in all.iter().enumerate() {
        cluster.apply("payments", &format!("bad-{number}"), spec.clone());
    }
    cluster.apply("ledger", "more", on("localhost", "/ledger/more"));
    cluster.apply("payments", "good", route("/v1/payments/good"));
    let settled = cluster.sign();
    for (number, (spec, told)) in all.iter().enumerate() {
        let name = format!("bad-{number}");
        assert!(!is_accepted(&settled, "payments", &name), "{spec}");
        let message = verdict(&settled, "payments", &name).message();
        assert!(message.contains(told), "{told}: {message}");
        assert!(message.len() <= 4096 && message.contains("; "), "{message}");
    }
    for (namespace, name) in [("ledger", "book"), ("ledger", "more"), ("payments", "good")] {
        assert!(is_accepted(&settled, namespace, name), "{namespace}/{name}");
    }
    // Nothing of them is open, and nothing of them is outside of their own ground.
    for (name, bytes) in cluster.signed.iter().filter(|(name, _)| name.starts_with("routes/payments/bad")) {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains("not-accepted") && !text.contains("localhost"), "{name}: {text}");
    }
}

/// Each change of a chain takes the match that the one before it gives up, and the first gives up nothing.
#[test]
fn a_chain_of_changes_ends_and_stays_in_its_namespace() {
    let mut cluster = Cluster::new();
    for number in 0..40 {
        cluster.apply("payments", &format!("r{number:02}"), route(&format!("/v1/payments/{number}")));
    }
    cluster.sign();
    for number in 0..40 {
        let path = format!("/v1/payments/{}", number + 1);
        let spec = if number == 39 { broken(&path) } else { route(&path) };
        cluster.apply("payments", &format!("r{number:02}"), spec);
    }
    cluster.apply("ledger", "book", on("localhost", "/ledger/**"));
    let settled = cluster.sign();
    assert!(is_accepted(&settled, "ledger", "book"));
    assert_eq!(standing(&settled, "payments", "r39"), &Standing::LastSigned);
    for number in 0..40 {
        let spec = cluster.signed_spec("payments", &format!("r{number:02}")).unwrap();
        assert_eq!(spec, route(&format!("/v1/payments/{number}")), "r{number:02} stays as it was signed");
    }
}

#[test]
fn an_object_without_any_sense_is_only_refused() {
    let mut cluster = Cluster::new();
    let long = "n".repeat(253);
    for name in ["has.dots", "mesh", "operators", long.as_str()] {
        cluster.apply("payments", name, route("/v1/payments/named"));
        let settled = cluster.settle();
        assert!(!is_accepted(&settled, "payments", name));
        cluster.delete("payments", name);
    }
    cluster.apply("payments", "many", with(route("/x"), "match", json!([{"hosts": vec!["payments.shop"; 100], "methods": vec!["POST"; 100], "paths": vec!["/v1/payments/x"; 100]}])));
    let message = verdict(&cluster.settle(), "payments", "many").message();
    assert!(message.contains("the maximum is 4096"), "{message}");
    cluster.apply("payments", "long", with(route("/v1/payments/long"), "policy", json!("x".repeat(600_000))));
    let message = verdict(&cluster.settle(), "payments", "long").message();
    assert!(message.starts_with("spec: it has 600"), "{message}");
}
