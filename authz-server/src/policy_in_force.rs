//! Which bundle is in force, and until when.
//!
//! A bundle is in force while a fresh note names it and its own window holds. The two are kept together, so that no
//! decision can see one bundle and another's note.

use std::sync::{Arc, PoisonError, RwLock};

use warrant::{Denial, Seconds};

use crate::policy::{Bundle, InForceUntil};

#[derive(Debug)]
pub struct PolicyInForce(RwLock<Arc<Current>>);

#[derive(Debug)]
struct Current {
    bundle: Arc<Bundle>,
    /// `None`: no note that holds has been seen yet.
    until: Option<InForceUntil>,
}

impl PolicyInForce {
    pub fn new(bundle: Bundle, until: Option<InForceUntil>) -> PolicyInForce {
        PolicyInForce(RwLock::new(Arc::new(Current { bundle: Arc::new(bundle), until })))
    }

    /// The bundle to judge by, and whether it may be judged by at `now`.
    pub fn at(&self, now: Seconds) -> (Arc<Bundle>, Result<(), Denial>) {
        let current = self.current();
        let holds = current.until.is_some_and(|InForceUntil(end)| now < end);
        (Arc::clone(&current.bundle), if holds { Ok(()) } else { Err(Denial::GovernanceStale) })
    }

    /// A newer note about the same bundle.
    pub fn renew(&self, until: InForceUntil) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(Current { bundle: Arc::clone(&current.bundle), until: Some(until) });
    }

    pub fn bundle(&self) -> Arc<Bundle> {
        Arc::clone(&self.current().bundle)
    }

    pub fn until(&self) -> Option<Seconds> {
        self.current().until.map(|InForceUntil(end)| end)
    }

    /// Why it is not in force, for whoever asks whether this server is ready.
    pub fn readiness(&self, now: Seconds) -> Result<(), String> {
        let current = self.current();
        let digest = current.bundle.digest();
        match current.until {
            Some(InForceUntil(end)) if now < end => Ok(()),
            Some(InForceUntil(end)) => Err(format!(
                "bundle {digest} was in force until {}: its note or its own window has run out; sign a new one",
                end.get()
            )),
            None => Err(format!(
                "bundle {digest} has no note that holds; sign one with a key of the mesh's `notes`"
            )),
        }
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
