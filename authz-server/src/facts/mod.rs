//! Facts: what the server knows apart from the request. The ledger is the only source of truth; this module holds an
//! index over it, which can be deleted and folded again. It knows no Envoy types.

mod after_restore;
mod burns;
mod ended;
#[cfg(test)]
pub(crate) mod examples;
mod fold;
mod follower;
mod forwards;
mod known;
mod own;
mod since;
pub mod snapshot;
mod tables;
#[cfg(test)]
pub(crate) mod test_ledger;

use ledger::entry::Digest;

pub use after_restore::AfterRestore;
pub use burns::{BurnFor, BurnTable, BurnedItem, BurnedItems, Full, NotBurned, Room, RootTag, Wanted};
pub use ended::EndedDecisions;
pub use fold::{Amount, Folded, fold, fold_closed};
pub use follower::follow;
pub use forwards::{
    Continues, ForwardCounts, ForwardList, HolderTag, JudgeAgain, JudgedForwards, KeptCase, LiveForwards,
    RUN_AT_MOST, ReadKey,
};
pub use known::{GovernanceChanges, Known, KnownTables, LiveFacts};
pub use own::OwnFacts;
pub use since::Since;
pub use tables::{
    AliveFact, Recorded, STATEMENT_SECONDS_AT_MOST, Speakers, TableSize, Tables, counted_of, kind_of,
    places_of,
};

/// Eight bytes of a digest: enough to tell things apart where they are only counted.
fn tag_of(digest: &Digest) -> u64 {
    u64::from_be_bytes(digest.bytes().first_chunk().copied().unwrap_or_default())
}
