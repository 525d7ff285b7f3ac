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
    // Somebody who guesses the name of a closed route must not take it.
    cluster.apply("payments", "closed-0123456789abcdef", route("/v1/payments/named"));
    let message = verdict(&cluster.settle(), "payments", "closed-0123456789abcdef").message();
    assert!(message.starts_with("metadata.name: names that begin with `closed-`"), "{message}");
}

/// Text that no compression makes shorter.
fn noise(seed: u64, length: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"abcdefghijklmnopqrstuvwxyz"
            .get(usize::try_from(state % 26).unwrap())
            .map(|letter| char::from(*letter))
            .unwrap()
    };
    (0..length).map(|_| letter()).collect()
}

/// A team that fills what all share would take the last signed versions from all others, or their bundle.
#[test]
fn one_team_cannot_fill_what_is_kept_or_what_a_server_takes() {
    let mut cluster = Cluster::new();
    cluster.apply("ledger", "book", on("localhost", "/ledger/**"));
    cluster.sign();
    for number in 0..90 {
        let text = format!(
            "// {}\nforbid (principal, action, resource) when {{ context.warrant.depth > 3 }};",
            noise(number, 50_000)
        );
        let spec = with(route(&format!("/v1/payments/{number}")), "policy", json!(text));
        cluster.apply("payments", &format!("large-{number}"), spec);
        // These cannot be built, and would be closed.
        let paths: Vec<String> = (0..900)
            .map(|path| format!("/v1/payments/{number}/{}", noise(number * 1000 + path, 150)))
            .collect();
        let spec = with(
            broken("/v1/payments/x"),
            "match",
            json!([{"hosts": ["payments.shop"], "methods": ["POST"], "paths": paths}]),
        );
        cluster.apply("refunds", &format!("closed{number}"), with(spec.clone(), "policy", json!(7)));
        cluster.apply("payments", &format!("broken-{number}"), spec);
    }
    cluster.quota = Quota { of_namespace: 1000, of_cluster: 5000 };
    cluster.apply("ledger", "more", on("localhost", "/ledger/more"));
    let settled = cluster.settle();
    assert!(is_accepted(&settled, "ledger", "book") && is_accepted(&settled, "ledger", "more"));
    let refused = settled.verdicts.values().filter(|verdict| verdict.reason() == "OverQuota").count();
    assert!(refused > 50, "{refused}");
    let message = (0..90).map(|number| verdict(&settled, "payments", &format!("large-{number}")).message());
    assert!(
        message
            .into_iter()
            .any(|message| message.contains("bytes of routes, compressed, which is the maximum"))
    );
    let files = super::super::signing::files_of_teams(&settled.built, &cluster.base);
    let routes = policy::RoutesParcel { manifest: vec![b'x'; files.len() * 160], files };
    let content = super::super::state::SignedContent { routes, note: Vec::new() };
    let state = super::super::state::SignedState { floor: None, signed: Some(content) };
    assert!(state.to_members().is_some(), "it is too large");
}

/// All test cases run in each build.
#[test]
fn one_team_cannot_make_each_build_take_minutes() {
    let case = |number: usize| json!({"name": format!("c{number}"), "expect": "policy-denied", "caller": "spiffe://shop/ns/x/sa/y", "request": {"method": "POST", "path": "/v1/payments/t"}});
    let tests = json!({"cases": (0..200).map(case).collect::<Vec<_>>()});
    let mut cluster = Cluster::new();
    for number in 0..12 {
        let spec = with(route(&format!("/v1/payments/t{number}")), "tests", tests.clone());
        cluster.apply("payments", &format!("r{number:02}"), spec);
    }
    let settled = cluster.settle();
    let over = |number: usize| {
        matches!(
            verdict(&settled, "payments", &format!("r{number:02}")),
            Verdict::Refused { why: Refusal::OverQuota { counted: Counted::Cases, most: 2000, .. }, .. }
        )
    };
    assert!((0..10).all(|number| !over(number)) && over(10) && over(11));
}

/// The webhook runs the tests of one object, and not those of its whole namespace.
#[test]
fn the_webhook_does_not_run_the_tests_of_other_objects() {
    use super::super::check::check_one;
    let failing = json!({"cases": [{"name": "a", "expect": "allow", "caller": "spiffe://shop/ns/x/sa/y", "request": {"method": "POST", "path": "/v1/payments/a"}}]});
    let mut cluster = Cluster::new();
    cluster.apply("payments", "pay", route("/v1/payments/{id}"));
    let mut settled = cluster.sign();
    // As if the test had passed over another base.
    let key = |name: &str| RouteKey { namespace: "payments".into(), name: name.into() };
    let spec = with(route("/v1/payments/{id}"), "tests", failing.clone());
    settled.documents.insert(key("pay"), RouteDocuments::of_object("payments", "pay", &spec).unwrap());
    let check = |spec: &Value| {
        check_one(&cluster.foundation(), (&settled, &cluster.list()), &key("new"), spec, Seconds::new(NOW))
    };
    assert!(check(&route("/v1/payments/{id}/new")).unwrap().iter().all(|warning| !warning.contains("test")));
    assert!(matches!(
        check(&with(route("/v1/payments/{id}/new"), "tests", failing)),
        Err(Refusal::TestsFailed(_))
    ));
}

