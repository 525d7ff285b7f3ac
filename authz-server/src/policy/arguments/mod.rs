//! Reading a request's arguments: typed values out of path, query, headers and body, each readable in one way only.
//!
//! Whatever two readers could take for two things is refused, also in parts of the request that no argument names: an upstream
//! might read those.

mod body;
mod header;
mod query;
mod read;
mod typed;
mod values;

pub use read::{Body, Given, Part, Sent, Unread, read};
pub use values::{Arguments, Value};
