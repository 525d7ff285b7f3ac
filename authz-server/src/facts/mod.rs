//! Facts: what the court knows beside the request itself. The ledger is their only truth; what stands here is an
//! index over it that can be thrown away and folded again. Knows no Envoy types.

mod ended;
mod fold;
mod replay;
pub mod snapshot;

pub use ended::Ended;
pub use fold::{Folded, fold};
pub use replay::{Burned, Spent, Unspent, Uses};
