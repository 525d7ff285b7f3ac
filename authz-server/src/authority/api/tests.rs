//! The bodies of calls, and the entries that they ask for.

use ledger::entry::{FactScope, Posture, Revocation, RevocationTarget};
use serde_json::{Value, json};
use warrant::Algorithm;
use warrant::mint::Signer as _;

use super::*;
use crate::authority::callers::CallerId;
use crate::authority::statements::tests::attestor;
use crate::authority::statements::{self, StatementTerms, WorkloadClaims};
use crate::keys::PrivateKey;

const NOW: u64 = 1_800_000_000;
const KEY: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86z";
const THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

fn context(by: &CallerId) -> CallContext<'_> {
    CallContext { by, bundle: Digest::of(b"bundle"), now: Seconds::new(NOW) }
}

fn body(json: &Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

#[test]
fn each_kind_of_revocation_asks_for_its_entry() {
    let by = CallerId::Person("https://login.shop|alice".to_owned());
    let (issuer, mesh) = (Resource::Issuer("https://authority.shop".to_owned()), Resource::Mesh);
    let day = Some(NOW + 25 * 3600);
    for (what, value, is_by_issuer, target, resource, until) in [
        ("path", "r-1/c_2", true, RevocationTarget::Path, &issuer, day),
        ("txn", "t-1", true, RevocationTarget::Lineage, &issuer, day),
        ("key", THUMBPRINT, false, RevocationTarget::Key, &mesh, None),
        ("sub", "agent:robot", false, RevocationTarget::Subject, &mesh, None),
    ] {
        let mut asked = json!({"what": what, "value": value, "reason": "stolen"});
        if is_by_issuer {
            asked["iss"] = "https://authority.shop".into();
        }
        let call = RevocationCall::read(&body(&asked)).unwrap();
        assert_eq!((call.what(), call.value(), call.reason()), (target, value, "stolen"));
        assert_eq!(call.resource(), *resource);
        let iss = if is_by_issuer { "https://authority.shop" } else { "" };
        let expected = Revocation {
            bundle: Some(Digest::of(b"bundle")),
            by: "https://login.shop|alice".to_owned(),
            iss: iss.to_owned(),
            reason: "stolen".to_owned(),
            until,
            value: value.to_owned(),
            was: None,
            what: target,
        };
        assert_eq!(call.entry(&context(&by)), expected);
    }
}

#[test]
fn a_revocation_of_another_form_is_malformed() {
    let good = json!({"what": "txn", "value": "t-1", "iss": "https://a", "reason": "stolen"});
    assert!(RevocationCall::read(&body(&good)).is_ok());
    for (changes, why) in [
        (json!({"what": "bundle"}), "not the JSON"),
        (json!({"by": "root"}), "unknown field `by`"),
        (json!({"iss": ""}), "`iss` must name"),
        (json!({"what": "key", "value": THUMBPRINT}), "`iss` is not allowed"),
        (json!({"what": "key", "value": KEY}), "thumbprint"),
        (json!({"value": "a/b"}), "`txn`"),
        (json!({"what": "path", "value": "a//b"}), "joined with `/`"),
        (json!({"what": "sub", "value": ""}), "holder"),
        (json!({"reason": ""}), "`reason`"),
        (json!({"reason": "a\nb"}), "`reason`"),
        (json!({"reason": "x".repeat(257)}), "`reason`"),
        (json!({"iss": null}), "`null`"),
    ] {
        let mut asked = good.clone();
        asked.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let error = RevocationCall::read(&body(&asked)).unwrap_err();
        assert_eq!(error.code(), ApiErrorCode::Malformed);
        assert!(error.to_string().contains(why), "{error}");
    }
    let without =
        RevocationCall::read(&body(&json!({"what": "path", "value": "a", "reason": "x"}))).unwrap_err();
    assert!(without.to_string().contains("`iss` must name"), "{without}");
    let twice = RevocationCall::read(br#"{"what":"sub","value":"a","value":"b","reason":"x"}"#).unwrap_err();
    assert!(twice.to_string().contains("occurs twice"), "{twice}");
    let long = RevocationCall::read(&vec![b' '; MAX_BODY_BYTES + 1]).unwrap_err();
    assert_eq!(long.code(), ApiErrorCode::TooLarge);
}

#[test]
fn a_reinstatement_ends_the_revocation_of_a_key_or_a_holder_that_it_names() {
    let by = CallerId::local();
    let revocation = |what: RevocationTarget| Revocation {
        bundle: None,
        by: "local".to_owned(),
        iss: String::new(),
        reason: "stolen".to_owned(),
        until: None,
        value: "agent:robot".to_owned(),
        was: None,
        what,
    };
    let call = ReinstatementCall::read(&body(&json!({"revocation": 12, "reason": "found again"}))).unwrap();
    assert_eq!((call.revocation(), call.reason()), (12, "found again"));
    for what in [RevocationTarget::Key, RevocationTarget::Subject] {
        let entry = call.clone().entry(&revocation(what), &context(&by)).unwrap();
        assert_eq!((entry.revocation, entry.value.as_str(), entry.what), (12, "agent:robot", what));
        assert_eq!((entry.by.as_str(), entry.bundle), ("local", Some(Digest::of(b"bundle"))));
    }
    for what in [RevocationTarget::Path, RevocationTarget::Lineage] {
        let error = call.clone().entry(&revocation(what), &context(&by)).unwrap_err();
        assert_eq!(error.code(), ApiErrorCode::Malformed);
    }
    for bad in [json!({"reason": "x"}), json!({"revocation": -1, "reason": "x"}), json!({"revocation": 1})] {
        assert!(ReinstatementCall::read(&body(&bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_posture_is_of_the_mesh_a_route_an_environment_or_an_issuer() {
    let by = CallerId::Agent("spiffe://shop/ns/ops/sa/robot".to_owned());
    for (scope, subject, resource) in [
        ("mesh", None, Resource::Mesh),
        ("route", Some("demo/pay"), Resource::Route("demo/pay".to_owned())),
        ("environment", Some("region=eu"), Resource::Environment("region=eu".to_owned())),
        ("issuer", Some("https://a"), Resource::Issuer("https://a".to_owned())),
    ] {
        let mut asked = json!({"scope": scope, "stance": "halted", "reason": "incident", "replaces": 3});
        if let Some(subject) = subject {
            asked["subject"] = subject.into();
        }
        let call = PostureCall::read(&body(&asked)).unwrap();
        assert_eq!((call.resource(), call.stance(), call.reason()), (resource, Posture::Halted, "incident"));
        let entry = call.entry(&context(&by));
        assert_eq!((entry.subject.as_str(), entry.replaces), (subject.unwrap_or_default(), Some(3)));
        assert_eq!(
            (entry.by.as_str(), entry.bundle),
            ("spiffe://shop/ns/ops/sa/robot", Some(Digest::of(b"bundle")))
        );
    }
    for (bad, why) in [
        (json!({"scope": "mesh", "subject": "x", "stance": "halted", "reason": "x"}), "not allowed"),
        (json!({"scope": "route", "stance": "halted", "reason": "x"}), "`subject` is missing"),
        (
            json!({"scope": "environment", "subject": "mesh", "stance": "halted", "reason": "x"}),
            "dimension=value",
        ),
        (json!({"scope": "issuer", "subject": "", "stance": "halted", "reason": "x"}), "name of a route"),
        (json!({"scope": "mesh", "stance": "open", "reason": "x"}), "not the JSON"),
        (json!({"scope": "mesh", "stance": "normal", "reason": "x", "replaces": 1.5}), "not the JSON"),
    ] {
        let error = PostureCall::read(&body(&bad)).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn a_statement_asks_for_an_entry_that_names_its_signer() {
    let key = PrivateKey::generate(Algorithm::Es256, None).unwrap();
    let attestors = [attestor(&[("k1", *key.public_key())], &[])];
    let terms = StatementTerms { attestors: &attestors, audience: "shop", leeway: 5, now: Seconds::new(NOW) };
    let measurement = Digest::of(b"image");
    let workload: WorkloadClaims = serde_json::from_value(json!({
        "iss": "https://attest.shop", "sub": "spiffe://shop/ns/pay/sa/api", "iat": NOW, "exp": NOW + 60, "aud": "shop",
        "measurement": [measurement], "dbgstat": "disabled", "status": "positive", "cnf": {"jkt": THUMBPRINT},
    }))
    .unwrap();
    let posted = |statement: String| body(&json!({"statement": statement}));
    let token = statements::sign_workload(&workload, "k1", &key).unwrap();
    let entry = attestation(&posted(token.clone()), &terms, Digest::of(b"bundle")).unwrap();
    assert_eq!(entry.signer.key, key.public_key().thumbprint().to_string());
    assert_eq!((entry.signer.anchor, entry.signer.until), (None, None));
    assert_eq!((entry.debug, entry.positive, entry.key.as_deref()), (Some(false), true, Some(THUMBPRINT)));
    assert_eq!(
        (entry.measurement, entry.subject.as_str()),
        (vec![measurement], "spiffe://shop/ns/pay/sa/api")
    );
    assert_eq!((entry.iat, entry.exp, entry.bundle), (NOW, NOW + 60, Some(Digest::of(b"bundle"))));
    let error = condition(&posted(token), &terms, Digest::of(b"bundle")).unwrap_err();
    assert_eq!(error.code(), ApiErrorCode::Malformed);

    let window = serde_json::from_value(json!({
        "iss": "https://attest.shop", "iat": NOW, "exp": NOW + 60, "aud": "shop", "name": "incident", "value": "open",
        "scope": "region=eu",
    }))
    .unwrap();
    let token = statements::sign_condition(&window, "k1", &key).unwrap();
    let entry = condition(&posted(token), &terms, Digest::of(b"bundle")).unwrap();
    assert_eq!((entry.scope, entry.subject.as_str()), (FactScope::Environment, "region=eu"));
    assert_eq!((entry.name.as_str(), entry.value.as_str()), ("incident", "open"));
    assert!(condition(b"eyJ", &terms, Digest::of(b"bundle")).is_err());
}
