//! Arguments as they were read.

use std::collections::BTreeMap;

/// The value of an argument, of its declared type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Within ±(2^53-1).
    Long(i64),
    Text(String),
    Bool(bool),
    Texts(Vec<String>),
}

/// By name, sorted; an optional one that is absent is not here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments(BTreeMap<String, Value>);

impl Arguments {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn insert(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// As a warrant's constraints are asked of them; `None` only if the law could not take what was read here.
    pub fn for_the_law(&self) -> Option<warrant::Arguments> {
        let mut arguments = warrant::Arguments::new();
        for (name, value) in self.iter() {
            let argument = match value {
                Value::Long(number) => warrant::Argument::One(warrant::Value::Integer(*number)),
                Value::Text(text) => warrant::Argument::One(warrant::Value::String(text.as_str().into())),
                Value::Bool(value) => warrant::Argument::One(warrant::Value::Boolean(*value)),
                Value::Texts(_) => warrant::Argument::List,
            };
            if !arguments.insert(name, argument) {
                return None;
            }
        }
        Some(arguments)
    }
}

impl FromIterator<(String, Value)> for Arguments {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}
