//! Tests of who the mesh trusts besides issuers of warrants, and of the terms of its proxies.

use super::fixture::{TestKey, assert_fault, assert_sound, bundle, edited};
use crate::{Anchor, CallerKeys, Files, ProxyTerms};

fn with_callers(callers: &str) -> Files {
    edited("mesh.yaml", "  notes:", &format!("  callers:\n    - {callers}\n  notes:"))
}

const RSA: &str = "{kty: RSA, kid: r1, alg: RS256, use: sig, \"n\": \"0vx7agoebGcQ\", e: AQAB}";

#[test]
fn callers_have_their_keys_in_the_bundle_or_at_an_https_url() {
    let callers = format!(
        "{{iss: \"https://idp.shop\", audience: portcullis, jwks: {{keys: [{RSA}]}}, groups: roles}}\n    - {{iss: \"https://ci.shop\", audience: portcullis, jwksUri: \"https://ci.shop/jwks.json\"}}"
    );
    let bundle = bundle(&with_callers(&callers));
    let [idp, ci] = bundle.callers() else { panic!("{:?}", bundle.callers()) };
    assert_eq!((idp.iss.as_str(), idp.audience.as_str()), ("https://idp.shop", "portcullis"));
    assert_eq!(idp.groups.as_deref(), Some("roles"));
    let set =
        r#"{"keys":[{"alg":"RS256","e":"AQAB","kid":"r1","kty":"RSA","n":"0vx7agoebGcQ","use":"sig"}]}"#;
    assert_eq!(idp.keys, CallerKeys::Jwks(set.to_owned()));
    assert_eq!(ci.keys, CallerKeys::JwksUri("https://ci.shop/jwks.json".to_owned()));
    assert_eq!(ci.groups, None);
}

#[test]
fn callers_that_could_be_mistaken_for_others_are_faults() {
    let by_url = |iss: &str, url: &str| format!("{{iss: \"{iss}\", audience: a, jwksUri: \"{url}\"}}");
    let good = by_url("https://idp.shop", "https://idp.shop/jwks");
    assert_sound(&with_callers(&good));
    assert_sound(&with_callers(&format!("{good}\n    - {}", good.replace("audience: a", "audience: b"))));
    let keys = |keys: &str| format!("{{iss: \"https://idp.shop\", audience: a, jwks: {{keys: [{keys}]}}}}");
    for (callers, what) in [
        (format!("{good}\n    - {good}"), "a second entry for the issuer `https://idp.shop`"),
        (by_url("https://idp.shop|x", "https://idp.shop/jwks"), "is not a valid issuer of tokens"),
        (by_url("https://idp.shop", "http://idp.shop/jwks"), "is not a URL that begins with `https://`"),
        (by_url("https://idp.shop", "https:///jwks"), "is not a URL that begins with `https://`"),
        (by_url("https://idp.shop", "https://u@idp.shop/jwks"), "is not a URL that begins with `https://`"),
        ("{iss: \"https://idp.shop\", audience: a}".to_owned(), "neither `jwks` nor `jwksUri`"),
        (
            good.replace("audience: a", &format!("audience: a, jwks: {{keys: [{RSA}]}}")),
            "both `jwks` and `jwksUri`",
        ),
        (keys(&format!("{RSA}, {RSA}")), "a second key is called `r1`"),
        (keys(&RSA.replace("kty: RSA", "kty: oct")), "`oct` is not a value of this key"),
        (keys(&RSA.replace("use: sig", "d: AQAB")), "unknown key `d`"),
        (keys(&RSA.replace("kid: r1, ", "")), "`kid` is missing"),
        (keys(&RSA.replace(", e: AQAB", "")), "`e` is missing"),
    ] {
        assert_fault(&with_callers(&callers), "mesh.yaml:", what);
    }
}

fn with_attestor(about: &str, more: &str) -> Files {
    let key = TestKey::new(3).jwk().replacen('{', "{\"kid\": \"t1\", ", 1);
    let attestor = format!("{{iss: \"https://attest.shop\", keys: [{key}], about: [{about}]{more}}}");
    edited("mesh.yaml", "  notes:", &format!("  attestors: [{attestor}]\n  notes:"))
}

