//! Bundles written to a directory and read from it.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
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
    directory::publish_note(
        &Note::sign(bundle.base(), Seconds::new(NOW), 60, &note_key()).unwrap(),
        out.path(),
    )
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

/// Each makes something at a path that is not a document, and says how a reader names it.
type OddFile = (fn(&Path), &'static str);

const ODD_FILES: [OddFile; 6] = [
    (
        |path| symlink("/dev/zero", path).unwrap(),
        "it is a symbolic link, and only regular files are read here",
    ),
    (
        |path| symlink(path.with_file_name("pay.yaml"), path).unwrap(),
        "it is a symbolic link, and only regular files are read here",
    ),
    (
        |path| symlink(path.parent().unwrap(), path).unwrap(),
        "it is a symbolic link, and only regular files are read here",
    ),
    (fifo, "it is a FIFO, and only regular files are read here"),
    (|path| drop(UnixListener::bind(path).unwrap()), "it is a socket, and only regular files are read here"),
    (sparse, "it is too long: the maximum is 524288 bytes"),
];

fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// A file of a terabyte, most of it a hole.
fn sparse(path: &Path) {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).unwrap();
    file.set_len(1 << 40).unwrap();
}

#[test]
fn only_regular_files_of_a_reasonable_size_are_read() {
    for (make, expected) in ODD_FILES {
        let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        lay_out(&files(), source.path());
        make(&source.path().join("routes/payments/odd.yaml"));
        let faults = told(&build(source.path()).unwrap_err());
        assert!(
            faults.starts_with(&format!("routes/payments/odd.yaml: cannot be read: {expected}; ")),
            "{faults}"
        );

        publish(&files(), 1, out.path());
        let odd = out.path().join("1/routes/payments/odd.json");
        make(&odd);
        let refused = directory::parcel(out.path()).unwrap_err().to_string();
        assert_eq!(refused, format!("1/routes/payments/odd.json cannot be read: {expected}"));
        std::fs::remove_file(odd).unwrap();
        for name in ["manifest.json", "latest.json", "trust/1.json"] {
            let path = out.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let _ = std::fs::remove_file(&path);
            make(&path);
        }
        let expected = expected.replace("524288", "16777216");
        for read in [directory::manifest(out.path()).map(drop), directory::trust(out.path()).map(drop)] {
            let refused = read.unwrap_err().to_string();
            assert!(refused.contains(&format!("json cannot be read: {expected}")), "{refused}");
        }
        assert!(
            directory::note(out.path())
                .unwrap_err()
                .to_string()
                .starts_with("latest.json cannot be read: it ")
        );
    }
}

#[test]
fn a_link_to_a_version_is_refused_and_a_link_to_the_whole_bundle_is_followed() {
    let (out, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    publish(&files(), 1, out.path());
    let link = elsewhere.path().join("..data");
    symlink(out.path(), &link).unwrap();
    assert!(directory::parcel(&link).is_ok(), "this is how Kubernetes mounts a ConfigMap");
    publish(&files(), 2, out.path());
    std::fs::remove_dir_all(out.path().join("2")).unwrap();
    symlink("1", out.path().join("2")).unwrap();
    let refused = directory::parcel(&link).unwrap_err().to_string();
    assert_eq!(refused, "2 cannot be read: it is a symbolic link, and only directories are read here");
}

#[test]
fn a_directory_without_end_is_given_up() {
    let source = tempfile::tempdir().unwrap();
    lay_out(&files(), source.path());
    let mut deep = source.path().join("routes");
    (0..20).for_each(|_| deep.push("d"));
    std::fs::create_dir_all(&deep).unwrap();
    let faults = told(&build(source.path()).unwrap_err());
    assert!(faults.contains("more than 16 directories are in each other"), "{faults}");
    std::fs::remove_dir_all(source.path().join("routes/d")).unwrap();

    let large = vec![b' '; 512 * 1024];
    for n in 0..260 {
        ledger::durable::replace(&source.path().join(format!("routes/{n}.yaml")), &large).unwrap();
    }
    let faults = told(&build(source.path()).unwrap_err());
    assert!(faults.contains("the files up to this one have more than 134217728 bytes"), "{faults}");
}

#[test]
fn a_missing_file_is_named() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(build(empty.path()).unwrap_err().len(), 7);
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
