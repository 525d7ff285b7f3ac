//! The arguments of a request, with typed values.

use std::collections::BTreeMap;

/// The value of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentValue {
    /// Within ±(2^53-1).
    Long(i64),
    Text(String),
    Bool(bool),
    Texts(Vec<String>),
}

/// By name, sorted. An optional argument that is absent is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments(BTreeMap<String, ArgumentValue>);

impl Arguments {
    pub fn get(&self, name: &str) -> Option<&ArgumentValue> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &ArgumentValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn insert(&mut self, name: &str, value: ArgumentValue) {
        self.0.insert(name.to_owned(), value);
    }

    /// In the form that a warrant's constraints are checked against. `None` if `warrant` refuses one of them.
    pub fn to_warrant_arguments(&self) -> Option<warrant::Arguments> {
        let mut arguments = warrant::Arguments::new();
        for (name, value) in self.iter() {
            let argument = match value {
                ArgumentValue::Long(number) => warrant::Argument::One(warrant::Value::Integer(*number)),
                ArgumentValue::Text(text) => {
                    warrant::Argument::One(warrant::Value::String(text.as_str().into()))
                }
                ArgumentValue::Bool(value) => warrant::Argument::One(warrant::Value::Boolean(*value)),
                ArgumentValue::Texts(_) => warrant::Argument::List,
            };
            if !arguments.insert(name, argument) {
                return None;
            }
        }
        Some(arguments)
    }
}

impl FromIterator<(String, ArgumentValue)> for Arguments {
    fn from_iter<I: IntoIterator<Item = (String, ArgumentValue)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}
