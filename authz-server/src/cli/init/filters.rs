//! Writes the files that Envoy watches: gate and seal, each with its configuration.
//!
//! The files contain only public keys and names. Each is written under another name and then renamed, so that
//! Envoy never reads half a file.

use std::path::Path;

use serde_json::{Value, json};
use warrant::{Issuer, PublicKey};

use crate::cli::out::Failure;
use policy::Bundle;

/// Writes both configurations with the values of this bundle.
pub(super) fn write(bundle: &Bundle, module: &Path, directory: &Path) -> Result<(), Failure> {
    let seal = json!({"position": "seal", "audience": bundle.terms().audience});
    for (name, configuration) in [("gate", gate(bundle)), ("seal", Ok(seal))] {
        let file = directory.join(format!("{name}.yaml"));
        let failed =
            |e: &dyn std::fmt::Display| Failure::new(format!("cannot write {}: {e}", file.display()));
        let resource = resource(name, &configuration.map_err(|e| failed(&e))?, module);
        // Envoy expects YAML in a file with this name, and JSON is YAML.
        let text = serde_json::to_string_pretty(&resource).map_err(|e| failed(&e))?;
        ledger::durable::replace(&file, format!("{text}\n").as_bytes()).map_err(|e| failed(&e))?;
    }
    Ok(())
}

/// Envoy's extension configuration of one filter. Both run in one VM.
fn resource(name: &str, configuration: &Value, module: &Path) -> Value {
    let name = format!("portcullis.{name}");
    json!({
        "version_info": "1",
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": name,
                    "root_id": name,
                    "failure_policy": "FAIL_RELOAD",
                    "vm_config": {
                        "vm_id": "portcullis",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": module.to_string_lossy()}},
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": configuration.to_string(),
                    },
                },
            },
        }],
    })
}

/// The gate's configuration: what it must know to refuse requests that the server could not allow.
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
