//! The note: which bundle is current, said by an online key, for a while.
//!
//! Without one the newest bundle could be held back from a server for ever; so the active bundle is in force only while a fresh
//! note names it.

use std::fmt;

use warrant::mint::Signer;
use warrant::{Seconds, Verifier};

use super::Bundle;
use super::dsse::{Envelope, signing_input};
use super::manifest::{number, text};
use super::refusal::Refusal;
use crate::strict::{Node, NodeValue, canonical, json};
use warrant::Digest;

const KIND: &str = "application/vnd.portcullis.latest+json";

/// A note, opened and not yet believed.
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

/// A note that held: until when its bundle is in force, the bundle's own window aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InForceUntil(pub Seconds);

impl Note {
    /// Signs a note for this bundle, from now for `lifetime` seconds; the bytes of the file `latest.json`.
    pub fn sign(
        bundle: &Bundle,
        now: Seconds,
        lifetime: u64,
        signer: &dyn Signer,
    ) -> Result<Vec<u8>, NoteError> {
        let most = bundle.mesh.notes.max_age;
        if lifetime == 0 || lifetime > most {
            return Err(NoteError(format!("a note for {lifetime} s, and the bundle allows 1 to {most} s")));
        }
        if !bundle.mesh.notes.keys.contains(signer.public_key()) {
            return Err(NoteError("the key is none of the bundle's `notes.keys`".to_owned()));
        }
        let audience = canonical::quoted(bundle.audience());
        let payload = format!(
            "{{\"audience\":{audience},\"digest\":\"{}\",\"exp\":{},\"iat\":{},\"version\":{}}}",
            bundle.digest(),
            now.get().saturating_add(lifetime),
            now.get(),
            bundle.version()
        );
        let signature = signer
            .sign(&signing_input(KIND, payload.as_bytes()))
            .map_err(|error| NoteError(error.to_string()))?;
        Ok(Envelope::new(KIND, payload.as_bytes(), [(*signer.public_key(), signature)]).to_json())
    }

    /// Opens a note's file.
    pub fn open(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = |why: String| Refusal::Malformed { file: "latest.json".to_owned(), why };
        let (envelope, payload) = Envelope::read(bytes, KIND).map_err(malformed)?;
        let node = json::parse(&payload).map_err(malformed)?;
        Self::read(&node, envelope, payload.clone()).map_err(malformed)
    }

    fn read(node: &Node, envelope: Envelope, payload: Vec<u8>) -> Result<Self, String> {
        let known = ["audience", "version", "digest", "iat", "exp"];
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
            digest: Digest::parse(&text(get("digest")?)?).ok_or("`digest` has another form")?,
            iat: number(get("iat")?)?,
            exp: number(get("exp")?)?,
            envelope,
            payload,
        })
    }

    /// Whether this note keeps that bundle in force now, and until when.
    pub fn verify(
        &self,
        bundle: &Bundle,
        now: Seconds,
        verifier: &dyn Verifier,
    ) -> Result<InForceUntil, Refusal> {
        let notes = &bundle.mesh.notes;
        let other = |what, found: String, wanted: String| Err(Refusal::NoteForOther { what, found, wanted });
        if self.envelope.good_keys(&notes.keys, &self.payload, verifier).is_empty() {
            return Err(Refusal::NoteNotSigned);
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
            return Err(Refusal::NoteTooLong { lifetime, most: notes.max_age });
        }
        if now.get().saturating_add(bundle.terms().leeway) < self.iat {
            return Err(Refusal::NoteNotYet { iat: self.iat });
        }
        if now.get() >= self.exp {
            return Err(Refusal::NoteOver { exp: self.exp });
        }
        Ok(InForceUntil(Seconds::new(self.exp.min(bundle.expires().get()))))
    }

    /// The version it names: what a server that holds another looks for.
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// Why no note was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteError(String);

impl fmt::Display for NoteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for NoteError {}

/// A note with its payload changed, and signed again: what a thief of the note key could make.
#[cfg(test)]
pub(crate) fn resigned(note: &[u8], change: impl FnOnce(String) -> String, signer: &dyn Signer) -> Vec<u8> {
    let (_, payload) = Envelope::read(note, KIND).unwrap();
    let payload = change(String::from_utf8(payload).unwrap());
    let signature = signer.sign(&signing_input(KIND, payload.as_bytes())).unwrap();
    Envelope::new(KIND, payload.as_bytes(), [(*signer.public_key(), signature)]).to_json()
}
