//! The two Secrets, as `kubectl apply` takes them. What can be in one is decided by the types that they are made from, not here.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::archive;
use super::first_home::FirstHome;
use crate::cli::out::Failure;

/// The default of the chart's `secrets.keys`.
const KEYS: &str = "portcullis-keys";
/// The default of the chart's `secrets.first`.
pub(super) const FIRST: &str = "portcullis-first";

/// What Kubernetes takes: 1 MiB for all values of a Secret together.
pub(super) const BYTES_AT_MOST: usize = 1024 * 1024;

/// A Secret: its name, and its values by their names.
pub(super) struct Secret {
    pub(super) name: &'static str,
    pub(super) values: BTreeMap<&'static str, Vec<u8>>,
}

pub(super) fn of(home: &FirstHome) -> Result<[Secret; 2], Failure> {
    let packed = |what: &str, archive: std::io::Result<Vec<u8>>| {
        archive.map_err(|e| Failure::new(format!("cannot pack the {what}: {e}")))
    };
    let keys = Secret { name: KEYS, values: home.keys.files() };
    let first = Secret {
        name: FIRST,
        values: BTreeMap::from([
            ("ledger.tar.gz", packed("ledger", archive::of_ledger(&home.ledger))?),
            ("bundle.tar.gz", packed("bundle", archive::of_bundle(&home.bundle_files))?),
        ]),
    };
    let secrets = [keys, first];
    secrets.iter().try_for_each(check_size)?;
    Ok(secrets)
}

/// The API server would refuse it too, and say neither which part is too large nor what to do.
pub(super) fn check_size(secret: &Secret) -> Result<(), Failure> {
    let bytes: usize = secret.values.values().map(Vec::len).sum();
    if bytes <= BYTES_AT_MOST {
        return Ok(());
    }
    let parts: Vec<String> =
        secret.values.iter().map(|(name, value)| format!("{name} {}", value.len())).collect();
    Err(Failure::new(format!(
        "the Secret {} would have {bytes} bytes ({}), and Kubernetes takes {BYTES_AT_MOST} at most: make the policy smaller, or serve the bundle \
         at a URL (server.bundle.url of the chart) and make this Secret by hand, with ledger.tar.gz alone (k8s/README.md, The Secrets)",
        secret.name,
        parts.join(", ")
    )))
}

/// The text of `secrets.yaml`.
pub(super) fn yaml(secrets: &[Secret], namespace: &str) -> String {
    let mut text = String::from(
        "# PRIVATE KEYS. Made by `portcullis kubernetes`; never commit this file, and remove it after the installation.\n",
    );
    for Secret { name, values } in secrets {
        // Writing to a string cannot fail. Base64 is quoted: YAML reads some words without quotes as numbers.
        let _ = writeln!(
            text,
            "---\napiVersion: v1\nkind: Secret\ntype: Opaque\nmetadata:\n  name: {name}\n  namespace: \"{namespace}\"\ndata:"
        );
        for (name, value) in values {
            let _ = writeln!(text, "  {name}: \"{}\"", STANDARD.encode(value));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_kubernetes_would_refuse_is_refused_with_the_size_of_its_parts() {
        let of = |length: usize| Secret {
            name: FIRST,
            values: BTreeMap::from([("bundle.tar.gz", vec![0; length]), ("ledger.tar.gz", vec![0; 7])]),
        };
        assert!(check_size(&of(BYTES_AT_MOST - 7)).is_ok());
        let said = check_size(&of(BYTES_AT_MOST - 6)).unwrap_err().to_string();
        assert!(
            said.contains("bundle.tar.gz 1048570, ledger.tar.gz 7") && said.contains("1048577 bytes"),
            "{said}"
        );
    }
}
