//! Tests of readers of untrusted bytes: they never panic, and a document means the same in YAML and in a bundle.

use proptest::prelude::*;

use super::fixture::{built, edited, files, simple_parcel, with_policy};
use crate::authoring::Built;
use crate::documents::files::{self, Files, Form};
use crate::fault::Faults;
use crate::{Note, Parcel};

/// Bytes that are almost a document: cut, repeated or changed somewhere.
fn mangled(of: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = of.len();
    (0..length, 0..length, any::<u8>(), 0_u8..4).prop_map(move |(at, other, byte, how)| {
        let (from, to) = (at.min(other), at.max(other));
        match how {
            0 => of[..at].to_vec(),
            1 => [&of[..from], &of[to..]].concat(),
            2 => [&of[..to], &of[from..]].concat(),
            _ => [&of[..at], &[byte], &of[at..][1..]].concat(),
        }
    })
}

fn example() -> Files {
    with_policy(
        "amount: {from: body:/amount, type: natural}",
        "@id(\"limit\") forbid (principal, action, resource) when { context.args.amount > 10 && context.host like \"a*\" };",
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn mangled_sources_are_built_or_give_faults(bytes in mangled(example()["routes/payments/pay.yaml"].clone())) {
        let mut files = example();
        files.insert("routes/payments/pay.yaml".to_owned(), bytes);
        if let Err(faults) = Built::from_files(&files) {
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.iter().all(|fault| !fault.what.is_empty() && !fault.instead.is_empty()));
        }
    }

    #[test]
    fn mangled_manifests_and_notes_are_refused(manifest in mangled(simple_parcel(&files(), 1).manifest)) {
        let good = simple_parcel(&files(), 1);
        if manifest != good.manifest {
            // A change outside the signed bytes (for example in a key's name) may leave enough good signatures. Then it is the
            // same bundle.
            if let Ok(bundle) = super::fixture::opened(&Parcel { manifest, ..good.clone() }) {
                let known = super::fixture::opened(&good).unwrap();
                prop_assert_eq!(bundle.digest(), known.digest());
            }
        }
    }

    #[test]
    fn any_text_is_a_mesh_policy_or_gives_faults(text in "\\PC{0,200}") {
        let mut files = files();
        files.insert("mesh.cedar".to_owned(), text.into_bytes());
        drop(Built::from_files(&files));
    }

    #[test]
    fn random_bytes_are_not_a_note(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Note::open(&bytes).is_err());
    }
}

#[test]
fn a_document_is_the_same_in_yaml_and_in_a_bundle() {
    let tests = "apiVersion: portcullis.dev/v1alpha1\nkind: RouteTests\nmetadata: {name: pay}\ncases: [{name: much, request: {body: {amount: 20, note: null, less: -1}}, expect: policy-denied}]\n";
    let mut written = example();
    written.insert("routes/payments/pay.test.yaml".to_owned(), tests.as_bytes().to_vec());
    let first = built(&written);
    let faults = Faults::new();
    let again = files::read(first.packed(), Form::Json, &faults);
    assert!(faults.is_empty());
    assert_eq!(&again.packed, first.packed());
}

#[test]
fn what_is_not_read_changes_nothing() {
    let plain = built(&files());
    for (from, to) in [
        ("{name: pay}", "{name: pay, labels: {a: b}, annotations: {c: d}, namespace: payments}"),
        ("metadata:", "# a comment\nmetadata:"),
        ("[POST]", "[\"POST\"]"),
        (
            "{holder: mtls, use: once, maxLifetime: 60s}",
            "\n    maxLifetime: 60s\n    use: once\n    holder: 'mtls'",
        ),
    ] {
        assert_eq!(built(&edited("routes/payments/pay.yaml", from, to)).packed(), plain.packed(), "{to}");
    }
}
