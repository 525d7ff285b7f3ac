//! Reading a request's arguments: typed values out of path, query, headers and body, each readable in one way only.
//!
//! Whatever two readers could take for two things is refused, also in parts of the request that no argument names: an upstream
//! might read those.

mod body;
mod declared;
mod header;
mod query;
mod read;
mod typed;
mod values;

pub use body::LONGEST as LARGEST_BODY;
pub(crate) use declared::{Declared, Endpoint, endpoints, reads_body};
pub(crate) use read::read;
pub use read::{Body, Given, Part, Sent, Unread};
pub use values::{Arguments, Value};
