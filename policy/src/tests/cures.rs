//! Tests of cures: if an author writes what a fault says to write, the bundle builds.

use super::fixture::{PAY_FILE, assert_sound, built, edit, edited, faults, files, told, with_policy};
use crate::Files;

const HELLO: &str = "routes/platform/hello.yaml";
const TESTS: &str = "routes/payments/pay.test.yaml";

/// A file, a text in it, the text with `@` in place of a value, a wrong value, what the cure says, and the value written as
/// it says.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const REQUIRE: &str = "use: once";

const LIMITED: &str = "  args: {a: {from: body:/a, type: long}}\n  body: {max: @}\n  callers";

const ROUTES: &[Row] = &[
    (PAY_FILE, "maxLifetime: 60s", "maxLifetime: @", "300", "like `60s`", "60s"),
    (PAY_FILE, "maxLifetime: 60s", "maxLifetime: @", "\"300\"", "like `60s`", "60s"),
    (PAY_FILE, "maxLifetime: 60s", "maxLifetime: @", "0s", "from 1 to", "1s"),
    (PAY_FILE, "maxLifetime: 60s", "maxLifetime: @", "[60s]", "like `60s`", "60s"),
    (PAY_FILE, REQUIRE, "use: @", "1", "one of once,", "once"),
    (PAY_FILE, REQUIRE, "use: @", "true", "one of once,", "once"),
    (PAY_FILE, "holder: mtls", "holder: @", "no", "one of mtls, proof, both", "both"),
    (PAY_FILE, REQUIRE, "use: once, maxDepth: @", "\"2\"", "an integer from 0 to 7, without quotes", "7"),
    (PAY_FILE, REQUIRE, "use: once, maxDepth: @", "8", "an integer from 0 to 7", "0"),
    (PAY_FILE, REQUIRE, "use: once, issued: @", "\"true\"", "`true` or `false`, without quotes", "true"),
    (PAY_FILE, REQUIRE, "use: once, issued: @", "1", "`true` or `false`", "false"),
    (PAY_FILE, REQUIRE, "use: once, attestation: @", "10m", "its keys are: maxAge", "{maxAge: 10m}"),
    (PAY_FILE, REQUIRE, "use: once, attestation: {maxAge: @}", "600", "like `60s`", "60s"),
    (PAY_FILE, REQUIRE, "use: once, attestation: @", "{}", "write `maxAge: …` here", "{maxAge: 1m}"),
    (PAY_FILE, REQUIRE, "use: once, environment: @", "{}", "at least one entry", "{region: [eu]}"),
    (PAY_FILE, REQUIRE, "use: once, environment: {region: @}", "[]", "at least one entry", "[eu]"),
    (PAY_FILE, REQUIRE, "use: once, environment: {region: @}", "eu", "write a list", "[eu]"),
    (PAY_FILE, REQUIRE, "use: once, environment: {region: [@]}", "NO", "quote it: \"NO\"", "\"NO\""),
    (PAY_FILE, REQUIRE, "use: once, environment: {region: [@]}", "1", "quote it: \"1\"", "\"1\""),
    (
        PAY_FILE,
        REQUIRE,
        "use: once, conditions: [{name: a, equals: open, maxAge: @}]",
        "300",
        "like `60s`",
        "60s",
    ),
    (
        PAY_FILE,
        REQUIRE,
        "use: once, conditions: [{name: a, equals: @, maxAge: 5m}]",
        "on",
        "\"on\"",
        "\"on\"",
    ),
    (PAY_FILE, "[\"group:payments-agents\"]", "@", "[5]", "`any-holder`", "[any-holder]"),
    (PAY_FILE, "[\"group:payments-agents\"]", "@", "[payer]", "like `agent:payer`", "[\"agent:payer\"]"),
    (PAY_FILE, "[\"group:payments-agents\"]", "@", "any-holder", "write a list", "[any-holder]"),
    (PAY_FILE, "[\"group:payments-agents\"]", "@", "[]", "at least one entry", "[any-holder]"),
    (
        PAY_FILE,
        "[\"group:payments-agents\"]",
        "@",
        "[\"group:Payments\"]",
        "`group:<name>`",
        "[\"group:payments-agents\"]",
    ),
    (PAY_FILE, "methods: [POST]", "methods: [@]", "post", "like `POST`", "POST"),
    (PAY_FILE, "methods: [POST]", "methods: [@]", "1", "like `POST`", "POST"),
    (PAY_FILE, "methods: [POST]", "methods: @", "[]", "at least one entry", "[POST]"),
    (PAY_FILE, "hosts: [payments.shop]", "hosts: [@]", "Payments.shop", "lower-case", "payments.shop"),
    (PAY_FILE, "\"/v1/payments/{account}\"", "@", "v1/payments/a", "begin it with `/`", "/v1/payments/a"),
    (
        PAY_FILE,
        "\"/v1/payments/{account}\"",
        "@",
        "\"/v1/payments/a b\"",
        "write it as `%20`",
        "/v1/payments/a%20b",
    ),
    (PAY_FILE, "\"/v1/payments/{account}\"", "@", "5", "a path that begins with `/`", "/v1/payments/5"),
    (PAY_FILE, "  callers", LIMITED, "65536", "like `256KiB`", "256KiB"),
    (PAY_FILE, "  callers", LIMITED, "2MiB", "`1MiB`", "1MiB"),
    (PAY_FILE, "  callers", "  query: @\n  callers", "all", "one of declared, any", "any"),
    (PAY_FILE, "  callers", "  evidence: @\n  callers", "true", "its keys are: receipt", "{receipt: true}"),
    (PAY_FILE, "  callers", "  evidence: {receipt: @}\n  callers", "\"yes\"", "`true` or `false`", "true"),
    (
        PAY_FILE,
        "  callers",
        "  args: {a: {from: @, type: long}}\n  callers",
        "5",
        "`body:/<pointer>`",
        "body:/a",
    ),
    (
        PAY_FILE,
        "  callers",
        "  args: {a: {from: @, type: long}}\n  callers",
        "body:a",
        "`body:/<name>`",
        "body:/a",
    ),
    (
        PAY_FILE,
        "  callers",
        "  args: {a: {from: @, type: string}}\n  callers",
        "header:X-A",
        "in lower case",
        "header:x-a",
    ),
    (
        PAY_FILE,
        "  callers",
        "  args: {a: {from: body:/a, type: @}}\n  callers",
        "number",
        "one of long,",
        "long",
    ),
    (
        PAY_FILE,
        "  callers",
        "  args: {a: {from: query:a, type: @}}\n  callers",
        "strings",
        "use `string`",
        "string",
    ),
    (
        PAY_FILE,
        "  callers",
        "  args: {a: {from: body:/a, type: long, optional: @}}\n  callers",
        "y",
        "`true`",
        "true",
    ),
    (
        PAY_FILE,
        "  callers",
        "  args: @\n  callers",
        "{}",
        "at least one entry",
        "{a: {from: body:/a, type: long}}",
    ),
    (
        PAY_FILE,
        "  callers",
        "  action: {from: @, one_of: [read]}\n  callers",
        "query:a",
        "`path:<name>`",
        "path:account",
    ),
    (PAY_FILE, "  callers", "  action: {from: path:account, one_of: [@]}\n  callers", "5", "\"5\"", "\"5\""),
    (
        PAY_FILE,
        "  callers",
        "  policy: @\n  callers",
        "5",
        "write `policy: |`",
        "|\n    permit (principal in Group::\"payments-agents\", action, resource);",
    ),
    (PAY_FILE, "{name: pay}", "{name: @}", "5", "quote it", "pay"),
    (PAY_FILE, "{name: pay}", "{name: pay, namespace: @}", "5", "leave it out", "payments"),
    (
        PAY_FILE,
        "portcullis.dev/v1alpha1",
        "@",
        "1",
        "write `portcullis.dev/v1alpha1`",
        "portcullis.dev/v1alpha1",
    ),
    (PAY_FILE, "kind: GovernedRoute", "kind: @", "Route", "write `GovernedRoute`", "GovernedRoute"),
    (PAY_FILE, "  callers", "  @", "calers", "did you mean `callers`?", "callers"),
    (
        HELLO,
        "  require",
        "  ungoverned: {reason: a, observe: true, until: @}\n  require",
        "2027-01-31",
        "\"2027-01-31T00:00:00Z\"",
        "\"2027-01-31T00:00:00Z\"",
    ),
    (
        HELLO,
        "  require",
        "  ungoverned: {reason: a, observe: true, until: @}\n  require",
        "2027-01-31T00:00:00Z",
        "quote it: \"2027-01-31T00:00:00Z\"",
        "\"2027-01-31T00:00:00Z\"",
    ),
    (
        HELLO,
        "  require",
        "  ungoverned: {reason: a, observe: true, until: @}\n  require",
        "1",
        "\"2027-01-31T00:00:00Z\"",
        "\"2027-01-31T00:00:00Z\"",
    ),
    (
        HELLO,
        "  require",
        "  ungoverned: {reason: @, observe: true, until: \"2027-01-31T00:00:00Z\"}\n  require",
        "1",
        "quote it: \"1\"",
        "\"1\"",
    ),
    (
        HELLO,
        "  require",
        "  ungoverned: {reason: a, observe: true@}\n  require",
        "",
        "`until: \"2027-01-31T00:00:00Z\"`",
        ", until: \"2027-01-31T00:00:00Z\"",
    ),
];

