//! Writes the files that Envoy watches: gate and seal, each with its configuration.
//!
//! A configuration only says whose statements the filter takes, and from where. The files contain only public keys and names. Each
//! is written under another name and then renamed, so that Envoy never reads half a file.

use std::path::Path;

use serde_json::{Value, json};
use warrant::statement::{FilterConfig, Pins, Position};

use crate::cli::out::Failure;
use crate::keys::NamedSigner;
use policy::Bundle;

/// What Envoy's own configuration has.
pub(super) struct OfEnvoy<'a> {
    /// The file of the module.
    pub(super) module: &'a Path,
    /// The cluster of the server.
    pub(super) cluster: &'a str,
}

/// Writes both configurations: for the mesh of this bundle, its log, and a server that signs statements with one of these keys.
pub(super) fn write(
    bundle: &Bundle,
    statement_keys: &[NamedSigner],
    envoy: &OfEnvoy<'_>,
    directory: &Path,
) -> Result<(), Failure> {
    let pins = pins(bundle, statement_keys)?;
    for position in [Position::Gate, Position::Seal] {
        let config = FilterConfig { position, pins: pins.clone(), cluster: envoy.cluster.into() };
        // The filter refuses some values, and would say so only in Envoy's log.
        FilterConfig::parse(config.to_json().as_bytes()).map_err(|faults| Failure::all(&faults))?;
        let file = directory.join(format!("{}.yaml", position.word()));
        let failed =
            |e: &dyn std::fmt::Display| Failure::new(format!("cannot write {}: {e}", file.display()));
        // Envoy expects YAML in a file with this name, and JSON is YAML.
        let text = serde_json::to_string_pretty(&resource(&config, envoy.module)).map_err(|e| failed(&e))?;
        ledger::durable::replace(&file, format!("{text}\n").as_bytes()).map_err(|e| failed(&e))?;
    }
    Ok(())
}

fn pins(bundle: &Bundle, statement_keys: &[NamedSigner]) -> Result<Pins, Failure> {
    let origin = bundle.burner();
    let Some((log_name, _)) = origin.rsplit_once("/log/") else {
        return Err(Failure::new(format!("`burner` of the bundle, {origin:?}, is not the origin of a log")));
    };
    Ok(Pins {
        audience: bundle.audience().into(),
        log_name: log_name.into(),
        origin: Some(origin.into()),
        keys: statement_keys.iter().map(|key| (key.kid.as_str().into(), *key.public_key())).collect(),
    })
}

/// Envoy's extension configuration of one filter. Both run in one VM.
fn resource(config: &FilterConfig, module: &Path) -> Value {
    let name = format!("portcullis.{}", config.position.word());
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
                        "value": config.to_json(),
                    },
                },
            },
        }],
    })
}
