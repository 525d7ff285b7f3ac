//! Bundles: which are refused, each with its own message.

use std::collections::BTreeSet;

use warrant::{AwsLcVerifier, Seconds};

use super::fixture::{NOW, bundle, edited, expected, files, opened, parcel, simple_parcel, target, trust};
use crate::Files;
use crate::{Activated, Bundle, BundleRefusal, Expected, Parcel, TrustKeys, open};

fn floor(of: &Bundle) -> Activated {
    of.activated()
}

fn opened_by(parcel: &Parcel, trust: &TrustKeys, floor: Option<&Activated>) -> Result<Bundle, BundleRefusal> {
    open(parcel, &Expected { floor, ..expected(trust) }, &AwsLcVerifier)
}

#[test]
fn a_signed_bundle_has_the_content_of_its_files() {
    let bundle = bundle(&files());
    assert_eq!((bundle.version(), bundle.audience(), bundle.burner()), (1, "shop", "shop/log/7f3a"));
    assert_eq!(
        bundle.find(&target("payments.shop", "POST", "/v1/payments/a-7")).route().map(|route| route.name()),
        Some("pay")
    );
    assert_eq!(
        bundle.find(&target("payments.shop", "GET", "/v1/payments/a-7")).route().map(|route| route.name()),
        None
    );
    assert_eq!(
        bundle.find(&target("localhost", "GET", "/hello")).route().map(|route| route.name()),
        Some("hello")
    );
    assert_eq!(bundle.served_host("local", b"LocalHost:10000").unwrap().as_str(), "localhost");
    for (proxy, authority) in [
        ("local", &b"payments"[..]),
        ("local", b"localhost:1"),
        ("other", b"localhost"),
        ("local", b"local_host"),
        ("local", b""),
        ("local", b"localhost\xff"),
    ] {
        assert!(bundle.served_host(proxy, authority).is_err(), "{proxy} {authority:?}");
    }
}

#[test]
fn the_same_files_are_the_same_bundle() {
    let digest = |files: &Files| opened(&simple_parcel(files, 1)).unwrap().digest();
    let reordered = edited(
        "routes/payments/pay.yaml",
        "{holder: mtls, use: once, maxLifetime: 60s}",
        "{maxLifetime: \"60s\", use: once,\n    holder: mtls}  # the same",
    );
    assert_eq!(digest(&files()), digest(&reordered));
    let other = edited("routes/payments/pay.yaml", "60s", "61s");
    assert_ne!(digest(&files()), digest(&other));
}

#[test]
fn too_few_signatures() {
    let (one, two) = (trust(1, &[10, 11, 12]), trust(2, &[10, 11, 12]));
    let by = |seeds: &[u8]| parcel(&files(), 1, &one, &one, &[], seeds);
    assert!(opened_by(&parcel(&files(), 1, &two, &two, &[], &[10, 12]), &two, None).is_ok());
    // The manifest's own trust requires one signature, but only the configured trust counts.
    assert!(matches!(
        opened_by(&by(&[10]), &two, None),
        Err(BundleRefusal::TooFewSignatures { good: 1, wanted: 2, .. })
    ));
    assert!(
        matches!(opened_by(&by(&[10, 20]), &two, None), Err(BundleRefusal::TooFewSignatures { good: 1, wanted: 2, unknown }) if unknown.len() == 1)
    );
}

/// The envelope of a manifest, changed.
fn tampered(parcel: &Parcel, change: impl FnOnce(&mut serde_json::Value)) -> Parcel {
    let mut envelope: serde_json::Value = serde_json::from_slice(&parcel.manifest).unwrap();
    change(&mut envelope);
    Parcel { manifest: serde_json::to_vec(&envelope).unwrap(), ..parcel.clone() }
}

#[test]
fn a_key_counts_once_however_often_it_signs() {
    let parcel = parcel(&files(), 1, &trust(1, &[10]), &trust(1, &[10]), &[], &[10]);
    let doubled = tampered(&parcel, |envelope| {
        let signatures = envelope["signatures"].as_array_mut().unwrap();
        signatures.push(signatures[0].clone());
    });
    let refusal = opened_by(&doubled, &trust(2, &[10, 11]), None).unwrap_err();
    assert!(matches!(refusal, BundleRefusal::TooFewSignatures { good: 1, wanted: 2, .. }), "{refusal}");
}

#[test]
fn stripped_and_damaged_signatures() {
    let parcel = simple_parcel(&files(), 1);
    let stripped = tampered(&parcel, |envelope| envelope["signatures"] = serde_json::json!([]));
    assert!(matches!(opened(&stripped), Err(BundleRefusal::TooFewSignatures { good: 0, .. })));
    let damaged = tampered(&parcel, |envelope| {
        let signature = envelope["signatures"][0]["sig"].as_str().unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        envelope["signatures"][0]["sig"] =
            signature.chars().skip(1).fold(other.to_owned(), |sig, c| format!("{sig}{c}")).into();
    });
    assert!(matches!(opened(&damaged), Err(BundleRefusal::TooFewSignatures { good: 0, .. })));
    let other_kind = tampered(&parcel, |envelope| {
        envelope["payloadType"] = "application/vnd.portcullis.latest+json".into()
    });
    assert!(matches!(opened(&other_kind), Err(BundleRefusal::Malformed { .. })));
}

