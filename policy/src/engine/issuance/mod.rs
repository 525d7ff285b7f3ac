//! The policies of `issuance.cedar`: who may have which grant, and with which limits.
//!
//! Each permit is for one grant and names all its limits, in annotations. A limit that is missing or misspelt is a fault when
//! the bundle is built: it must never be no limit.

mod compile;
mod decide;
mod limits;
mod schema;

pub(crate) use compile::{IssuanceNames, compile_issuance};
pub(crate) use decide::IssuanceSlice;
pub use decide::{Issuance, PermittedGrant};
