//! The keys with which this server signs and that can be replaced while it runs. Their files are read again all the time: a key
//! counts from the moment at which its file is there, and no longer than that.
//!
//! No key is in two roles: at a start that is an error, and a key that comes later is not used in its second role.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use warrant::PublicKey;

use super::named_signer::{FindKey, ListKeys, NamedSigner};
use super::place::KeyPlace;
use super::role::KeyRole;
use crate::complaint::Complaint;

/// How often the files are read again.
pub const READ_EVERY: Duration = Duration::from_secs(1);

/// The keys of all roles. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeyRing(Arc<Inner>);

struct Inner {
    places: BTreeMap<KeyRole, KeyPlace>,
    /// Keys with other purposes, each with the place where the configuration names it.
    others: Vec<(&'static str, PublicKey)>,
    held: ArcSwap<HeldKeys>,
    /// Only one thread reads the files at a time.
    reads: Mutex<()>,
    complaint: Complaint,
}

/// The first key of a role, and then those that come after it.
type HeldKeys = BTreeMap<KeyRole, Vec<NamedSigner>>;

/// What was found, and what of it cannot be used.
#[derive(Default)]
struct Found {
    keys: HeldKeys,
    faults: BTreeSet<KeyFault>,
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyFault {
    /// It has another role already.
    TwoRoles { first: String, second: String },
    /// More keys come after the first than may be valid at once.
    TooMany(String),
    /// It cannot be read, or is not a key for its role.
    Unusable(String),
}

impl KeyFault {
    /// Whether a server must not start with it. What cannot be read may be a file that nobody needs any more.
    #[must_use]
    pub const fn forbids_start(&self) -> bool {
        match self {
            KeyFault::TwoRoles { .. } | KeyFault::TooMany(_) => true,
            KeyFault::Unusable(_) => false,
        }
    }
}

impl KeyRing {
    /// The ring of these first keys, which are read already. The caller asks for its faults.
    #[must_use]
    pub fn new(
        firsts: Vec<(KeyRole, KeyPlace, NamedSigner)>,
        others: Vec<(&'static str, PublicKey)>,
    ) -> (KeyRing, Vec<KeyFault>) {
        let (mut places, mut before) = (BTreeMap::new(), HeldKeys::new());
        for (role, place, first) in firsts {
            places.insert(role, place);
            before.insert(role, vec![first]);
        }
        let ring = KeyRing(Arc::new(Inner {
            places,
            others,
            held: ArcSwap::default(),
            reads: Mutex::default(),
            complaint: Complaint::default(),
        }));
        let found = ring.0.read(&before, true);
        ring.0.held.store(Arc::new(found.keys));
        (ring, found.faults.into_iter().collect())
    }

    /// Reads the files again. It waits for the disk.
    pub fn refresh(&self) {
        // Nothing is stored under this lock.
        let _only = self.0.reads.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.0.held.load_full();
        let Found { keys, faults } = self.0.read(&before, false);
        Inner::tell_changes(&before, &keys);
        self.0.held.store(Arc::new(keys));
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        if faults.is_empty() {
            self.0.complaint.clear();
        } else if self.0.complaint.raise(&faults.join("; ")) {
            tracing::error!("keys that are not used: {}", faults.join("; "));
        }
    }

    /// Where the first key of this role is. `None` if this server has none.
    #[must_use]
    pub fn place(&self, role: KeyRole) -> Option<&KeyPlace> {
        self.0.places.get(&role)
    }

    /// The keys of this role: the first, and those that come after it.
    #[must_use]
    pub fn of(&self, role: KeyRole) -> Vec<NamedSigner> {
        self.0.held.load().get(&role).cloned().unwrap_or_default()
    }

    /// Lists the keys of this role, as long as the server runs.
    #[must_use]
    pub fn lister(&self, role: KeyRole) -> ListKeys {
        let ring = self.clone();
        Box::new(move || ring.of(role))
    }

    /// Finds keys of this role by their names, as long as the server runs. It never waits for the disk.
    #[must_use]
    pub fn finder(&self, role: KeyRole) -> FindKey {
        let ring = self.clone();
        Box::new(move |kid| ring.0.held.load().get(&role)?.iter().find(|key| key.kid == kid).cloned())
    }
}

impl Inner {
    /// What the files hold now. What was held before is not refused for what comes later.
    fn read(&self, before: &HeldKeys, is_start: bool) -> Found {
        let mut found = Found::default();
        let mut read = Vec::new();
        for (role, place) in &self.places {
            let before = before.get(role).map_or(&[][..], Vec::as_slice);
            // The first is read last: the key after it may become the first at this moment, and must not be missed.
            let mut next = Self::next_of(*role, place, before, &mut found.faults);
            let first = if is_start {
                before.first().cloned()
            } else {
                Self::first_of(*role, place, before, &mut found.faults)
            };
            next.retain(|key| first.as_ref().is_none_or(|first| first.public_key() != key.public_key()));
            if role.successors().is_some_and(|most| next.len() > most) {
                let files: Vec<_> = next.iter().map(|key| place.beside(&key.kid).to_string()).collect();
                found.faults.insert(KeyFault::TooMany(files.join(", ")));
                // One that is in use stays in use.
                let is_old =
                    |key: &NamedSigner| before.iter().any(|old| old.public_key() == key.public_key());
                next.retain(|key| !is_start && is_old(key));
            }
            read.push((*role, place, first.into_iter().chain(next).collect::<Vec<_>>(), before));
        }
        // First those that were there before, then those that are new.
        let is_old = |before: &[NamedSigner], key: &NamedSigner| {
            !is_start && before.iter().any(|old| old.public_key() == key.public_key())
        };
        let mut known: Vec<(String, PublicKey)> = Vec::new();
        for (name, key) in &self.others {
            if let Some((first, _)) = known.iter().find(|(_, known)| known == key) {
                let (first, second) = (first.clone(), (*name).to_owned());
                found.faults.insert(KeyFault::TwoRoles { first, second });
            }
            known.push(((*name).to_owned(), *key));
        }
        for (role, place, keys, before) in &read {
            let old = keys.iter().enumerate().filter(|(_, key)| is_old(before, key));
            known.extend(old.map(|(position, key)| (name(*role, place, position, key), *key.public_key())));
        }
        for (role, place, keys, before) in read {
            let mut used = Vec::new();
            for (position, key) in keys.into_iter().enumerate() {
                let own = name(role, place, position, &key);
                let other = known.iter().find(|(_, known)| known == key.public_key()).cloned();
                match other {
                    Some((first, _)) if !is_old(before, &key) => {
                        found.faults.insert(KeyFault::TwoRoles { first, second: own });
                        // The file of the first key has a key that may not be used: the one before stays.
                        used.extend(before.first().cloned().filter(|_| position == 0 && !is_start));
                    }
                    Some(_) => used.push(key),
                    None => {
                        known.push((own, *key.public_key()));
                        used.push(key);
                    }
                }
            }
            found.keys.insert(role, used);
        }
        found
    }

