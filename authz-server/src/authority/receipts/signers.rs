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
    /// When it signed last.
    signed: Option<u64>,
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

    /// The key that signs now, if this server has a key at all.
    pub fn signer(&self) -> Option<NamedSigner> {
        let Known { mut known, keys, now } = self.known();
        let signer = self.signs(keys, &known, now)?;
        if let Some(known) = known.iter_mut().find(|known| known.key.public_key() == signer.public_key()) {
            known.signed = Some(now);
        }
        Some(signer)
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
        // Only complete values are stored under this lock.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = (self.list)();
        let is_listed = |one: &KnownKey| keys.iter().any(|key| key.public_key() == one.key.public_key());
        known.retain(|one| is_listed(one) || one.has_receipts(now));
        for key in &keys {
            if !known.iter().any(|one| one.key.public_key() == key.public_key()) {
                known.push(KnownKey { key: key.clone(), published: now, signed: None });
            }
        }
        Known { known, keys, now }
    }

    /// The next key, once every set without it is out of use; before that, the first. Without a first key there is nothing to
    /// wait for.
    fn signs(&self, keys: Vec<NamedSigner>, known: &[KnownKey], now: u64) -> Option<NamedSigner> {
        let mut keys = keys.into_iter();
        let (first, next) = (keys.next()?, keys.next());
        let waits = self.kept.saturating_add(ON_ITS_WAY_SECONDS).saturating_mul(1000);
        let is_known_to_all = |next: &NamedSigner| {
            let known = known.iter().find(|one| one.key.public_key() == next.public_key());
            known.is_some_and(|one| now >= one.published.saturating_add(waits))
        };
        Some(next.filter(is_known_to_all).unwrap_or(first))
    }
}

impl KnownKey {
    /// Whether an upstream may still have to verify a receipt by this key.
    fn has_receipts(&self, now: u64) -> bool {
        let needed = LIFETIME_SECONDS.saturating_add(CLOCKS_DIFFER_SECONDS).saturating_mul(1000);
        self.signed.is_some_and(|signed| now < signed.saturating_add(needed))
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
        let signs = || signers.signer().unwrap().kid;
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
        assert!(signers.signer().is_none());
    }
}