/// An object that the operator does not know any more, for lack of room, keeps what was signed.
#[test]
fn where_objects_are_missing_what_is_signed_stays() {
    let mut cluster = Cluster::new();
    cluster.apply("payments", "pay", route("/v1/payments/{id}"));
    cluster.apply("ledger", "book", on("localhost", "/ledger/**"));
    cluster.sign();
    cluster.delete("payments", "pay");
    cluster.delete("ledger", "book");
    let list = cluster.list().with_overfull(["payments".to_owned()].into());
    let settled = settle(&cluster.foundation(), &list, Seconds::new(NOW)).unwrap();
    let signed: Vec<_> = settled.documents.keys().map(ToString::to_string).collect();
    assert_eq!(signed, ["payments/pay"]);
    assert_eq!(standing(&settled, "payments", "pay"), &Standing::LastSigned);
}

/// What a closed route closes stays closed, whatever becomes of its object, but for its removal and a good version: or a broader route
/// of the team would take its match over.
#[test]
fn what_is_closed_stays_closed_while_its_object_is_not_known() {
    let mut cluster = Cluster::new();
    cluster.apply("payments", "broad", route("/v1/payments/{id}"));
    cluster.apply("payments", "new", broken("/v1/payments/new"));
    // Its closed route cannot have this name.
    cluster.apply("payments", "other.name", broken("/v1/payments/other"));
    let settled = cluster.sign();
    let is_closed = |settled: &Settled, name: &str| {
        matches!(standing(settled, "payments", name), Standing::Closed { .. })
    };
    assert!(is_closed(&settled, "new") && is_closed(&settled, "other.name"));
    let files: Vec<String> = cluster.signed.keys().cloned().collect();
    assert_eq!(files.len(), 3, "{files:?}");
    let signed = |list: &CompleteList| {
        let settled = settle(&cluster.foundation(), list, Seconds::new(NOW)).unwrap();
        super::super::signing::files_of_teams(&settled.built, &cluster.base)
    };
    // Their texts are left out for lack of room, or are too long.
    for spec in [SpecText::LeftOut, SpecText::TooLong(1 << 20)] {
        let all = cluster.list();
        let objects = all.iter().cloned().map(|object| match object.key.name.as_str() {
            "broad" => object,
            _ => RouteObject { spec: spec.clone(), ..object },
        });
        let list = CompleteList::of_finished(objects.collect());
        assert_eq!(signed(&list), cluster.signed, "{spec:?}");
        assert_eq!(signed(&list.with_overfull(["payments".to_owned()].into())), cluster.signed, "{spec:?}");
    }
    // They are not listed at all: the namespace has too many, or somebody has removed the definition.
    let none = CompleteList::default();
    assert_eq!(signed(&none.clone().with_overfull(["payments".to_owned()].into())), cluster.signed);
    assert_eq!(signed(&none.with_signed(&cluster.signed, |_| true)), cluster.signed);
    assert_eq!(signed(&cluster.list().with_signed(&cluster.signed, |_| true)), cluster.signed);
    // A lower quota opens nothing.
    let lower = Foundation { quota: Quota { of_namespace: 1, of_cluster: 1 }, ..cluster.foundation() };
    let settled = settle(&lower, &cluster.list(), Seconds::new(NOW)).unwrap();
    assert_eq!(super::super::signing::files_of_teams(&settled.built, &cluster.base), cluster.signed);
    // Removed, they are gone; a good version takes their place.
    cluster.delete("payments", "other.name");
    cluster.apply("payments", "new", route("/v1/payments/new"));
    let settled = cluster.sign();
    assert!(is_accepted(&settled, "payments", "new"));
    assert_eq!(cluster.signed.len(), 2);
}

/// To find the place of a fault, the document is read again: for each of thousands of faults that would take minutes.
#[test]
fn thousands_of_faults_in_one_object_are_told_in_a_moment() {
    let paths: Vec<String> = (0..4000).map(|number| format!("bad{number}/{}", "x".repeat(45))).collect();
    let item = json!([{"hosts": ["payments.shop"], "methods": ["POST"], "paths": paths}]);
    let mut cluster = Cluster::new();
    cluster.apply("payments", "many", with(route("/v1/payments/many"), "match", item));
    let begin = std::time::Instant::now();
    let settled = cluster.settle();
    assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{:?}", begin.elapsed());
    let message = verdict(&settled, "payments", "many").message();
    assert!(message.contains("does not begin with `/`"), "{message}");
}