#[test]
fn versions_never_decrease() {
    let second = opened(&simple_parcel(&files(), 2)).unwrap();
    let floor = floor(&second);
    let trust = trust(1, &[10]);
    assert!(opened_by(&simple_parcel(&files(), 2), &trust, Some(&floor)).is_ok());
    assert!(opened_by(&simple_parcel(&files(), 3), &trust, Some(&floor)).is_ok());
    assert_eq!(
        opened_by(&simple_parcel(&files(), 1), &trust, Some(&floor)).unwrap_err(),
        BundleRefusal::RolledBack { version: 1, highest: 2 }
    );
    let other = simple_parcel(&edited("routes/payments/pay.yaml", "60s", "61s"), 2);
    assert!(matches!(
        opened_by(&other, &trust, Some(&floor)),
        Err(BundleRefusal::SameVersionOtherContent { version: 2, .. })
    ));
}

#[test]
fn a_bundle_is_refused_for_another_audience_or_outside_its_window() {
    let parcel = simple_parcel(&files(), 1);
    let trust = trust(1, &[10]);
    let at =
        |now: u64| open(&parcel, &Expected { now: Seconds::new(now), ..expected(&trust) }, &AwsLcVerifier);
    assert!(at(NOW - 10).is_ok() && at(NOW + 999).is_ok());
    assert_eq!(at(NOW - 11).unwrap_err(), BundleRefusal::NotYet { not_before: NOW - 10 });
    assert_eq!(at(NOW + 1000).unwrap_err(), BundleRefusal::Over { expires: NOW + 1000 });
    let elsewhere = open(&parcel, &Expected { audience: "bank", ..expected(&trust) }, &AwsLcVerifier);
    assert_eq!(
        elsewhere.unwrap_err(),
        BundleRefusal::OtherAudience { found: "shop".to_owned(), wanted: "bank".to_owned() }
    );
}

#[test]
fn files_must_be_those_that_were_signed() {
    let good = simple_parcel(&files(), 1);
    let file = "routes/payments/pay.json".to_owned();
    let mut added = good.clone();
    added.files.insert("routes/payments/extra.json".to_owned(), good.files[&file].clone());
    assert_eq!(
        opened(&added).unwrap_err(),
        BundleRefusal::FileAdded { file: "routes/payments/extra.json".to_owned() }
    );
    let mut changed = good.clone();
    changed.files.get_mut(&file).unwrap().push(b' ');
    assert_eq!(opened(&changed).unwrap_err(), BundleRefusal::FileChanged { file: file.clone() });
    let mut missing = good;
    missing.files.remove(&file);
    assert_eq!(opened(&missing).unwrap_err(), BundleRefusal::FileMissing { file });
}

#[test]
fn a_change_of_trust_must_be_signed_by_both() {
    let (old, new) = (trust(1, &[10]), trust(1, &[11]));
    let by_both = parcel(&files(), 2, &old, &new, &[], &[10, 11]);
    assert!(opened_by(&by_both, &old, None).is_ok());
    // The same change without the chain: the manifest alone, signed by one side or by both.
    let without_chain = |seeds: &[u8]| {
        let keep: BTreeSet<String> =
            seeds.iter().map(|seed| trust(1, &[*seed]).keys[0].thumbprint().to_string()).collect();
        let signed = tampered(&by_both, |envelope| {
            let signatures = envelope["signatures"].as_array_mut().unwrap();
            signatures.retain(|signed| keep.contains(signed["keyid"].as_str().unwrap()));
        });
        Parcel { trust: Vec::new(), ..signed }
    };
    assert!(opened_by(&without_chain(&[10, 11]), &old, None).is_ok());
    assert_eq!(
        opened_by(&without_chain(&[10]), &old, None).unwrap_err(),
        BundleRefusal::TrustNotAccepted { good: 0, wanted: 1 }
    );
    assert!(matches!(
        opened_by(&without_chain(&[11]), &old, None),
        Err(BundleRefusal::TooFewSignatures { good: 0, .. })
    ));
}

/// Trusts 10 -> 11 -> 12, and a bundle signed by 12.
fn chain_of_three() -> (TrustKeys, TrustKeys, TrustKeys, Parcel) {
    let (first, second, third) = (trust(1, &[10]), trust(1, &[11]), trust(1, &[12]));
    let to_second = parcel(&files(), 2, &first, &second, &[], &[10, 11]);
    let to_third = parcel(&files(), 3, &second, &third, &to_second.trust, &[11, 12]);
    let last = parcel(&files(), 4, &third, &third, &to_third.trust, &[12]);
    assert_eq!(last.trust.len(), 2);
    (first, second, third, last)
}

