//! What becomes of objects: one team's fault stays its own, nothing opens, and a change of the base does not take routes away.

use serde_json::json;
use warrant::Seconds;

use super::super::check::check_one;
use super::super::objects::RouteKey;
use super::*;

#[test]
fn good_objects_are_built_and_a_deleted_one_is_gone() {
    let mut cluster = Cluster::new();
    cluster.apply("payments", "pay", route("/v1/payments/{id}"));
    cluster.apply("ledger", "book", on("localhost", "/ledger/**"));
    let settled = cluster.sign();
    assert!(is_accepted(&settled, "payments", "pay") && is_accepted(&settled, "ledger", "book"));
    assert_eq!(
        cluster.signed.keys().collect::<Vec<_>>(),
        ["routes/ledger/book.json", "routes/payments/pay.json"]
    );
    cluster.delete("payments", "pay");
    cluster.sign();
    assert_eq!(cluster.signed.keys().collect::<Vec<_>>(), ["routes/ledger/book.json"]);
}

#[test]
fn an_object_that_becomes_invalid_keeps_what_was_signed_and_stops_nobody() {
    let mut cluster = Cluster::new();
    cluster.apply("payments", "pay", route("/v1/payments/{id}"));
    cluster.sign();
    cluster.apply("payments", "pay", broken("/v1/payments/{id}/x"));
    cluster.apply("ledger", "book", on("localhost", "/ledger/**"));
    let settled = cluster.sign();
    assert_eq!(standing(&settled, "payments", "pay"), &Standing::LastSigned);
    assert!(is_accepted(&settled, "ledger", "book"));
    assert_eq!(cluster.signed_spec("payments", "pay").unwrap(), route("/v1/payments/{id}"));
    let message = verdict(&settled, "payments", "pay").message();
    assert!(message.contains("spec.callers[0]: ") && message.contains("signed last stays"), "{message}");
    // Repaired, it counts again.
    cluster.apply("payments", "pay", route("/v1/payments/{id}/x"));
    assert!(is_accepted(&cluster.sign(), "payments", "pay"));
    assert_eq!(cluster.signed_spec("payments", "pay").unwrap(), route("/v1/payments/{id}/x"));
}

#[test]
fn a_new_invalid_object_closes_its_own_ground_so_that_no_broader_route_takes_it_over() {
    let mut cluster = Cluster::new();
    cluster.apply("payments", "all", route("/v1/payments/ours/**"));
    cluster.apply("payments", "new", with(broken("/v1/payments/ours/new"), "match", json!([
        {"hosts": ["payments.shop"], "methods": ["POST"], "paths": ["/v1/payments/ours/new", "/v2/other"]},
        {"hosts": ["localhost"], "methods": ["GET"], "paths": ["/ledger/x"]},
    ])));
    let settled = cluster.sign();
    let Standing::Closed { closed, dropped } = standing(&settled, "payments", "new") else { panic!() };
    assert_eq!(closed, &["POST payments.shop/v1/payments/ours/new"]);
    assert_eq!(dropped.len(), 2, "{dropped:?}");
    let built = &settled.built;
    let route = built.route_named("new").unwrap();
    assert_eq!(route.policies(), ["new/not-accepted"], "nothing is permitted");
    let message = verdict(&settled, "payments", "new").message();
    assert!(message.contains("nothing may pass on POST payments.shop/v1/payments/ours/new"), "{message}");
    assert!(
        message.contains("GET localhost/ledger/x: it is not on the ground of team `payments`"),
        "{message}"
    );
    // It is not taken for a version that was signed last.
    cluster.apply("payments", "new", broken("/v1/payments/ours/newer"));
    let settled = cluster.sign();
    let Standing::Closed { closed, .. } = standing(&settled, "payments", "new") else { panic!() };
    assert_eq!(closed, &["POST payments.shop/v1/payments/ours/newer"]);
    // Repaired, it opens; removed, it is gone.
    cluster.apply("payments", "new", super::route("/v1/payments/ours/newer"));
    assert!(is_accepted(&cluster.sign(), "payments", "new"));
    cluster.delete("payments", "new");
    assert!(cluster.sign().built.route_named("new").is_none());
}

