//! The JSON Schemas of entries, from the types, for documents that others make.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Entry;
use super::define::{DocumentedObject, JsonShape};

/// The JSON Schema of each kind of entry and of each object inside entries, by the names of ENTRIES.md. One names another as
/// `{"$ref": "#/$defs/NAME"}`.
#[must_use]
pub fn schemas() -> BTreeMap<&'static str, Value> {
    let (kinds, objects) = Entry::describe();
    let kinds = kinds.iter().map(|kind| (kind.name, schema(kind, stamps(kind.name))));
    kinds.chain(objects.iter().map(|object| (object.name, schema(object, Map::new())))).collect()
}

/// The members that every entry of this kind has.
fn stamps(kind: &str) -> Map<String, Value> {
    let nonce = json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{21}[AQgw]$"});
    Map::from_iter([
        ("kind".to_owned(), json!({"const": kind})),
        ("nonce".to_owned(), nonce),
        ("time".to_owned(), u64::schema()),
    ])
}

fn schema(object: &DocumentedObject, mut properties: Map<String, Value>) -> Value {
    for member in &object.members {
        let mut schema = member.schema.clone();
        if let Some(members) = schema.as_object_mut() {
            members.insert("description".to_owned(), member.meaning.clone().into());
        }
        properties.insert(member.name.to_owned(), schema);
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({
        "type": "object", "description": object.meaning, "required": required, "properties": properties,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_that_a_schema_names_has_a_schema() {
        let all = schemas();
        assert!(all.contains_key("decision/1") && all.contains_key("Link"), "{:?}", all.keys());
        let text = serde_json::to_string(&all).unwrap();
        let mut named = text.split("#/$defs/").skip(1).map(|rest| rest.split('"').next().unwrap());
        assert!(named.all(|name| all.contains_key(name)), "{text}");
    }
}