const TOP: &[Row] = &[
    ("mesh.yaml", "leeway: 5s", "leeway: @", "5", "like `60s`", "5s"),
    ("mesh.yaml", "leeway: 5s", "leeway: @", "31s", "at most `30s`", "30s"),
    ("mesh.yaml", "  maxLifetime: 1h", "  maxLifetime: @", "1", "like `60s`", "60s"),
    ("mesh.yaml", "  maxLifetime: 1h", "  maxLifetime: @", "25h", "at most `24h`", "24h"),
    ("mesh.yaml", "attestationMaxAge: 15m", "attestationMaxAge: @", "900", "like `60s`", "60s"),
    ("mesh.yaml", "maxAge: 24h", "maxAge: @", "24", "like `60s`", "60s"),
    ("mesh.yaml", "maxAge: 24h", "maxAge: @", "721h", "the maximum is 720h", "720h"),
    ("mesh.yaml", "burner: shop/log/7f3a", "burner: @", "5", "quote it: \"5\"", "\"5\""),
    ("mesh.yaml", "\"kid\": \"a1\"", "\"kid\": @", "5", "quote it: \"5\"", "\"5\""),
    ("mesh.yaml", "\"agent:*\"", "@", "\"agent:*x\"", "end it with `/**` or `:*`", "\"agent:x:*\""),
    ("mesh.yaml", "\"https://idp.shop\"", "@", "5", "quote it: \"5\"", "\"5\""),
    ("identities.yaml", "\"spiffe://shop/ns/batch/**\"", "@", "5", "quote it: \"5\"", "\"5\""),
    ("identities.yaml", "{groups: {", "{groups: {other: @, ", "[]", "at least one entry", "[\"agent:a\"]"),
    ("identities.yaml", "{groups: {", "{groups: {@: [\"agent:a\"], ", "Other", "of a-z", "other"),
    (
        "proxies.yaml",
        "\"spiffe://shop/ns/shop/sa/payments\"",
        "@",
        "5",
        "the SPIFFE ID",
        "\"spiffe://shop/a\"",
    ),
    ("proxies.yaml", "[payments,", "[@,", "5", "quote it: \"5\"", "\"5\""),
    ("proxies.yaml", "[payments,", "[@,", "Payments", "lower-case", "payments"),
    (
        "teams.yaml",
        "prefix: /v1/payments",
        "prefix: @",
        "/v1/payments/",
        "write `/v1/payments`",
        "/v1/payments",
    ),
    ("teams.yaml", "prefix: /v1/payments", "prefix: @", "v1/payments", "begin it with `/`", "/v1/payments"),
    ("teams.yaml", "prefix: /v1/payments", "prefix: @", "/v1/*", "literal segments only", "/v1"),
    (
        "teams.yaml",
        "{platform: true}",
        "{platform: @}",
        "\"true\"",
        "`true` or `false`, without quotes",
        "true",
    ),
    ("teams.yaml", "    ground", "    floors: {maxLifetime: @}\n    ground", "300", "like `60s`", "60s"),
    ("teams.yaml", "    ground", "    defaults: {use: @}\n    ground", "1", "one of once,", "once"),
    (
        "teams.yaml",
        "    ground",
        "    ungoverned: [{host: payments.shop, methods: [GET], path: @}]\n    ground",
        "/h/*",
        "literal segments only",
        "/h",
    ),
    (
        "teams.yaml",
        "    ground",
        "    ungoverned: @\n    ground",
        "[]",
        "at least one entry",
        "[{host: payments.shop, methods: [GET], path: /h}]",
    ),
];

