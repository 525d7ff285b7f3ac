//! Tests of requirements: defaults, floors, and what a requirement needs to make sense.

use super::fixture::{PAY_FILE, assert_fault, assert_sound, bundle, edit, edited, faults, told};
use crate::Files;
use crate::{Holder, UseLimit};

fn team(members: &str) -> Files {
    edited("teams.yaml", "    ground:", &format!("    {members}\n    ground:"))
}

fn requiring(members: &str, require: &str) -> Files {
    let mut files = team(members);
    edit(&mut files, PAY_FILE, "{holder: mtls, use: once, maxLifetime: 60s}", require);
    files
}

#[test]
fn the_defaults_of_the_team_fill_in_what_a_route_leaves_out() {
    let defaults =
        "defaults: {holder: both, use: limited, maxLifetime: 2m, maxDepth: 1, environment: {region: [eu]}}";
    let require = |files: &Files| bundle(files).route_named("pay").unwrap().require().clone();
    let none = require(&requiring(defaults, "{maxDepth: 3}"));
    assert_eq!(
        (none.holder, none.uses, none.max_lifetime, none.max_depth),
        (Holder::Both, UseLimit::Limited, 120, Some(3))
    );
    // A key that the route names replaces the default completely.
    let own = require(&requiring(defaults, "{environment: {cluster: [a]}}"));
    assert_eq!(own.environment, [("cluster".to_owned(), vec!["a".to_owned()])]);
    let mut without = requiring(defaults, "X");
    edit(&mut without, PAY_FILE, "  require: X\n", "");
    assert_eq!(require(&without).uses, UseLimit::Limited);
}

#[test]
fn floors_are_checked_against_what_is_in_force() {
    for (floors, good, bad) in [
        ("holder: mtls", &["holder: mtls", "holder: both"][..], &["holder: proof"][..]),
        ("holder: proof", &["holder: proof", "holder: both"], &["holder: mtls"]),
        ("holder: both", &["holder: both"], &["holder: mtls", "holder: proof"]),
        ("use: limited", &["use: limited", "use: once"], &["use: any"]),
        ("use: once", &["use: once"], &["use: limited", "use: any"]),
        ("maxLifetime: 5m", &["maxLifetime: 5m", "maxLifetime: 1s"], &["maxLifetime: 301s"]),
        ("maxDepth: 1", &["maxDepth: 1", "maxDepth: 0"], &["maxDepth: 2", ""]),
        ("issued: true", &["issued: true"], &["issued: false", ""]),
        ("attestation: {maxAge: 5m}", &["attestation: {maxAge: 5m}"], &["attestation: {maxAge: 6m}", ""]),
        (
            "environment: {region: [eu, us]}",
            &["environment: {region: [eu], cluster: [a]}"],
            &["environment: {region: [eu, ap]}", "environment: {cluster: [a]}", ""],
        ),
        (
            "conditions: [{name: w, equals: open, maxAge: 5m}]",
            &["conditions: [{name: w, equals: open, maxAge: 1m}]"],
            &[
                "conditions: [{name: w, equals: open, maxAge: 6m}]",
                "conditions: [{name: w, equals: shut, maxAge: 1m}]",
                "",
            ],
        ),
    ] {
        let base = [("holder", "holder: mtls"), ("use", "use: any"), ("maxLifetime", "maxLifetime: 1s")];
        let with = |require: &str| {
            let mut all: Vec<_> =
                base.iter().filter(|(key, _)| !require.starts_with(key)).map(|(_, text)| *text).collect();
            all.extend((!require.is_empty()).then_some(require));
            requiring(&format!("floors: {{{floors}}}"), &format!("{{{}}}", all.join(", ")))
        };
        good.iter().for_each(|require| assert_sound(&with(require)));
        bad.iter().for_each(|require| {
            let what = format!("is below the floor of team `payments`: `{}", told_as(floors));
            assert_fault(&with(require), &format!("{PAY_FILE}:"), &what);
            // What the fault says is enough.
            let fault = faults(&with(require)).remove(0);
            let cure =
                fault.instead.strip_prefix("write `").unwrap().split_once("` under `require`").unwrap().0;
            assert_sound(&with(cure));
        });
    }
}

/// A floor as a message writes it: names and texts are quoted.
fn told_as(floor: &str) -> &str {
    match floor.split_once(": {region") {
        Some(_) => "environment: {\"region\": [\"eu\", \"us\"]}`",
        None if floor.starts_with("conditions") => {
            "conditions: [{name: \"w\", equals: \"open\", maxAge: 5m}]`"
        }
        None => floor,
    }
}

#[test]
fn an_attestation_needs_a_certificate() {
    let with = |holder: &str| {
        edited(PAY_FILE, "holder: mtls", &format!("holder: {holder}, attestation: {{maxAge: 5m}}"))
    };
    assert_sound(&with("mtls"));
    assert_sound(&with("both"));
    assert_fault(
        &with("proof"),
        &format!("{PAY_FILE}:7:"),
        "an attestation is required, but with `holder: proof` there is no client certificate",
    );
}

