//! How documents are written: YAML in a strict profile, or JSON; both become the same tree.
//!
//! Nothing here knows what a document means. A tree remembers where each value stood, so that every later rule can say it.

pub(crate) mod canonical;
mod doubles;
pub(crate) mod json;
mod members;
mod node;
mod plain;
mod yaml;

pub(crate) use doubles::doubles;
pub(crate) use members::{Members, entries, flag, list, members, natural, place_inside, string, texts};
pub(crate) use node::{Key, LARGEST, Node, Style, Value};
pub(crate) use yaml::read as yaml;
