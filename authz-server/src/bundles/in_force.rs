//! Which bundle is in force, and until when.
//!
//! A bundle is in force while a fresh note names it and its own time window holds. Both are replaced together, so
//! that no decision can see one bundle with another bundle's note.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::RwLockReadGuard;
use warrant::{Denial, Seconds};

use policy::{Bundle, InForceUntil};

#[derive(Debug)]
pub struct PolicyInForce {
    current: RwLock<Arc<Current>>,
    /// Held for writing from before an activation is recorded until the bundle is in force.
    activation: tokio::sync::RwLock<()>,
}

#[derive(Debug)]
struct Current {
    bundle: Arc<Bundle>,
    /// `None`: no valid note has been seen yet.
    until: Option<InForceUntil>,
}

/// While a caller holds this guard, no activation is half done: recorded, but not yet in effect.
#[derive(Debug)]
#[must_use]
pub struct Settled<'a> {
    _no_activation: RwLockReadGuard<'a, ()>,
}

impl PolicyInForce {
    pub fn new(bundle: Bundle, until: Option<InForceUntil>) -> PolicyInForce {
        let current = RwLock::new(Arc::new(Current { bundle: Arc::new(bundle), until }));
        PolicyInForce { current, activation: tokio::sync::RwLock::new(()) }
    }

    /// Waits until no activation is under way. A caller that holds the result reads a ledger size and a bundle that
    /// belong together: never the old bundle with a size at which the new one is already recorded.
    pub async fn settled(&self) -> Settled<'_> {
        Settled { _no_activation: self.activation.read().await }
    }

    /// The active bundle, and whether it is in force at `now`.
    pub fn at(&self, now: Seconds) -> (Arc<Bundle>, Result<(), Denial>) {
        let current = self.current();
        let holds = current.until.is_some_and(|InForceUntil(end)| now < end);
        (Arc::clone(&current.bundle), if holds { Ok(()) } else { Err(Denial::GovernanceStale) })
    }

    /// Puts a bundle in force once `record` has made its activation durable, and returns the bundle before it. On an
    /// error it returns the new bundle and the reason. It waits for the disk, so no thread of the request path may
    /// call it.
    pub fn activate<E>(
        &self,
        bundle: Box<Bundle>,
        until: InForceUntil,
        record: impl FnOnce() -> Result<(), E>,
    ) -> Result<Arc<Bundle>, (Box<Bundle>, E)> {
        let _exclusive = self.activation.blocking_write();
        // A crash before the record is durable: the old bundle was the last one in force. A crash after it: the next
        // start activates the new bundle, and nothing was decided with it before.
        if let Err(e) = record() {
            return Err((bundle, e));
        }
        let next = Arc::new(Current { bundle: bundle.into(), until: Some(until) });
        let before = std::mem::replace(&mut *self.write(), next);
        Ok(Arc::clone(&before.bundle))
    }

    /// Extends the time in force by a newer note about the same bundle.
    pub fn renew(&self, until: InForceUntil) {
        let mut current = self.write();
        *current = Arc::new(Current { bundle: Arc::clone(&current.bundle), until: Some(until) });
    }

    pub fn bundle(&self) -> Arc<Bundle> {
        Arc::clone(&self.current().bundle)
    }

    pub fn until(&self) -> Option<Seconds> {
        self.current().until.map(|InForceUntil(end)| end)
    }

    /// For readiness: what is in force and until when, or why nothing is.
    pub fn readiness(&self, now: Seconds) -> Result<String, String> {
        let current = self.current();
        let (version, digest) = (current.bundle.version(), current.bundle.digest());
        match current.until {
            Some(InForceUntil(end)) if now < end => {
                Ok(format!("version {version} ({digest}) is in force until {}", end.get()))
            }
            Some(InForceUntil(end)) => Err(format!(
                "version {version} ({digest}) was in force until {}: its note or the bundle itself has expired; sign a new one",
                end.get()
            )),
            None => Err(format!(
                "version {version} ({digest}) has no valid note; sign one with a key of the mesh's `notes`"
            )),
        }
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Arc<Current>> {
        self.current.write().unwrap_or_else(PoisonError::into_inner)
    }
}