#[test]
fn arguments_fit_what_the_route_matches() {
    let with = |args: &str| edited(PAY_FILE, "  callers", &format!("  args: {{{args}}}\n  callers"));
    assert_sound(&with("account: {from: path:account, type: string}"));
    assert_fault(
        &with("account: {from: path:acount, type: string}"),
        &format!("{PAY_FILE}:8:26:"),
        "has no segment `{acount}`",
    );
    for (args, what) in [
        ("Amount: {from: body:/a, type: long}", "is not a valid name for an argument"),
        ("if: {from: body:/a, type: long}", "is not a valid name for an argument"),
        ("a: {from: body:/a, type: float}", "`float` is not a value of this key"),
        ("a: {from: body, type: long}", "does not name a place in a request"),
        ("a: {from: body:a, type: long}", "must begin with `/`"),
        ("a: {from: body:/-, type: long}", "the item after the last one"),
        ("a: {from: \"body:/~2\", type: long}", "`~`"),
        ("a: {from: query:tags, type: strings}", "`strings` must be read from the body"),
        ("a: {from: header:authorization, type: string}", "holds a secret"),
        ("a: {from: header:cookie, type: string}", "holds a secret"),
        ("a: {from: header:x-forwarded-for, type: string}", "written by proxies"),
        ("a: {from: header:x-envoy-peer, type: string}", "written by proxies"),
        ("a: {from: header:warrant-proof, type: string}", "written by proxies"),
        ("a: {from: \"header::path\", type: string}", "is not the name of a header"),
        ("a: {from: header:X-Team, type: string}", "is not the name of a header"),
        ("a: {from: body:/a, type: long, record: never}", "`never` is not a value of this key"),
        ("a: {from: body:/a, type: long, optional: maybe}", "expected a boolean"),
    ] {
        assert_fault(&with(args), &format!("{PAY_FILE}:8:"), what);
    }
    assert_sound(&with(
        "a: {from: header:x-team, type: string}, b: {from: body:/x~1y/0, type: natural, record: digest}",
    ));
}

#[test]
fn a_segment_has_one_name() {
    let with = |paths: &str| edited(PAY_FILE, "[\"/v1/payments/{account}\"]", paths);
    let what = "is the same pattern as";
    for other in ["/v1/payments/{b}/{a}", "/v1/payments/*/{a}"] {
        let files = with(&format!("[\"/v1/payments/{{a}}/{{b}}\", \"{other}\"]"));
        assert_fault(&files, &format!("{PAY_FILE}:6:"), what);
    }
    assert_sound(&with("[\"/v1/payments/{a}/{b}\", \"/v1/payments/{b}/{a}/**\"]"));
}

#[test]
fn a_body_is_read_only_for_methods_that_have_one() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"] {
        let mut files = edited(PAY_FILE, "  callers", "  args: {a: {from: body:/a, type: long}}\n  callers");
        edit(&mut files, PAY_FILE, "[POST]", &format!("[POST, {method}]"));
        assert_fault(&files, &format!("{PAY_FILE}:6:"), "on a route that reads the body");
        edit(&mut files, PAY_FILE, &format!("[POST, {method}]"), "[POST, PUT, PATCH]");
        assert_sound(&files);
    }
}

#[test]
fn a_route_reads_bodies_up_to_64_kib_or_up_to_what_it_says() {
    let longest = |body: &str| {
        let args = format!("  args: {{a: {{from: body:/a, type: long}}}}{body}\n  callers");
        bundle(&edited(PAY_FILE, "  callers", &args)).route_named("pay").unwrap().longest_body()
    };
    assert_eq!(longest(""), 65_536);
    assert_eq!(longest("\n  body: {max: 1MiB}"), 1_048_576);
    let with = |body: &str| edited(PAY_FILE, "  callers", &format!("  body: {body}\n  callers"));
    let place = format!("{PAY_FILE}:8:");
    assert_fault(&with("{max: 64KiB}"), &place, "a limit for the body on a route that reads no body");
    assert_fault(&with("{max: 2MiB}"), &place, "`2MiB` is not a size from 1KiB to 1MiB");
    assert_fault(&with("{}"), &place, "`max`");
}

#[test]
fn actions_are_a_fixed_list_read_from_the_path_or_the_body() {
    let with = |action: &str| edited(PAY_FILE, "  callers", &format!("  action: {action}\n  callers"));
    assert_sound(&with("{from: path:account, one_of: [search, read]}"));
    assert_sound(&with("{from: body:/method, one_of: [search, read]}"));
    assert_fault(
        &with("{from: header:x-tool, one_of: [search]}"),
        &format!("{PAY_FILE}:8:"),
        "the action cannot be read from a query or a header",
    );
    assert_fault(&with("{from: path:account, one_of: []}"), &format!("{PAY_FILE}:8:"), "an empty list");
    assert_fault(
        &with("{from: path:tool, one_of: [search]}"),
        &format!("{PAY_FILE}:8:"),
        "has no segment `{tool}`",
    );
    assert_fault(&with("{from: path:account}"), &format!("{PAY_FILE}:8:"), "`one_of` is missing");
}

#[test]
fn grpc_is_short_for_a_path_and_an_action() {
    let item = "{hosts: [localhost], grpc: pay.v1.Payments, methods: [Create, Refund]}";
    let files = |item: &str| {
        edited("routes/platform/hello.yaml", "{hosts: [localhost], methods: [GET], paths: [/hello/**]}", item)
    };
    let route = |path: &str| {
        bundle(&files(item))
            .find(&super::fixture::target("localhost", "POST", path))
            .route()
            .map(|route| route.name().to_owned())
    };
    assert_eq!(route("/pay.v1.Payments/Create").as_deref(), Some("hello"));
    assert_eq!(route("/pay.v1.Payments/Delete"), None);
    for (from, to) in
        [("pay.v1.Payments", "pay..Payments"), ("Create", "\"1Create\""), ("methods", "paths: [/a], methods")]
    {
        let faults = faults(&files(&item.replace(from, to)));
        assert_eq!(faults.len(), 1, "{}", told(&faults));
    }
}
