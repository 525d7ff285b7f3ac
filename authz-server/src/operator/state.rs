//! What the operator must not lose: the highest versions that were signed, and the signed routes themselves, from which an object that
//! cannot be built any more keeps its last version. Here are the values and their form; where they are kept is not known here.
//!
//! They are kept in one ConfigMap and not on a volume. Two operators can share it, a pod that moves to another node finds it, and an
//! update of it fails if another operator has written since: so it is also what keeps two operators from signing the same version.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use policy::{Activated, Files, RoutesParcel};
use serde_json::{Value, json};
use warrant::Digest;

/// An object of Kubernetes may have 1 MiB; its metadata needs a part of it.
const LONGEST: usize = 1000 * 1024;
/// What the files may be together when they are unpacked.
const LONGEST_UNPACKED: u64 = 128 * 1024 * 1024;

const FLOOR: &str = "floor.json";
const MANIFEST: &str = "routes.json.gz";
const NOTE: &str = "routes-latest.json";
const FILES: &str = "files.gz";

/// What was signed last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedState {
    /// Nothing below it is signed or published again.
    pub floor: Option<Activated>,
    /// `None` if nothing was signed yet.
    pub signed: Option<SignedContent>,
}

/// Signed routes and their note.
#[derive(Clone, Debug)]
pub struct SignedContent {
    pub routes: RoutesParcel,
    pub note: Vec<u8>,
}

impl PartialEq for SignedContent {
    fn eq(&self, other: &SignedContent) -> bool {
        self.routes.manifest == other.routes.manifest
            && self.routes.files == other.routes.files
            && self.note == other.note
    }
}

impl Eq for SignedContent {}

/// Why a state cannot be used. Nothing is signed until somebody has looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(String);

impl std::fmt::Display for StateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StateError {}

/// The members of a ConfigMap.
pub type Members = BTreeMap<String, Vec<u8>>;

impl SignedState {
    /// The form in which it is kept. `None`: it is too large.
    pub fn to_members(&self) -> Option<Members> {
        let mut members = Members::new();
        if let Some(floor) = &self.floor {
            members.insert(FLOOR.to_owned(), floor_json(floor).to_string().into_bytes());
        }
        if let Some(SignedContent { routes, note }) = &self.signed {
            members.insert(MANIFEST.to_owned(), compressed(&routes.manifest)?);
            members.insert(NOTE.to_owned(), note.clone());
            members.insert(FILES.to_owned(), pack(&routes.files)?);
        }
        // They are sent as base64.
        let size: usize = members.values().map(|bytes| bytes.len().div_ceil(3).saturating_mul(4)).sum();
        (size <= LONGEST).then_some(members)
    }

    pub fn of_members(members: &Members) -> Result<SignedState, StateError> {
        let damaged = |what: &str| {
            StateError(format!(
                "{what}: restore the ConfigMap from a backup; or delete it, and the routes that cannot be built now will be closed"
            ))
        };
        let floor = match members.get(FLOOR) {
            None => None,
            Some(bytes) => Some(floor_of(bytes).ok_or_else(|| damaged("its floor.json cannot be read"))?),
        };
        let signed = match (members.get(MANIFEST), members.get(NOTE), members.get(FILES)) {
            (Some(manifest), Some(note), Some(packed)) => {
                let files = unpack(packed).ok_or_else(|| damaged("its files.gz cannot be read"))?;
                let manifest =
                    uncompressed(manifest).ok_or_else(|| damaged("its routes.json.gz cannot be read"))?;
                let routes = RoutesParcel { manifest, files };
                Some(SignedContent { routes, note: note.clone() })
            }
            (None, None, None) => None,
            _ => return Err(damaged("a part of what was signed is missing")),
        };
        Ok(SignedState { floor, signed })
    }

