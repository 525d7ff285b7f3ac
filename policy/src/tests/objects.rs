//! Routes that are objects of Kubernetes: they say what the same file says, their faults have a path, and a new one that cannot be
//! built closes its own ground and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fixture::{PAY, PAY_FILE, edit, told};
use super::layers::{base_of, layered, opened_base};
use crate::authoring::{ClosedRoute, Grounds, ObjectFault, Owner, RouteDocuments, TakenMatches, Tested};
use crate::{Base, Files};

const TESTS: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: RouteTests\nmetadata: {name: pay}\ngiven: {request: {method: POST, path: /v1/payments/a}}\ncases:\n  - {name: a stranger, caller: spiffe://shop/ns/x/sa/y, expect: policy-denied}\n";

/// The base of the small bundle, with a second team whose ground is inside the first one's.
fn base() -> Base {
    let mut files = layered();
    edit(
        &mut files,
        "teams.yaml",
        "  payments:\n",
        "  refunds:\n    ground: [{host: payments.shop, prefix: /v1/payments/refunds/team}]\n    floors: {holder: mtls, maxLifetime: 5m, environment: {region: [eu-1]}, conditions: [{name: open, equals: \"1\", maxAge: 5m}], attestation: {maxAge: 5m}}\n  payments:\n",
    );
    files.remove(PAY_FILE);
    opened_base(&base_of(&files, 1))
}

fn spec() -> Value {
    json!({
        "match": [{"hosts": ["payments.shop"], "methods": ["POST"], "paths": ["/v1/payments/{account}"]}],
        "require": {"holder": "mtls", "use": "once", "maxLifetime": "60s"},
        "callers": ["group:payments-agents"],
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut spec = spec();
    spec[key] = value;
    spec
}

fn object(team: &str, name: &str, spec: &Value) -> RouteDocuments {
    RouteDocuments::of_object(team, name, spec).unwrap()
}

/// The faults of one object alone over the base, as its author reads them.
fn faults(object: &RouteDocuments) -> Vec<String> {
    match Tested::of_objects(&base(), &[object]) {
        Ok(tested) => {
            tested.failures().iter().map(|fault| object.fault(fault).unwrap().to_string()).collect()
        }
        Err(unbuilt) => unbuilt
            .faults
            .iter()
            .map(|fault| object.fault(fault).expect("a fault of the object").to_string())
            .collect(),
    }
}

fn closed(team: &str, spec: &Value) -> ClosedRoute {
    let grounds = Grounds::of(&base()).unwrap();
    grounds.closed(team, "new", spec, &mut TakenMatches::of_base(&grounds), &BTreeSet::new())
}

#[test]
fn an_object_says_what_the_same_file_says() {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let files: Files = [file(PAY_FILE, PAY), file("routes/payments/pay.test.yaml", TESTS)].into();
    let from_files = Tested::over(&base(), &files).unwrap_or_else(|faults| panic!("{}", told(&faults)));
    let tests = json!({
        "given": {"request": {"method": "POST", "path": "/v1/payments/a"}},
        "cases": [{"name": "a stranger", "caller": "spiffe://shop/ns/x/sa/y", "expect": "policy-denied"}],
    });
    let pay = object("payments", "pay", &with("tests", tests));
    let from_object =
        Tested::of_objects(&base(), &[&pay]).unwrap_or_else(|unbuilt| panic!("{}", told(&unbuilt.faults)));
    assert!(from_files.failures().is_empty() && from_object.failures().is_empty());
    let packed = from_object.passed().unwrap().packed().clone();
    assert_eq!(&packed, from_files.documents().packed());
    let again = RouteDocuments::of_files("payments", "pay", &packed).unwrap();
    assert_eq!((again.digest(), again.files()), (pay.digest(), pay.files()));
    assert!(!pay.is_closed() && !pay.is_ungoverned() && pay.has_tests() && !pay.without_tests().has_tests());
}

#[test]
fn every_fault_has_its_path_in_the_object() {
    let policy = "permit (principal, action, resource)\nwhen { context.argz.amount > 1 };";
    for (spec, path, what) in [
        (with("polcy", json!("x")), "spec.polcy: ", "did you mean `policy`?"),
        (
            with(
                "match",
                json!([{"hosts": ["payments.shop"], "methods": ["post"], "paths": ["/v1/payments/a"]}]),
            ),
            "spec.match[0].methods[0]: ",
            "capital",
        ),
        (with("callers", json!(["group:nobody"])), "spec.callers[0]: ", "not defined"),
        (with("policy", json!(policy)), "spec.policy, line 2, column ", "argz"),
        (
            with("match", json!([{"hosts": ["payments.shop"], "methods": ["POST"], "paths": ["/v2/x"]}])),
            "spec.match[0].paths[0]: ",
            "outside the ground",
        ),
        (
            with("match", json!([{"hosts": ["payments"], "methods": ["POST"], "paths": ["/v1/payments/x"]}])),
            "spec.match[0].hosts[0]: ",
            "write the canonical name: `payments.shop`",
        ),
        (
            with(
                "tests",
                json!({"cases": [{"name": "a", "expect": "allow", "request": {"method": "POST", "path": "/v1/payments/a"}, "caller": "spiffe://shop/ns/x/sa/y"}]}),
            ),
            "spec.tests.cases[0]",
            "policy-denied",
        ),
        (with("tests", json!([])), "spec.tests", "list"),
        (json!({}), "spec: ", "`match` is missing"),
        (json!("text"), "spec: ", "expected a map"),
        (
            with("ungoverned", json!({"reason": "x"})),
            "spec.ungoverned: ",
            "may not make this route ungoverned",
        ),
    ] {
        let told = faults(&object("payments", "pay", &spec));
        assert!(
            told.iter().any(|one| one.starts_with(path) && one.contains(what)),
            "{path} {what}: {told:#?}"
        );
    }
    let told = faults(&object("payments", "has.dots", &spec()));
    assert!(told[0].starts_with("metadata.name: ") && told[0].contains("not a valid name"), "{told:?}");
    let told = faults(&object("nobody", "pay", &spec()));
    assert!(told[0].contains("`nobody` is not the name of a team"), "{told:?}");
    let told = faults(&object("platform", "pay", &spec()));
    assert!(told[0].contains("signed offline"), "{told:?}");
}

#[test]
fn what_is_too_large_is_not_read() {
    let long: String = "x".repeat(256 * 1024);
    let fault = RouteDocuments::of_object("payments", "pay", &with("policy", json!(long))).unwrap_err();
    assert!(fault.path == "spec" && fault.what.contains("262144"), "{fault}");
    let many: Vec<String> = (0..65).map(|number| format!("/v1/payments/{number}")).collect();
    let item = json!({"hosts": vec!["payments.shop"; 8], "methods": vec!["POST"; 8], "paths": many});
    let fault = RouteDocuments::of_object("payments", "pay", &with("match", json!([item]))).unwrap_err();
    assert!(fault.path == "spec.match" && fault.what.contains("4160"), "{fault}");
}

#[test]
fn of_two_routes_that_collide_the_later_one_is_at_fault() {
    let (one, two) = (object("payments", "one", &spec()), object("payments", "two", &spec()));
    for (first, second) in [(&one, &two), (&two, &one)] {
        let unbuilt = Tested::of_objects(&base(), &[first, second]).unwrap_err();
        assert_eq!(unbuilt.collisions, unbuilt.faults);
        let faults = unbuilt.faults;
        assert!(
            faults.iter().all(|fault| second.fault(fault).is_some() && first.fault(fault).is_none()),
            "{}",
            told(&faults)
        );
    }
    let other = object("refunds", "one", &spec());
    let faults = Tested::of_objects(&base(), &[&one, &other]).unwrap_err().faults;
    assert!(faults.iter().all(|fault| other.fault(fault).is_some()), "{}", told(&faults));
}

#[test]
fn a_closed_route_builds_on_every_ground_and_permits_nothing() {
    let anywhere = json!({"match": [{"hosts": ["payments", "localhost"], "methods": ["POST", "get"], "paths": ["/**", "/v1/payments/refunds/team/{id}", "bad"]}], "require": 7});
    let refunds = closed("refunds", &anywhere);
    assert_eq!(
        refunds.closed,
        ["POST payments.shop/v1/payments/refunds/team/*", "POST payments.shop/v1/payments/refunds/team/**"]
    );
    assert!(
        refunds.dropped.iter().any(|one| one.starts_with("POST localhost/**: it is not on the ground")),
        "{refunds:?}"
    );
    let documents = refunds.documents.unwrap();
    assert!(documents.is_closed());
    let tested = Tested::of_objects(&base(), &[&documents])
        .unwrap_or_else(|unbuilt| panic!("{}", told(&unbuilt.faults)));
    let built = tested.passed().unwrap();
    let route = built.route_named("new").unwrap();
    assert_eq!(route.policies(), ["new/not-accepted"]);
    assert_eq!((route.require().max_lifetime, route.require().max_depth), (1, Some(0)));
    assert_eq!(route.require().environment.len(), 1, "the floors of the team stay");
    // It is known again in what was signed.
    assert!(RouteDocuments::of_files("refunds", "new", built.packed()).unwrap().is_closed());
}

#[test]
fn nobody_closes_what_belongs_to_another() {
    // The ground of payments is around that of refunds, and localhost belongs to nobody.
    let stolen = json!({"match": [{"hosts": ["payments.shop", "localhost"], "methods": ["POST"], "paths": ["/v1/payments/**", "/v1/payments/refunds/team/x", "/hello/x", "/v1/payments/pay"]}]});
    let payments = closed("payments", &stolen);
    assert_eq!(payments.closed, ["POST payments.shop/v1/payments/pay"]);
    assert_eq!(payments.dropped.len(), 7, "{payments:?}");
    assert!(payments.dropped[0].contains("reaches into /v1/payments/refunds/team"), "{payments:?}");
    let nothing = closed("platform", &stolen);
    assert!(nothing.documents.is_none() && nothing.closed.is_empty());
    assert!(closed("nobody", &stolen).documents.is_none());
    for spec in [json!(null), json!({"match": 7}), json!({"match": [{"hosts": [7], "paths": {}}]}), json!([])]
    {
        assert_eq!(
            closed("payments", &spec),
            ClosedRoute { documents: None, closed: vec![], dropped: vec![] }
        );
    }
}

#[test]
fn a_closed_route_takes_no_match_that_another_route_has() {
    let grounds = Grounds::of(&base()).unwrap();
    let mut taken = TakenMatches::of_base(&grounds);
    let pay = object("payments", "pay", &spec());
    taken.add(&pay);
    let both = with(
        "match",
        json!([{"hosts": ["payments.shop"], "methods": ["POST"], "paths": ["/v1/payments/{x}", "/v1/payments/b"]}]),
    );
    let new = grounds.closed("payments", "new", &both, &mut taken, &BTreeSet::new());
    assert_eq!((new.closed.len(), new.dropped.len()), (1, 1), "{new:?}");
    let documents = new.documents.unwrap();
    assert!(Tested::of_objects(&base(), &[&pay, &documents]).is_ok());
    // Nor does a second one.
    assert!(grounds.closed("payments", "newer", &both, &mut taken, &BTreeSet::new()).documents.is_none());
    assert_eq!(
        ["payments", "platform", "x"].map(|name| grounds.owner(name)),
        [Owner::Team, Owner::Platform, Owner::Nobody]
    );
    assert!(grounds.has_route("hello") && !grounds.has_route("pay"));
    assert_eq!(
        grounds.proxies_of(&pay).into_iter().collect::<Vec<_>>(),
        ["spiffe://shop/ns/shop/sa/payments"]
    );
}

/// A long path beside thousands of methods would be a gigabyte of text.
#[test]
fn a_closed_route_of_a_hostile_match_stays_small() {
    let methods: Vec<String> = (0..4000_u32)
        .map(|number| number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'A')).collect())
        .collect();
    let long = format!("/v1/payments/{}", "x".repeat(250_000));
    let spec = json!({"match": [{"hosts": ["payments.shop"], "methods": methods, "paths": [long]}]});
    assert_eq!(closed("payments", &spec), ClosedRoute { documents: None, closed: vec![], dropped: vec![] });
    // What is told is short.
    let spec = json!({"match": [{"hosts": ["localhost"], "methods": methods, "paths": [format!("/{}", "x".repeat(200))]}]});
    let route = closed("payments", &spec);
    assert_eq!(route.dropped.len(), 8);
    assert!(route.dropped[7].ends_with("more") && route.dropped.iter().all(|one| one.len() <= 300));
    // What is closed is never more than a server takes.
    let paths: Vec<String> =
        (0..4000).map(|number| format!("/v1/payments/{}/{number}", "y".repeat(200))).collect();
    let spec = json!({"match": [{"hosts": ["payments.shop"], "methods": ["POST"], "paths": paths}]});
    let route = closed("payments", &spec);
    let documents = route.documents.unwrap();
    assert!(documents.files().values().all(|bytes| bytes.len() < 256 * 1024));
    assert!(route.dropped[0].ends_with("there is too much to close"), "{:?}", route.dropped);
    assert!(Tested::of_objects(&base(), &[&documents]).is_ok());
}

/// One bad part must not open the rest.
#[test]
fn a_part_that_cannot_be_closed_does_not_keep_the_rest_open() {
    let long = "M".repeat(257);
    let spec = json!({"match": [{"hosts": ["payments.shop"], "methods": [long, "POST"], "paths": ["/v1/payments/a", "/v1/payments/b"]}]});
    let route = closed("payments", &spec);
    assert_eq!(route.closed, ["POST payments.shop/v1/payments/a", "POST payments.shop/v1/payments/b"]);
    let documents = route.documents.as_ref().unwrap();
    assert!(Tested::of_objects(&base(), &[documents]).is_ok());
    // What a build refuses of it is left out of the next one.
    let fault = |path: &str| ObjectFault { path: path.into(), what: "x".into(), instead: "y".into() };
    let place = |path: &str| ("payments.shop".to_owned(), path.to_owned());
    assert_eq!(route.places_of(&fault("spec.match[0].paths[1]")), [place("/v1/payments/b")]);
    assert_eq!(route.places_of(&fault("spec.match[0]")), [place("/v1/payments/a"), place("/v1/payments/b")]);
    assert!(
        route.places_of(&fault("spec.require")).is_empty()
            && route.places_of(&fault("spec.match[7]")).is_empty()
    );
    let grounds = Grounds::of(&base()).unwrap();
    let except = BTreeSet::from([place("/v1/payments/b")]);
    let rest = grounds.closed("payments", "new", &spec, &mut TakenMatches::of_base(&grounds), &except);
    assert_eq!(rest.closed, ["POST payments.shop/v1/payments/a"]);
    assert!(rest.dropped[0].contains("cannot be closed"), "{rest:?}");
}

/// What is given is copied into each case.
#[test]
fn tests_of_an_object_cannot_stand_for_gigabytes() {
    let case = json!({"name": "a", "expect": "allow"});
    let told = |tests: Value| {
        RouteDocuments::of_object("payments", "pay", &with("tests", tests)).map_err(|fault| fault.to_string())
    };
    let many = told(json!({"cases": vec![case.clone(); 201]})).unwrap_err();
    assert!(many.starts_with("spec.tests: there are 201 cases, and the maximum is 200"), "{many}");
    assert!(told(json!(vec![case.clone(); 201])).is_err());
    let given = json!({"request": {"body": "x".repeat(100_000)}});
    let large = told(json!({"given": given, "cases": vec![case.clone(); 50]})).unwrap_err();
    assert!(large.contains("times the number of cases"), "{large}");
    let good = told(json!({"given": given, "cases": vec![case; 20]})).unwrap();
    assert_eq!(good.cases(), 20);
}

/// A test is for who signs. A server that read it would need as much memory as the test stands for.
#[test]
fn a_server_does_not_read_tests() {
    let mut files = base().files().clone();
    assert!(files.contains_key("routes/platform/hello.json"), "{:?}", files.keys());
    for name in ["routes/platform/hello.test.json", "operators.test.json", "issuance.test.json"] {
        files.insert(name.to_owned(), b"{\"kind\": 7".to_vec());
    }
    assert!(crate::assembly::of_packed(&files, None).is_ok());
}

/// The file of proxies is of the base, and its faults are not seen over a base: the test would count as passed.
#[test]
fn a_test_on_a_host_that_no_proxy_serves_fails_in_its_own_file() {
    let case = json!({"name": "a", "request": {"host": "nowhere.shop", "method": "POST", "path": "/v1/payments/a"}, "expect": "allow"});
    let pay = object("payments", "pay", &with("tests", json!({"cases": [case]})));
    let failures = Tested::of_objects(&base(), &[&pay]).unwrap().passed().unwrap_err();
    let fault = pay.fault(&failures[0]).unwrap();
    assert!(
        fault.path.starts_with("spec.tests.cases[0]")
            && fault.what.contains("no proxy serves `nowhere.shop`"),
        "{fault}"
    );
}
