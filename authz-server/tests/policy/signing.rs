//! Signing: one command in the house that `init` made, keys held by several, and a folder that never shows half a bundle.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::house::{House, REFUND_FILE, TESTS_FILE, everything_in, members, with_refunds};

#[test]
fn one_command_signs_the_next_version_and_its_note() {
    let house = with_refunds();
    let said = house.policy(&["sign"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.out.starts_with("signed version 2 (sha256:"), "{}", said.out);
    let told = house.json(&["sign"], 0);
    assert_eq!(
        members(&told),
        ["digest", "directory", "expires", "failures", "faults", "in_force_until", "version", "warnings"]
    );
    assert_eq!(told["version"], 3);
    assert!(told["in_force_until"].as_u64().unwrap() < told["expires"].as_u64().unwrap());
    assert_eq!(house.json(&["show", "--signed"], 0)["routes"].as_array().unwrap().len(), house.routes());
    // The one before stays for whoever is reading it; older ones go.
    assert!(house.path.join("bundle/2").exists() && !house.path.join("bundle/1").exists());
}

#[test]
fn what_does_not_build_leaves_the_folder_as_it_was() {
    let house = with_refunds();
    let before = everything_in(&house.path.join("bundle"));
    house.edit(TESTS_FILE, "because: refund/limit", "because: refund/other");
    let failing = house.policy(&["sign"]);
    assert!(failing.status == 1 && failing.err.contains("`refund/other`"), "{}", failing.err);
    house.edit(REFUND_FILE, "type: natural", "type: naturl");
    let faulty = house.policy(&["sign"]);
    assert!(faulty.status == 2 && faulty.err.contains("`naturl`"), "{}", faulty.err);
    house.edit(REFUND_FILE, "type: naturl", "type: natural");
    house.edit(TESTS_FILE, "because: refund/other", "because: refund/limit");
    // Built for another mesh than the server's.
    house.edit("policy/mesh.yaml", "audience: demo", "audience: other");
    let other = house.policy(&["sign"]);
    assert_eq!(other.status, 2);
    assert!(other.err.contains("audience"), "{}", other.err);
    house.edit("policy/mesh.yaml", "audience: other", "audience: demo");
    let stranger = house.policy(&["sign", "--key", "keys/note.jwk"]);
    assert_eq!(stranger.status, 2);
    assert!(stranger.err.contains("is in neither trust"), "{}", stranger.err);
    assert_eq!(everything_in(&house.path.join("bundle")), before);
    assert_eq!(house.policy(&["sign"]).status, 0);
}

#[test]
fn a_version_is_above_what_an_interrupted_signer_left() {
    let house = House::new();
    house.write("bundle/2/mesh.json", "half a file");
    let told = house.json(&["sign"], 0);
    assert_eq!(told["version"], 3);
    let taken = house.policy(&["sign", "--version", "2"]);
    assert_eq!(taken.status, 2);
    assert!(taken.err.contains("version 2 is there with other content"), "{}", taken.err);
}

#[test]
fn an_expired_bundle_is_followed_by_a_new_one() {
    let house = House::new();
    assert_eq!(house.policy(&["sign", "--lifetime", "1s"]).status, 0);
    let over = |said: &crate::house::Said| said.status == 2 && said.err.contains("the bundle expired at");
    let end = Instant::now() + Duration::from_secs(60);
    while !over(&house.policy(&["show", "--signed"])) {
        assert!(Instant::now() < end, "it does not expire");
    }
    assert_eq!(house.json(&["sign"], 0)["version"], 3);
    let empty = house.policy(&["sign", "--lifetime", "0s"]);
    assert!(empty.status == 2 && empty.err.contains("'0s' for '--lifetime"), "{}", empty.err);
}

#[test]
fn a_note_is_as_long_as_it_is_asked_to_be_and_no_longer_than_the_mesh_allows() {
    let house = House::new();
    let told = house.json(&["note", "--lifetime", "1h"], 0);
    assert_eq!(members(&told), ["digest", "in_force_until", "version"]);
    let longest = house.json(&["note"], 0)["in_force_until"].as_u64().unwrap();
    assert!(longest >= told["in_force_until"].as_u64().unwrap() + 23 * 3600);
    let too_long = house.policy(&["note", "--lifetime", "25h"]);
    assert_eq!(too_long.status, 2);
    assert!(too_long.err.contains("the bundle allows 1 to 86400 s"), "{}", too_long.err);
    let stranger = house.policy(&["note", "--key", "keys/bundle.jwk"]);
    assert_eq!(stranger.status, 2);
    assert!(stranger.err.contains("not one of the bundle's `notes.keys`"), "{}", stranger.err);
}

/// Readers poll the folder while it changes: whatever they find is whole, and never older than what they found before.
#[test]
fn a_reader_never_sees_half_a_bundle() {
    let house = with_refunds();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut seen, mut reads) = (0, 0_u32);
            while !done.load(Ordering::Acquire) {
                let shown = house.policy(&["show", "--signed", "--json"]);
                assert_eq!(shown.status, 0, "{}", shown.err);
                let manifest: serde_json::Value =
                    serde_json::from_slice(&fs::read(house.path.join("bundle/manifest.json")).unwrap())
                        .unwrap();
                assert!(manifest.is_object());
                let version = highest(&house);
                assert!(version >= seen, "{version} after {seen}");
                (seen, reads) = (version, reads + 1);
            }
            reads
        });
        for version in 2..12 {
            assert_eq!(house.json(&["sign"], 0)["version"], version);
        }
        done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 0);
    });
}

/// Two signers at once take their turns.
#[test]
fn signers_take_turns() {
    let house = with_refunds();
    let mut versions: Vec<u64> = thread::scope(|scope| {
        let signers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| house.json(&["sign"], 0)["version"].as_u64().unwrap())).collect();
        signers.into_iter().map(|signer| signer.join().unwrap()).collect()
    });
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4, 5]);
}

fn highest(house: &House) -> u64 {
    let folders = fs::read_dir(house.path.join("bundle")).unwrap();
    folders.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).max().unwrap()
}