    /// The version to sign next over this base. It is at least the time in seconds: so even if everything is lost here, no version is
    /// signed again with other content. And it is above `seen`, the highest version that a server reports.
    pub fn next_version(&self, base: Digest, seen: Option<u64>, now: u64) -> Option<u64> {
        let floor = self.floor.as_ref().filter(|floor| floor.digest == base);
        let last = floor.and_then(|floor| floor.routes).map_or(0, |(version, _)| version);
        Some(last.max(seen.unwrap_or(0)).checked_add(1)?.max(now))
    }
}

/// The higher one of two floors. What this process knows never falls: an older copy of the ConfigMap may have been restored.
pub fn higher(known: Option<Activated>, read: Option<Activated>) -> Option<Activated> {
    let (known, read) = match (known, read) {
        (Some(known), Some(read)) => (known, read),
        (known, read) => return known.or(read),
    };
    if known.digest != read.digest {
        return Some(if known.version > read.version { known } else { read });
    }
    let retired = known.retired.union(&read.retired).copied().collect();
    let version = |floor: &Activated| floor.routes.map(|(version, _)| version);
    let higher = if version(&known) > version(&read) { known } else { read };
    Some(Activated { retired, ..higher })
}

/// Whether what was signed is above this floor.
pub fn is_above(own: &Activated, floor: Option<&Activated>) -> bool {
    match floor {
        None => true,
        Some(floor) if floor.digest == own.digest => {
            own.routes.map(|(version, _)| version) > floor.routes.map(|(version, _)| version)
        }
        Some(floor) => own.version > floor.version,
    }
}

fn floor_json(floor: &Activated) -> Value {
    let retired: Vec<String> = floor.retired.iter().map(ToString::to_string).collect();
    let routes =
        floor.routes.map(|(version, digest)| json!({"version": version, "digest": digest.to_string()}));
    json!({"base": {"version": floor.version, "digest": floor.digest.to_string()}, "retired": retired, "routes": routes})
}

fn floor_of(bytes: &[u8]) -> Option<Activated> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let both = |value: &Value| {
        Some((value.get("version")?.as_u64()?, Digest::parse(value.get("digest")?.as_str()?)?))
    };
    let (version, digest) = both(value.get("base")?)?;
    let retired = value.get("retired")?.as_array()?.iter();
    let retired: Option<BTreeSet<Digest>> = retired.map(|one| Digest::parse(one.as_str()?)).collect();
    let routes = value.get("routes")?;
    let routes = if routes.is_null() { None } else { Some(both(routes)?) };
    Some(Activated { version, digest, retired: retired?, routes })
}

/// Documents are JSON, so they can be texts in one JSON object.
fn pack(files: &Files) -> Option<Vec<u8>> {
    let texts: Option<BTreeMap<&String, &str>> =
        files.iter().map(|(name, bytes)| Some((name, std::str::from_utf8(bytes).ok()?))).collect();
    compressed(&serde_json::to_vec(&texts?).ok()?)
}

