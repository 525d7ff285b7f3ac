//! Key files: each holds one private JWK, and only its owner may read it.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::{DigestKey, PrivateKey, Readers};

/// A key has a few hundred bytes. What is longer is none.
const BYTES_AT_MOST: u64 = 64 * 1024;

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

/// Reads the text of a bearer token in the same way. A key is not taken for a token.
pub fn read_token_text(path: &Path) -> Result<String, KeyFileError> {
    read_secret(path, |bytes| {
        Readers::from_token_file(bytes)?;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| "is not a token".to_owned())?;
        if text.starts_with('{') { Err("holds a key, and not a token".to_owned()) } else { Ok(text) }
    })
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
    // Whoever puts a pipe here must not keep the reader waiting.
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty());
    let file = File::from(file.map_err(|error| unreadable(error.into()))?);
    let metadata = file.metadata().map_err(unreadable)?;
    check_whose(path, &metadata).map_err(fault)?;
    let mut json = Vec::new();
    file.take(BYTES_AT_MOST).read_to_end(&mut json).map_err(unreadable)?;
    parse(&json).map_err(fault)
}

/// Refuses what others can read, and what others can have put there: they would choose the key that signs.
fn check_whose(path: &Path, file: &Metadata) -> Result<(), String> {
    let own = rustix::process::geteuid().as_raw();
    let is_ours = |owner: u32| owner == own || owner == 0;
    if !file.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if !is_ours(file.uid()) {
        return Err(format!(
            "belongs to the user {}, who could change it: it must be that of the user who runs this, or root's",
            file.uid()
        ));
    }
    let mode = file.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("can be read by other users (mode {mode:03o}): chmod 600 it, or make a new key"));
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory_mode =
        std::fs::metadata(directory).map_err(|e| format!("its directory cannot be read: {e}"))?.mode();
    let (anybody_writes, only_own_files) = (directory_mode & 0o002 != 0, directory_mode & 0o1000 != 0);
    if anybody_writes && !only_own_files {
        return Err(format!(
            "lies in a directory in which everybody can replace it (mode {:03o}): chmod o-w it",
            directory_mode & 0o777
        ));
    }
    Ok(())
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
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use warrant::Algorithm;

    #[test]
    fn a_key_that_others_can_have_put_there_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.jwk");
        write_new(&path, &PrivateKey::generate(Algorithm::Es256, None).unwrap()).unwrap();
        for (mode, is_read) in [(0o777, false), (0o1777, true), (0o775, true)] {
            std::fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            let read = read(&path).map_err(|error| error.to_string());
            assert_eq!(read.is_ok(), is_read, "{mode:o}");
            assert!(read.map_or_else(|said| said.contains("chmod o-w"), |_| true), "{mode:o}");
        }
        // A pipe that nobody writes into.
        let pipe = dir.path().join("pipe.jwk");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        assert!(read(&pipe).unwrap_err().to_string().contains("not a regular file"));
        // Only root can give a file away.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
            assert!(read(&path).unwrap_err().to_string().contains("belongs to the user 12345"));
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.jwk");
        write_new(&path, &PrivateKey::generate(Algorithm::Es256, None).unwrap()).unwrap();
        assert!(read(&path).is_ok());
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
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
