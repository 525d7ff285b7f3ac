//! What is known now, as one value under one `as_of`. A decision reads it once. Only the ledger's writer replaces it, before
//! it publishes a size or answers anybody: so nobody can claim to have read a fact that is not in it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ledger::Head;
use policy::Bundle;
use tokio::sync::watch;
use warrant::{Denial, Seconds};

use super::forwards::{ForwardList, LiveForwards};
use super::tables::Tables;
use crate::bundles::ActiveBundle;

/// The facts of the ledger at one size of it.
#[derive(Clone, Debug)]
pub struct Known {
    pub(super) head: Head,
    pub(super) active: Arc<ActiveBundle>,
    pub(super) tables: Arc<Tables>,
}

impl Known {
    /// The size of the ledger: every fact below it is in this value, and no other.
    pub fn as_of(&self) -> u64 {
        self.head.size
    }

    /// The ledger's root at that size.
    pub fn root(&self) -> [u8; 32] {
        self.head.root
    }

    /// The time of the last entry, in milliseconds.
    pub fn time(&self) -> u64 {
        self.head.time
    }

    pub fn bundle(&self) -> &Arc<Bundle> {
        self.active.bundle()
    }

    /// Whether the active bundle is in force.
    pub fn in_force(&self, now: Seconds) -> Result<(), Denial> {
        if self.active.is_in_force(now) { Ok(()) } else { Err(Denial::GovernanceStale) }
    }

    /// Until when it is, as far as is known now.
    pub fn in_force_until(&self) -> Option<Seconds> {
        self.active.until()
    }

    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Whether proxies have been told all that this value says to them, if they were told what the other one says: the active
    /// bundle, the postures, and what is revoked.
    fn governs_as(&self, other: &Known) -> bool {
        Arc::ptr_eq(&self.active, &other.active)
            && (Arc::ptr_eq(&self.tables, &other.tables) || self.tables.govern_as(&other.tables))
    }
}

/// The facts that callers feed, at one size of the ledger.
#[derive(Clone, Debug)]
pub struct KnownTables {
    pub as_of: u64,
    pub tables: Arc<Tables>,
}

/// The cell that holds what is known now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LiveFacts {
    known: Arc<ArcSwap<Known>>,
    forwards: LiveForwards,
    changed: watch::Sender<()>,
}

/// Tells of changes in what is said to proxies: facts, and forwards that must end. A decision is no such change.
#[derive(Debug)]
pub struct GovernanceChanges(watch::Receiver<()>);

impl LiveFacts {
    /// `forwards`: those that ran when the log was folded.
    pub(super) fn new(known: Known, forwards: ForwardList) -> LiveFacts {
        let changed = watch::Sender::new(());
        let forwards = LiveForwards::new(forwards, known.as_of(), changed.clone());
        LiveFacts { known: Arc::new(ArcSwap::from_pointee(known)), forwards, changed }
    }

    /// The forwards that run now.
    pub fn forwards(&self) -> &LiveForwards {
        &self.forwards
    }

    pub fn now(&self) -> Arc<Known> {
        self.known.load_full()
    }

    pub fn tables(&self) -> KnownTables {
        let known = self.now();
        KnownTables { as_of: known.as_of(), tables: Arc::clone(&known.tables) }
    }

    /// The changes from now on. What is read after this call is not older than they are.
    pub fn changes(&self) -> GovernanceChanges {
        GovernanceChanges(self.changed.subscribe())
    }

    /// Only the ledger's writer calls it.
    pub(super) fn replace(&self, known: Known) {
        let before = self.now();
        let is_change = !known.governs_as(&before);
        self.known.store(Arc::new(known));
        if is_change {
            self.changed.send_replace(());
        }
    }
}

impl GovernanceChanges {
    /// Whether there was one.
    #[cfg(test)]
    pub(crate) fn is_due(&self) -> bool {
        self.0.has_changed().unwrap_or_default()
    }

    /// Waits for the next change. Several at once may count as one.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The server ends.
            std::future::pending().await
        }
    }
}
