//! Which bundle is in force, and until when.
//!
//! A bundle is in force while a fresh note names it and its own window holds. The two are kept together, so that no
//! decision can see one bundle and another's note.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::RwLockReadGuard;
use warrant::{Denial, Seconds};

use policy::{Bundle, InForceUntil};

#[derive(Debug)]
pub struct PolicyInForce {
    current: RwLock<Arc<Current>>,
    /// Held for writing from before an activation is recorded until it is in force.
    turn: tokio::sync::RwLock<()>,
}

#[derive(Debug)]
struct Current {
    bundle: Arc<Bundle>,
    /// `None`: no note that holds has been seen yet.
    until: Option<InForceUntil>,
}

/// While it is held, no activation is between its record and its effect.
#[derive(Debug)]
#[must_use]
pub struct Settled<'a> {
    _turn: RwLockReadGuard<'a, ()>,
}

impl PolicyInForce {
    pub fn new(bundle: Bundle, until: Option<InForceUntil>) -> PolicyInForce {
        let current = RwLock::new(Arc::new(Current { bundle: Arc::new(bundle), until }));
        PolicyInForce { current, turn: tokio::sync::RwLock::new(()) }
    }

    /// Waits until no activation is under way. Who reads the ledger's size and the bundle under it reads them as they
    /// belong together: never the old bundle as of a record that names the new one.
    pub async fn settled(&self) -> Settled<'_> {
        Settled { _turn: self.turn.read().await }
    }

    /// The bundle to judge by, and whether it may be judged by at `now`.
    pub fn at(&self, now: Seconds) -> (Arc<Bundle>, Result<(), Denial>) {
        let current = self.current();
        let holds = current.until.is_some_and(|InForceUntil(end)| now < end);
        (Arc::clone(&current.bundle), if holds { Ok(()) } else { Err(Denial::GovernanceStale) })
    }

    /// Puts a bundle in force once `record` has made its activation durable; what was in force before is given back, or
    /// the bundle itself with the reason. Not for a thread of the request path: it waits for the disk.
    pub fn activate<E>(
        &self,
        bundle: Box<Bundle>,
        until: InForceUntil,
        record: impl FnOnce() -> Result<(), E>,
    ) -> Result<Arc<Bundle>, (Box<Bundle>, E)> {
        let _turn = self.turn.blocking_write();
        // A crash before the record is durable: the old bundle was the last in force. After it: the record says a little
        // early what the next start will do, and nothing was decided in between.
        if let Err(e) = record() {
            return Err((bundle, e));
        }
        let next = Arc::new(Current { bundle: bundle.into(), until: Some(until) });
        let before = std::mem::replace(&mut *self.write(), next);
        Ok(Arc::clone(&before.bundle))
    }

    /// A newer note about the same bundle.
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

    /// What is in force and until when, or why nothing is, for whoever asks whether this server is ready.
    pub fn readiness(&self, now: Seconds) -> Result<String, String> {
        let current = self.current();
        let (version, digest) = (current.bundle.version(), current.bundle.digest());
        match current.until {
            Some(InForceUntil(end)) if now < end => {
                Ok(format!("version {version} ({digest}) is in force until {}", end.get()))
            }
            Some(InForceUntil(end)) => Err(format!(
                "version {version} ({digest}) was in force until {}: its note or its own window has run out; sign a new one",
                end.get()
            )),
            None => Err(format!(
                "version {version} ({digest}) has no note that holds; sign one with a key of the mesh's `notes`"
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
