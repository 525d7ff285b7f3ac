//! The note: a short-lived statement, signed by an online key, that names the current bundle.
//!
//! Without notes an attacker could hide a newer bundle from a server for ever. So the active bundle is in
//! force only while a fresh note names it.

use std::fmt;

use warrant::mint::Signer;
use warrant::{Seconds, Verifier};

use super::Bundle;
use super::dsse::Envelope;
use super::payload::Payload;
use super::refusal::BundleRefusal;
use crate::strict::{Node, canonical, json};
use warrant::Digest;

const KIND: &str = "application/vnd.portcullis.latest+json";

/// A note that was read, but is not verified yet.
#[derive(Clone, Debug)]
pub struct Note {
    audience: String,
    version: u64,
    digest: Digest,
    iat: u64,
    exp: u64,
    envelope: Envelope,
    payload: Vec<u8>,
}

/// The result of a verified note: until when its bundle is in force. The end of the bundle's own window is
/// included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InForceUntil(pub Seconds);

impl Note {
    /// Signs a note for this bundle, valid from now for `lifetime` seconds; returns the bytes of the file
    /// `latest.json`.
    pub fn sign(
        bundle: &Bundle,
        now: Seconds,
        lifetime: u64,
        signer: &dyn Signer,
    ) -> Result<Vec<u8>, NoteError> {
        let most = bundle.mesh.notes.max_age;
        if lifetime == 0 || lifetime > most {
            return Err(NoteError(format!(
                "the lifetime of the note is {lifetime} s, but the bundle allows 1 to {most} s"
            )));
        }
        if !bundle.mesh.notes.keys.contains(signer.public_key()) {
            return Err(NoteError("the key is not one of the bundle's `notes.keys`".to_owned()));
        }
        let audience = canonical::quoted(bundle.audience());
        let payload = format!(
            "{{\"audience\":{audience},\"digest\":\"{}\",\"exp\":{},\"iat\":{},\"version\":{}}}",
            bundle.digest(),
            now.get().saturating_add(lifetime),
            now.get(),
            bundle.version()
        );
        let envelope = Envelope::sign(KIND, payload.as_bytes(), &[signer]);
        envelope.map(|envelope| envelope.to_json()).map_err(|error| NoteError(error.to_string()))
    }

    /// Reads a note's file; no signature is checked yet.
    pub fn open(bytes: &[u8]) -> Result<Self, BundleRefusal> {
        let malformed = |why: String| BundleRefusal::Malformed { file: "latest.json".to_owned(), why };
        let (envelope, payload) = Envelope::read(bytes, KIND).map_err(malformed)?;
        let node = json::parse(&payload).map_err(malformed)?;
        Self::read(&node, envelope, payload).map_err(malformed)
    }

    fn read(node: &Node, envelope: Envelope, payload: Vec<u8>) -> Result<Self, String> {
        let members = Payload::read(node, &["audience", "version", "digest", "iat", "exp"])?;
        Ok(Self {
            audience: members.text("audience")?,
            version: members.number("version")?,
            digest: members.digest("digest")?,
            iat: members.number("iat")?,
            exp: members.number("exp")?,
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
        let notes = &bundle.mesh.notes;
        let other =
            |what, found: String, wanted: String| Err(BundleRefusal::NoteForOther { what, found, wanted });
        if self.envelope.good_keys(&notes.keys, &self.payload, verifier).is_empty() {
            return Err(BundleRefusal::NoteNotSigned);
        }
        if self.audience != bundle.audience() {
            return other("the audience", self.audience.clone(), bundle.audience().to_owned());
        }
        if self.version != bundle.version() {
            return other("version", self.version.to_string(), bundle.version().to_string());
        }
        if self.digest != bundle.digest() {
            return other("the bundle", self.digest.to_string(), bundle.digest().to_string());
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
