//! The note: a short-lived statement, signed by an online key, that names the current bundle.
//!
//! Without notes an attacker could hide a newer bundle from a server for ever. So the active bundle is in
//! force only while a fresh note names it. Routes that are signed apart from their base have a note of their own, and both
//! must be fresh.

use std::fmt;

use warrant::mint::Signer;
use warrant::{PublicKey, Seconds, Verifier};

use super::Bundle;
use super::base::Base;
use super::dsse::Envelope;
use super::parcel::{NOTE, ROUTES_NOTE};
use super::payload::Payload;
use super::refusal::BundleRefusal;
use crate::strict::{Node, canonical, json};
use warrant::Digest;

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    /// A bundle, or the base of one. A key under `notes` signs it.
    Base,
    /// The routes over a base. A key under `routesBy` signs it.
    Routes,
}

impl Layer {
    const fn kind(self) -> &'static str {
        match self {
            Self::Base => "application/vnd.portcullis.latest+json",
            Self::Routes => "application/vnd.portcullis.routes-latest+json",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Base => NOTE,
            Self::Routes => ROUTES_NOTE,
        }
    }

    fn keys(self, base: &Base) -> &[PublicKey] {
        match self {
            Self::Base => &base.notes.keys,
            Self::Routes => base.routes_by().map_or(&[], |by| &by.keys),
        }
    }

    /// The version and the digest that a note about this layer of the bundle names. `None` if it has no such layer.
    fn named(self, bundle: &Bundle) -> Option<(u64, Digest)> {
        match self {
            Self::Base => Some((bundle.version(), bundle.base.digest())),
            Self::Routes => bundle.activated().routes,
        }
    }
}

/// A note that was read, but is not verified yet.
#[derive(Clone, Debug)]
pub struct Note {
    audience: String,
    version: u64,
    digest: Digest,
    iat: u64,
    exp: u64,
    layer: Layer,
    envelope: Envelope,
    payload: Vec<u8>,
}

/// The result of a verified note: until when its bundle is in force. The end of the bundle's own window is
/// included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InForceUntil(pub Seconds);

impl Note {
    /// Signs a note for this bundle or base, valid from now for `lifetime` seconds; returns the bytes of the file
    /// `latest.json`.
    pub fn sign(base: &Base, now: Seconds, lifetime: u64, signer: &dyn Signer) -> Result<Vec<u8>, NoteError> {
        Self::sign_for(Layer::Base, base, (base.version(), base.digest()), now, lifetime, signer)
    }

    /// The same for routes over a base; returns the bytes of the file `routes-latest.json`.
    pub fn sign_routes(
        bundle: &Bundle,
        now: Seconds,
        lifetime: u64,
        signer: &dyn Signer,
    ) -> Result<Vec<u8>, NoteError> {
        let named = Layer::Routes.named(bundle).ok_or_else(|| {
            NoteError("all routes are signed with the bundle: they need no note of their own".to_owned())
        })?;
        Self::sign_for(Layer::Routes, &bundle.base, named, now, lifetime, signer)
    }

    fn sign_for(
        layer: Layer,
        base: &Base,
        (version, digest): (u64, Digest),
        now: Seconds,
        lifetime: u64,
        signer: &dyn Signer,
    ) -> Result<Vec<u8>, NoteError> {
        let most = base.notes.max_age;
        if lifetime == 0 || lifetime > most {
            return Err(NoteError(format!(
                "the lifetime of the note is {lifetime} s, but the bundle allows 1 to {most} s"
            )));
        }
        if !layer.keys(base).contains(signer.public_key()) {
            let list = if layer == Layer::Base { "notes.keys" } else { "routesBy.keys" };
            return Err(NoteError(format!("the key is not one of the bundle's `{list}`")));
        }
        let audience = canonical::quoted(base.audience());
        let payload = format!(
            "{{\"audience\":{audience},\"digest\":\"{digest}\",\"exp\":{},\"iat\":{},\"version\":{version}}}",
            now.get().saturating_add(lifetime),
            now.get(),
        );
        let envelope = Envelope::sign(layer.kind(), payload.as_bytes(), &[signer]);
        envelope.map(|envelope| envelope.to_json()).map_err(|error| NoteError(error.to_string()))
    }

    /// Reads a note's file; no signature is checked yet.
    pub fn open(bytes: &[u8]) -> Result<Self, BundleRefusal> {
        Self::open_for(Layer::Base, bytes)
    }

    /// Reads the file of a note about the routes over a base; no signature is checked yet.
    pub fn open_routes(bytes: &[u8]) -> Result<Self, BundleRefusal> {
        Self::open_for(Layer::Routes, bytes)
    }

    fn open_for(layer: Layer, bytes: &[u8]) -> Result<Self, BundleRefusal> {
        let malformed = |why: String| BundleRefusal::Malformed { file: layer.file().to_owned(), why };
        let (envelope, payload) = Envelope::read(bytes, layer.kind()).map_err(malformed)?;
        let node = json::parse(&payload).map_err(malformed)?;
        Self::read(&node, layer, envelope, payload).map_err(malformed)
    }

    fn read(node: &Node, layer: Layer, envelope: Envelope, payload: Vec<u8>) -> Result<Self, String> {
        let members = Payload::read(node, &["audience", "version", "digest", "iat", "exp"])?;
        Ok(Self {
            audience: members.text("audience")?,
            version: members.number("version")?,
            digest: members.digest("digest")?,
            iat: members.number("iat")?,
            exp: members.number("exp")?,
            layer,
            envelope,
            payload,
        })
    }

    /// Until when this note keeps the bundle in force, or why it does not.
    pub fn verify(
        &self,
        bundle: &Bundle,
        now: Seconds,
        verifier: &dyn Verifier,
    ) -> Result<InForceUntil, BundleRefusal> {
        let notes = &bundle.base.notes;
        let other =
            |what, found: String, wanted: String| Err(BundleRefusal::NoteForOther { what, found, wanted });
        let (version, digest) = self.layer.named(bundle).ok_or(BundleRefusal::RoutesMissing)?;
        if self.envelope.good_keys(self.layer.keys(&bundle.base), &self.payload, verifier).is_empty() {
            return Err(BundleRefusal::NoteNotSigned);
        }
        if self.audience != bundle.audience() {
            return other("the audience", self.audience.clone(), bundle.audience().to_owned());
        }
        if self.version != version {
            return other("version", self.version.to_string(), version.to_string());
        }
        if self.digest != digest {
            return other("the bundle", self.digest.to_string(), digest.to_string());
        }
        let lifetime = self.exp.saturating_sub(self.iat);
        if lifetime > notes.max_age {
            return Err(BundleRefusal::NoteTooLong { lifetime, most: notes.max_age });
        }
        if now.get().saturating_add(bundle.terms().leeway) < self.iat {
            return Err(BundleRefusal::NoteNotYet { iat: self.iat });
        }
        if now.get() >= self.exp {
            return Err(BundleRefusal::NoteOver { exp: self.exp });
        }
        Ok(InForceUntil(Seconds::new(self.exp.min(bundle.expires().get()))))
    }

    /// The version it names. A server with another version looks for this one.
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// Why a note was not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteError(String);

impl fmt::Display for NoteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for NoteError {}
