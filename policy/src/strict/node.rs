//! The tree that YAML and JSON are read into.

use crate::fault::Place;

/// The largest integer that all JSON readers read alike, and that the record can hold: 2^53 - 1.
pub const LARGEST: i64 = 9_007_199_254_740_991;

/// The maximum depth of nesting of a document, in YAML and in JSON.
pub(crate) const DEEPEST: usize = 32;

/// One value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    pub at: Place,
    pub value: NodeValue,
}

/// A value, without its place. The same document in YAML and in JSON gives the same values.
#[derive(Clone, Debug)]
pub enum NodeValue {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String, Style),
    /// An unquoted YAML scalar that some YAML parser does not read as a string (`NO`, `010`, `1:30`, `1.5`).
    Doubtful(String),
    List(Vec<Node>),
    Map(Vec<(MapKey, Node)>),
}

/// The key of one member of a map.
#[derive(Clone, Debug)]
pub struct MapKey {
    pub at: Place,
    pub text: String,
}

/// How a string was written, as far as a rule or a place depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// In JSON: it has no place.
    Json,
    /// Plain, quoted or folded in YAML: a position in the string is not a position in the file.
    Flowing,
    /// A literal block: line `n` of the string is line `first + n` of the file, indented by `indent` columns.
    Literal { first: u32, indent: u32 },
}

impl Node {
    /// What it is, for a fault that expected something else.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Null => "null",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Integer(_) => "an integer",
            NodeValue::Text(..) => "a string",
            NodeValue::Doubtful(_) => "an unquoted value that YAML parsers read differently",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a map",
        }
    }
}
