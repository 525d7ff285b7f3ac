//! Tests of reading arguments from whole requests.

use warrant::Denial;

use super::fixture::{PAY_FILE, bundle, edit, edited, target};
use crate::Bundle;
use crate::arguments::{ArgumentError, ArgumentValue, Extracted, Sent, SentBody};

const JSON: &[(&str, &[u8])] = &[("content-type", b"application/json")];

fn with(spec: &str) -> Bundle {
    bundle(&edited(PAY_FILE, "  callers", &format!("{spec}  callers")))
}

fn ask(bundle: &Bundle, path: &str, sent: &Sent<'_>) -> Result<Extracted, ArgumentError> {
    let target = target("payments.shop", "POST", path);
    bundle.find(&target).route().unwrap().read(&target, sent)
}

fn sent<'a>(query: Option<&'a str>, headers: &'a [(&'a str, &'a [u8])], body: SentBody<'a>) -> Sent<'a> {
    Sent { query: query.map(str::as_bytes), headers, body }
}

fn text(value: &str) -> ArgumentValue {
    ArgumentValue::Text(value.to_owned())
}

#[test]
fn arguments_are_read_from_every_source_at_once() {
    let bundle = with(
        "  args: {account: {from: path:account, type: string}, num: {from: query:n, type: long}, team: {from: header:x-team, type: string}, amount: {from: body:/a/0, type: natural}}\n",
    );
    let headers = [JSON, &[("x-team", b"red")]].concat();
    let given = ask(
        &bundle,
        "/v1/payments/a%3Ab%20c",
        &sent(Some("n=-3"), &headers, SentBody::Whole(b"{\"a\":[7]}")),
    )
    .unwrap();
    let all: Vec<_> = given.args.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    assert_eq!(
        all,
        [
            ("account".to_owned(), text("a:b c")),
            ("amount".to_owned(), ArgumentValue::Long(7)),
            ("num".to_owned(), ArgumentValue::Long(-3)),
            ("team".to_owned(), text("red"))
        ]
    );
    assert_eq!(given.action, "POST");
    assert!(given.args.to_warrant_arguments().is_some());
}

#[test]
fn an_argument_that_cannot_be_read_is_invalid_and_named() {
    let bundle = with(
        "  args: {num: {from: query:n, type: long}, team: {from: header:x-team, type: string, optional: true}}\n",
    );
    let good = |query| ask(&bundle, "/v1/payments/a", &sent(query, &[], SentBody::Absent));
    assert_eq!(good(Some("n=1")).unwrap().args.get("team"), None);
    for (query, why) in [
        (None, "missing"),
        (Some("n=x"), "type long"),
        (Some("n"), "type long"),
        (Some("n=1&n=2"), "twice"),
        (Some("n=1&x=%"), "escape"),
    ] {
        let unread = good(query).unwrap_err();
        assert_eq!(unread.denial, Denial::ArgumentsInvalid, "{query:?}");
        assert!(unread.detail.contains(why) && !unread.detail.contains("=x"), "{query:?}: {}", unread.detail);
    }
    let header = |values: &[(&str, &[u8])]| {
        ask(&bundle, "/v1/payments/a", &sent(Some("n=1"), values, SentBody::Absent)).is_ok()
    };
    assert!(header(&[("x-team", b"red")]));
    assert!(
        !header(&[("x-team", b"red,blue")])
            && !header(&[("x-team", b"red"), ("x-team", b"blue")])
            && !header(&[("x-team", b"\xff")])
    );
}

#[test]
fn an_undeclared_parameter_is_outside_the_warrant() {
    let plain = bundle(&super::fixture::files());
    let query = |bundle: &Bundle, query: &str| {
        ask(bundle, "/v1/payments/a", &sent(Some(query), &[], SentBody::Absent))
            .map_err(|unread| unread.denial)
            .map(|_| ())
    };
    assert_eq!(query(&plain, ""), Ok(()));
    assert_eq!(query(&plain, "x=1"), Err(Denial::OutsideWarrant));
    assert_eq!(query(&plain, "%"), Err(Denial::OutsideWarrant));
    let any = with("  query: any\n");
    assert_eq!(query(&any, "x=1&%=%ff+;"), Ok(()), "on a route without a query argument nothing is decoded");
    let declared = with("  args: {num: {from: query:n, type: long, optional: true}}\n");
    assert_eq!(query(&declared, "n=1&x=1"), Err(Denial::OutsideWarrant));
    assert_eq!(query(&declared, "n=x&x=1"), Err(Denial::ArgumentsInvalid), "what cannot be read comes first");
    let both = with("  query: any\n  args: {num: {from: query:n, type: long, optional: true}}\n");
    assert_eq!(query(&both, "n=1&x=1"), Ok(()));
    assert_eq!(query(&both, "x=1;n=2"), Err(Denial::ArgumentsInvalid));
}

