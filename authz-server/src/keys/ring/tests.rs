//! Key files that come and go while a server runs.

use std::path::Path;

use tempfile::TempDir;
use warrant::Algorithm;

use super::*;
use crate::keys::{self, PrivateKey};

struct Scene {
    directory: TempDir,
    ring: KeyRing,
    faults: Vec<KeyFault>,
}

fn key(kid: &str) -> PrivateKey {
    PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap()
}

fn copy(key: &PrivateKey, kid: &str) -> PrivateKey {
    let jwk =
        key.to_jwk().replacen(&format!("\"kid\":{:?}", key.kid().unwrap()), &format!("\"kid\":{kid:?}"), 1);
    PrivateKey::from_jwk(jwk.as_bytes()).unwrap()
}

fn put(directory: &Path, name: &str, key: &PrivateKey) {
    keys::write_new(&directory.join(name), key).unwrap();
}

/// A ring of three first keys, after these files were put beside them.
fn scene(beside: &[(&str, &PrivateKey)]) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    for (name, key) in beside {
        put(directory.path(), name, key);
    }
    let firsts = [(KeyRole::Authority, "a1"), (KeyRole::Statement, "s1"), (KeyRole::Receipt, "r1")];
    let firsts = firsts.map(|(role, kid)| {
        let place = KeyPlace::File(directory.path().join(format!("{role}.jwk")));
        keys::write_new(place.file(), &key(kid)).unwrap();
        let read = place.read().unwrap();
        (role, place, read)
    });
    let (ring, faults) = KeyRing::new(firsts.to_vec(), Vec::new());
    Scene { directory, ring, faults }
}

impl Scene {
    fn held(&self, role: KeyRole) -> String {
        let kids: Vec<_> = self.ring.of(role).into_iter().map(|key| key.kid).collect();
        kids.join(" ")
    }

    fn put(&self, name: &str, key: &PrivateKey) {
        put(self.directory.path(), name, key);
        self.ring.refresh();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.directory.path().join(name)).unwrap();
        self.ring.refresh();
    }

    fn complaint(&self) -> String {
        self.ring.0.complaint.reason().unwrap_or_default()
    }
}

#[test]
fn a_key_counts_while_its_file_is_there() {
    let scene = scene(&[("statement.s2.jwk", &key("s2"))]);
    assert_eq!((scene.faults.len(), scene.held(KeyRole::Statement)), (0, "s1 s2".to_owned()));
    scene.put("authority.a2.jwk", &key("a2"));
    scene.put("authority.a3.jwk", &key("a3"));
    assert_eq!(scene.held(KeyRole::Authority), "a1 a2 a3");
    let find = scene.ring.finder(KeyRole::Authority);
    assert!(find("a3").is_some() && find("../a3").is_none() && find("s1").is_none());
    scene.remove("authority.a2.jwk");
    assert_eq!(scene.held(KeyRole::Authority), "a1 a3");
    // Another key under the name of one that was found.
    let before = find("a3").unwrap();
    scene.remove("authority.a3.jwk");
    scene.put("authority.a3.jwk", &key("a3"));
    assert_ne!(find("a3").unwrap().public_key(), before.public_key());
    assert_eq!(scene.complaint(), "");
}

#[test]
fn the_next_key_becomes_the_first_when_its_file_takes_the_place() {
    let scene = scene(&[("statement.s2.jwk", &key("s2"))]);
    let next = scene.ring.of(KeyRole::Statement).remove(1);
    let path = |name: &str| scene.directory.path().join(name);
    ledger::durable::Disk::real().rename_durably(&path("statement.s2.jwk"), &path("statement.jwk")).unwrap();
    scene.ring.refresh();
    assert_eq!(scene.held(KeyRole::Statement), "s2");
    assert_eq!(scene.ring.of(KeyRole::Statement)[0].public_key(), next.public_key());
    // Without its file, the first key stays: a server that has none could do nothing.
    scene.remove("statement.jwk");
    assert_eq!(scene.held(KeyRole::Statement), "s2");
    assert!(scene.complaint().contains("statement.jwk"), "{}", scene.complaint());
}

#[test]
fn one_key_in_two_roles_is_a_fault_at_the_start() {
    let two = key("s2");
    let scene = scene(&[("statement.s2.jwk", &two), ("authority.a2.jwk", &copy(&two, "a2"))]);
    let [fault @ KeyFault::TwoRoles { first, second }] = scene.faults.as_slice() else {
        panic!("{:?}", scene.faults)
    };
    assert!(
        fault.forbids_start() && first.ends_with("authority.a2.jwk") && second.ends_with("statement.s2.jwk")
    );
}

#[test]
fn a_key_of_another_role_that_comes_later_is_not_used_and_the_first_role_keeps_it() {
    let scene = scene(&[("receipt.r2.jwk", &key("r2"))]);
    let path = scene.directory.path();
    let [statement, receipt] =
        ["statement.jwk", "receipt.r2.jwk"].map(|name| keys::read(&path.join(name)).unwrap());
    scene.put("authority.a2.jwk", &copy(&statement, "a2"));
    scene.put("authority.a3.jwk", &copy(&receipt, "a3"));
    assert_eq!(scene.held(KeyRole::Authority), "a1");
    assert_eq!((scene.held(KeyRole::Statement), scene.held(KeyRole::Receipt)), ("s1".into(), "r1 r2".into()));
    let complaint = scene.complaint();
    assert!(
        complaint.contains("`keys.statement` and") && complaint.contains("authority.a2.jwk"),
        "{complaint}"
    );
    // The same in the place of a first key: the key before it stays.
    scene.remove("authority.a2.jwk");
    scene.remove("authority.a3.jwk");
    scene.remove("receipt.jwk");
    scene.put("receipt.jwk", &copy(&statement, "r9"));
    assert_eq!(scene.held(KeyRole::Receipt), "r1 r2");
    assert!(scene.complaint().contains("`keys.receipt` are the same key"), "{}", scene.complaint());
}

#[test]
fn more_keys_than_two_and_what_is_not_a_key_for_its_role_are_not_used() {
    let scene = scene(&[("statement.s2.jwk", &key("s2")), ("statement.s3.jwk", &key("s3"))]);
    assert!(matches!(scene.faults.as_slice(), [fault @ KeyFault::TooMany(_)] if fault.forbids_start()));
    assert_eq!(scene.held(KeyRole::Statement), "s1");
    scene.remove("statement.s3.jwk");
    assert_eq!(scene.held(KeyRole::Statement), "s1 s2");
    // A third key that comes later does not take away the one that may be in use.
    scene.put("statement.s3.jwk", &key("s3"));
    assert_eq!(scene.held(KeyRole::Statement), "s1 s2");
    assert!(scene.complaint().contains("statement.s3.jwk"), "{}", scene.complaint());
    scene.remove("statement.s3.jwk");
    scene.put("receipt.r2.jwk", &PrivateKey::generate(Algorithm::Ed25519, Some("r2")).unwrap());
    scene.put("authority.a2.jwk", &key("another name"));
    assert_eq!((scene.held(KeyRole::Receipt), scene.held(KeyRole::Authority)), ("r1".into(), "a1".into()));
    let complaint = scene.complaint();
    assert!(complaint.contains("not a key for ES256") && complaint.contains("another name"), "{complaint}");
}
