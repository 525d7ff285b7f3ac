//! Signing: one command in the home directory that `init` made, several signers, and a directory that never
//! holds half a bundle.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::home::{Home, REFUND_FILE, TESTS_FILE, everything_in, members, with_refunds};

#[test]
fn one_command_signs_the_next_version_and_its_note() {
    let home = with_refunds();
    let output = home.policy(&["sign"]);
    assert_eq!(output.status, 0, "{}", output.err);
    assert!(output.out.starts_with("signed version 2 (sha256:"), "{}", output.out);
    let json = home.json(&["sign"], 0);
    assert_eq!(
        members(&json),
        ["digest", "directory", "expires", "failures", "faults", "in_force_until", "version", "warnings"]
    );
    assert_eq!(json["version"], 3);
    assert!(json["in_force_until"].as_u64().unwrap() < json["expires"].as_u64().unwrap());
    assert_eq!(home.json(&["show", "--signed"], 0)["routes"].as_array().unwrap().len(), home.routes());
    // The previous version stays for a server that is reading it; older versions are removed.
    assert!(home.path.join("bundle/2").exists() && !home.path.join("bundle/1").exists());
}

#[test]
fn a_failed_build_leaves_the_directory_as_it_was() {
    let home = with_refunds();
    let before = everything_in(&home.path.join("bundle"));
    home.edit(TESTS_FILE, "because: refund/limit", "because: refund/other");
    let failing = home.policy(&["sign"]);
    assert!(failing.status == 1 && failing.err.contains("`refund/other`"), "{}", failing.err);
    home.edit(REFUND_FILE, "type: natural", "type: naturl");
    let faulty = home.policy(&["sign"]);
    assert!(faulty.status == 2 && faulty.err.contains("`naturl`"), "{}", faulty.err);
    home.edit(REFUND_FILE, "type: naturl", "type: natural");
    home.edit(TESTS_FILE, "because: refund/other", "because: refund/limit");
    // Built for another mesh than the server's.
    home.edit("policy/mesh.yaml", "audience: demo", "audience: other");
    let other = home.policy(&["sign"]);
    assert_eq!(other.status, 2);
    assert!(other.err.contains("audience"), "{}", other.err);
    home.edit("policy/mesh.yaml", "audience: other", "audience: demo");
    let stranger = home.policy(&["sign", "--key", "keys/note.jwk"]);
    assert_eq!(stranger.status, 2);
    assert!(
        stranger.err.contains("neither the current nor the next trust contains the key"),
        "{}",
        stranger.err
    );
    assert_eq!(everything_in(&home.path.join("bundle")), before);
    assert_eq!(home.policy(&["sign"]).status, 0);
}

#[test]
fn a_new_version_is_higher_than_what_an_interrupted_signer_left() {
    let home = Home::new();
    home.write("bundle/2/mesh.json", "half a file");
    let json = home.json(&["sign"], 0);
    assert_eq!(json["version"], 3);
    let taken = home.policy(&["sign", "--version", "2"]);
    assert_eq!(taken.status, 2);
    assert!(taken.err.contains("version 2 already exists with other content"), "{}", taken.err);
}

#[test]
fn an_expired_bundle_is_followed_by_a_new_one() {
    let home = Home::new();
    assert_eq!(home.policy(&["sign", "--lifetime", "1s"]).status, 0);
    let over = |output: &crate::home::CommandOutput| {
        output.status == 2 && output.err.contains("the bundle expired at")
    };
    let end = Instant::now() + Duration::from_secs(60);
    while !over(&home.policy(&["show", "--signed"])) {
        assert!(Instant::now() < end, "it does not expire");
    }
    assert_eq!(home.json(&["sign"], 0)["version"], 3);
    let empty = home.policy(&["sign", "--lifetime", "0s"]);
    assert!(empty.status == 2 && empty.err.contains("'0s' for '--lifetime"), "{}", empty.err);
}

#[test]
fn a_note_is_valid_as_long_as_asked_and_no_longer_than_the_mesh_allows() {
    let home = Home::new();
    let json = home.json(&["note", "--lifetime", "1h"], 0);
    assert_eq!(members(&json), ["digest", "in_force_until", "version"]);
    let longest = home.json(&["note"], 0)["in_force_until"].as_u64().unwrap();
    assert!(longest >= json["in_force_until"].as_u64().unwrap() + 23 * 3600);
    let too_long = home.policy(&["note", "--lifetime", "25h"]);
    assert_eq!(too_long.status, 2);
    assert!(too_long.err.contains("the bundle allows 1 to 86400 s"), "{}", too_long.err);
    let stranger = home.policy(&["note", "--key", "keys/bundle.jwk"]);
    assert_eq!(stranger.status, 2);
    assert!(stranger.err.contains("not one of the bundle's `notes.keys`"), "{}", stranger.err);
}

/// Readers poll the directory while it changes: each bundle that they find is complete, and not older than
/// the previous one.
#[test]
fn a_reader_never_sees_half_a_bundle() {
    let home = with_refunds();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut seen, mut reads) = (0, 0_u32);
            while !done.load(Ordering::Acquire) {
                let shown = home.policy(&["show", "--signed", "--json"]);
                assert_eq!(shown.status, 0, "{}", shown.err);
                let manifest: serde_json::Value =
                    serde_json::from_slice(&fs::read(home.path.join("bundle/manifest.json")).unwrap())
                        .unwrap();
                assert!(manifest.is_object());
                let version = highest(&home);
                assert!(version >= seen, "{version} after {seen}");
                (seen, reads) = (version, reads + 1);
            }
            reads
        });
        for version in 2..12 {
            assert_eq!(home.json(&["sign"], 0)["version"], version);
        }
        done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 0);
    });
}

/// Two signers at once take their turns.
#[test]
fn signers_take_turns() {
    let home = with_refunds();
    let mut versions: Vec<u64> = thread::scope(|scope| {
        let signers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| home.json(&["sign"], 0)["version"].as_u64().unwrap())).collect();
        signers.into_iter().map(|signer| signer.join().unwrap()).collect()
    });
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4, 5]);
}

fn highest(home: &Home) -> u64 {
    let directories = fs::read_dir(home.path.join("bundle")).unwrap();
    directories.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).max().unwrap()
}
