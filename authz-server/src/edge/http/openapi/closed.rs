//! Makes the document exact where the derived one is not: no object has members that it does not name, and an object with
//! flattened parts is one object.

use serde_json::{Map, Value, json};

/// Closes every object of the document that does not say that it is open.
pub(super) fn close(document: &mut Value) {
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    merge_parts(document, &schemas);
    close_objects(document);
    drop_unnamed(document);
}

/// Drops the schemas that nothing names: those whose members were merged into others, and entries that no call answers with.
fn drop_unnamed(document: &mut Value) {
    loop {
        let text = document.to_string();
        let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
            return;
        };
        let before = schemas.len();
        schemas.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
        if schemas.len() == before {
            return;
        }
    }
}

/// Replaces `allOf` by one object with the members of all parts. Only flattening makes an `allOf` here.
fn merge_parts(value: &mut Value, schemas: &Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(|member| merge_parts(member, schemas));
            if let Some(Value::Array(parts)) = members.remove("allOf") {
                members.insert("type".to_owned(), json!("object"));
                parts.into_iter().for_each(|part| add_part(members, part, schemas));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| merge_parts(value, schemas)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn add_part(members: &mut Map<String, Value>, part: Value, schemas: &Value) {
    let named = part.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let part = named.and_then(|name| schemas.get(name)).cloned().unwrap_or(part);
    if let Some(Value::Object(properties)) = part.get("properties").cloned()
        && let Some(all) = members.entry("properties").or_insert_with(|| json!({})).as_object_mut()
    {
        all.extend(properties);
    }
    if let Some(Value::Array(required)) = part.get("required").cloned()
        && let Some(all) = members.entry("required").or_insert_with(|| json!([])).as_array_mut()
    {
        all.extend(required);
    }
}

fn close_objects(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(close_objects);
            if members.get("properties").is_some_and(Value::is_object)
                && !members.contains_key("additionalProperties")
            {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close_objects),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
