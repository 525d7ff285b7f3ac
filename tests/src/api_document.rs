//! The API's own document, `docs/openapi.json`, and whether an answer is one that it describes. The harness asks it about every
//! answer of the API that a test gets, so each test of the API is a test of the document too.

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::client::{ClientRequest, ClientResponse};
use crate::programs::repository;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = fs::read_to_string(repository().join("docs/openapi.json")).expect("the document is in docs/");
    serde_json::from_str(&text).expect("the document is JSON")
});

/// The schemas in use, by their place in the document.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// One call that the document describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// In capitals.
    pub method: String,
    /// With its parameters in braces.
    pub path: String,
}

/// Every call that the document describes.
///
/// # Panics
/// When the document is not one of OpenAPI.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("methods").keys();
        let operation = |method: &String| Operation { method: method.to_uppercase(), path: path.clone() };
        methods.map(operation).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// Asserts that the document describes this answer: its status, its content type and its body. What is not below `/v1/` is not
/// in the document.
///
/// # Panics
/// When the document does not describe it.
pub fn check(request: &ClientRequest, response: &ClientResponse) {
    let path = request.target.split('?').next().unwrap_or_default();
    if !path.starts_with("/v1/") {
        return;
    }
    let method = request.method.to_lowercase();
    let status = response.status.to_string();
    let about = || format!("{} {path} was answered with {status}: {}", request.method, response.text());
    let pointer = match described(path) {
        Some(path) if DOCUMENT["paths"][&path][&method].is_object() => {
            format!("/paths/{}/{method}/responses/{status}", path.replace('/', "~1"))
        }
        // Nothing is known of the call; that of another method does not even say who may make it.
        place => {
            let allowed: &[u16] = if place.is_some() { &[401, 403, 405] } else { &[403, 404] };
            assert!(allowed.contains(&response.status), "the document has no such call: {}", about());
            format!("/components/responses/{}", response.code().unwrap_or_default())
        }
    };
    let answer = DOCUMENT.pointer(&pointer).unwrap_or_else(|| panic!("not in the document: {}", about()));
    let pointer = answer["$ref"].as_str().map_or(pointer, |place| place.trim_start_matches('#').to_owned());
    let answer = DOCUMENT.pointer(&pointer).expect("what is named is there");
    let kind = response.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let schema = &answer["content"][kind]["schema"];
    assert!(schema.is_object(), "`{kind}` is not the type in the document: {}", about());
    if kind.starts_with("text/") {
        return;
    }
    let body: Value =
        serde_json::from_slice(&response.body).unwrap_or_else(|why| panic!("{why}: {}", about()));
    let faults: Vec<String> = validator(&format!("{pointer} {kind}"), schema)
        .iter_errors(&body)
        .map(|fault| format!("{} at {}", fault, fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:?}: {}", about());
}

/// The path in the document that describes this one.
fn described(path: &str) -> Option<String> {
    let is_like = |known: &&String| {
        let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let (known, path) = (parts(known), parts(path));
        let fits = |(known, part): (&String, &String)| known == part || known.starts_with('{');
        known.len() == path.len() && known.iter().zip(&path).all(fits)
    };
    DOCUMENT["paths"].as_object().expect("paths").keys().find(is_like).cloned()
}

fn validator(place: &str, schema: &Value) -> Arc<Validator> {
    let mut known = VALIDATORS.lock().expect("no test failed while it made a validator");
    let made = || {
        let schema = json!({"allOf": [schema], "components": DOCUMENT["components"]});
        Arc::new(jsonschema::draft202012::new(&schema).expect("the document's schemas are good"))
    };
    Arc::clone(known.entry(place.to_owned()).or_insert_with(made))
}
