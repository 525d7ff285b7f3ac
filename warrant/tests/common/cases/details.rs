//! Vectors about details: their form, what they allow, and that details are never mixed.

use serde_json::{Value, json};

use super::{super::forge::*, List};

const MALFORMED: &str = "warrant-malformed";
const OUTSIDE: &str = "outside-warrant";

pub(super) fn add(list: &mut List) {
    form(list);
    paths(list);
    calls(list);
}

fn with(member: &'static str, value: Value) -> String {
    root_with(|l| {
        l.detail(member, value.clone());
    })
}

fn form(list: &mut List) {
    list.rule("a detail has type execution, hosts, methods, paths, and optionally actions and args");
    for member in ["type", "hosts", "methods", "paths"] {
        list.add(
            &format!("a detail without {member}"),
            root_with(|l| {
                l.claims["authorization_details"][0].as_object_mut().unwrap().remove(member);
            }),
            MALFORMED,
        );
    }
    for member in ["hosts", "methods", "paths", "actions"] {
        list.add(&format!("{member}: empty"), with(member, json!([])), MALFORMED);
        list.add(&format!("{member}: a bare string"), with(member, json!("POST")), MALFORMED);
        list.add(&format!("{member}: null"), with(member, json!(null)), MALFORMED);
    }
    list.add("hosts: the same twice", with("hosts", json!(["a", "a"])), MALFORMED);
    list.add("methods: the same twice", with("methods", json!(["GET", "GET"])), MALFORMED);
    list.add("paths: the same twice", with("paths", json!(["/a", "/a"])), MALFORMED);
    list.add("a type of another kind", with("type", json!("payment_initiation")), MALFORMED);
    list.add("an unknown member", with("locations", json!(["x"])), MALFORMED);
    list.add(
        "no details",
        root_with(|l| {
            l.set("authorization_details", json!([]));
        }),
        MALFORMED,
    );
    list.add(
        "one detail and no array",
        root_with(|l| {
            let d = l.claims["authorization_details"][0].clone();
            l.set("authorization_details", d);
        }),
        MALFORMED,
    );
    list.add(
        "equal details are allowed",
        root_with(|l| {
            let d = l.claims["authorization_details"][0].clone();
            l.set("authorization_details", json!([d, d]));
        }),
        "ok",
    );
    list.rule("methods are [A-Z]+");
    for method in ["post", "POST ", "", "*", "M-SEARCH", "РOST"] {
        list.add(&format!("method {method:?}"), with("methods", json!([method])), MALFORMED);
    }
    list.add("another method", with("methods", json!(["GET"])), OUTSIDE);
    list.add("a request's method in small letters", root_with(same), OUTSIDE).request.method = "post".into();
    list.rule("hosts are canonical names with or without a port, exact");
    for host in [
        "Payments.shop",
        "payments.shop.",
        "*.shop",
        "payments..shop",
        "-a.shop",
        "a_b",
        "payments.shop:",
        "payments.shop:0",
        "payments.shop:080",
        "payments.shop:65536",
        "[::1]",
        "payments.shop/",
        "user@payments.shop",
        "",
    ] {
        list.add(&format!("host {host:?}"), with("hosts", json!([host])), MALFORMED);
    }
    list.add("a host of 254 bytes", with("hosts", json!([format!("{}aa", "a.".repeat(126))])), MALFORMED);
    list.add("no port is ever stripped", with("hosts", json!(["payments.shop:443"])), OUTSIDE);
    list.add("a host with its port", with("hosts", json!(["payments.shop:8443"])), "ok").request.host =
        "payments.shop:8443".into();
    list.add("a subdomain is another host", root_with(same), OUTSIDE).request.host = "a.payments.shop".into();
}

fn paths(list: &mut List) {
    list.rule("patterns: literals, * for one non-empty segment, a final ** for zero or more; any that no path can match is malformed");
    for pattern in [
        "",
        "v1",
        "/v1*",
        "/**/a",
        "/***",
        "/v1/**b",
        "//a",
        "/a//b",
        "/./a",
        "/a/..",
        "/a;b",
        "/%2F",
        "/%41",
        "/%25",
        "/%00",
        "/%C0%AF",
        "/a?b",
        "/a#b",
        "/a b",
        "/{a}",
        "http://a/b",
        "**",
    ] {
        list.add(&format!("pattern {pattern:?}"), with("paths", json!([pattern])), MALFORMED);
    }
    for (pattern, path, expect) in [
        ("/v1/**", "/v1", "ok"),
        ("/v1/**", "/v1/", "ok"),
        ("/v1/**", "/v1/a/b/c", "ok"),
        ("/v1/**", "/v1a", OUTSIDE),
        ("/v1/*", "/v1/a", "ok"),
        ("/v1/*", "/v1", OUTSIDE),
        ("/v1/*", "/v1/", OUTSIDE),
        ("/v1/*", "/v1/a/", OUTSIDE),
        ("/v1/*", "/v1/a/b", OUTSIDE),
        ("/v1/a", "/v1/a", "ok"),
        ("/v1/a", "/v1/a/", OUTSIDE),
        ("/v1/a/", "/v1/a/", "ok"),
        ("/v1/a", "/v1/A", OUTSIDE),
        ("/**", "/", "ok"),
        ("/", "/", "ok"),
        ("/a%3Ab", "/a:b", "ok"),
        ("/a:b", "/a%3ab", "ok"),
        ("/%2A", "/*", "ok"),
        ("/%2A", "/a", OUTSIDE),
        ("/%C3%A9", "/%c3%a9", "ok"),
        ("/v1/a", "/v1/a?x=/../y;z", "ok"),
    ] {
        list.add(&format!("{pattern} and {path}"), with("paths", json!([pattern])), expect).path(path);
    }
}

