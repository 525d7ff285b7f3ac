//! A press for signed bundles, sound ones and forgeries. It knows the format and nothing of the server's code, so that
//! it can make what the server's own tools refuse to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use warrant::mint::Signer;

use crate::court::Home;
use crate::keys::Key;
use crate::record;

/// A bundle's content, before it is signed.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// All of the manifest but its files.
    pub manifest: Value,
    /// By name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A bundle as it lies somewhere: whatever was changed of it after it was signed.
#[derive(Clone, Debug)]
pub struct Pressed {
    pub version: u64,
    /// The manifest's envelope.
    pub envelope: Value,
    /// Earlier envelopes that changed the trust.
    pub chain: Vec<Value>,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// The one that lies in a house.
    ///
    /// # Panics
    /// When none does.
    #[must_use]
    pub fn of(home: &Home) -> Bundle {
        let place = home.file("bundle");
        let envelope: Value =
            serde_json::from_slice(&read(&place.join("manifest.json"))).expect("an envelope");
        let mut manifest = payload(&envelope);
        let listed = manifest.as_object_mut().and_then(|manifest| manifest.remove("files")).expect("files");
        let folder = place.join(manifest["version"].to_string());
        let names = listed.as_object().expect("an object").keys();
        let files = names.map(|name| (name.clone(), read(&folder.join(name)))).collect();
        Bundle { manifest, files }
    }

    /// The same as another version.
    #[must_use]
    pub fn version(mut self, version: u64) -> Bundle {
        self.manifest["version"] = version.into();
        self
    }

    /// The same with a member of its manifest changed.
    #[must_use]
    pub fn with(mut self, member: &str, value: Value) -> Bundle {
        self.manifest[member] = value;
        self
    }

    /// The same with one of its documents changed.
    ///
    /// # Panics
    /// When there is no such document.
    #[must_use]
    pub fn edit(mut self, name: &str, change: impl FnOnce(&mut Value)) -> Bundle {
        let bytes = self.files.get(name).unwrap_or_else(|| panic!("{name} is in the bundle"));
        let mut document = serde_json::from_slice(bytes).expect("a document is JSON");
        change(&mut document);
        self.files.insert(name.to_owned(), serde_json::to_vec(&document).expect("JSON"));
        self
    }

    /// Signed by these keys.
    ///
    /// # Panics
    /// When a key cannot sign.
    #[must_use]
    pub fn signed(&self, keys: &[&Key]) -> Pressed {
        let mut manifest = self.manifest.clone();
        let digests = self.files.iter().map(|(name, bytes)| (name.clone(), digest(bytes).into()));
        manifest["files"] = Value::Object(digests.collect());
        let bytes = serde_json::to_vec(&manifest).expect("JSON");
        Pressed {
            version: self.manifest["version"].as_u64().expect("a version"),
            envelope: envelope("application/vnd.portcullis.bundle+json", &bytes, keys),
            chain: Vec::new(),
            files: self.files.clone(),
        }
    }
}

impl Pressed {
    /// With this chain of trust beside it.
    #[must_use]
    pub fn after(mut self, chain: &[&Pressed]) -> Pressed {
        self.chain = chain.iter().map(|step| step.envelope.clone()).collect();
        self
    }

