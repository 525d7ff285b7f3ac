//! The manifests: of a bundle, or the base of one, which names the trust for the next; and of the routes of teams over a base,
//! which names the base.

use std::ops::Deref;

use warrant::Digest;

use super::contents::Contents;
use super::dsse::Envelope;
use super::payload::Payload;
use super::refusal::BundleRefusal;
use super::trust::TrustKeys;
use crate::strict::{Node, canonical, json};

pub(crate) const KIND: &str = "application/vnd.portcullis.bundle+json";
pub(crate) const ROUTES_KIND: &str = "application/vnd.portcullis.routes+json";

/// The manifest of a bundle or of its base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) contents: Contents,
    /// The trust that the next bundle must satisfy.
    pub(crate) trust: TrustKeys,
}

/// The manifest of routes over a base. It carries no trust: the base says who may sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoutesManifest {
    pub(crate) contents: Contents,
    /// The digest of the base's manifest.
    pub(crate) base: Digest,
}

/// A manifest as it was read. No signature is checked.
pub(crate) struct Read<M> {
    pub(crate) manifest: M,
    pub(crate) envelope: Envelope,
    pub(crate) payload: Vec<u8>,
}

impl<M> Read<M> {
    fn open(
        file: &str,
        bytes: &[u8],
        kind: &str,
        read: impl FnOnce(&Node) -> Result<M, String>,
    ) -> Result<Read<M>, BundleRefusal> {
        let malformed = |why: String| BundleRefusal::Malformed { file: file.to_owned(), why };
        let (envelope, payload) = Envelope::read(bytes, kind).map_err(malformed)?;
        let manifest = json::manifest(&payload).and_then(|node| read(&node)).map_err(malformed)?;
        Ok(Read { manifest, envelope, payload })
    }

    /// The name of what the manifest describes.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.payload)
    }
}

impl Manifest {
    /// The bytes that are signed; their digest is the bundle's digest.
    pub(crate) fn to_json(&self) -> String {
        in_canonical_form(format!(
            "{{{},\"trust\":{}}}",
            self.contents.to_json_members(),
            self.trust.to_json()
        ))
    }

    /// Reads an envelope and its manifest; no signature is checked yet.
    pub(crate) fn open(file: &str, bytes: &[u8]) -> Result<Read<Manifest>, BundleRefusal> {
        Read::open(file, bytes, KIND, |node| {
            let payload = Payload::read(node, &[&Contents::MEMBERS[..], &["trust"]].concat())?;
            let trust = TrustKeys::read(payload.member("trust")?)?;
            Ok(Manifest { contents: Contents::read(&payload)?, trust })
        })
    }
}

impl RoutesManifest {
    /// The bytes that are signed. With the digest of the base in them, their own digest is that of every byte of the bundle.
    pub(crate) fn to_json(&self) -> String {
        in_canonical_form(format!("{{{},\"base\":\"{}\"}}", self.contents.to_json_members(), self.base))
    }

    /// Checks that these routes were signed over this base.
    pub(super) fn check_over(&self, base: Digest) -> Result<(), BundleRefusal> {
        if self.base == base {
            Ok(())
        } else {
            Err(BundleRefusal::OtherBase { found: self.base, wanted: base })
        }
    }

    /// Reads an envelope and its manifest; no signature is checked yet.
    pub(crate) fn open(file: &str, bytes: &[u8]) -> Result<Read<RoutesManifest>, BundleRefusal> {
        Read::open(file, bytes, ROUTES_KIND, |node| {
            let payload = Payload::read(node, &[&Contents::MEMBERS[..], &["base"]].concat())?;
            Ok(RoutesManifest { contents: Contents::read(&payload)?, base: payload.digest("base")? })
        })
    }
}

fn in_canonical_form(text: String) -> String {
    json::manifest(text.as_bytes()).map_or(text, |node| canonical::of(&node))
}

impl Deref for Manifest {
    type Target = Contents;

    fn deref(&self) -> &Contents {
        &self.contents
    }
}

impl Deref for RoutesManifest {
    type Target = Contents;

    fn deref(&self) -> &Contents {
        &self.contents
    }
}
