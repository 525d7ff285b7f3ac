//! Reads a strict profile of YAML, or JSON, into one kind of tree.
//!
//! Nothing here knows what a document means. Each value keeps its place in the file, so that every later rule can name it.

pub(crate) mod canonical;
mod characters;
mod duplicates;
pub(crate) mod json;
mod members;
mod node;
mod plain;
mod yaml;

pub use canonical::of as canonical_json;
pub use characters::{check_characters, is_deceptive};
pub use duplicates::duplicates;
pub use json::{LONGEST as LONGEST_DOCUMENT, LONGEST_MANIFEST};
pub(crate) use members::nearest;
pub use members::{
    Form, Members, entries, flag, formed, list, members, natural, place_inside, string, texts,
};
pub use node::{LARGEST, MapKey, Node, NodeValue, Style};
pub use yaml::read as yaml;