    /// Puts it there, the manifest last, and keeps a copy by which its decisions can be judged again.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub fn put(&self, place: &Path) {
        let folder = place.join(self.version.to_string());
        let _ = fs::remove_dir_all(&folder);
        for (name, bytes) in &self.files {
            write(&folder.join(name), bytes);
        }
        for (step, envelope) in self.chain.iter().enumerate() {
            write(&place.join(format!("trust/{}.json", step + 1)), envelope.to_string().as_bytes());
        }
        write(&place.join("manifest.json"), self.envelope.to_string().as_bytes());
        keep(place);
    }

    /// A note about it, from now for so many seconds.
    #[must_use]
    pub fn note(&self, lifetime: i64, key: &Key) -> Value {
        let manifest = payload(&self.envelope);
        let bytes = STANDARD.decode(self.envelope["payload"].as_str().expect("a text")).expect("base64");
        let note = json!({
            "audience": manifest["audience"], "version": manifest["version"], "digest": digest(&bytes),
            "iat": now().saturating_add_signed(lifetime.min(0)), "exp": now().saturating_add_signed(lifetime),
        });
        envelope("application/vnd.portcullis.latest+json", note.to_string().as_bytes(), &[key])
    }

    /// The name under which decisions record it.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&STANDARD.decode(self.envelope["payload"].as_str().expect("a text")).expect("base64"))
    }
}

/// Where the bundles that were ever published at this place are kept, each in a folder named by its digest.
///
/// # Panics
/// When the place is the root of everything.
#[must_use]
pub fn kept(place: &Path) -> PathBuf {
    place.parent().expect("a bundle lies in a folder").join("past")
}

/// Keeps a copy of the bundle at this place, unless one of that name is kept already: under a digest the first is the
/// sound one, and whatever claims it later is a forgery. What has no manifest or no files can have decided nothing.
///
/// # Panics
/// When files cannot be copied.
pub fn keep(place: &Path) {
    let envelope = read(&place.join("manifest.json"));
    let said: Value = serde_json::from_slice(&envelope).unwrap_or_default();
    let Some(payload) = said["payload"].as_str().and_then(|text| STANDARD.decode(text).ok()) else { return };
    let manifest: Value = serde_json::from_slice(&payload).unwrap_or_default();
    let version = manifest["version"].to_string();
    let (files, copy) = (place.join(&version), kept(place).join(digest(&payload)));
    if files.is_dir() && !copy.exists() {
        record::copy(&files, &copy.join(&version));
        write(&copy.join("manifest.json"), &envelope);
    }
}

/// Puts a note there.
///
/// # Panics
/// When it cannot be written.
pub fn put_note(note: &Value, place: &Path) {
    write(&place.join("latest.json"), note.to_string().as_bytes());
}

/// The trust in so many of these keys, as a manifest holds it.
#[must_use]
pub fn trust(threshold: u32, keys: &[&Key]) -> Value {
    let keys: Vec<Value> = keys.iter().map(|key| jwk(key)).collect();
    json!({"threshold": threshold, "keys": keys})
}

/// A public key, as documents hold it.
///
/// # Panics
/// Never: a key's own form is JSON.
#[must_use]
pub fn jwk(key: &Key) -> Value {
    serde_json::from_str(&key.public_key().to_jwk_json()).expect("a JWK is JSON")
}

/// Seconds since 1970.
///
/// # Panics
/// When the clock stands before.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "signers have clocks of their own")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs()
}

fn envelope(kind: &str, payload: &[u8], keys: &[&Key]) -> Value {
    let mut input = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    input.extend_from_slice(payload);
    let sign = |key: &&Key| {
        let signature = key.sign(&input).expect("a key signs");
        json!({"keyid": key.public_key().thumbprint().to_string(), "sig": STANDARD.encode(signature)})
    };
    let signatures: Vec<Value> = keys.iter().map(sign).collect();
    json!({"payload": STANDARD.encode(payload), "payloadType": kind, "signatures": signatures})
}

fn payload(envelope: &Value) -> Value {
    let bytes = STANDARD.decode(envelope["payload"].as_str().expect("a text")).expect("base64");
    serde_json::from_slice(&bytes).expect("a payload is JSON")
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// Whole or not at all, as any tool that publishes bundles must: a server may read at any moment.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn write(file: &Path, bytes: &[u8]) {
    let folder = file.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut beside: PathBuf = file.to_owned();
    beside.as_mut_os_string().push(".part");
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, file));
    written.unwrap_or_else(|why| panic!("{}: {why}", file.display()));
}
