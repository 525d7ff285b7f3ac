//! Key files: each holds one private JWK, and only its owner may read it.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{DigestKey, PrivateKey, Readers};

/// Why a key file cannot be used: one line with the file, the fault and the cure.
#[derive(Debug)]
pub struct KeyFileError {
    path: PathBuf,
    what: String,
}

impl KeyFileError {
    pub(super) fn new(path: &Path, what: String) -> KeyFileError {
        KeyFileError { path: path.to_owned(), what }
    }
}

/// Reads a key. A file that others can read is refused: a key that is not secret proves nothing.
pub fn read(path: &Path) -> Result<PrivateKey, KeyFileError> {
    read_secret(path, PrivateKey::from_jwk)
}

/// Reads the key for digests in the same way.
pub fn read_digest(path: &Path) -> Result<DigestKey, KeyFileError> {
    read_secret(path, DigestKey::from_jwk)
}

/// Reads a bearer token in the same way.
pub fn read_token(path: &Path) -> Result<Readers, KeyFileError> {
    read_secret(path, Readers::from_token_file)
}

/// Makes a new bearer token for `read-log`.
pub fn write_new_token(path: &Path) -> Result<(), KeyFileError> {
    let fault = |what: String| KeyFileError { path: path.to_owned(), what };
    write_secret(path, &super::readers::new_token().map_err(fault)?)
}

/// Writes a new key file, with mode 0600 from the first byte on. An existing file is never overwritten.
pub fn write_new(path: &Path, key: &PrivateKey) -> Result<(), KeyFileError> {
    write_secret(path, &key.to_jwk())
}

/// Writes the key for digests in the same way.
pub fn write_digest(path: &Path, key: &DigestKey) -> Result<(), KeyFileError> {
    write_secret(path, &key.to_jwk())
}

fn read_secret<K>(path: &Path, parse: impl Fn(&[u8]) -> Result<K, String>) -> Result<K, KeyFileError> {
    let fault = |what: String| KeyFileError { path: path.to_owned(), what };
    let unreadable = |e: std::io::Error| fault(format!("cannot be read: {e}"));
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(fault(format!(
            "can be read by other users (mode {mode:03o}): chmod 600 it, or make a new key"
        )));
    }
    let mut json = Vec::new();
    file.read_to_end(&mut json).map_err(unreadable)?;
    parse(&json).map_err(fault)
}

fn write_secret(path: &Path, jwk: &str) -> Result<(), KeyFileError> {
    ledger::durable::write_new(path, format!("{jwk}\n").as_bytes(), 0o600)
        .map_err(|e| KeyFileError { path: path.to_owned(), what: format!("cannot be written: {e}") })
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key file {}: {}", self.path.display(), self.what)
    }
}

impl std::error::Error for KeyFileError {}

#[cfg(test)]
mod tests {
    use super::*;
    use warrant::Algorithm;

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.jwk");
        write_new(&path, &PrivateKey::generate(Algorithm::Es256, None).unwrap()).unwrap();
        assert!(read(&path).is_ok());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let said = read(&path).unwrap_err().to_string();
        assert!(said.contains("mode 640") && said.contains("chmod 600"), "{said}");
    }

    #[test]
    fn a_key_file_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.jwk");
        let key = PrivateKey::generate(Algorithm::Es256, None).unwrap();
        write_new(&path, &key).unwrap();
        assert!(write_new(&path, &key).is_err());
    }
}