const CASES: &[Row] = &[
    (TESTS, "expect: allow", "expect: @", "200", "write `allow`", "allow"),
    (TESTS, "expect: allow", "expect: @", "yes", "write `allow`", "allow"),
    (TESTS, "expect: allow", "expect: allow, warrant: {use: @}", "1", "like `{max: 1}`", "{max: 1}"),
    (TESTS, "expect: allow", "expect: allow, warrant: {use: {max: @}}", "\"1\"", "an integer from 1", "1"),
    (TESTS, "expect: allow", "expect: allow, warrant: {lifetime: @}", "60", "like `60s`", "60s"),
    (TESTS, "expect: allow", "expect: allow, warrant: {depth: @}", "one", "an integer from 0 to 7", "1"),
    (TESTS, "expect: allow", "expect: allow, posture: @", "calm", "one of normal, restricted", "normal"),
    (
        TESTS,
        "expect: allow",
        "expect: allow, now: @",
        "2026-01-01",
        "\"2027-01-31T00:00:00Z\"",
        "\"2027-01-31T00:00:00Z\"",
    ),
    (
        TESTS,
        "expect: allow",
        "expect: allow, request: {body: {amount: 1, note: @}}",
        "on",
        "quote it: \"on\"",
        "\"on\"",
    ),
    (
        TESTS,
        "expect: allow",
        "expect: allow, warrant: {authorization_details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [/**], args: {amount: @}}]}",
        "{any: false}",
        "write `true`",
        "{any: true}",
    ),
    (
        TESTS,
        "expect: allow",
        "expect: allow, warrant: {authorization_details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [/**], args: {amount: @}}]}",
        "{}",
        "`any: true`",
        "{any: true}",
    ),
    (
        TESTS,
        "expect: allow",
        "expect: allow, warrant: {authorization_details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [/**], args: {amount: {range: @}}}]}",
        "[1]",
        "`range: [1, 9]`",
        "[1, 9]",
    ),
];

