//! Which bundle is active, and until when it is in force.
//!
//! A bundle is in force while a fresh note names it and its own time window holds. It becomes the active one only when the
//! ledger's writer has made its activation durable; the end of its note is a cell of its own, beside the bundle that the note
//! is about.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use policy::{Bundle, InForceUntil};
use warrant::{Digest, Seconds};

/// A bundle, and the end of its time in force.
#[derive(Debug)]
pub struct ActiveBundle {
    bundle: Arc<Bundle>,
    /// In seconds; 0: no valid note about it has been seen yet.
    until: AtomicU64,
}

impl ActiveBundle {
    fn new(bundle: Arc<Bundle>, until: Option<InForceUntil>) -> ActiveBundle {
        let until = until.map_or(0, |InForceUntil(end)| end.get());
        ActiveBundle { bundle, until: AtomicU64::new(until) }
    }

    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    pub fn is_in_force(&self, now: Seconds) -> bool {
        self.until().is_some_and(|end| now < end)
    }

    pub fn until(&self) -> Option<Seconds> {
        let until = self.until.load(Ordering::Acquire);
        (until > 0).then(|| Seconds::new(until))
    }
}

#[derive(Debug)]
pub struct PolicyInForce {
    active: ArcSwap<ActiveBundle>,
    /// A bundle whose activation is on its way into the ledger.
    next: Mutex<Option<Arc<ActiveBundle>>>,
}

impl PolicyInForce {
    pub fn new(bundle: impl Into<Arc<Bundle>>, until: Option<InForceUntil>) -> PolicyInForce {
        let active = ActiveBundle::new(bundle.into(), until);
        PolicyInForce { active: ArcSwap::from_pointee(active), next: Mutex::default() }
    }

    pub fn active(&self) -> Arc<ActiveBundle> {
        self.active.load_full()
    }

    /// Makes a bundle the active one by `record`, which makes its activation durable, and returns the bundle before it. On
    /// an error it returns the new bundle and the reason. It waits for the disk, so no thread of the request path may call
    /// it.
    pub fn activate<E>(
        &self,
        bundle: Arc<Bundle>,
        until: InForceUntil,
        record: impl FnOnce() -> Result<(), E>,
    ) -> Result<Arc<Bundle>, (Arc<Bundle>, E)> {
        let before = Arc::clone(self.active().bundle());
        *self.next() = Some(Arc::new(ActiveBundle::new(Arc::clone(&bundle), Some(until))));
        // A crash before the record is durable: the old bundle was the last one in force. A crash after it: the next
        // start activates the new bundle, and nothing was decided with it before.
        let recorded = record();
        *self.next() = None;
        recorded.map(|()| before).map_err(|error| (bundle, error))
    }

    /// The activation of this bundle is durable. Called by the ledger's writer alone, before it answers `record`.
    pub fn take_effect(&self, digest: Digest) -> Arc<ActiveBundle> {
        let next = self.next().clone().filter(|next| next.bundle().digest() == digest);
        if let Some(next) = next {
            self.active.store(next);
        }
        self.active()
    }

    /// Extends the time in force by a newer note about the same bundle.
    pub fn renew(&self, InForceUntil(end): InForceUntil) {
        self.active().until.store(end.get(), Ordering::Release);
    }

    pub fn bundle(&self) -> Arc<Bundle> {
        Arc::clone(self.active().bundle())
    }

    pub fn until(&self) -> Option<Seconds> {
        self.active().until()
    }

    /// For readiness: what is in force and until when, or why nothing is.
    pub fn readiness(&self, now: Seconds) -> Result<String, String> {
        let active = self.active();
        let (versions, digest) = (active.bundle.versions(), active.bundle.digest());
        match active.until() {
            Some(end) if now < end => Ok(format!("{versions} ({digest}) is in force until {}", end.get())),
            Some(end) => Err(format!(
                "{versions} ({digest}) was in force until {}: its note or the bundle itself has expired; sign a new one",
                end.get()
            )),
            None => Err(format!(
                "{versions} ({digest}) has no valid note; sign one with a key of the mesh's `notes`"
            )),
        }
    }

    fn next(&self) -> MutexGuard<'_, Option<Arc<ActiveBundle>>> {
        // Only complete values are stored under this lock.
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
