//! Facts: what the court knows beside the request itself. The ledger is their only truth; what stands here is an
//! index over it that can be thrown away and folded again. Knows no Envoy types.

mod ended;
mod fold;
pub mod snapshot;
mod spent;

pub use ended::Ended;
pub use fold::{Folded, fold};
pub use spent::{Burned, Spent, Unspent, Uses};