/// `None` if it is longer than what is read back.
fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    if u64::try_from(bytes.len()).ok()? >= LONGEST_UNPACKED {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

fn uncompressed(packed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = GzDecoder::new(packed).take(LONGEST_UNPACKED).read_to_end(&mut bytes).ok()?;
    (u64::try_from(read).ok()? < LONGEST_UNPACKED).then_some(bytes)
}

fn unpack(packed: &[u8]) -> Option<Files> {
    let texts: BTreeMap<String, String> = serde_json::from_slice(&uncompressed(packed)?).ok()?;
    Some(texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> SignedState {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let floor = Activated {
            version: 3,
            digest: digest("base"),
            retired: [digest("old")].into(),
            routes: Some((17, digest("routes"))),
        };
        let files: Files = (0..200)
            .map(|number| (format!("routes/a/r{number}.json"), format!("{{\"spec\":{number}}}").into_bytes()))
            .collect();
        let routes = RoutesParcel { manifest: b"{}".to_vec(), files };
        SignedState { floor: Some(floor), signed: Some(SignedContent { routes, note: b"note".to_vec() }) }
    }

    #[test]
    fn what_is_kept_is_read_back_the_same() {
        for state in [SignedState::default(), state(), SignedState { signed: None, ..state() }] {
            assert_eq!(SignedState::of_members(&state.to_members().unwrap()).unwrap(), state);
        }
    }

    /// Without its content it would be read back as if nothing had ever been signed.
    #[test]
    fn what_is_too_large_has_no_form() {
        let mut state = state();
        state.signed.as_mut().unwrap().note = vec![b'x'; LONGEST];
        assert!(state.to_members().is_none());
    }

    #[test]
    fn a_damaged_state_is_not_taken_for_an_empty_one() {
        let members = state().to_members().unwrap();
        for name in [FLOOR, MANIFEST, NOTE, FILES] {
            let mut damaged = members.clone();
            if name != FLOOR {
                damaged.remove(name);
                assert!(SignedState::of_members(&damaged).is_err(), "without {name}");
            }
            damaged.insert(name.to_owned(), b"damaged".to_vec());
            let is_text = name == NOTE;
            assert_eq!(
                SignedState::of_members(&damaged).is_ok(),
                is_text,
                "{name}: signatures are checked elsewhere"
            );
        }
    }

    #[test]
    fn no_version_is_signed_twice_even_if_everything_is_lost() {
        let (base, other) = (Digest::of(b"base"), Digest::of(b"other"));
        assert_eq!(state().next_version(base, None, 5), Some(18));
        assert_eq!(state().next_version(base, None, 1000), Some(1000));
        assert_eq!(state().next_version(other, None, 1000), Some(1000), "each base begins its versions anew");
        assert_eq!(SignedState::default().next_version(base, None, 1000), Some(1000));
    }

    /// What is written must be what is read: or the next start would find it damaged.
    #[test]
    fn what_is_longer_than_what_is_read_back_is_not_written() {
        let bytes = vec![b' '; usize::try_from(LONGEST_UNPACKED).unwrap()];
        assert!(compressed(&bytes).is_none());
        let packed = compressed(&bytes[1..]).unwrap();
        assert_eq!(uncompressed(&packed).unwrap().len(), bytes.len() - 1);
    }

    #[test]
    fn a_floor_never_falls_and_a_version_is_above_what_a_server_has() {
        let (base, other) = (Digest::of(b"base"), Digest::of(b"other"));
        let floor = |version: u64, digest: Digest, routes: u64| Activated {
            version,
            digest,
            retired: [Digest::of(&routes.to_be_bytes())].into(),
            routes: Some((routes, Digest::of(b"routes"))),
        };
        let routes = |floor: &Option<Activated>| {
            floor.as_ref().and_then(|floor| floor.routes).map(|(version, _)| version)
        };
        // An older ConfigMap was restored, or it is gone.
        for (known, read, expected) in [
            (Some(floor(3, base, 20)), Some(floor(3, base, 17)), 20),
            (Some(floor(3, base, 17)), Some(floor(3, base, 20)), 20),
            (Some(floor(3, base, 20)), None, 20),
            (None, Some(floor(3, base, 17)), 17),
            (Some(floor(3, base, 20)), Some(floor(4, other, 1)), 1),
            (Some(floor(4, other, 1)), Some(floor(3, base, 20)), 1),
        ] {
            assert_eq!(routes(&higher(known, read)), Some(expected));
        }
        assert_eq!(higher(Some(floor(3, base, 20)), Some(floor(3, base, 17))).unwrap().retired.len(), 2);
        let own = floor(3, base, 20);
        assert!(
            is_above(&own, None)
                && is_above(&own, Some(&floor(3, base, 17)))
                && is_above(&own, Some(&floor(2, other, 30)))
        );
        assert!(!is_above(&own, Some(&own)) && !is_above(&own, Some(&floor(4, other, 1))));
        assert_eq!(state().next_version(Digest::of(b"base"), Some(2000), 1000), Some(2001));
    }
}
