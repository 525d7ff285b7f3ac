//! Bundles written to a directory and read from it.

use std::path::Path;

use warrant::{AwsLcVerifier, Seconds};

use policy::{BundleRefusal, Files, Note, Signing};

use super::{build, load};
use crate::bundles::directory;
use crate::policy_fixture::{self, NOW, edited, expected, files, note_key, told, trust};

fn publish(files: &Files, version: u64, out: &Path) {
    try_publish(files, version, out).unwrap();
}

fn try_publish(files: &Files, version: u64, out: &Path) -> std::io::Result<()> {
    let source = tempfile::tempdir().unwrap();
    lay_out(files, source.path());
    let (trust, key) = (trust(1, &[10]), policy_fixture::TestKey::new(10));
    let terms = Signing {
        version,
        not_before: NOW,
        expires: NOW + 1000,
        trust: &trust,
        next: &trust,
        chain: &[],
        signers: &[&key],
    };
    directory::publish(&build(source.path()).unwrap().sign(&terms).unwrap(), out)
}

#[test]
fn a_directory_is_built_signed_and_loaded_again() {
    let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    lay_out(&files(), source.path());
    for name in ["README.md", "CODEOWNERS", ".git", "routes/.keep"] {
        ledger::durable::replace(&source.path().join(name), b"x").unwrap();
    }
    assert_eq!(build(source.path()).unwrap().routes().len(), 2);
    publish(&files(), 1, out.path());
    let trust = trust(1, &[10]);
    let bundle = load(out.path(), &expected(&trust), &AwsLcVerifier).unwrap();
    directory::publish_note(&Note::sign(&bundle, Seconds::new(NOW), 60, &note_key()).unwrap(), out.path())
        .unwrap();
    let note = Note::open(&directory::note(out.path()).unwrap()).unwrap();
    assert_eq!(note.verify(&bundle, Seconds::new(NOW), &AwsLcVerifier).unwrap().0.get(), NOW + 60);
}

#[test]
fn a_new_version_takes_the_place_of_the_old() {
    let out = tempfile::tempdir().unwrap();
    let trust = trust(1, &[10]);
    publish(&files(), 1, out.path());
    publish(&edited("routes/payments/pay.yaml", "60s", "61s"), 2, out.path());
    let bundle = load(out.path(), &expected(&trust), &AwsLcVerifier).unwrap();
    assert_eq!((bundle.version(), bundle.route_named("pay").unwrap().require().max_lifetime), (2, 61));
    ledger::durable::replace(&out.path().join("2/routes/payments/more.json"), b"{}").unwrap();
    let added = load(out.path(), &expected(&trust), &AwsLcVerifier).unwrap_err();
    assert_eq!(added, BundleRefusal::FileAdded { file: "routes/payments/more.json".to_owned() });
}

#[test]
fn a_link_is_not_a_document() {
    let source = tempfile::tempdir().unwrap();
    lay_out(&files(), source.path());
    let path = source.path().join("routes/payments/linked.yaml");
    std::os::unix::fs::symlink(source.path().join("routes/payments/pay.yaml"), path).unwrap();
    let faults = build(source.path()).unwrap_err();
    assert_eq!(
        told(&faults),
        "routes/payments/linked.yaml: not a regular file; replace a link by the file itself: a link could lead anywhere"
    );
}

#[test]
fn a_missing_file_is_named() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(build(empty.path()).unwrap_err().len(), 5);
    assert!(build(&empty.path().join("nowhere")).unwrap_err()[0].what.contains("cannot be read"));
    let trust = trust(1, &[10]);
    assert!(
        matches!(load(empty.path(), &expected(&trust), &AwsLcVerifier), Err(BundleRefusal::Unreadable { file, .. }) if file == "manifest.json")
    );
}

#[test]
fn a_version_never_changes_its_content_and_old_versions_are_removed() {
    let out = tempfile::tempdir().unwrap();
    let other = || edited("routes/payments/pay.yaml", "60s", "61s");
    publish(&files(), 1, out.path());
    publish(&files(), 1, out.path());
    let refused = try_publish(&other(), 1, out.path()).unwrap_err();
    assert!(refused.to_string().contains("sign a higher version"), "{refused}");
    for version in [2, 3, 7] {
        publish(&other(), version, out.path());
    }
    assert_eq!(directory::versions(out.path()).unwrap(), [3, 7]);
    let trust = trust(1, &[10]);
    assert_eq!(load(out.path(), &expected(&trust), &AwsLcVerifier).unwrap().version(), 7);
}

/// A server renews its note while an operator signs the next bundle: neither may fail, and a reader always finds one
/// complete note.
#[test]
fn several_writers_may_write_a_note_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let note = |writer: u8| vec![writer; 4096];
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let dir = dir.path();
                scope
                    .spawn(move || (0..50).for_each(|_| directory::publish_note(&note(writer), dir).unwrap()))
            })
            .collect();
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            if let Ok(read) = directory::note(dir.path()) {
                assert!((0..4).any(|writer| read == note(writer)));
            }
        }
    });
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// Writes files into a directory.
fn lay_out(files: &Files, dir: &Path) {
    for (name, bytes) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        ledger::durable::replace(&path, bytes).unwrap();
    }
}

/// A file system may list files in the order in which they were made.
#[test]
fn the_order_in_which_files_were_written_says_nothing() {
    let sound = policy_fixture::built(&files());
    for turn in 0..files().len() {
        let folder = tempfile::tempdir().unwrap();
        let mut all: Vec<_> = files().into_iter().collect();
        all.rotate_left(turn);
        if turn % 2 == 1 {
            all.reverse();
        }
        for file in all {
            lay_out(&[file].into(), folder.path());
        }
        assert_eq!(build(folder.path()).unwrap().packed(), sound.packed());
    }
}