#[test]
fn nobody_takes_a_match_or_a_name_that_is_signed() {
    let mut cluster = Cluster::new();
    cluster.apply("payments", "pay", route("/v1/payments/{id}"));
    cluster.sign();
    // The same match by the same team, the same name by another team, an inner ground, and the name of a base route.
    cluster.apply("payments", "a-thief", route("/v1/payments/{other}"));
    cluster.apply("ledger", "pay", on("localhost", "/ledger/pay"));
    cluster.apply("refunds", "hello", with(route("/v1/payments/refunds/all/x"), "require", json!({"holder": "mtls", "use": "once", "maxLifetime": "60s", "environment": {"region": ["eu-1"]}})));
    cluster.apply("payments", "inner", route("/v1/payments/refunds/**"));
    let settled = cluster.sign();
    assert!(is_accepted(&settled, "payments", "pay"));
    let Standing::Nothing { dropped } = standing(&settled, "payments", "a-thief") else { panic!() };
    assert!(dropped[0].contains("another route has this match"), "{dropped:?}");
    let message = verdict(&settled, "ledger", "pay").message();
    assert!(
        message.starts_with("metadata.name: the route `pay` is also in routes/payments/pay.json"),
        "{message}"
    );
    // What they meant on their own ground is closed, under another name.
    assert!(matches!(standing(&settled, "ledger", "pay"), Standing::Closed { .. }));
    assert!(matches!(standing(&settled, "refunds", "hello"), Standing::Closed { .. }));
    let named = cluster.signed.keys().filter(|name| name.contains("/closed-")).count();
    assert_eq!(named, 2, "{:?}", cluster.signed.keys());
    assert!(matches!(standing(&settled, "payments", "inner"), Standing::Nothing { .. }));
    assert!(verdict(&settled, "payments", "inner").message().contains("the ground of team `refunds`"));
}

#[test]
fn of_two_new_objects_that_collide_the_older_one_counts() {
    let mut cluster = Cluster::new();
    cluster.apply("payments", "zz", route("/v1/payments/{id}"));
    cluster.apply("payments", "aa", route("/v1/payments/{other}"));
    let settled = cluster.sign();
    assert!(is_accepted(&settled, "payments", "zz") && !is_accepted(&settled, "payments", "aa"));
    // A change does not take away what another object has.
    cluster.apply("ledger", "one", on("localhost", "/ledger/one"));
    cluster.apply("ledger", "two", on("localhost", "/ledger/two"));
    cluster.sign();
    cluster.apply("ledger", "one", on("localhost", "/ledger/two"));
    let settled = cluster.sign();
    assert_eq!(standing(&settled, "ledger", "one"), &Standing::LastSigned);
    assert!(is_accepted(&settled, "ledger", "two"));
}

#[test]
fn failing_tests_refuse_the_change_and_nothing_else() {
    let case = |expect: &str| json!({"cases": [{"name": "a", "request": {"method": "POST", "path": "/v1/payments/a"}, "caller": "spiffe://shop/ns/x/sa/y", "expect": expect}]});
    let mut cluster = Cluster::new();
    cluster.apply("payments", "pay", with(route("/v1/payments/{id}"), "tests", case("policy-denied")));
    assert!(is_accepted(&cluster.sign(), "payments", "pay"));
    assert!(cluster.signed.contains_key("routes/payments/pay.test.json"));
    cluster.apply("payments", "pay", with(route("/v1/payments/{id}"), "tests", case("allow")));
    cluster.apply("payments", "new", with(route("/v1/payments/{id}/new"), "tests", case("allow")));
    let settled = cluster.sign();
    assert!(matches!(why(&settled, "payments", "pay"), Refusal::TestsFailed(_)));
    assert_eq!(standing(&settled, "payments", "pay"), &Standing::LastSigned);
    assert!(matches!(standing(&settled, "payments", "new"), Standing::Closed { .. }));
    assert!(verdict(&settled, "payments", "pay").message().starts_with("spec.tests.cases[0]"));
}

/// Another base, over which the test of a signed route fails, does not take the route out of force.
#[test]
fn a_new_base_over_which_tests_fail_keeps_the_route() {
    let tests = json!({"cases": [{"name": "a", "request": {"method": "POST", "path": "/v1/payments/a"}, "caller": "spiffe://shop/ns/shop/sa/payer", "expect": "allow"}]});
    let mut cluster = Cluster::new();
    cluster.apply("payments", "pay", with(route("/v1/payments/{id}"), "tests", tests));
    cluster.apply("ledger", "book", on("localhost", "/ledger/**"));
    assert!(is_accepted(&cluster.sign(), "payments", "pay"));
    let mut files = base_files();
    edit(&mut files, "identities.yaml", "spiffe://shop/ns/shop/sa/payer", "spiffe://shop/ns/shop/sa/other");
    edit(&mut files, "teams.yaml", "prefix: /ledger}]", "prefix: /moved}]");
    cluster.base = opened(&base_parcel(&files, 2));
    cluster.grounds = Grounds::of(&cluster.base).unwrap();
    let settled = cluster.sign();
    assert_eq!(standing(&settled, "payments", "pay"), &Standing::LastSignedWithoutTests);
    assert!(cluster.signed.contains_key("routes/payments/pay.json"));
    assert!(!cluster.signed.contains_key("routes/payments/pay.test.json"));
    // Its ground is gone, and with it its route.
    assert!(matches!(standing(&settled, "ledger", "book"), Standing::Nothing { .. }));
    assert!(!cluster.signed.contains_key("routes/ledger/book.json"));
}