#[test]
fn a_body_must_be_whole_plain_json() {
    let bundle = with(
        "  args: {amount: {from: body:/amount, type: natural}, tags: {from: body:/tags, type: strings, optional: true}}\n",
    );
    let body = |headers: &[(&str, &[u8])], body: SentBody<'_>| {
        ask(&bundle, "/v1/payments/a", &sent(None, headers, body))
    };
    assert!(body(JSON, SentBody::Whole(b"{\"amount\":1,\"tags\":[\"a\",\"\"]}")).is_ok());
    for text in [
        "{}",
        "{\"amount\":-1}",
        "{\"amount\":1.0}",
        "{\"amount\":\"1\"}",
        "{\"amount\":1,\"Amount\":2}",
        "{\"amount\":1,\"tags\":[1]}",
        "{\"amount\":1,\"tags\":\"a\"}",
        "{\"amount\":null}",
        "{\"amount\":1}{}",
        "[]",
    ] {
        assert_eq!(
            body(JSON, SentBody::Whole(text.as_bytes())).unwrap_err().denial,
            Denial::ArgumentsInvalid,
            "{text}"
        );
    }
    let many = format!("{{\"amount\":1,\"tags\":[{}]}}", vec!["\"a\""; 65].join(","));
    assert!(body(JSON, SentBody::Whole(many.as_bytes())).is_err());
    assert!(body(&[], SentBody::Whole(b"{\"amount\":1}")).is_err());
    assert!(body(&[JSON[0], ("content-encoding", b"gzip")], SentBody::Whole(b"{\"amount\":1}")).is_err());
    assert!(body(JSON, SentBody::Partial).is_err());
    assert!(body(JSON, SentBody::Text).unwrap_err().cure.unwrap().contains("pack_as_bytes"));
    assert!(body(JSON, SentBody::Absent).unwrap_err().cure.unwrap().contains("with_request_body"));
}

#[test]
fn an_action_is_one_that_the_route_declares() {
    let bundle = with("  action: {from: path:account, one_of: [search, read]}\n");
    let action = |path: &str| {
        ask(&bundle, path, &sent(None, &[], SentBody::Absent))
            .map(|given| given.action)
            .map_err(|unread| unread.denial)
    };
    assert_eq!(action("/v1/payments/search").as_deref(), Ok("search"));
    assert_eq!(action("/v1/payments/write"), Err(Denial::ArgumentsInvalid));
    let by_body = with("  action: {from: body:/method, one_of: [search, read]}\n");
    let action = |body: &[u8]| {
        ask(&by_body, "/v1/payments/a", &sent(None, JSON, SentBody::Whole(body)))
            .map(|given| given.action)
            .map_err(|unread| unread.denial)
    };
    assert_eq!(action(b"{\"method\":\"read\"}").as_deref(), Ok("read"));
    assert_eq!(action(b"{\"method\":1}"), Err(Denial::ArgumentsInvalid));
    assert_eq!(action(b"{}"), Err(Denial::ArgumentsInvalid));
}

#[test]
fn the_most_specific_pattern_names_the_segments() {
    let mut files = edited(
        PAY_FILE,
        "[\"/v1/payments/{account}\"]",
        "[\"/v1/payments/{account}\", \"/v1/payments/by/{account}\", \"/v1/payments/{x}/{account}\"]",
    );
    edit(
        &mut files,
        PAY_FILE,
        "  callers",
        "  args: {account: {from: path:account, type: string}}\n  callers",
    );
    let bundle = bundle(&files);
    for (path, account) in [("/v1/payments/a", "a"), ("/v1/payments/by/b", "b"), ("/v1/payments/c/d", "d")] {
        let given = ask(&bundle, path, &sent(None, &[], SentBody::Absent)).unwrap();
        assert_eq!(given.args.get("account"), Some(&text(account)), "{path}");
    }
}
