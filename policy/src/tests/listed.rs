//! Tests of the list of matches for a proxy's filter: its first match is the one that governs a request.

use warrant::{Host, Method, RawPath, Target};

use super::fixture::{PAY_FILE, bundle, edited, files};
use crate::{Bundle, Files, Found, ListedMatch};

/// Patterns that overlap in every way, each with whether it needs a warrant.
const PATTERNS: [(&str, &str, bool); 11] = [
    ("rest", "/**", true),
    ("a-and-below", "/a/**", false),
    ("a", "/a", true),
    ("a-b", "/a/b", false),
    ("a-any", "/a/{one}", true),
    ("any-b", "/*/b", false),
    ("any-b-c", "/*/b/c", true),
    ("a-any-below", "/a/*/**", true),
    ("far", "/far/x/y", true),
    ("slash", "/a/", false),
    ("b", "/b", true),
];

fn route(name: &str, path: &str, method: &str, is_governed: bool) -> Vec<u8> {
    let terms = if is_governed {
        "require: {holder: proof, use: any, maxLifetime: 5m}\n  callers: [\"agent:demo\"]"
    } else {
        "ungoverned: {reason: a test}"
    };
    format!(
        "apiVersion: portcullis.dev/v1alpha1\nkind: GovernedRoute\nmetadata: {{name: {name}}}\nspec:\n  match:\n    \
         - {{hosts: [localhost], methods: [{method}], paths: [\"{path}\"]}}\n  {terms}\n"
    )
    .into_bytes()
}

fn overlapping() -> Files {
    let mut all = files();
    all.remove("routes/platform/hello.yaml");
    for (name, path, is_governed) in PATTERNS {
        all.insert(format!("routes/platform/{name}.yaml"), route(name, path, "GET", is_governed));
    }
    // Another method never hides anything.
    all.insert("routes/platform/post.yaml".to_owned(), route("post", "/a/b", "POST", true));
    all
}

/// Every path of up to three of these segments.
fn paths() -> Vec<String> {
    let segments = ["a", "b", "c", "x", "far", "y"];
    let mut all = vec![String::new()];
    for _ in 0..3 {
        let longer: Vec<_> =
            all.iter().flat_map(|path| segments.map(|next| format!("{path}/{next}"))).collect();
        all.extend(longer);
    }
    all.sort_unstable();
    all.dedup();
    let with_slash: Vec<_> = all.iter().map(|path| format!("{path}/")).collect();
    all.retain(|path| !path.is_empty());
    all.extend(with_slash);
    all
}

/// The names of the first match of the list and of what the policy finds.
fn names<'a>(
    bundle: &'a Bundle,
    list: &[ListedMatch<'a>],
    method: &str,
    path: &str,
) -> (Option<&'a str>, Option<&'a str>) {
    let raw = RawPath::parse(path.as_bytes()).unwrap().0;
    let is_it = |item: &&ListedMatch<'a>| {
        item.host == "localhost" && item.methods.contains(&method) && item.path.matches(&raw)
    };
    let first = list.iter().find(is_it).and_then(|item| item.found.name());
    let (host, method) = (Host::parse("localhost").unwrap(), Method::parse(method).unwrap());
    (first, bundle.find(&Target { host, method, path: raw }).name())
}

#[test]
fn the_first_match_of_the_list_governs_wherever_a_wanted_one_matches() {
    let bundle = bundle(&overlapping());
    let is_open = |found: Found<'_>| matches!(found, Found::Ungoverned(_));
    type Wanted<'a> = &'a dyn Fn(Found<'_>) -> bool;
    let wanted: [(&str, Wanted<'_>); 3] = [
        ("open", &is_open),
        ("a-and-below", &|found| found.name() == Some("a-and-below")),
        ("rest", &|found| found.name() == Some("rest")),
    ];
    for (what, is_wanted) in wanted {
        let list = bundle.listed_matches("local", is_wanted);
        let mut found_wanted = 0;
        for path in paths() {
            for method in ["GET", "POST", "PUT"] {
                let (first, governs) = names(&bundle, &list, method, &path);
                let raw = RawPath::parse(path.as_bytes()).unwrap().0;
                let wanted_matches = list.iter().any(|item| {
                    is_wanted(item.found) && item.methods.contains(&method) && item.path.matches(&raw)
                });
                if wanted_matches {
                    assert_eq!(first, governs, "{what}: {method} {path}");
                    found_wanted += 1;
                } else {
                    assert!(
                        list.iter()
                            .all(|item| !is_wanted(item.found) || Some(item.found.name()) != Some(governs)),
                        "{what}: {method} {path} is governed by a wanted match that the list does not hold"
                    );
                }
            }
        }
        assert!(found_wanted > 10, "{what}: only {found_wanted} requests match");
    }
}

#[test]
fn a_match_that_can_win_against_no_wanted_one_is_not_listed() {
    let bundle = bundle(&overlapping());
    let listed = |wanted: &str| {
        let list = bundle.listed_matches("local", |found| found.name() == Some(wanted));
        list.iter().filter_map(|item| item.found.name()).collect::<Vec<_>>()
    };
    assert_eq!(listed("any-b"), ["a-b", "a-any", "a-any-below", "a-and-below", "any-b"]);
    assert_eq!(listed("far"), ["far"]);
    assert!(listed("nothing").is_empty());
}

#[test]
fn a_proxy_gets_only_what_concerns_its_hosts_and_methods_stand_together() {
    let bundle = bundle(&edited(PAY_FILE, "methods: [POST]", "methods: [POST, PUT]"));
    let all = |_: Found<'_>| true;
    assert!(bundle.listed_matches("nobody", all).is_empty());
    let own = bundle.listed_matches("spiffe://shop/ns/shop/sa/payments", all);
    let [pay] = own.as_slice() else { panic!("{own:?}") };
    assert_eq!((pay.host, pay.methods.as_slice()), ("payments.shop", ["POST", "PUT"].as_slice()));
    assert_eq!(pay.path.as_str(), "/v1/payments/*");
    let names = bundle.names_served("local");
    assert_eq!(names, [("localhost", vec!["localhost", "localhost:10000"])].into());
}