#[test]
fn an_attestor_says_whether_it_speaks_of_keys_and_which_conditions_it_may_state() {
    let about = "\"spiffe://shop/**\", \"condition:window@mesh\", \"condition:incident level@region=eu-1\"";
    let bundle = bundle(&with_attestor(about, ", keyless: true"));
    let [attestor] = bundle.attestors() else { panic!("{:?}", bundle.attestors()) };
    assert!(attestor.keyless);
    for subject in
        ["spiffe://shop/ns/a/sa/b", "condition:window@mesh", "condition:incident level@region=eu-1"]
    {
        assert!(attestor.is_about(subject), "{subject}");
    }
    for subject in ["spiffe://other/a", "condition:window@region=eu-1", "condition:incident level@mesh"] {
        assert!(!attestor.is_about(subject), "{subject}");
    }
    assert!(!self::bundle(&with_attestor("\"spiffe://shop/**\"", "")).attestors()[0].keyless);
}

#[test]
fn each_attestor_has_one_entry_and_its_anchors_are_certificates_in_base64() {
    let about = "\"spiffe://shop/**\"";
    let files = with_attestor(about, ", anchors: [AAEC]");
    assert_eq!(bundle(&files).attestors()[0].anchors, [Anchor::new(vec![0, 1, 2])]);
    assert_fault(&with_attestor(about, ", anchors: [\"A A\"]"), "mesh.yaml:", "not base64");
    let attestors = |number: usize, name: fn(usize) -> String| {
        let one = |n| format!("{{iss: \"{}\", anchors: [AAEC], about: [{about}]}}", name(n));
        let all: Vec<_> = (0..number).map(one).collect();
        edited("mesh.yaml", "  notes:", &format!("  attestors: [{}]\n  notes:", all.join(", ")))
    };
    assert_eq!(bundle(&attestors(64, |n| n.to_string())).attestors().len(), 64);
    assert_fault(&attestors(65, |n| n.to_string()), "mesh.yaml:", "there are 65 attestors");
    assert_fault(&attestors(2, |_| "a".to_owned()), "mesh.yaml:", "the attestor `a` occurs twice");
}

#[test]
fn conditions_are_named_one_by_one() {
    for about in [
        "condition:*",
        "condition:window",
        "condition:@mesh",
        "condition:window@meshes",
        "condition:window@region=",
        "condition:window@=eu-1",
        "condition:window@region:*",
        "condition:window@region=eu/**",
    ] {
        assert_fault(&with_attestor(&format!("\"{about}\""), ""), "mesh.yaml:", "is not one condition");
    }
}

#[test]
fn a_proxy_narrows_the_environment_and_may_vouch_for_strict_mutual_tls() {
    let bundle = bundle(&edited(
        "proxies.yaml",
        "{id: local,",
        "{id: local, strictMtls: true, environment: {region: [eu-1, eu-2]},",
    ));
    let ids: Vec<_> = bundle.proxies().collect();
    assert_eq!(ids, ["local", "spiffe://shop/ns/shop/sa/payments"]);
    let region = vec![("region".to_owned(), vec!["eu-1".to_owned(), "eu-2".to_owned()])];
    assert_eq!(bundle.proxy("local"), Some(&ProxyTerms { strict_mtls: true, environment: region }));
    assert_eq!(bundle.proxy("spiffe://shop/ns/shop/sa/payments"), Some(&ProxyTerms::default()));
    assert_eq!(bundle.proxy("spiffe://shop/ns/other"), None);
    let server = |value: &str| [("region".to_owned(), value.to_owned())].into();
    assert_eq!(bundle.environment_for("local", &server("eu-1")), server("eu-1"));
    assert!(bundle.environment_for("local", &server("us-1")).is_empty());
    assert!(bundle.environment_for("spiffe://shop/ns/other", &server("eu-1")).is_empty());
    for (terms, what) in [
        ("strictMtls: yes", "`strictMtls`"),
        ("environment: {}", "an empty map"),
        ("environment: {region: []}", "an empty list"),
        ("environment: {region: eu-1}", "expected a list"),
    ] {
        let files = edited("proxies.yaml", "{id: local,", &format!("{{id: local, {terms},"));
        let faults = super::fixture::told(&super::fixture::faults(&files));
        assert!(faults.starts_with("proxies.yaml:5:"), "{what}: {faults}");
    }
}

#[test]
fn a_route_says_whether_an_allowed_request_carries_a_receipt() {
    let wants = |files: &Files| bundle(files).route_named("pay").unwrap().wants_receipt();
    assert!(!wants(&super::fixture::files()));
    let pay = super::fixture::PAY_FILE;
    assert!(wants(&edited(pay, "  callers", "  evidence: {receipt: true}\n  callers")));
    assert!(!wants(&edited(pay, "  callers", "  evidence: {receipt: false}\n  callers")));
}
