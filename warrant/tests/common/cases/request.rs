//! Vectors about requests: which raw paths are unambiguous.

use super::List;
use crate::common::chain;

pub(super) fn add(list: &mut List) {
    list.rule("a raw path is unambiguous");
    for path in [
        "",
        "v1/payments/a",
        "*",
        "//v1/payments/a",
        "/v1//payments/a",
        "/v1/payments/a//",
        "/v1/./payments/a",
        "/v1/payments/../payments/a",
        "/v1/payments/.",
        "/v1/payments/..",
        "/v1/payments/%2e%2e/a",
        "/v1/payments/%2E",
        "/v1/payments/a%2Fb",
        "/v1/payments/a%2fb",
        "/v1/payments/a%5Cb",
        "/v1/payments/a\\b",
        "/v1/payments/a;b",
        "/v1/payments/a%3Bb",
        "/v1/payments/a%25b",
        "/v1/payments/a%252Fb",
        "/v1/payments/a%3Fb",
        "/v1/payments/a%23b",
        "/v1/payments/a#b",
        "/v1/payments/a%00",
        "/v1/payments/a%0d%0a",
        "/v1/payments/a%7F",
        "/v1/payments/%61",
        "/v1/payments/a%7E",
        "/v1/payments/a b",
        "/v1/payments/é",
        "/v1/payments/a%",
        "/v1/payments/a%4",
        "/v1/payments/a%zz",
        "/v1/payments/%C0%AF",
        "/v1/payments/%E0%80%AF",
        "/v1/payments/%ED%A0%80",
        "/v1/payments/%F4%90%80%80",
        "/v1/payments/%C2%85",
        "/v1/payments/%FF",
        "/v1/payments/%C3",
        "/v1/payments/a\"b",
        "/v1/payments/{a}",
        "http://payments.shop/v1/payments/a",
    ] {
        list.add(&format!("path {path:?}"), chain(1), "request-ambiguous").path(path);
    }
    for path in [
        "/v1/payments/a:b@c",
        "/v1/payments/a%20b",
        "/v1/payments/%C3%A9",
        "/v1/payments/%F0%9F%98%80",
        "/v1/payments/",
        "/v1/payments/...",
        "/v1/payments/a*b",
        "/v1/payments/a?x=%2F;é//..",
        "/v1/payments/a%22b",
    ] {
        list.add(&format!("path {path:?}"), chain(1), "ok").path(path);
    }
    list.rule("ambiguity is asked for before any artifact");
    list.add("an ambiguous path without a warrant", String::new(), "request-ambiguous").path("/a//b");
}