fn with_a_test() -> Files {
    let mut files = with_policy(
        "amount: {from: body:/amount, type: natural}",
        "forbid (principal, action, resource) when { context.args.amount > 100 };",
    );
    let tests = "apiVersion: portcullis.dev/v1alpha1\nkind: RouteTests\nmetadata: {name: pay}\ngiven: {request: {body: {amount: 1}}, caller: spiffe://shop/ns/shop/sa/payer}\ncases:\n  - {name: a, expect: allow}\n";
    files.insert(TESTS.to_owned(), tests.as_bytes().to_vec());
    files
}

#[test]
fn what_a_cure_says_to_write_builds() {
    for (base, rows) in [(files(), ROUTES), (files(), TOP), (with_a_test(), CASES)] {
        for (file, from, slot, wrong, says, right) in rows.iter().copied() {
            let with = |value: &str| {
                let mut files = base.clone();
                edit(&mut files, file, from, &slot.replace('@', value));
                files
            };
            let all = faults(&with(wrong));
            let [fault] = all.as_slice() else { panic!("{slot}, {wrong}: {}", told(&all)) };
            assert!(fault.instead.contains(says), "{slot}, {wrong}: {fault}");
            let after = faults(&with(right));
            assert!(after.is_empty(), "{fault}\nthen {slot}, {right}: {}", told(&after));
        }
    }
}

/// The cure must not be to leave `require: {}` out: its keys would still be missing.
#[test]
fn an_empty_require_is_told_what_is_missing() {
    let require = "{holder: mtls, use: once, maxLifetime: 60s}";
    for floors in ["{issued: false}", "{holder: both, maxLifetime: 30s}", "{holder: proof, use: limited}"] {
        let mut files = edited("teams.yaml", "    ground", &format!("    floors: {floors}\n    ground"));
        edit(&mut files, PAY_FILE, require, "{}");
        let all = faults(&files);
        assert_eq!(all.len(), 3, "{}", told(&all));
        let cure = |fault: &crate::Fault| {
            let cure =
                fault.instead.strip_prefix("write `").and_then(|rest| rest.split_once("` under `require`"));
            cure.unwrap_or_else(|| panic!("{fault}")).0.to_owned()
        };
        let written: Vec<_> = all.iter().map(cure).collect();
        edit(&mut files, PAY_FILE, "require: {}", &format!("require: {{{}}}", written.join(", ")));
        assert_sound(&files);
    }
    let mut with_defaults =
        edited("teams.yaml", "    ground", &format!("    defaults: {require}\n    ground"));
    edit(&mut with_defaults, PAY_FILE, require, "{}");
    assert_sound(&with_defaults);
}

#[test]
fn a_mesh_without_groups_can_be_written() {
    let mut files = edited(PAY_FILE, "group:payments-agents", "agent:payer");
    let text = "apiVersion: portcullis.dev/v1alpha1\nkind: Identities\nspec: {}\n";
    files.insert("identities.yaml".to_owned(), text.as_bytes().to_vec());
    assert!(built(&files).view().schema("pay").is_some());
}
