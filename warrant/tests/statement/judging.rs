//! What rules and halts say of a request.

use warrant::{
    Method, RawPath, Revocable, RevocationKind, Revocations as _, Seconds,
    statement::{Ended, Found, MarkSet},
};

use crate::{
    common::NOW,
    server::{Server, halts, host, mark, rules},
};

fn found(host_name: &str, method: &str, path: &str, now: u64) -> Found {
    let path = RawPath::parse(path.as_bytes()).unwrap().0;
    rules().found(&host(host_name), &Method::parse(method).unwrap(), &path, Seconds::new(now))
}

#[test]
fn the_first_match_decides_and_no_match_needs_a_warrant() {
    for (host_name, method, path, expected) in [
        ("payments.shop", "GET", "/health", Found::Ungoverned),
        ("payments.shop", "POST", "/health", Found::Governed),
        ("payments.shop", "get", "/health", Found::Governed),
        ("payments.shop", "GET", "/health/", Found::Governed),
        ("payments.shop", "GET", "/v1/old/a", Found::Observed),
        ("payments.shop", "POST", "/v1/old/kept", Found::Observed),
        ("payments.shop", "POST", "/v1/old/kept/a", Found::Governed),
        ("static.shop", "GET", "/health", Found::Ungoverned),
        ("pay", "GET", "/health", Found::Governed),
        ("other.shop", "GET", "/health", Found::Governed),
    ] {
        assert_eq!(found(host_name, method, path, NOW), expected, "{method} {host_name}{path}");
    }
}

#[test]
fn a_match_whose_time_has_passed_is_governed() {
    assert_eq!(found("payments.shop", "GET", "/v1/old/a", NOW + 59), Found::Observed);
    assert_eq!(found("payments.shop", "GET", "/v1/old/a", NOW + 60), Found::Governed);
    assert_eq!(found("static.shop", "GET", "/", NOW + 29), Found::Ungoverned);
    assert_eq!(found("static.shop", "GET", "/", NOW + 30), Found::Governed);
    assert_eq!(found("payments.shop", "GET", "/health", u64::MAX), Found::Ungoverned);
}

#[test]
fn every_name_of_a_host_leads_to_the_canonical_one_in_any_case() {
    let rules = rules();
    for (authority, canonical) in [
        ("payments.shop", Some("payments.shop")),
        ("PAYMENTS.shop", Some("payments.shop")),
        ("pay", Some("payments.shop")),
        ("Pay.Shop:8443", Some("payments.shop")),
        ("static.shop", Some("static.shop")),
        ("pay.shop", None),
        ("payments.shop.", None),
        ("payments.shop:443", None),
        ("", None),
        ("other.shop", None),
    ] {
        assert_eq!(rules.host(authority.as_bytes()).map(warrant::Host::as_str), canonical, "{authority}");
    }
    assert_eq!(rules.host(b"pay\xff"), None);
    assert_eq!(rules.host(&[b'a'; 100_000]), None);
}

#[test]
fn a_halt_is_of_a_request_or_of_an_issuer() {
    let halts = halts();
    for (host_name, method, path, halted) in [
        ("payments.shop", "POST", "/v1/refunds/large", true),
        ("payments.shop", "POST", "/v1/refunds/small/1", false),
        ("payments.shop", "GET", "/v1/refunds/small/1", true),
        ("payments.shop", "PUT", "/v1/refunds/large", false),
        ("payments.shop", "GET", "/v1/payments", false),
        ("static.shop", "GET", "/v1/refunds/large", false),
    ] {
        let path = RawPath::parse(path.as_bytes()).unwrap().0;
        let is_halted = halts.is_halted(&host(host_name), &Method::parse(method).unwrap(), &path);
        assert_eq!(is_halted, halted, "{method} {host_name} {path:?}");
    }
    assert!(halts.is_issuer_halted("https://stolen.shop"));
    assert!(!halts.is_issuer_halted("https://authority.shop"));
}

#[test]
fn a_revocation_is_found_by_its_mark() {
    let revoked = MarkSet::new([mark(1)]);
    assert!(revoked.is_revoked(&Revocable::new(RevocationKind::Sub, "", "spiffe://shop/1")));
    assert!(!revoked.is_revoked(&Revocable::new(RevocationKind::Sub, "", "spiffe://shop/2")));
    assert!(!revoked.is_revoked(&Revocable::new(RevocationKind::Txn, "", "spiffe://shop/1")));
}

#[test]
fn a_decision_to_end_has_its_denial() {
    let ended = Server::new().ended;
    assert_eq!(ended.denial(&[5; 16]), Some(warrant::Denial::Revoked));
    assert_eq!(ended.denial(&[6; 16]), None);
    assert!(Ended::default().is_empty());
}
