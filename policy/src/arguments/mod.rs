//! Reads the arguments of a request: typed values from the path, the query, the headers and the body.
//!
//! What two readers could read differently is refused, also in parts of the request that no argument names: an upstream might read
//! those.

mod body;
mod declared;
mod header;
mod query;
mod read;
mod typed;
mod values;

pub(crate) use declared::{Declared, Endpoint, endpoints, reads_body};
pub(crate) use read::read;
pub use read::{ArgumentError, Extracted, RequestPart, Sent, SentBody};
pub use values::{ArgumentValue, Arguments};
