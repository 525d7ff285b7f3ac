//! The manifest of a bundle: its audience, version, time window and files, and the trust for the next bundle.

use std::collections::BTreeMap;

use super::dsse::Envelope;
use super::payload::{self, Payload};
use super::refusal::BundleRefusal;
use super::trust::TrustKeys;
use crate::strict::{Node, NodeValue, canonical, json};
use warrant::Digest;

pub(crate) const KIND: &str = "application/vnd.portcullis.bundle+json";

/// The major and minor version of the policy language that this version of Portcullis uses.
pub(crate) const ENGINE: &str = "4.6";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) audience: String,
    pub(crate) version: u64,
    pub(crate) not_before: u64,
    pub(crate) expires: u64,
    pub(crate) engine: String,
    pub(crate) files: BTreeMap<String, Digest>,
    /// The trust that the next bundle must satisfy.
    pub(crate) trust: TrustKeys,
}

impl Manifest {
    /// The bytes that are signed; their digest is the bundle's digest.
    pub(crate) fn to_json(&self) -> String {
        let audience = canonical::quoted(&self.audience);
        let engine = canonical::quoted(&self.engine);
        let files: Vec<_> =
            self.files.iter().map(|(name, digest)| format!("\"{name}\":\"{digest}\"")).collect();
        let text = format!(
            "{{\"audience\":{audience},\"version\":{},\"notBefore\":{},\"expires\":{},\"engine\":{engine},\"files\":{{{}}},\"trust\":{}}}",
            self.version,
            self.not_before,
            self.expires,
            files.join(","),
            self.trust.to_json()
        );
        json::manifest(text.as_bytes()).map_or(text, |node| canonical::of(&node))
    }

    /// Reads an envelope and its manifest; no signature is checked yet.
    pub(crate) fn open(file: &str, bytes: &[u8]) -> Result<(Self, Envelope, Vec<u8>), BundleRefusal> {
        let malformed = |why: String| BundleRefusal::Malformed { file: file.to_owned(), why };
        let (envelope, payload) = Envelope::read(bytes, KIND).map_err(malformed)?;
        let manifest = json::manifest(&payload).and_then(|node| Self::read(&node)).map_err(malformed)?;
        Ok((manifest, envelope, payload))
    }

    fn read(node: &Node) -> Result<Self, String> {
        let known = ["audience", "version", "notBefore", "expires", "engine", "files", "trust"];
        let payload = Payload::read(node, &known)?;
        Ok(Self {
            audience: payload.text("audience")?,
            version: payload.number("version")?,
            not_before: payload.number("notBefore")?,
            expires: payload.number("expires")?,
            engine: payload.text("engine")?,
            files: files(payload.member("files")?)?,
            trust: TrustKeys::read(payload.member("trust")?)?,
        })
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
