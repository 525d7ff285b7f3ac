//! Where a key is, and where the keys that come after it are: in files beside it that have their names. `authority.jwk` is the
//! first key, and `authority.a2.jwk` the key `a2`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use warrant::formats;

use super::file::{self, KeyFileError};
use super::named_signer::NamedSigner;
use super::public::{NamedKey, read_one_public};
use super::remote_signer::RemoteSigner;

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In this file.
    File(PathBuf),
    /// In another process, which signs over the socket. This server has a file with the public half.
    Signer { socket: PathBuf, public: PathBuf },
}

impl KeyPlace {
    /// The file in which this server reads of the key.
    #[must_use]
    pub fn file(&self) -> &Path {
        match self {
            KeyPlace::File(file) | KeyPlace::Signer { public: file, .. } => file,
        }
    }

    /// Where the process listens that has the key.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        match self {
            KeyPlace::File(_) => None,
            KeyPlace::Signer { socket, .. } => Some(socket),
        }
    }

    /// Where the key of this name is, beside this one.
    #[must_use]
    pub fn beside(&self, kid: &str) -> KeyPlace {
        match self {
            KeyPlace::File(file) => KeyPlace::File(beside(file, kid, "jwk")),
            KeyPlace::Signer { socket, public } => {
                KeyPlace::Signer { socket: beside(socket, kid, "sock"), public: beside(public, kid, "jwk") }
            }
        }
    }

    /// The key that is there now.
    pub fn read(&self) -> Result<NamedSigner, KeyFileError> {
        match self {
            KeyPlace::File(file) => file::read(file).map(NamedSigner::from),
            KeyPlace::Signer { socket, public } => {
                let NamedKey { kid, key } = read_one_public(public)?;
                Ok(NamedSigner::new(Some(&kid), Arc::new(RemoteSigner::new(socket.clone(), key))))
            }
        }
    }

    /// The same for a key beside another: it has the name that its file says.
    pub(super) fn read_named(&self, kid: &str) -> Result<NamedSigner, KeyFileError> {
        let key = self.read()?;
        if key.kid == kid {
            return Ok(key);
        }
        let what = format!("its key is called {:?}, and the name of the file says {kid:?}", key.kid);
        Err(KeyFileError::new(self.file(), what))
    }

    /// The names of the keys beside this one, sorted.
    pub fn names_beside(&self) -> io::Result<Vec<String>> {
        let file = self.file();
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory.unwrap_or(Path::new(".")))? {
            let name = entry?.file_name();
            let kid = name.to_str().and_then(|name| {
                name.strip_prefix(&*stem)?.strip_prefix('.')?.strip_suffix(".jwk").map(str::to_owned)
            });
            names.extend(kid.filter(|kid| formats::is_kid(kid)));
        }
        names.sort_unstable();
        Ok(names)
    }
}

fn beside(file: &Path, kid: &str, extension: &str) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(kid);
    name.push(".");
    name.push(extension);
    file.with_file_name(name)
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file().display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{self, PrivateKey};
    use warrant::Algorithm;

    #[test]
    fn the_next_key_lies_beside_the_first_under_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let first = KeyPlace::File(directory.path().join("authority.jwk"));
        let next = first.beside("a.2");
        assert_eq!(next.file(), directory.path().join("authority.a.2.jwk"));
        let key = |kid| PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap();
        assert_eq!(first.names_beside().unwrap(), Vec::<String>::new());
        for (place, kid) in [(&first, "a1"), (&next, "a.2"), (&first.beside("a3"), "a4")] {
            keys::write_new(place.file(), &key(kid)).unwrap();
        }
        for other in ["authority..jwk", "authority.a b.jwk", "authority.a5.pem", "statement.s2.jwk"] {
            keys::write_new(&directory.path().join(other), &key("x")).unwrap();
        }
        assert_eq!(first.names_beside().unwrap(), ["a.2", "a3"]);
        assert_eq!(next.read_named("a.2").unwrap().kid, "a.2");
        let other = first.beside("a3").read_named("a3").unwrap_err().to_string();
        assert!(other.contains("called \"a4\""), "{other}");
    }
}