#[test]
fn a_quota_keeps_what_is_signed_and_refuses_what_is_new() {
    let mut cluster = Cluster::new();
    for number in 0..3 {
        cluster.apply("payments", &format!("r{number}"), route(&format!("/v1/payments/r{number}")));
    }
    cluster.sign();
    cluster.quota = Quota { of_namespace: 2, of_cluster: 4 };
    cluster.apply("payments", "a-new", route("/v1/payments/new"));
    cluster.apply("ledger", "one", on("localhost", "/ledger/one"));
    cluster.apply("ledger", "two", on("localhost", "/ledger/two"));
    let settled = cluster.sign();
    assert!((0..3).all(|number| is_accepted(&settled, "payments", &format!("r{number}"))));
    assert_eq!(
        why(&settled, "payments", "a-new"),
        &Refusal::OverQuota { counted: Counted::Routes, most: 2, of_cluster: false }
    );
    assert!(is_accepted(&settled, "ledger", "one"));
    assert_eq!(
        why(&settled, "ledger", "two"),
        &Refusal::OverQuota { counted: Counted::Routes, most: 4, of_cluster: true }
    );
    cluster.delete("payments", "r0");
    cluster.delete("payments", "r1");
    let settled = cluster.sign();
    assert!(is_accepted(&settled, "payments", "a-new") && is_accepted(&settled, "ledger", "two"));
}

#[test]
fn a_namespace_that_is_not_a_team_has_no_routes() {
    let mut cluster = Cluster::new();
    cluster.apply("stranger", "pay", route("/v1/payments/{id}"));
    cluster.apply("platform", "mine", on("localhost", "/mine"));
    let settled = cluster.sign();
    assert_eq!(why(&settled, "stranger", "pay"), &Refusal::NotATeam);
    assert_eq!(why(&settled, "platform", "mine"), &Refusal::OfThePlatform);
    assert!(cluster.signed.is_empty());
}

#[test]
fn the_webhook_says_what_the_build_would_say() {
    let mut cluster = Cluster::new();
    cluster.quota = Quota { of_namespace: 3, of_cluster: 1000 };
    cluster.apply("payments", "pay", route("/v1/payments/{id}"));
    cluster.apply("ledger", "book", on("localhost", "/ledger/**"));
    let settled = cluster.sign();
    let check = |namespace: &str, name: &str, spec: Value| {
        let key = RouteKey { namespace: namespace.into(), name: name.into() };
        check_one(&cluster.foundation(), (&settled, &cluster.list()), &key, &spec, Seconds::new(NOW))
            .map_err(|why| why.message())
    };
    assert_eq!(check("payments", "new", route("/v1/payments/{id}/new")), Ok(vec![]));
    assert_eq!(check("payments", "pay", route("/v1/payments/{id}/moved")), Ok(vec![]));
    for (namespace, name, spec, told) in [
        ("payments", "new", broken("/v1/payments/x"), "spec.callers[0]: "),
        ("payments", "new", route("/v1/payments/{other}"), "also matched by route `pay`"),
        ("payments", "book", route("/v1/payments/book"), "the namespace `ledger` has a route of this name"),
        ("payments", "hello", route("/v1/payments/x"), "the route `hello` is also in"),
        ("payments", "new", route("/v2/x"), "outside the ground"),
        ("stranger", "new", route("/v1/payments/x"), "not a team"),
        ("platform", "new", on("localhost", "/x"), "signed offline"),
    ] {
        let answer = check(namespace, name, spec).unwrap_err();
        assert!(answer.contains(told), "{told}: {answer}");
    }
    let warned = check(
        "payments",
        "new",
        with(
            route("/v1/payments/a"),
            "match",
            json!([{"hosts": ["payments.shop"], "methods": ["POST", "POST"], "paths": ["/v1/payments/a"]}]),
        ),
    );
    assert!(warned.as_ref().is_ok_and(|all| all.len() == 1 && all[0].contains("[duplicate]")), "{warned:?}");
    cluster.apply("payments", "r2", route("/v1/payments/r2"));
    cluster.apply("payments", "r3", route("/v1/payments/r3"));
    let settled = cluster.sign();
    let key = |name: &str| RouteKey { namespace: "payments".into(), name: name.into() };
    let check = |name: &str| {
        check_one(
            &cluster.foundation(),
            (&settled, &cluster.list()),
            &key(name),
            &route("/v1/payments/r4"),
            Seconds::new(NOW),
        )
    };
    assert_eq!(check("r4"), Err(Refusal::OverQuota { counted: Counted::Routes, most: 3, of_cluster: false }));
    assert_eq!(check("r3"), Ok(vec![]), "a change is not one more");
    // What is listed already counts, also before it is built.
    cluster.delete("payments", "r3");
    let settled = cluster.sign();
    let check = |list: &CompleteList| {
        let spec = route("/v1/payments/r4");
        check_one(&cluster.foundation(), (&settled, list), &key("r4"), &spec, Seconds::new(NOW))
    };
    assert_eq!(check(&cluster.list()), Ok(vec![]));
    let mut more: Vec<RouteObject> = cluster.list().iter().cloned().collect();
    more.push(RouteObject { key: key("r3"), ..more[0].clone() });
    assert!(check(&CompleteList::of_finished(more)).is_err());
}