#[test]
fn a_new_server_follows_a_chain_of_three_from_any_of_its_trusts() {
    let (first, second, third, last) = chain_of_three();
    for trust in [&first, &second, &third] {
        assert_eq!(opened_by(&last, trust, None).unwrap().version(), 4);
    }
}

#[test]
fn a_chain_with_a_gap_is_refused() {
    let (first, _, _, last) = chain_of_three();
    let without = |step: usize| {
        let mut parcel = last.clone();
        parcel.trust.remove(step);
        parcel
    };
    assert!(matches!(opened_by(&without(0), &first, None), Err(BundleRefusal::TooFewSignatures { .. })));
    assert!(matches!(opened_by(&without(1), &first, None), Err(BundleRefusal::TooFewSignatures { .. })));
    let mut swapped = last.clone();
    swapped.trust.swap(0, 1);
    assert!(opened_by(&swapped, &first, None).is_err());
}

#[test]
fn a_trust_that_was_replaced_can_sign_nothing_more() {
    let (first, _, _, last) = chain_of_three();
    let active = opened_by(&last, &first, None).unwrap();
    let floor = floor(&active);
    assert!(opened_by(&last, &first, Some(&floor)).is_ok());
    let by_the_old = parcel(&files(), 9, &first, &first, &[], &[10]);
    assert!(opened_by(&by_the_old, &first, None).is_ok());
    assert_eq!(opened_by(&by_the_old, &first, Some(&floor)).unwrap_err(), BundleRefusal::TrustRolledBack);
}

#[test]
fn every_refusal_has_its_own_message() {
    let one = "a".to_owned();
    let all = [
        BundleRefusal::TooFewSignatures { good: 0, wanted: 1, unknown: vec![] },
        BundleRefusal::TrustNotAccepted { good: 0, wanted: 1 },
        BundleRefusal::TrustRolledBack,
        BundleRefusal::OtherAudience { found: one.clone(), wanted: one.clone() },
        BundleRefusal::OtherEngine { found: one.clone(), wanted: "4" },
        BundleRefusal::NotYet { not_before: 1 },
        BundleRefusal::Over { expires: 1 },
        BundleRefusal::RolledBack { version: 1, highest: 2 },
        BundleRefusal::FileAdded { file: one.clone() },
        BundleRefusal::FileMissing { file: one.clone() },
        BundleRefusal::FileChanged { file: one },
        BundleRefusal::NoteNotSigned,
        BundleRefusal::NoteOver { exp: 1 },
        BundleRefusal::NoteNotYet { iat: 1 },
        BundleRefusal::NoteTooLong { lifetime: 2, most: 1 },
    ];
    let messages: BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), all.len());
}

/// A good bundle with a changed manifest, signed again by the trusted key.
fn with_manifest(from: &str, to: &str) -> Parcel {
    let parcel = simple_parcel(&files(), 1);
    let change = |payload: String| {
        assert!(payload.contains(from), "{payload}");
        payload.replacen(from, to, 1)
    };
    let manifest = crate::bundles::resigned(&parcel.manifest, change, &[&super::fixture::TestKey::new(10)]);
    Parcel { manifest, ..parcel }
}

#[test]
fn another_engine_is_refused_with_its_version() {
    let language = cedar_policy::get_lang_version();
    assert_eq!(crate::bundles::ENGINE, format!("{}.{}", language.major, language.minor));
    let refusal = opened(&with_manifest("\"engine\":\"4.6\"", "\"engine\":\"4.5\"")).unwrap_err();
    assert_eq!(refusal, BundleRefusal::OtherEngine { found: "4.5".to_owned(), wanted: "4.6" });
}

#[test]
fn a_manifest_with_another_audience_than_its_mesh_is_refused() {
    let parcel = with_manifest("\"audience\":\"shop\"", "\"audience\":\"bank\"");
    let trust = trust(1, &[10]);
    let refusal =
        open(&parcel, &Expected { audience: "bank", ..expected(&trust) }, &AwsLcVerifier).unwrap_err();
    assert_eq!(refusal, BundleRefusal::OtherAudience { found: "shop".to_owned(), wanted: "bank".to_owned() });
}

#[test]
fn a_manifest_with_any_other_form_is_refused() {
    for (from, to) in [
        ("\"version\":1", "\"version\":-1"),
        ("\"version\":1", "\"version\":1,\"more\":1"),
        ("\"version\":1", "\"version\":1,\"version\":1"),
        ("\"version\":1", "\"version\":\"1\""),
        ("mesh.cedar", "../mesh.cedar"),
        ("mesh.cedar", "/mesh.cedar"),
        ("mesh.cedar", "routes//mesh.cedar"),
        ("\"threshold\":1", "\"threshold\":0"),
        ("\"threshold\":1", "\"threshold\":2"),
        ("sha256:", "sha512:"),
    ] {
        assert!(matches!(opened(&with_manifest(from, to)), Err(BundleRefusal::Malformed { .. })), "{to}");
    }
}
