//! Tests of routes that need no warrant, and for how long.

use warrant::Seconds;

use super::fixture::{NOW, PAY_FILE, assert_fault, assert_sound, bundle, edit, edited, files, target};
use crate::Files;
use crate::{Bundle, Exemption};

const HELLO: &str = "routes/platform/hello.yaml";
const REST: &str = "  require: {holder: proof, use: any, maxLifetime: 5m}\n  callers: [\"agent:demo\"]\n";
/// One day after the time at which the tests run.
const UNTIL: &str = "2026-11-22T03:09:39Z";

fn ungoverned(members: &str) -> Files {
    edited(HELLO, REST, &format!("  ungoverned: {{{members}}}\n"))
}

fn passage(bundle: &Bundle, path: &str, now: u64) -> Option<String> {
    bundle.find(&target("localhost", "GET", path)).exemption(Seconds::new(now)).map(|passage| match passage {
        Exemption::Ungoverned(found) => format!("ungoverned: {}", found.reason()),
        Exemption::Observed(route) => format!("observed: {}", route.name()),
    })
}

#[test]
fn an_ungoverned_match_passes_until_its_day_and_then_nothing_passes() {
    let bundle = bundle(&ungoverned(&format!("reason: assets, until: \"{UNTIL}\"")));
    assert_eq!(passage(&bundle, "/hello", NOW).as_deref(), Some("ungoverned: assets"));
    assert_eq!(passage(&bundle, "/hello", NOW + 86_399).as_deref(), Some("ungoverned: assets"));
    assert_eq!(passage(&bundle, "/hello", NOW + 86_400), None);
    assert_eq!(passage(&bundle, "/other", NOW), None);
    assert!(bundle.find(&target("localhost", "GET", "/hello")).route().is_none());
}

#[test]
fn a_broader_route_does_not_replace_an_expired_exception() {
    let mut files = ungoverned(&format!("reason: assets, until: \"{UNTIL}\""));
    let broad = String::from_utf8(super::fixture::files()[HELLO].clone())
        .unwrap()
        .replace("name: hello", "name: all")
        .replace("/hello/**", "/**");
    files.insert("routes/platform/all.yaml".to_owned(), broad.into_bytes());
    let bundle = bundle(&files);
    assert_eq!(bundle.find(&target("localhost", "GET", "/x")).route().map(|route| route.name()), Some("all"));
    assert!(bundle.find(&target("localhost", "GET", "/hello")).route().is_none());
    assert_eq!(passage(&bundle, "/hello", NOW + 86_400), None);
}

#[test]
fn an_observed_route_is_governed_afterwards() {
    let files = edited(
        HELLO,
        "  require",
        &format!("  ungoverned: {{reason: adoption, until: \"{UNTIL}\", observe: true}}\n  require"),
    );
    let bundle = bundle(&files);
    assert_eq!(passage(&bundle, "/hello", NOW).as_deref(), Some("observed: hello"));
    assert_eq!(passage(&bundle, "/hello", NOW + 86_400), None);
    assert_eq!(
        bundle.find(&target("localhost", "GET", "/hello")).route().map(|route| route.name()),
        Some("hello")
    );
}

#[test]
fn an_exception_has_a_reason_and_a_valid_day_and_no_rules_that_are_not_enforced() {
    assert_sound(&ungoverned("reason: assets"));
    assert_fault(&ungoverned("reason: \" \""), &format!("{HELLO}:7:"), "the reason is empty");
    assert_fault(&ungoverned(&format!("until: \"{UNTIL}\"")), &format!("{HELLO}:7:"), "`reason` is missing");
    assert_fault(
        &ungoverned(&format!("reason: a, until: {UNTIL}")),
        &format!("{HELLO}:7:"),
        "some YAML parsers do not read",
    );
    assert_fault(
        &ungoverned("reason: a, until: \"2026-11-22\""),
        &format!("{HELLO}:7:"),
        "is not a valid point in time",
    );
    assert_fault(
        &ungoverned("reason: a, observe: true"),
        &format!("{HELLO}:7:"),
        "`observe` without `until`",
    );
    let both = edited(
        HELLO,
        "  require: {holder: proof, use: any, maxLifetime: 5m}\n",
        "  ungoverned: {reason: a}\n",
    );
    assert_fault(&both, &format!("{HELLO}:7:"), "`callers` together with `ungoverned`");
}

#[test]
fn a_team_leaves_ungoverned_only_what_it_is_allowed_to() {
    let with = |allowance: &str, matched: &str| {
        let mut files = files();
        edit(&mut files, "teams.yaml", "    ground:", &format!("    ungoverned: [{allowance}]\n    ground:"));
        let text = format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: GovernedRoute\nmetadata: {{name: health}}\nspec:\n  match: [{matched}]\n  ungoverned: {{reason: probes}}\n"
        );
        files.insert("routes/payments/health.yaml".to_owned(), text.into_bytes());
        files
    };
    let allowance = "{host: payments.shop, methods: [GET, HEAD], path: /healthz}";
    assert_sound(&with(allowance, "{hosts: [payments.shop], methods: [GET], paths: [/healthz]}"));
    for matched in [
        "{hosts: [payments.shop], methods: [POST], paths: [/healthz]}",
        "{hosts: [payments.shop], methods: [GET], paths: [/healthz/]}",
        "{hosts: [payments.shop], methods: [GET], paths: [/v1/payments/x]}",
    ] {
        assert_fault(
            &with(allowance, matched),
            "routes/payments/health.yaml:6:",
            "team `payments` may not make this route ungoverned",
        );
    }
    assert_fault(
        &with(
            "{host: payments.shop, methods: [GET], path: /**}",
            "{hosts: [payments.shop], methods: [GET], paths: [/v1/payments/x]}",
        ),
        "teams.yaml:",
        "is not an exact path",
    );
    let observing = edited(
        PAY_FILE,
        "  require",
        &format!("  ungoverned: {{reason: adoption, until: \"{UNTIL}\", observe: true}}\n  require"),
    );
    assert_fault(&observing, &format!("{PAY_FILE}:7:"), "may not make this route ungoverned");
}
