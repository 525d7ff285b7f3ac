//! Facts: what the server knows apart from the request. The ledger is the only source of truth; this module holds an
//! index over it, which can be deleted and folded again. It knows no Envoy types.

mod burns;
mod ended;
mod fold;
pub mod snapshot;

pub use burns::{BurnFor, BurnTable, BurnedItem, BurnedItems, Full, NotBurned, Room, RootTag};
pub use ended::EndedDecisions;
pub use fold::{Amount, Folded, fold};
