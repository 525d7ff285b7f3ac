//! The keys that sign receipts, and which of them does so now. An upstream keeps the published set for a while, so the next key
//! signs only when every set without it is too old to be in use; and the key before it is published until its last receipt has
//! expired.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::LIFETIME_SECONDS;
use crate::clock::Clock;
use crate::keys::{self, ListKeys, NamedSigner};

/// A set may be on its way to an upstream for so long before the upstream counts its age.
const ON_ITS_WAY_SECONDS: u64 = 5;
/// A key that could not sign is tried again after so long, while another can.
const TRIED_AGAIN_AFTER_SECONDS: u64 = 10;
/// By so much an upstream's clock may be behind when it looks at the last receipt of a key.
const CLOCKS_DIFFER_SECONDS: u64 = 60;

/// The keys of receipts.
pub struct ReceiptSigners {
    list: ListKeys,
    clock: Clock,
    /// For how many seconds an upstream may keep the published set.
    kept: u64,
    known: Mutex<Vec<KnownKey>>,
}

/// A key that is published, or was. Times are in milliseconds since the machine started.
#[derive(Clone, Debug)]
struct KnownKey {
    key: NamedSigner,
    /// From when on it has been published.
    published: u64,
    /// When it signed last, and when it could not.
    signed: Option<u64>,
    failed: Option<u64>,
}

/// The keys at one moment: those that are published, those that this server has, and the time.
struct Known<'a> {
    known: MutexGuard<'a, Vec<KnownKey>>,
    keys: Vec<NamedSigner>,
    now: u64,
}

impl ReceiptSigners {
    #[must_use]
    pub fn new(list: ListKeys, clock: Clock, kept: u64) -> ReceiptSigners {
        let signers = ReceiptSigners { list, clock, kept, known: Mutex::default() };
        drop(signers.known());
        signers
    }

    /// For how many seconds an upstream may keep the set.
    #[must_use]
    pub fn kept_seconds(&self) -> u64 {
        self.kept
    }

    /// Signs with the key whose turn it is, or with the other one if the first does not sign. `None` if nobody does.
    pub fn sign<T, E: fmt::Display>(&self, sign: impl Fn(&NamedSigner) -> Result<T, E>) -> Option<T> {
        let signers = self.signers();
        signers.iter().find_map(|signer| {
            let signed = sign(signer);
            if let Err(why) = &signed {
                tracing::error!(kid = signer.kid, %why, "a key for receipts cannot sign");
            }
            self.note(signer, signed.is_ok());
            signed.ok()
        })
    }

    /// The keys that may sign now, the one whose turn it is before the other. One that has just failed comes last: a request must
    /// not wait for it again.
    fn signers(&self) -> Vec<NamedSigner> {
        let Known { known, mut keys, now } = self.known();
        let of = |key: &NamedSigner| known.iter().find(|one| one.key.public_key() == key.public_key());
        keys.truncate(2);
        if keys.get(1).and_then(of).is_some_and(|next| self.is_with_all(next, now)) {
            keys.reverse();
        } else {
            keys.truncate(1);
        }
        keys.sort_by_key(|key| of(key).is_some_and(|one| one.has_just_failed(now)));
        keys
    }

    fn note(&self, signer: &NamedSigner, has_signed: bool) {
        let (mut known, now) = (self.lock(), self.clock.since_boot());
        if let Some(one) = known.iter_mut().find(|one| one.key.public_key() == signer.public_key()) {
            *(if has_signed { &mut one.signed } else { &mut one.failed }) = Some(now);
        }
    }

    /// The body of `/v1/receipt-jwks.json`.
    #[must_use]
    pub fn jwks(&self) -> String {
        // A key that is here is published even if it does not sign now: after a start in the middle of a rotation it may sign again.
        keys::jwks(self.known().known.iter().map(|one| one.key.public()))
    }

    /// What is known of the keys, with those that have come.
    fn known(&self) -> Known<'_> {
        let now = self.clock.since_boot();
        let mut known = self.lock();
        let keys = (self.list)();
        let is_listed = |one: &KnownKey| keys.iter().any(|key| key.public_key() == one.key.public_key());
        known.retain(|one| is_listed(one) || one.has_receipts(now));
        for key in &keys {
            if !known.iter().any(|one| one.key.public_key() == key.public_key()) {
                known.push(KnownKey { key: key.clone(), published: now, signed: None, failed: None });
            }
        }
        Known { known, keys, now }
    }

    // Only complete values are stored under this lock.
    fn lock(&self) -> MutexGuard<'_, Vec<KnownKey>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every set without this key is out of use.
    fn is_with_all(&self, one: &KnownKey, now: u64) -> bool {
        let waits = self.kept.saturating_add(ON_ITS_WAY_SECONDS).saturating_mul(1000);
        now >= one.published.saturating_add(waits)
    }
}

