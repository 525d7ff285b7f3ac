//! The manifest: what a bundle is, whom it is for, how long, of which files, and whom to trust next.

use std::collections::BTreeMap;

use super::dsse::Envelope;
use super::refusal::Refusal;
use super::trust::TrustKeys;
use crate::strict::{Node, NodeValue, canonical, json};
use warrant::Digest;

pub(crate) const KIND: &str = "application/vnd.portcullis.bundle+json";

/// The major and minor version of the policy language by which this server judges.
pub(crate) const ENGINE: &str = "4.6";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) audience: String,
    pub(crate) version: u64,
    pub(crate) not_before: u64,
    pub(crate) expires: u64,
    pub(crate) engine: String,
    pub(crate) files: BTreeMap<String, Digest>,
    /// The trust that the next bundle is judged by.
    pub(crate) trust: TrustKeys,
}

impl Manifest {
    /// The bytes that are signed, and whose digest is the bundle's.
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

    /// Opens an envelope; nothing of it is believed yet.
    pub(crate) fn open(file: &str, bytes: &[u8]) -> Result<(Self, Envelope, Vec<u8>), Refusal> {
        let malformed = |why: String| Refusal::Malformed { file: file.to_owned(), why };
        let (envelope, payload) = Envelope::read(bytes, KIND).map_err(malformed)?;
        let manifest = json::manifest(&payload).and_then(|node| Self::read(&node)).map_err(malformed)?;
        Ok((manifest, envelope, payload))
    }

    fn read(node: &Node) -> Result<Self, String> {
        let known = ["audience", "version", "notBefore", "expires", "engine", "files", "trust"];
        let NodeValue::Map(members) = &node.value else { return Err("no object".to_owned()) };
        if let Some((key, _)) = members.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
            return Err(format!("unknown member `{}`", key.text));
        }
        let get = |name: &str| {
            members
                .iter()
                .find(|(key, _)| key.text == name)
                .map(|(_, node)| node)
                .ok_or(format!("`{name}` is missing"))
        };
        Ok(Self {
            audience: text(get("audience")?)?,
            version: number(get("version")?)?,
            not_before: number(get("notBefore")?)?,
            expires: number(get("expires")?)?,
            engine: text(get("engine")?)?,
            files: files(get("files")?)?,
            trust: TrustKeys::read(get("trust")?)?,
        })
    }
}

pub(crate) fn text(node: &Node) -> Result<String, String> {
    let NodeValue::Text(text, _) = &node.value else {
        return Err(format!("{} where a text is wanted", node.kind()));
    };
    Ok(text.clone())
}

pub(crate) fn number(node: &Node) -> Result<u64, String> {
    let NodeValue::Integer(value) = node.value else {
        return Err(format!("{} where an integer is wanted", node.kind()));
    };
    u64::try_from(value).map_err(|_| format!("{value} is negative"))
}

fn files(node: &Node) -> Result<BTreeMap<String, Digest>, String> {
    let NodeValue::Map(members) = &node.value else { return Err("`files` is no object".to_owned()) };
    let one = |key: &str, node: &Node| {
        if !is_name(key) {
            return Err(format!("`{key}` is no file of a bundle"));
        }
        Ok((key.to_owned(), Digest::parse(&text(node)?).ok_or("a digest of another form")?))
    };
    members.iter().map(|(key, node)| one(&key.text, node)).collect()
}

/// A name that leads nowhere but below the bundle's own folder: it is used before any signature has been looked at.
fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    text.split('/')
        .all(|part| part.starts_with(|first: char| first.is_ascii_alphanumeric()) && part.bytes().all(inside))
}

/// A manifest with its payload changed, and signed again: what a thief of these keys could make.
#[cfg(test)]
pub(crate) fn resigned(
    manifest: &[u8],
    change: impl FnOnce(String) -> String,
    signers: &[&dyn warrant::mint::Signer],
) -> Vec<u8> {
    use super::dsse::signing_input;
    let (_, payload) = Envelope::read(manifest, KIND).unwrap();
    let payload = change(String::from_utf8(payload).unwrap());
    let input = signing_input(KIND, payload.as_bytes());
    Envelope::new(
        KIND,
        payload.as_bytes(),
        signers.iter().map(|signer| (*signer.public_key(), signer.sign(&input).unwrap())),
    )
    .to_json()
}