    /// The keys after the first that can be used.
    fn next_of(
        role: KeyRole,
        place: &KeyPlace,
        before: &[NamedSigner],
        faults: &mut BTreeSet<KeyFault>,
    ) -> Vec<NamedSigner> {
        let after_the_first = before.get(1..).unwrap_or_default();
        let names = match place.names_beside() {
            Ok(names) => names,
            Err(error) => {
                faults
                    .insert(KeyFault::Unusable(format!("what is beside {place} cannot be listed: {error}")));
                return after_the_first.to_vec();
            }
        };
        let read = |kid: String| {
            let at = place.beside(&kid);
            match at.read_named(&kid) {
                Ok(key) if role.may_have(&key) => Some(key),
                Ok(_) => {
                    faults.insert(other_algorithm(role, &at));
                    None
                }
                Err(_) if is_gone(&at) => None,
                Err(error) => {
                    faults.insert(KeyFault::Unusable(error.to_string()));
                    after_the_first.iter().find(|key| key.kid == kid).cloned()
                }
            }
        };
        names.into_iter().filter_map(read).collect()
    }

    /// The first key. If its file cannot be read, the key stays: without it the server could do nothing.
    fn first_of(
        role: KeyRole,
        place: &KeyPlace,
        before: &[NamedSigner],
        faults: &mut BTreeSet<KeyFault>,
    ) -> Option<NamedSigner> {
        let fault = match place.read() {
            Ok(key) if role.may_have(&key) => return Some(key),
            Ok(_) => other_algorithm(role, place),
            Err(error) => KeyFault::Unusable(error.to_string()),
        };
        faults.insert(fault);
        before.first().cloned()
    }

    fn tell_changes(before: &HeldKeys, now: &HeldKeys) {
        for role in KeyRole::ALL {
            let [old, new] = [before, now].map(|keys| keys.get(&role).map_or(&[][..], Vec::as_slice));
            let has = |all: &[NamedSigner], key: &NamedSigner| {
                all.iter().any(|one| one.public_key() == key.public_key())
            };
            for key in new.iter().filter(|key| !has(old, key)) {
                tracing::warn!(%role, kid = key.kid, thumbprint = %key.public_key().thumbprint(), "a new key was found");
            }
            for key in old.iter().filter(|key| !has(new, key)) {
                tracing::warn!(%role, kid = key.kid, "a key is gone and not used any more");
            }
        }
    }
}

fn other_algorithm(role: KeyRole, place: &KeyPlace) -> KeyFault {
    KeyFault::Unusable(format!("{place} is not a key for ES256, as `{}` must be", role.member()))
}

fn is_gone(place: &KeyPlace) -> bool {
    std::fs::metadata(place.file()).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// How a fault names a key.
fn name(role: KeyRole, place: &KeyPlace, position: usize, key: &NamedSigner) -> String {
    if position == 0 { role.member().to_owned() } else { place.beside(&key.kid).to_string() }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFault::TwoRoles { first, second } => write!(f, "`{first}` and `{second}` are the same key"),
            KeyFault::TooMany(files) => {
                write!(f, "two keys may be valid at once, and more come after the first: {files}")
            }
            KeyFault::Unusable(what) => f.write_str(what),
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("held", &*self.held.load()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
