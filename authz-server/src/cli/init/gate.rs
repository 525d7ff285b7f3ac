//! Envoy's part of a house: the gate's filter with its configuration, as a file that Envoy watches.
//!
//! It holds public keys and names only. Written beside and renamed, so that an Envoy that watches it never sees half.

use std::path::Path;

use serde_json::{Value, json};
use warrant::{Issuer, PublicKey};

use crate::cli::out::Failure;
use policy::Bundle;

/// Writes the extension configuration that says what this bundle says.
pub(super) fn write(bundle: &Bundle, module: &Path, file: &Path) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("cannot write {}: {e}", file.display()));
    let gate = gate(bundle).map_err(|e| failed(&e))?;
    let configuration = serde_json::to_string(&gate).map_err(|e| failed(&e))?;
    let module = module.to_string_lossy();
    let resource = json!({
        "version_info": "1",
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "portcullis.gate",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": "portcullis.gate",
                    "failure_policy": "FAIL_RELOAD",
                    "vm_config": {
                        "vm_id": "portcullis.gate",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": module}},
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": configuration,
                    },
                },
            },
        }],
    });
    // JSON is YAML, which is what Envoy expects behind this name.
    let text = serde_json::to_string_pretty(&resource).map_err(|e| failed(&e))?;
    ledger::durable::replace(file, format!("{text}\n").as_bytes()).map_err(|e| failed(&e))
}

/// What the gate must know to refuse what cannot be allowed.
fn gate(bundle: &Bundle) -> Result<Value, serde_json::Error> {
    let issuers: Vec<Value> = bundle.trust().issuers().iter().map(issuer).collect::<Result<_, _>>()?;
    let terms = bundle.terms();
    Ok(json!({
        "position": "gate",
        "audience": terms.audience,
        "max_lifetime": terms.max_lifetime,
        "leeway": terms.leeway,
        "hosts": bundle.aliases(),
        "issuers": issuers,
    }))
}

fn issuer(issuer: &Issuer) -> Result<Value, serde_json::Error> {
    let key = |(kid, key): &(String, PublicKey)| {
        let mut jwk: Value = serde_json::from_str(&key.to_jwk_json())?;
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), json!(kid));
        }
        Ok(jwk)
    };
    let keys: Vec<Value> = issuer.keys.iter().map(key).collect::<Result<_, serde_json::Error>>()?;
    let subjects: Vec<String> = issuer.subjects.iter().map(ToString::to_string).collect();
    Ok(json!({"iss": issuer.iss, "keys": keys, "subjects": subjects, "starters": issuer.starters}))
}
