//! What the manifests of both layers say alike: for whom, which version, in which time, for which policy language, and which files.

use std::collections::BTreeMap;

use warrant::{Digest, Seconds};

use super::payload::{self, Payload};
use super::refusal::BundleRefusal;
use crate::documents::files::Files;
use crate::strict::{Node, NodeValue, canonical};

/// The major and minor version of the policy language that this version of Portcullis uses.
pub(crate) const ENGINE: &str = "4.6";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) audience: String,
    pub(crate) version: u64,
    pub(crate) not_before: u64,
    pub(crate) expires: u64,
    pub(crate) engine: String,
    pub(crate) files: BTreeMap<String, Digest>,
}

impl Contents {
    /// The names of its members.
    pub(super) const MEMBERS: [&str; 6] = ["audience", "version", "notBefore", "expires", "engine", "files"];

    /// Of files that this version of Portcullis has checked.
    pub(super) fn of(files: &Files, audience: &str, version: u64, window: (u64, u64)) -> Contents {
        let (not_before, expires) = window;
        Contents {
            audience: audience.to_owned(),
            version,
            not_before,
            expires,
            engine: ENGINE.to_owned(),
            files: files.iter().map(|(name, bytes)| (name.clone(), Digest::of(bytes))).collect(),
        }
    }

    /// Its members as JSON, without the braces around them.
    pub(super) fn to_json_members(&self) -> String {
        let (audience, engine) = (canonical::quoted(&self.audience), canonical::quoted(&self.engine));
        let files: Vec<_> =
            self.files.iter().map(|(name, digest)| format!("\"{name}\":\"{digest}\"")).collect();
        format!(
            "\"audience\":{audience},\"version\":{},\"notBefore\":{},\"expires\":{},\"engine\":{engine},\"files\":{{{}}}",
            self.version,
            self.not_before,
            self.expires,
            files.join(","),
        )
    }

    pub(super) fn read(payload: &Payload<'_>) -> Result<Contents, String> {
        Ok(Contents {
            audience: payload.text("audience")?,
            version: payload.number("version")?,
            not_before: payload.number("notBefore")?,
            expires: payload.number("expires")?,
            engine: payload.text("engine")?,
            files: files(payload.member("files")?)?,
        })
    }

    /// Checks that these are for this audience, that this server can read them, and that their time has come.
    pub(super) fn check_is_for(&self, audience: &str, now: Seconds) -> Result<(), BundleRefusal> {
        self.check_audience(audience)?;
        self.check_engine()?;
        if now.get() < self.not_before {
            return Err(BundleRefusal::NotYet { not_before: self.not_before });
        }
        if now.get() >= self.expires {
            return Err(BundleRefusal::Over { expires: self.expires });
        }
        Ok(())
    }

    pub(super) fn check_audience(&self, audience: &str) -> Result<(), BundleRefusal> {
        if self.audience == audience {
            Ok(())
        } else {
            let (found, wanted) = (self.audience.clone(), audience.to_owned());
            Err(BundleRefusal::OtherAudience { found, wanted })
        }
    }

    pub(super) fn check_engine(&self) -> Result<(), BundleRefusal> {
        if self.engine == ENGINE {
            Ok(())
        } else {
            Err(BundleRefusal::OtherEngine { found: self.engine.clone(), wanted: ENGINE })
        }
    }

    /// Checks that this version is not below the one that was active, and is the same if it has the same number.
    pub(super) fn check_version(
        &self,
        digest: Digest,
        (version, activated): (u64, Digest),
    ) -> Result<(), BundleRefusal> {
        if self.version < version {
            return Err(BundleRefusal::RolledBack { version: self.version, highest: version });
        }
        if self.version == version && digest != activated {
            return Err(BundleRefusal::SameVersionOtherContent { version, found: digest, activated });
        }
        Ok(())
    }

    /// Checks that these are exactly its files.
    pub(super) fn check_files(&self, files: &Files) -> Result<(), BundleRefusal> {
        if let Some(file) = files.keys().find(|file| !self.files.contains_key(*file)) {
            return Err(BundleRefusal::FileAdded { file: file.clone() });
        }
        for (file, digest) in &self.files {
            let bytes = files.get(file).ok_or_else(|| BundleRefusal::FileMissing { file: file.clone() })?;
            if Digest::of(bytes) != *digest {
                return Err(BundleRefusal::FileChanged { file: file.clone() });
            }
        }
        Ok(())
    }
}

fn files(node: &Node) -> Result<BTreeMap<String, Digest>, String> {
    let NodeValue::Map(members) = &node.value else { return Err("`files` is not an object".to_owned()) };
    let one = |key: &str, node: &Node| {
        if !is_file_name(key) {
            return Err(format!("`{key}` is not a valid name for a file of a bundle"));
        }
        Ok((key.to_owned(), payload::digest(key, node)?))
    };
    members.iter().map(|(key, node)| one(&key.text, node)).collect()
}

/// Whether a name stays inside the bundle's own directory: names are used before any signature is checked.
fn is_file_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    text.split('/')
        .all(|part| part.starts_with(|first: char| first.is_ascii_alphanumeric()) && part.bytes().all(inside))
}
