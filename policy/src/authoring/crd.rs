//! The CustomResourceDefinition of GovernedRoute, made from the schema for editors, so that both know the same keys.
//!
//! The API server checks shapes and what CEL can say cheaply. Everything else is for the readers in `documents`: they alone
//! decide what is valid. So an object keeps the keys that the schema does not know. Kubernetes would drop them silently, and
//! a misspelt `policy` would be a route without its policy; the readers refuse it, and say what was meant.

use serde_json::{Map, Value, json};

use super::{editor, objects};

/// The definition, as an object of Kubernetes.
pub fn crd() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "governedroutes.portcullis.dev",
            // Without the definition, every object of it is gone, and with them the rules of the teams.
            "annotations": {
                "helm.sh/resource-policy": "keep",
                "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
                "kustomize.toolkit.fluxcd.io/prune": "disabled",
            },
        },
        "spec": {
            "group": "portcullis.dev",
            "scope": "Namespaced",
            "names": {
                "kind": "GovernedRoute", "listKind": "GovernedRouteList",
                "plural": "governedroutes", "singular": "governedroute",
                "shortNames": ["groute"],
            },
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns(),
                "schema": {"openAPIV3Schema": object()},
            }],
        },
    })
}

fn columns() -> Value {
    let condition = |name: &str| json!({"name": name, "type": "string", "jsonPath": format!(".status.conditions[?(@.type==\"{name}\")].status")});
    json!([
        condition("Accepted"),
        json!({"name": "Reason", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Accepted\")].reason"}),
        condition("InForce"),
        condition("Enforced"),
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ])
}

fn object() -> Value {
    json!({
        "type": "object",
        "description": "One route of the team whose name is the object's namespace, as in a file routes/<team>/<name>.yaml of a policy directory. It counts once the operator, or the pipeline, has signed it.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec(),
            "status": status(),
        },
        "x-kubernetes-validations": [
            rule(
                "!self.metadata.name.startsWith('closed-')",
                "names that begin with 'closed-' are for routes that the operator closes",
            ),
            rule(
                "self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$') && !(self.metadata.name in ['mesh', 'operators', 'issuance'])",
                "the name of a route is 1 to 63 of a-z, 0-9 and '-', no '-' at either end, and none of mesh, operators and issuance",
            ),
        ],
    })
}

fn spec() -> Value {
    let mut spec = structural(&editor::route());
    let mut tests = structural(&editor::tests_beside_a_route());
    set(&mut tests, &["properties", "cases", "maxItems"], json!(objects::MOST_CASES));
    set(&mut spec, &["properties", "tests"], tests);
    set(
        &mut spec,
        &["x-kubernetes-validations"],
        json!([
            rule(
                "has(self.callers) || has(self.policy) || has(self.ungoverned)",
                "name who may call it: write callers, or a permit in policy",
            ),
            rule(
                "!has(self.ungoverned) || (has(self.ungoverned.observe) && self.ungoverned.observe) || !(has(self.require) || has(self.args) || has(self.action) || has(self.callers) || has(self.policy) || has(self.evidence))",
                "beside ungoverned it would not be enforced: remove it, or only observe the route with observe: true",
            ),
        ]),
    );
    let item = ["properties", "match", "items", "x-kubernetes-validations"];
    set(
        &mut spec,
        &item,
        json!([rule(
            "has(self.grpc) != has(self.paths)",
            "write either paths, or grpc with the full name of a service"
        )]),
    );
    let ungoverned = ["properties", "ungoverned", "x-kubernetes-validations"];
    set(
        &mut spec,
        &ungoverned,
        json!([rule(
            "!has(self.observe) || !self.observe || has(self.until)",
            "observe needs until: write when the route becomes governed, for example \"2027-01-31T00:00:00Z\""
        )]),
    );
    spec
}

fn rule(rule: &str, message: &str) -> Value {
    json!({"rule": rule, "message": message})
}

/// What the operator says of an object.
fn status() -> Value {
    let text = |longest: u32| json!({"type": "string", "maxLength": longest});
    let number = json!({"type": "integer", "format": "int64", "minimum": 0});
    let condition = json!({
        "type": "object",
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        "properties": {
            "type": text(316),
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "observedGeneration": number,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "reason": text(1024),
            "message": text(32768),
        },
    });
    json!({
        "type": "object",
        "properties": {
            "observedGeneration": number,
            "conditions": {
                "type": "array", "maxItems": 8, "items": condition,
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
            },
        },
    })
}

