//! What is known now, as one value under one `as_of`. A decision reads it once. Only the ledger's writer replaces it, before
//! it publishes a size or answers anybody: so nobody can claim to have read a fact that is not in it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ledger::Head;
use policy::Bundle;
use warrant::{Denial, Seconds};

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

    pub fn tables(&self) -> &Tables {
        &self.tables
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
pub struct LiveFacts(Arc<ArcSwap<Known>>);

impl LiveFacts {
    pub(super) fn new(known: Known) -> LiveFacts {
        LiveFacts(Arc::new(ArcSwap::from_pointee(known)))
    }

    pub fn now(&self) -> Arc<Known> {
        self.0.load_full()
    }

    pub fn tables(&self) -> KnownTables {
        let known = self.now();
        KnownTables { as_of: known.as_of(), tables: Arc::clone(&known.tables) }
    }

    pub(super) fn replace(&self, known: Known) {
        self.0.store(Arc::new(known));
    }
}
