//! How a request is explained: the route, the policies, the code, the reason, and the cure.

use warrant::Seconds;

use super::fixture::{NOW, PAY, built, edited, files};
use crate::Files;
use crate::authoring::{Explained, Question};

const PAYER: &str = "spiffe://shop/ns/shop/sa/payer";

fn with(spec: &str) -> Files {
    let mut files = files();
    let text = PAY.replace("  callers: [\"group:payments-agents\"]\n", spec);
    files.insert("routes/payments/pay.yaml".to_owned(), text.into_bytes());
    files
}

fn limited() -> Files {
    with(
        "  args:\n    account: {from: path:account, type: string}\n    amount: {from: body:/sum/amount, type: natural}\n    \
         note: {from: query:note, type: string, optional: true}\n    trace: {from: header:x-trace, type: string, optional: true}\n  \
         callers: [\"group:payments-agents\"]\n  policy: |\n    @id(\"limit\") @reason(\"too much\") @cure(\"ask for less\")\n    \
         forbid (principal, action, resource) when { context.args.amount > 100 };\n",
    )
}

fn pay() -> Question {
    Question {
        method: "POST".to_owned(),
        host: Some("payments.shop".to_owned()),
        path: "/v1/payments/a-7".to_owned(),
        caller: PAYER.to_owned(),
        ..Question::default()
    }
}

fn explain(files: &Files, question: &Question) -> Explained {
    built(files).view().explain(question, Seconds::new(NOW)).unwrap()
}

fn amount(value: &str) -> Question {
    Question { args: vec![("amount".to_owned(), value.to_owned())], ..pay() }
}

#[test]
fn an_argument_is_put_where_the_route_reads_it() {
    let allowed = explain(&limited(), &amount("100"));
    assert_eq!((allowed.result, allowed.status, allowed.cure.as_deref()), ("allow", None, None));
    assert_eq!(allowed.policies, ["pay/caller:group:payments-agents"]);

    let denied = explain(&limited(), &amount("101"));
    assert_eq!((denied.result, denied.status), ("policy-denied", Some(403)));
    assert_eq!((denied.why.as_str(), denied.cure.as_deref()), ("too much", Some("ask for less")));
    assert_eq!(denied.policies, ["pay/limit"]);
    assert!(!denied.passes());

    let invalid = explain(&limited(), &amount("many"));
    assert_eq!(invalid.result, "arguments-invalid");
    assert!(invalid.why.contains("`amount`"), "{}", invalid.why);

    let mut everywhere = amount("1");
    everywhere.body = Some(r#"{"sum":{"currency":"EUR"}}"#.to_owned());
    everywhere.args.push(("note".to_owned(), "a b&c".to_owned()));
    everywhere.args.push(("trace".to_owned(), "t1".to_owned()));
    assert_eq!(explain(&limited(), &everywhere).result, "allow");
}

#[test]
fn an_argument_that_cannot_be_put_anywhere_is_refused() {
    let refused = |name: &str, body: Option<&str>| {
        let question = Question {
            args: vec![(name.to_owned(), "1".to_owned())],
            body: body.map(str::to_owned),
            ..pay()
        };
        built(&limited()).view().explain(&question, Seconds::new(NOW)).unwrap_err()
    };
    assert!(refused("account", None).contains("segment {account} of the path"));
    assert!(refused("sum", None).contains("it has: account, amount, note, trace"));
    assert!(refused("amount", Some("[]")).contains("cannot be put into this body"));
    assert!(refused("amount", Some("{")).contains("not JSON"));
}

#[test]
fn a_stranger_is_denied_and_told_the_nearest_permit() {
    let denied = explain(&files(), &Question { caller: "spiffe://shop/ns/x/sa/y".to_owned(), ..pay() });
    assert_eq!(denied.result, "policy-denied");
    assert!(denied.why.contains("pay/caller:group:payments-agents"), "{}", denied.why);
    assert_eq!((denied.route.as_deref(), denied.team.as_deref()), (Some("pay"), Some("payments")));
}

#[test]
fn a_request_is_explained_under_the_trust_and_terms_of_the_mesh() {
    let untrusted = explain(&files(), &Question { caller: "robot:x".to_owned(), ..pay() });
    assert_eq!((untrusted.result, untrusted.status), ("issuer-untrusted", Some(401)));
    assert!(untrusted.why.contains("may vouch for `robot:x`"), "{}", untrusted.why);

    let long = edited("routes/payments/pay.yaml", "maxLifetime: 60s", "maxLifetime: 2h");
    let denied = explain(&long, &Question { lifetime: Some(3601), ..pay() });
    assert_eq!(denied.result, "lifetime-too-long");
    assert!(denied.why.contains("the mesh allows at most 1h"), "{}", denied.why);
    assert_eq!(explain(&long, &Question { lifetime: Some(3600), ..pay() }).result, "allow");
}

#[test]
fn if_no_route_matches_the_methods_that_match_are_named() {
    let denied = explain(&files(), &Question { method: "GET".to_owned(), ..pay() });
    assert_eq!((denied.result, denied.route), ("no-route-policy", None));
    assert!(denied.why.contains("governed for POST (pay)"), "{}", denied.why);
}

#[test]
fn hosts_are_known_by_their_aliases_and_never_guessed() {
    let at = |host: Option<&str>| Question { host: host.map(str::to_owned), ..pay() };
    assert_eq!(explain(&files(), &at(Some("Payments"))).result, "allow");
    assert_eq!(explain(&files(), &at(Some("elsewhere"))).result, "target-mismatch");
    let why = built(&files()).view().explain(&at(None), Seconds::new(NOW)).unwrap_err();
    assert!(why.contains("localhost, payments.shop"), "{why}");
    let ambiguous = Question { path: "/v1//a".to_owned(), ..pay() };
    assert_eq!(explain(&files(), &ambiguous).result, "request-ambiguous");
}

#[test]
fn what_is_ungoverned_or_observed_says_so() {
    let file = "routes/platform/hello.yaml";
    let from = "  require: {holder: proof, use: any, maxLifetime: 5m}\n  callers: [\"agent:demo\"]\n";
    let ungoverned = edited(file, from, "  ungoverned: {reason: probes, until: \"2027-01-01T00:00:00Z\"}\n");
    let hello = Question {
        method: "GET".to_owned(),
        host: Some("localhost".to_owned()),
        path: "/hello/you".to_owned(),
        caller: PAYER.to_owned(),
        ..Question::default()
    };
    let open = explain(&ungoverned, &hello);
    assert_eq!((open.result, open.route.as_deref()), ("ungoverned", Some("hello")));
    assert!(open.passes());
    let over = Seconds::new(1_798_761_600);
    let closed = built(&ungoverned).view().explain(&hello, over).unwrap();
    assert_eq!(closed.result, "no-route-policy");
    assert!(closed.why.contains("2027-01-01T00:00:00Z"), "{}", closed.why);

    let observed = edited(
        file,
        from,
        &format!("{from}  ungoverned: {{reason: new, until: \"2027-01-01T00:00:00Z\", observe: true}}\n"),
    );
    let seen = explain(&observed, &hello);
    assert_eq!(
        (seen.result, seen.observed_until, seen.passes()),
        ("policy-denied", Some(1_798_761_600), true)
    );
}
