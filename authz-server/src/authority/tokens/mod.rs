//! Tokens that others signed: JWTs of issuers that a bundle lists, and the keys of these issuers.
//!
//! What a token is good for is decided elsewhere: `callers` takes one as the name of a caller, `issuing` exchanges one for a
//! warrant.

#[cfg(test)]
pub(in crate::authority) mod example_issuer;
mod foreign;
mod issuer_keys;
mod key_set;
mod remote_keys;

pub(super) use foreign::is_name;
pub use foreign::{Confirmation, ForeignToken, TokenFault, VerifiedToken};
pub use issuer_keys::{IssuerKeys, KeysFault};
pub use key_set::{KeySet, KeySetFault, VerifyingKey};
pub use remote_keys::KeysUnavailable;
