//! Notes: a bundle is in force only while a fresh one names it.

use warrant::{AwsLcVerifier, Seconds};

use super::fixture::{NOW, TestKey, bundle, edited, files, note_key, opened, simple_parcel};
use crate::bundles::resigned;
use crate::{Bundle, BundleRefusal, Note};

fn note(of: &Bundle, lifetime: u64) -> Note {
    Note::open(&Note::sign(of.base(), Seconds::new(NOW), lifetime, &note_key()).unwrap()).unwrap()
}

fn verified(note: &Note, bundle: &Bundle, now: u64) -> Result<u64, BundleRefusal> {
    note.verify(bundle, Seconds::new(now), &AwsLcVerifier).map(|until| until.0.get())
}

#[test]
fn a_note_is_valid_for_its_lifetime_within_the_bundles_window() {
    let bundle = bundle(&files());
    let short = note(&bundle, 60);
    assert_eq!(verified(&short, &bundle, NOW), Ok(NOW + 60));
    assert_eq!(verified(&short, &bundle, NOW + 59), Ok(NOW + 60));
    assert_eq!(verified(&short, &bundle, NOW + 60), Err(BundleRefusal::NoteOver { exp: NOW + 60 }));
    assert_eq!(verified(&short, &bundle, NOW - 5), Ok(NOW + 60));
    assert_eq!(verified(&short, &bundle, NOW - 6), Err(BundleRefusal::NoteNotYet { iat: NOW }));
    // A note cannot extend the manifest's window.
    assert_eq!(verified(&note(&bundle, 86_400), &bundle, NOW), Ok(NOW + 1000));
}

#[test]
fn a_note_names_one_bundle() {
    let first = bundle(&files());
    let second = opened(&simple_parcel(&files(), 2)).unwrap();
    assert!(matches!(
        verified(&note(&first, 60), &second, NOW),
        Err(BundleRefusal::NoteForOther { what: "version", .. })
    ));
    let other = bundle(&edited("routes/payments/pay.yaml", "60s", "61s"));
    assert!(matches!(
        verified(&note(&first, 60), &other, NOW),
        Err(BundleRefusal::NoteForOther { what: "the bundle", .. })
    ));
}

#[test]
fn a_note_is_signed_by_a_key_of_the_bundle_that_it_names() {
    let old = bundle(&files());
    let rotated = bundle(&edited("mesh.yaml", &note_key().jwk(), &TestKey::new(91).jwk()));
    assert!(Note::sign(rotated.base(), Seconds::new(NOW), 60, &note_key()).is_err());
    assert_eq!(verified(&note(&old, 60), &rotated, NOW), Err(BundleRefusal::NoteNotSigned));
}

#[test]
fn a_note_may_not_be_valid_for_too_long() {
    let bundle = bundle(&files());
    assert!(Note::sign(bundle.base(), Seconds::new(NOW), 86_401, &note_key()).is_err());
    assert!(Note::sign(bundle.base(), Seconds::new(NOW), 0, &note_key()).is_err());
    let shorter = super::fixture::bundle(&edited("mesh.yaml", "maxAge: 24h", "maxAge: 1h"));
    // Signed by hand with a longer lifetime than the bundle allows.
    let long = long_note(&shorter, 7200);
    assert_eq!(
        verified(&Note::open(&long).unwrap(), &shorter, NOW),
        Err(BundleRefusal::NoteTooLong { lifetime: 7200, most: 3600 })
    );
}

#[test]
fn a_malformed_note_is_refused() {
    assert!(matches!(Note::open(b"{}"), Err(BundleRefusal::Malformed { .. })));
    let bundle = bundle(&files());
    let manifest = simple_parcel(&files(), 1).manifest;
    assert!(
        matches!(Note::open(&manifest), Err(BundleRefusal::Malformed { .. })),
        "an envelope of another kind"
    );
    assert!(verified(&note(&bundle, 60), &bundle, NOW).is_ok());
}

/// A note that is valid for longer than its bundle allows: a note key can sign anything.
fn long_note(of: &Bundle, lifetime: u64) -> Vec<u8> {
    let good = Note::sign(of.base(), Seconds::new(NOW), 1, &note_key()).unwrap();
    resigned(
        &good,
        |payload| {
            payload.replace(
                &format!("\"exp\":{}", NOW + 1),
                &format!("\"exp\":{}", NOW.saturating_add(lifetime)),
            )
        },
        &[&note_key()],
    )
}