fn calls(list: &mut List) {
    list.rule("actions: absent is unconstrained; present, the route must derive one of them");
    list.add("no actions", root_with(same), "ok").call("pay", json!({}));
    list.add("one of the actions", with("actions", json!(["pay", "refund"])), "ok").call("refund", json!({}));
    list.add("another action", with("actions", json!(["pay"])), OUTSIDE).call("refund", json!({}));
    list.add("an action in other letters", with("actions", json!(["pay"])), OUTSIDE).call("Pay", json!({}));
    list.rule("args: exact, one_of, range or any; names as routes write them");
    for (name, args) in [
        ("empty", json!({})),
        ("a name in capitals", json!({"Amount": {"any": true}})),
        ("a name with a dash", json!({"a-b": {"any": true}})),
        ("a name of 33", json!({"a".repeat(33): {"any": true}})),
        ("any of false", json!({"a": {"any": false}})),
        ("any of 1", json!({"a": {"any": 1}})),
        ("an empty constraint", json!({"a": {}})),
        ("an unknown constraint", json!({"a": {"regex": ".*"}})),
        ("two constraints", json!({"a": {"any": true, "exact": 1}})),
        ("a value and no constraint", json!({"a": 1})),
        ("exact null", json!({"a": {"exact": null}})),
        ("exact of a list", json!({"a": {"exact": [1]}})),
        ("exact of an object", json!({"a": {"exact": {}}})),
        ("exact of a float", json!({"a": {"exact": 1.5}})),
        ("one_of nothing", json!({"a": {"one_of": []}})),
        ("one_of the same twice", json!({"a": {"one_of": [1, 1]}})),
        ("one_of nested", json!({"a": {"one_of": [[1]]}})),
        ("a range upside down", json!({"a": {"range": [2, 1]}})),
        ("a range of one", json!({"a": {"range": [1]}})),
        ("a range of three", json!({"a": {"range": [1, 2, 3]}})),
        ("a range of texts", json!({"a": {"range": ["a", "b"]}})),
        ("a range as an object", json!({"a": {"range": {"lo": 1}}})),
        ("a text with a control character", json!({"a": {"exact": "a\u{1f}"}})),
        ("a text of 257 bytes", json!({"a": {"exact": "x".repeat(257)}})),
    ] {
        list.add(&format!("args: {name}"), with("args", args), MALFORMED);
    }
    list.add("args: a range of one value", with("args", json!({"a": {"range": [1, 1]}})), "ok")
        .call("x", json!({"a": 1}));
    list.rule("equality includes the type; what is constrained and absent or outside is outside-warrant; a list is within any alone");
    for (constraint, given, expect) in [
        (json!({"exact": 1}), json!({"a": 1}), "ok"),
        (json!({"exact": 1}), json!({"a": "1"}), OUTSIDE),
        (json!({"exact": "1"}), json!({"a": 1}), OUTSIDE),
        (json!({"exact": true}), json!({"a": true}), "ok"),
        (json!({"exact": true}), json!({"a": "true"}), OUTSIDE),
        (json!({"exact": true}), json!({"a": 1}), OUTSIDE),
        (json!({"exact": ""}), json!({"a": ""}), "ok"),
        (json!({"exact": ""}), json!({}), OUTSIDE),
        (json!({"exact": "é"}), json!({"a": "é"}), "ok"),
        (json!({"exact": "é"}), json!({"a": "e\u{301}"}), OUTSIDE),
        (json!({"exact": "EUR"}), json!({"a": "eur"}), OUTSIDE),
        (json!({"one_of": [1, "2", true]}), json!({"a": "2"}), "ok"),
        (json!({"one_of": [1, "2"]}), json!({"a": 2}), OUTSIDE),
        (json!({"range": [-5, 5]}), json!({"a": -5}), "ok"),
        (json!({"range": [-5, 5]}), json!({"a": 5}), "ok"),
        (json!({"range": [-5, 5]}), json!({"a": 6}), OUTSIDE),
        (json!({"range": [0, 9]}), json!({"a": "5"}), OUTSIDE),
        (json!({"any": true}), json!({"a": "x"}), "ok"),
        (json!({"any": true}), json!({}), OUTSIDE),
        (json!({"any": true}), json!({"a": ["x"]}), "ok"),
        (json!({"exact": "x"}), json!({"a": ["x"]}), OUTSIDE),
        (json!({"one_of": ["x"]}), json!({"a": ["x"]}), OUTSIDE),
    ] {
        let name = format!("{constraint} and {given}");
        list.add(&name, with("args", json!({"a": constraint})), expect).call("x", given);
    }
    list.add("an argument that is not constrained", root_with(same), "ok").call("x", json!({"b": 1}));
    list.rule("one detail of each link admits the whole request; details are never mixed");
    let two = |l: &mut ForgedLink| {
        let mut small = l.claims["authorization_details"][0].clone();
        small["args"] = json!({"amount": {"range": [1, 10]}});
        let mut other = small.clone();
        other["paths"] = json!(["/v2/**"]);
        other["args"] = json!({"amount": {"range": [1, 1000]}});
        l.set("authorization_details", json!([small, other]));
    };
    list.add("the path of one and the amount of the other", root_with(two), OUTSIDE)
        .call("x", json!({"amount": 100}));
    list.add("the other, whole", root_with(two), "ok").path("/v2/a").call("x", json!({"amount": 100}));
}
