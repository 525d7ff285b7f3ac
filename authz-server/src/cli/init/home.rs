//! Makes a home directory: keys, ledger, documents, bundle, note, configuration, each after the parts that it
//! needs.
//!
//! The configuration is written last. A directory without it was never finished, and a new one must be made.

use std::path::{Path, PathBuf};

use ledger::{Ledger, durable};
use warrant::mint::Signer;
use warrant::{Algorithm, AwsLcVerifier};

use super::{Args, sample};
use crate::bundles::directory;
use crate::cli::out::Failure;
use crate::clock::Clock;
use crate::keys::{self, DigestKey, PrivateKey};
use crate::{config, server};
use policy::authoring::documents_schema;
use policy::{Bundle, Expected, Note, Signing, TrustKeys};

/// The name of the authority's first key.
const KID: &str = "a1";
/// The name of the attestor's key.
const ATTESTOR_KID: &str = "t1";
/// The name of the key that stands in for an identity provider.
const IDP_KID: &str = "i1";
/// The first bundle is valid for a year; its note only for a day at a time.
const BUNDLE_SECONDS: u64 = 365 * 24 * 3600;

/// The values for the sample documents: `{{name}}` becomes the value.
pub(super) struct Placeholders(pub(super) Vec<(&'static str, String)>);

struct KeyRing {
    authority: PrivateKey,
    attestor: PrivateKey,
    bundle: PrivateKey,
    note: PrivateKey,
    ledger: PrivateKey,
    idp: PrivateKey,
}

pub(in crate::cli) fn configuration(dir: &Path) -> PathBuf {
    dir.join("portcullis.yaml")
}

/// Makes the home directory, and reads the signed bundle back as a server would.
pub(super) fn make(args: &Args) -> Result<Bundle, Failure> {
    let clock = Clock::of_the_machine();
    for name in ["keys", "policy/routes/demo", "bundle"] {
        let path = args.dir.join(name);
        durable::create_dir_all(&path, 0o700).map_err(|e| failed("make the directory", &path, e))?;
    }
    let ring = key_ring(&args.dir)?;
    let options = server::ledger_options(&ring.ledger, &clock).map_err(Failure::new)?;
    let origin = Ledger::init(&args.dir.join("ledger"), &args.audience, &options).map_err(Failure::new)?;
    let values = placeholders(args, &ring, origin.name());
    for (name, text) in sample::documents(&values) {
        write(&args.dir.join("policy").join(name), &text)?;
    }
    let schema = serde_json::to_string_pretty(&documents_schema()).map_err(Failure::new)?;
    write(&args.dir.join("policy").join(sample::SCHEMA), &format!("{schema}\n"))?;
    let bundle = sign_bundle(args, &ring, &clock)?;
    if is_authority(args) {
        write(&args.dir.join("agent.yaml"), &sample::agent(&values))?;
    }
    write(&configuration(&args.dir), &sample::configuration(&values))?;
    Ok(bundle)
}

/// The bundle of an existing home directory.
pub(in crate::cli) fn bundle(dir: &Path) -> Result<Bundle, Failure> {
    let config = config::load(&configuration(dir)).map_err(|faults| Failure::all(&faults))?;
    load(dir, &config.bundle.trust, &config.audience, &Clock::of_the_machine())
}

fn key_ring(dir: &Path) -> Result<KeyRing, Failure> {
    let make = |name: &str, algorithm, kid| {
        let key = PrivateKey::generate(algorithm, kid).map_err(Failure::new)?;
        keys::write_new(&dir.join(name), &key).map_err(Failure::new)?;
        Ok::<_, Failure>(key)
    };
    let ring = KeyRing {
        authority: make("keys/authority.jwk", Algorithm::Es256, Some(KID))?,
        attestor: make("keys/attestor.jwk", Algorithm::Es256, Some(ATTESTOR_KID))?,
        bundle: make("keys/bundle.jwk", Algorithm::Ed25519, None)?,
        note: make("keys/note.jwk", Algorithm::Ed25519, None)?,
        ledger: make("keys/ledger.jwk", Algorithm::Ed25519, None)?,
        idp: make("keys/idp.jwk", Algorithm::Es256, Some(IDP_KID))?,
    };
    make("keys/statement.jwk", Algorithm::Es256, Some("s1"))?;
    make("keys/receipt.jwk", Algorithm::Es256, Some("r1"))?;
    make("agent.jwk", Algorithm::Es256, None)?;
    let digests = DigestKey::generate().map_err(Failure::new)?;
    keys::write_digest(&dir.join("keys/digest.jwk"), &digests).map_err(Failure::new)?;
    keys::write_new_token(&dir.join("keys/read-log.token")).map_err(Failure::new)?;
    Ok(ring)
}

fn placeholders(args: &Args, ring: &KeyRing, origin: &str) -> Placeholders {
    let jwk = |key: &PrivateKey| key.public_key().to_jwk_json();
    // Some YAML parsers read an unquoted `y` as a boolean. The JWK is JSON, whose quoted names every parser
    // reads as text.
    let named = |key: &PrivateKey, kid: &str| keys::listed_jwk(kid, key.public_key());
    let aliases: Vec<String> = args.aliases().iter().map(|alias| format!("{alias:?}")).collect();
    let proxy =
        |id: &str| format!("  - {{id: {id}, hosts: {{{:?}: [{}]}}}}", args.host(), aliases.join(", "));
    let proxies: Vec<String> = if args.proxy_ids.is_empty() {
        vec![proxy("local")]
    } else {
        args.proxy_ids.iter().map(|id| proxy(&format!("{id:?}"))).collect()
    };
    // A comment in the place of what this server does not have.
    let authority = if is_authority(args) { "" } else { "# " };
    let api = args.authority_url.clone().unwrap_or_else(|| args.api.to_string());
    let authority_url = match (&args.authority_url, args.kubernetes) {
        (Some(url), _) => url,
        (None, true) => "https://HOST",
        (None, false) => "http://localhost",
    };
    Placeholders(vec![
        ("audience", args.audience.clone()),
        ("host", args.host().to_owned()),
        ("proxyList", proxies.join("\n")),
        ("unlessAuthority", authority.to_owned()),
        ("authorityUrl", authority_url.to_owned()),
        ("agentApi", api),
        ("iss", format!("https://authority.{}", args.audience)),
        ("origin", origin.to_owned()),
        ("authority", named(&ring.authority, KID)),
        ("attestorIss", format!("https://attestor.{}", args.audience)),
        ("attestor", named(&ring.attestor, ATTESTOR_KID)),
        ("idpIss", format!("https://idp.{}", args.audience)),
        ("idp", named(&ring.idp, IDP_KID)),
        ("note", jwk(&ring.note)),
        ("bundleKey", jwk(&ring.bundle)),
        ("proxies", args.proxies.to_string()),
        ("api", args.api.to_string()),
        ("health", args.health.to_string()),
    ])
}

/// Whether the server issues warrants itself.
fn is_authority(args: &Args) -> bool {
    !args.kubernetes || args.authority_url.is_some()
}

fn sign_bundle(args: &Args, ring: &KeyRing, clock: &Clock) -> Result<Bundle, Failure> {
    let now = clock.now();
    let directory = args.dir.join("bundle");
    let built = directory::build(&args.dir.join("policy")).map_err(|faults| Failure::all(&faults))?;
    let trust = TrustKeys::new(1, vec![*ring.bundle.public_key()]).map_err(Failure::new)?;
    let signing = Signing {
        version: 1,
        not_before: now.get(),
        expires: now.plus(BUNDLE_SECONDS).get(),
        trust: &trust,
        next: &trust,
        chain: &[],
        signers: &[&ring.bundle],
    };
    let signed = built.sign(&signing).map_err(Failure::new)?;
    directory::publish(&signed, &directory).map_err(|e| failed("write the bundle to", &directory, e))?;
    let bundle = load(&args.dir, &trust, &args.audience, clock)?;
    let note = Note::sign(bundle.base(), now, bundle.note_max_age(), &ring.note).map_err(Failure::new)?;
    directory::publish_note(&note, &directory).map_err(|e| failed("write the note to", &directory, e))?;
    Ok(bundle)
}

fn load(dir: &Path, trust: &TrustKeys, audience: &str, clock: &Clock) -> Result<Bundle, Failure> {
    let expected = Expected { trust, audience, floor: None, min_version: 0, now: clock.now() };
    directory::load(&dir.join("bundle"), &expected, &AwsLcVerifier).map_err(Failure::new)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    durable::write_new(path, text.as_bytes(), 0o644).map_err(|e| failed("write", path, e))
}

fn failed(what: &str, path: &Path, e: impl std::fmt::Display) -> Failure {
    Failure::new(format!("cannot {what} {}: {e}", path.display()))
}
