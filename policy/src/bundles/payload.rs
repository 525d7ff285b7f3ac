//! Reads the JSON payload of an envelope: an object whose members are a closed set.

use warrant::Digest;

use crate::strict::{MapKey, Node, NodeValue};

/// The members of a payload. None is trusted before its signatures are verified.
pub(super) struct Payload<'a>(&'a [(MapKey, Node)]);

impl<'a> Payload<'a> {
    /// The members of an object, each of which must be among `known`.
    pub(super) fn read(node: &'a Node, known: &[&str]) -> Result<Self, String> {
        let NodeValue::Map(members) = &node.value else {
            return Err("the payload is not a JSON object".to_owned());
        };
        if let Some((key, _)) = members.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
            return Err(format!("unknown member `{}`", key.text));
        }
        Ok(Self(members))
    }

    pub(super) fn member(&self, name: &str) -> Result<&'a Node, String> {
        let found = self.0.iter().find(|(key, _)| key.text == name);
        found.map(|(_, node)| node).ok_or_else(|| format!("`{name}` is missing"))
    }

    pub(super) fn text(&self, name: &str) -> Result<String, String> {
        text(name, self.member(name)?)
    }

    pub(super) fn number(&self, name: &str) -> Result<u64, String> {
        let node = self.member(name)?;
        let NodeValue::Integer(value) = node.value else {
            return Err(format!("`{name}`: expected an integer, found {}", node.kind()));
        };
        u64::try_from(value).map_err(|_| format!("`{name}` is negative: {value}"))
    }

    pub(super) fn digest(&self, name: &str) -> Result<Digest, String> {
        digest(name, self.member(name)?)
    }
}

fn text(name: &str, node: &Node) -> Result<String, String> {
    match &node.value {
        NodeValue::Text(text, _) => Ok(text.clone()),
        NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Integer(_)
        | NodeValue::Doubtful(_)
        | NodeValue::List(_)
        | NodeValue::Map(_) => Err(format!("`{name}`: expected a string, found {}", node.kind())),
    }
}

pub(super) fn digest(name: &str, node: &Node) -> Result<Digest, String> {
    Digest::parse(&text(name, node)?).ok_or_else(|| format!("`{name}`: this is not a digest"))
}
