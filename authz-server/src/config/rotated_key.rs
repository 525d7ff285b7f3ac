//! A key that can be replaced while the server runs. Its file has the first key; the key that comes after it lies beside it, in
//! a file that has its name: `authority.jwk`, and `authority.a2.jwk` for the key `a2`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use warrant::formats;

use crate::keys::{self, AnySigner, FindKey, KeyFileError, PrivateKey};

/// The first key, and where the others are looked for.
#[derive(Debug)]
pub struct RotatedKey {
    file: PathBuf,
    kid: String,
    first: Arc<PrivateKey>,
}

impl RotatedKey {
    /// `None` if the key has no name.
    pub(super) fn of(file: PathBuf, first: PrivateKey) -> Option<RotatedKey> {
        let kid = first.kid()?.to_owned();
        Some(RotatedKey { file, kid, first: Arc::new(first) })
    }

    #[must_use]
    pub fn first(&self) -> &PrivateKey {
        &self.first
    }

    /// The file of the key with this name.
    #[must_use]
    pub fn file_of(&self, kid: &str) -> PathBuf {
        if kid == self.kid { self.file.clone() } else { beside(&self.file, kid) }
    }

    /// The key with this name, if it is there.
    fn read(&self, kid: &str) -> Result<PrivateKey, KeyFileError> {
        keys::read(&self.file_of(kid))
    }

    /// Finds keys by their names, as long as the server runs.
    #[must_use]
    pub fn into_finder(self) -> FindKey {
        Box::new(move |kid| {
            if kid == self.kid {
                let first: AnySigner = Arc::<PrivateKey>::clone(&self.first);
                return Some(first);
            }
            // A name from a bundle must not lead out of the directory.
            if !formats::is_kid(kid) {
                return None;
            }
            match self.read(kid) {
                Ok(key) => {
                    tracing::info!(kid, "found another key of the authority");
                    Some(Arc::new(key))
                }
                Err(error) => {
                    tracing::info!(kid, %error, "the bundle lists a key of the authority that this server has not");
                    None
                }
            }
        })
    }
}

/// `keys/authority.a2.jwk` beside `keys/authority.jwk`.
fn beside(file: &Path, kid: &str) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(kid);
    name.push(".jwk");
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use warrant::Algorithm;

    #[test]
    fn the_next_key_lies_beside_the_first_under_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("authority.jwk");
        let key = |kid| PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap();
        let rotated = RotatedKey::of(file, key("a1")).unwrap();
        let next = rotated.file_of("a2");
        assert_eq!(next, directory.path().join("authority.a2.jwk"));
        let find = rotated.into_finder();
        assert!(find("a1").is_some() && find("a2").is_none());
        keys::write_new(&next, &key("a2")).unwrap();
        assert!(find("a2").is_some() && find("../a2").is_none());
        assert!(RotatedKey::of(next, PrivateKey::generate(Algorithm::Es256, None).unwrap()).is_none());
    }
}
