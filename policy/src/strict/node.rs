//! The tree that YAML and JSON share.

use crate::fault::Place;

/// The largest integer that JSON readers agree on, and the record can hold: 2^53 - 1.
pub const LARGEST: i64 = 9_007_199_254_740_991;

/// A document is at most this deep, in YAML and in JSON.
pub(crate) const DEEPEST: usize = 32;

/// One value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub at: Place,
    pub value: Value,
}

/// What a value is. Equal trees are equal documents, whatever they were written in.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String, Style),
    /// A plain YAML scalar that some YAML reader takes for something other than text (`NO`, `010`, `1:30`, `1.5`).
    Doubtful(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A member's name.
#[derive(Clone, Debug)]
pub struct Key {
    pub at: Place,
    pub text: String,
}

/// How a text was written, as far as a rule or a place depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// JSON: there are no places.
    Json,
    /// Plain, quoted or folded: places inside the text are not those of the file.
    Flowing,
    /// A literal block: line `n` of the text is line `first + n` of the file, `indent` columns in.
    Literal { first: u32, indent: u32 },
}

impl Node {
    /// What it is, for a fault that wanted something else.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Text(..) => "a text",
            Value::Doubtful(_) => "a plain scalar that YAML readers disagree on",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}
