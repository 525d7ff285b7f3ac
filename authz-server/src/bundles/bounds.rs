//! How large a bundle may be, wherever it comes from. Each bound is far above what a bundle of 10,000 routes needs; they are
//! there so that no directory and no server can fill this one's memory.

use policy::Parcel;

/// A manifest names 10,000 files in about 1.5 MiB.
pub(super) const MANIFEST_BYTES: usize = policy::strict::LONGEST_MANIFEST;
/// A document in a signed bundle (JSON). A document that an author writes (YAML) may have half of that.
pub(super) const FILE_BYTES: usize = policy::strict::LONGEST_DOCUMENT;
/// All documents together.
pub(super) const CONTENT_BYTES: usize = 128 * 1024 * 1024;
/// How many names a directory may have in all: documents, directories and what is skipped.
pub(super) const FILES: usize = 100_000;
/// How deep directories may be nested. In a bundle it is two levels.
pub(super) const DEPTH: usize = 16;
/// A chain of trust has one step for each change of keys.
pub(super) const TRUST_STEPS: usize = 1024;

/// Whether a server takes this much, wherever it reads it. Who signs asks before, since all servers would refuse it.
pub fn check(parcel: &Parcel) -> Result<(), String> {
    let routes = parcel.routes.iter();
    let manifests = std::iter::once(&parcel.manifest).chain(routes.clone().map(|routes| &routes.manifest));
    let files = || parcel.files.iter().chain(parcel.routes.iter().flat_map(|routes| &routes.files));
    if let Some(manifest) = manifests.into_iter().find(|manifest| manifest.len() > MANIFEST_BYTES) {
        return Err(format!("a manifest has {} bytes, and a server takes {MANIFEST_BYTES}", manifest.len()));
    }
    if let Some((name, bytes)) = files().find(|(_, bytes)| bytes.len() > FILE_BYTES) {
        return Err(format!("{name} has {} bytes, and a server takes {FILE_BYTES}", bytes.len()));
    }
    let all: usize = files().map(|(_, bytes)| bytes.len()).sum();
    if all > CONTENT_BYTES {
        return Err(format!("all documents have {all} bytes, and a server takes {CONTENT_BYTES}"));
    }
    // Each layer has directories beside its documents.
    if files().count() > FILES / 2 {
        return Err(format!("there are {} documents, and a server takes {}", files().count(), FILES / 2));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use policy::{Files, RoutesParcel};

    use super::*;

    #[test]
    fn what_a_server_would_refuse_is_known_before_it_is_signed() {
        let with = |files: Files| Parcel {
            routes: Some(RoutesParcel { manifest: Vec::new(), files }),
            ..Parcel::default()
        };
        let many = |count: usize, bytes: usize| -> Files {
            (0..count).map(|number| (number.to_string(), vec![b'x'; bytes])).collect()
        };
        assert!(check(&with(many(100, 1000))).is_ok());
        assert!(check(&with(many(1, FILE_BYTES + 1))).unwrap_err().contains("a server takes"));
        assert!(check(&with(many(257, FILE_BYTES))).unwrap_err().contains("all documents"));
        assert!(check(&with(many(FILES / 2 + 1, 0))).unwrap_err().contains("documents"));
        let large = RoutesParcel { manifest: vec![b'x'; MANIFEST_BYTES + 1], files: Files::new() };
        assert!(check(&Parcel { routes: Some(large), ..Parcel::default() }).is_err());
    }
}
