//! How documents are written: YAML in a strict profile, or JSON; both become the same tree.
//!
//! Nothing here knows what a document means. A tree remembers where each value stood, so that every later rule can say it.

pub(crate) mod canonical;
mod doubles;
pub(crate) mod json;
mod members;
mod node;
mod plain;
mod strange;
mod yaml;

pub use canonical::of as canonical_json;
pub use doubles::doubles;
pub use members::{Members, entries, flag, list, members, natural, place_inside, string, texts};
pub use node::{Key, LARGEST, Node, Style, Value};
pub use strange::{is_strange, note_strange};
pub use yaml::read as yaml;
