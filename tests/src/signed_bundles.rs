//! Makes signed bundles, valid ones and forgeries. It knows the format and none of the server's code, so it can make
//! bundles that the server's own tools refuse to make.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use warrant::mint::Signer;

use crate::keys::TestKey;
use crate::server::Home;

/// A bundle's content, before it is signed.
#[derive(Clone, Debug)]
pub struct UnsignedBundle {
    /// The manifest without its files.
    pub manifest: Value,
    /// The files by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A signed bundle. A test may change it after it was signed.
#[derive(Clone, Debug)]
pub struct SignedBundle {
    pub version: u64,
    /// The manifest's envelope.
    pub envelope: Value,
    /// Earlier envelopes that changed the trust.
    pub chain: Vec<Value>,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl UnsignedBundle {
    /// The bundle in a home directory.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of(home: &Home) -> UnsignedBundle {
        let place = home.file("bundle");
        let envelope: Value =
            serde_json::from_slice(&read(&place.join("manifest.json"))).expect("an envelope");
        let mut manifest = payload(&envelope);
        let listed = manifest.as_object_mut().and_then(|manifest| manifest.remove("files")).expect("files");
        let folder = place.join(manifest["version"].to_string());
        let names = listed.as_object().expect("an object").keys();
        let files = names.map(|name| (name.clone(), read(&folder.join(name)))).collect();
        UnsignedBundle { manifest, files }
    }

    /// Changes the version.
    #[must_use]
    pub fn version(mut self, version: u64) -> UnsignedBundle {
        self.manifest["version"] = version.into();
        self
    }

    /// Changes a member of the manifest.
    #[must_use]
    pub fn with(mut self, member: &str, value: Value) -> UnsignedBundle {
        self.manifest[member] = value;
        self
    }

    /// Changes one of the documents.
    ///
    /// # Panics
    /// When there is no such document.
    #[must_use]
    pub fn edit(mut self, name: &str, change: impl FnOnce(&mut Value)) -> UnsignedBundle {
        let bytes = self.files.get(name).unwrap_or_else(|| panic!("{name} is in the bundle"));
        let mut document = serde_json::from_slice(bytes).expect("a document is JSON");
        change(&mut document);
        self.files.insert(name.to_owned(), serde_json::to_vec(&document).expect("JSON"));
        self
    }

    /// Adds a route of the team of the samples: for GET and POST to `localhost` and every path below `/NAME`, with the terms of
    /// this specification.
    ///
    /// # Panics
    /// When the specification is not an object.
    #[must_use]
    pub fn with_route(mut self, name: &str, mut spec: Value) -> UnsignedBundle {
        spec["match"] =
            json!([{"hosts": ["localhost"], "methods": ["GET", "POST"], "paths": [format!("/{name}/**")]}]);
        self.add_route(name, spec);
        self
    }

    /// Adds a route of the team `demo` with this content.
    ///
    /// # Panics
    /// Never: the content is JSON.
    pub fn add_route(&mut self, name: &str, spec: Value) {
        let document = json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "GovernedRoute", "metadata": {"name": name}, "spec": spec,
        });
        self.files.insert(format!("routes/demo/{name}.json"), serde_json::to_vec(&document).expect("JSON"));
    }

    /// Signs it with these keys.
    ///
    /// # Panics
    /// When a key cannot sign.
    #[must_use]
    pub fn signed(&self, keys: &[&TestKey]) -> SignedBundle {
        let mut manifest = self.manifest.clone();
        let digests = self.files.iter().map(|(name, bytes)| (name.clone(), digest(bytes).into()));
        manifest["files"] = Value::Object(digests.collect());
        let bytes = serde_json::to_vec(&manifest).expect("JSON");
        SignedBundle {
            version: self.manifest["version"].as_u64().expect("a version"),
            envelope: envelope("application/vnd.portcullis.bundle+json", &bytes, keys),
            chain: Vec::new(),
            files: self.files.clone(),
        }
    }
}

impl SignedBundle {
    /// Adds this chain of trust.
    #[must_use]
    pub fn after(mut self, chain: &[&SignedBundle]) -> SignedBundle {
        self.chain = chain.iter().map(|step| step.envelope.clone()).collect();
        self
    }

    /// Writes it to `place`, the manifest last.
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
    }

    /// A note about it, valid for this many seconds from now.
    #[must_use]
    pub fn note(&self, lifetime: i64, key: &TestKey) -> Value {
        let manifest = payload(&self.envelope);
        let bytes = STANDARD.decode(self.envelope["payload"].as_str().expect("a text")).expect("base64");
        let note = json!({
            "audience": manifest["audience"], "version": manifest["version"], "digest": digest(&bytes),
            "iat": now().saturating_add_signed(lifetime.min(0)), "exp": now().saturating_add_signed(lifetime),
        });
        envelope("application/vnd.portcullis.latest+json", note.to_string().as_bytes(), &[key])
    }

    /// The digest that decisions record.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&STANDARD.decode(self.envelope["payload"].as_str().expect("a text")).expect("base64"))
    }
}

/// Writes a note to `place`.
///
/// # Panics
/// When it cannot be written.
pub fn put_note(note: &Value, place: &Path) {
    write(&place.join("latest.json"), note.to_string().as_bytes());
}

/// The `trust` member of a manifest: this many of these keys must sign.
#[must_use]
pub fn trust(threshold: u32, keys: &[&TestKey]) -> Value {
    let keys: Vec<Value> = keys.iter().map(|key| jwk(key)).collect();
    json!({"threshold": threshold, "keys": keys})
}

/// The public half of a key as a JWK.
///
/// # Panics
/// Never: a JWK is JSON.
#[must_use]
pub fn jwk(key: &TestKey) -> Value {
    serde_json::from_str(&key.public_key().to_jwk_json()).expect("a JWK is JSON")
}

/// Seconds since 1970.
///
/// # Panics
/// When the clock says that it is before 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a signer has its own clock")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs()
}

fn envelope(kind: &str, payload: &[u8], keys: &[&TestKey]) -> Value {
    let mut input = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    input.extend_from_slice(payload);
    let sign = |key: &&TestKey| {
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

/// Writes the whole file or nothing, as every publisher of bundles must: a server may read at any moment.
///
/// # Panics
/// When it cannot be written.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
pub fn write(file: &Path, bytes: &[u8]) {
    let folder = file.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut part: PathBuf = file.to_owned();
    part.as_mut_os_string().push(".part");
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, file));
    written.unwrap_or_else(|why| panic!("{}: {why}", file.display()));
}