impl KnownKey {
    /// Whether an upstream may still have to verify a receipt by this key.
    fn has_receipts(&self, now: u64) -> bool {
        let needed = LIFETIME_SECONDS.saturating_add(CLOCKS_DIFFER_SECONDS).saturating_mul(1000);
        self.signed.is_some_and(|signed| now < signed.saturating_add(needed))
    }

    fn has_just_failed(&self, now: u64) -> bool {
        self.failed
            .is_some_and(|failed| now < failed.saturating_add(TRIED_AGAIN_AFTER_SECONDS.saturating_mul(1000)))
    }
}

impl fmt::Debug for ReceiptSigners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiptSigners").field("keys", &(self.list)()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::keys::PrivateKey;
    use serde_json::Value;
    use warrant::Algorithm;

    #[test]
    fn the_next_key_signs_when_every_upstream_knows_it_and_the_old_one_stays_until_its_receipts_have_expired()
    {
        let key = |kid| NamedSigner::from(PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap());
        let (first, next) = (key("r1"), key("r2"));
        let held = Arc::new(Mutex::new(vec![first.clone()]));
        let time = Arc::new(AtomicU64::new(1_800_000_000_000));
        let (list, clock) = (Arc::clone(&held), Arc::clone(&time));
        let list: ListKeys = Box::new(move || list.lock().unwrap().clone());
        let signers = ReceiptSigners::new(list, Clock::from_fn(move || clock.load(Ordering::Relaxed)), 300);
        let published = || {
            let set: Value = serde_json::from_str(&signers.jwks()).unwrap();
            let kids =
                set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
            kids.collect::<Vec<_>>().join(" ")
        };
        let signs = || signers.sign(|key| Ok::<_, String>(key.kid.clone())).unwrap();
        let pass = |seconds: u64| time.fetch_add(seconds * 1000, Ordering::Relaxed);
        assert_eq!((signs(), published()), ("r1".to_owned(), "r1".to_owned()));
        held.lock().unwrap().push(next.clone());
        assert_eq!((signs(), published()), ("r1".to_owned(), "r1 r2".to_owned()));
        pass(304);
        assert_eq!((signs(), published()), ("r1".to_owned(), "r1 r2".to_owned()));
        pass(1);
        assert_eq!((signs(), published()), ("r2".to_owned(), "r1 r2".to_owned()));
        // While its file is there it may sign again, after a start.
        pass(200);
        assert_eq!((signs(), published()), ("r2".to_owned(), "r1 r2".to_owned()));
        held.lock().unwrap().pop();
        assert_eq!((signs(), published()), ("r1".to_owned(), "r1 r2".to_owned()));
        held.lock().unwrap().push(next.clone());
        pass(1);
        // Its file may be taken away: its receipts are verified until the last one has expired.
        *held.lock().unwrap() = vec![next];
        pass(88);
        assert_eq!((signs(), published()), ("r2".to_owned(), "r1 r2".to_owned()));
        pass(1);
        assert_eq!((signs(), published()), ("r2".to_owned(), "r2".to_owned()));
        held.lock().unwrap().clear();
        assert_eq!(signers.sign(|key| Ok::<_, String>(key.kid.clone())), None);
    }

    #[test]
    fn a_next_key_that_cannot_sign_is_left_to_the_first_for_a_while() {
        let key = |kid| NamedSigner::from(PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap());
        let time = Arc::new(AtomicU64::new(1_800_000_000_000));
        let (both, clock) = (vec![key("r1"), key("r2")], Arc::clone(&time));
        let list: ListKeys = Box::new(move || both.clone());
        let signers = ReceiptSigners::new(list, Clock::from_fn(move || clock.load(Ordering::Relaxed)), 1);
        let tried = |works: &str| {
            let asked = Mutex::new(Vec::new());
            let signed = signers.sign(|key| {
                asked.lock().unwrap().push(key.kid.clone());
                if works.contains(&key.kid) { Ok(key.kid.clone()) } else { Err("gone") }
            });
            (asked.into_inner().unwrap().join(" "), signed.unwrap_or_default())
        };
        let said = |asked: &str, signed: &str| (asked.to_owned(), signed.to_owned());
        assert_eq!(tried("r2"), said("r1", ""), "not every upstream knows the next one");
        time.fetch_add(6000, Ordering::Relaxed);
        assert_eq!(tried("r2"), said("r2", "r2"), "the first has failed, and the next has its turn anyway");
        assert_eq!(tried("r1"), said("r2 r1", "r1"));
        time.fetch_add(5000, Ordering::Relaxed);
        assert_eq!(tried("r1 r2"), said("r1", "r1"));
        time.fetch_add(5000, Ordering::Relaxed);
        assert_eq!(tried("r1 r2"), said("r2", "r2"));
        assert_eq!(tried(""), said("r2 r1", ""));
    }
}