fn set(schema: &mut Value, path: &[&str], value: Value) {
    let mut at = schema;
    for step in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Some(members) = at.as_object_mut() else { return };
        at = members.entry(*step).or_insert(Value::Null);
    }
    *at = value;
}

/// A JSON schema as Kubernetes wants it: every value has a type, nothing is `const`, and what has no one type is kept as it is.
fn structural(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    if let Some(value) = members.get("const") {
        return json!({"type": type_of(value), "enum": [value]});
    }
    if let Some(words) = members.get("enum") {
        return json!({"type": "string", "enum": words});
    }
    if let Some(Value::Array(choices)) = members.get("anyOf") {
        return either(choices);
    }
    if members.is_empty() {
        return json!({"x-kubernetes-preserve-unknown-fields": true});
    }
    let mut made = Map::new();
    for (key, value) in members {
        let value = match (key.as_str(), value) {
            ("properties", Value::Object(all)) => {
                all.iter().map(|(name, schema)| (name.clone(), structural(schema))).collect()
            }
            ("items", schema) => structural(schema),
            ("additionalProperties", Value::Bool(_)) => {
                made.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::Bool(true));
                continue;
            }
            ("additionalProperties", schema) => structural(schema),
            // An empty list of them is not allowed here.
            ("required", Value::Array(all)) if all.is_empty() => continue,
            (_, other) => other.clone(),
        };
        made.insert(key.clone(), value);
    }
    Value::Object(made)
}

/// A number or a word has a type of its own in Kubernetes. Anything else is left to the readers.
fn either(choices: &[Value]) -> Value {
    let is_scalar = |choice: &Value| {
        let kind = choice.get("type").and_then(Value::as_str);
        kind == Some("integer") || choice.get("const").is_some_and(Value::is_string)
    };
    match choices.iter().all(is_scalar) {
        true => json!({"x-kubernetes-int-or-string": true}),
        false => json!({"x-kubernetes-preserve-unknown-fields": true}),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every schema in a schema, with its path.
    fn walk(path: &str, schema: &Value, each: &mut impl FnMut(&str, &Value)) {
        each(path, schema);
        for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            walk(&format!("{path}.{name}"), inner, each);
        }
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(key) {
                walk(&format!("{path}[]"), inner, each);
            }
        }
    }

    fn schema() -> Value {
        crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    }

    #[test]
    fn the_schema_is_structural() {
        walk("", &schema(), &mut |path, schema| {
            let known = schema.get("type").is_some()
                || schema.get("x-kubernetes-int-or-string").is_some()
                || schema.get("x-kubernetes-preserve-unknown-fields").is_some();
            assert!(known, "{path} has no type: {schema}");
            for banned in ["const", "anyOf", "oneOf", "$ref"] {
                assert!(schema.get(banned).is_none(), "{path}: {banned}");
            }
            let both = schema.get("properties").is_some() && schema.get("additionalProperties").is_some();
            assert!(!both && schema.get("additionalProperties") != Some(&Value::Bool(false)), "{path}");
        });
    }

    /// A key that Kubernetes drops before the readers see it would be a rule that is silently not there.
    #[test]
    fn no_object_of_the_spec_drops_a_key_that_it_does_not_know() {
        walk("spec", &schema()["properties"]["spec"], &mut |path, schema| {
            if schema.get("properties").is_some() {
                let keeps = schema.get("x-kubernetes-preserve-unknown-fields");
                assert_eq!(keeps, Some(&Value::Bool(true)), "{path}");
            }
        });
    }

    #[test]
    fn the_api_server_knows_the_limits_that_it_can_check() {
        let text = schema().to_string();
        assert!(text.contains("startsWith('closed-')") && text.contains("\"maxItems\":200"));
    }

    #[test]
    fn the_spec_has_the_keys_that_editors_know_and_the_tests() {
        let keys = |schema: &Value| -> Vec<String> {
            schema["properties"].as_object().unwrap().keys().cloned().collect()
        };
        let mut expected = keys(&editor::route());
        expected.push("tests".to_owned());
        expected.sort();
        let mut found = keys(&schema()["properties"]["spec"]);
        found.sort();
        assert_eq!(found, expected);
    }
}
