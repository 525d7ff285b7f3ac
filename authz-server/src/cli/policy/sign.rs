//! `portcullis policy sign`: build, sign the next version, and put it where servers look.
//!
//! Before anything is written, the signed bundle is opened as a server would open it, so that the directory
//! never holds a bundle that every server refuses. One signer runs at a time: two that choose the same
//! version would mix their files.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};
use warrant::mint::Signer;
use warrant::{AwsLcVerifier, PublicKey};

use super::bundle_directory::{BundleDirectory, BundleDirectoryArgs, read_keys, read_trust};
use super::documents::BuildArgs;
use crate::bundles::directory;
use crate::cli::out::{ExitStatus, Failure, line};
use crate::cli::values::duration;
use crate::clock::Clock;
use crate::keys::PrivateKey;
use policy::authoring::Built;
use policy::{Bundle, Note, Parcel, SignedBundle, Signing, TrustKeys};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    bundle_directory: BundleDirectoryArgs,
    /// The file of an Ed25519 key that signs; may be given several times [default: HOME/keys/bundle.jwk]
    #[arg(long = "key")]
    keys: Vec<PathBuf>,
    /// How long the bundle can be in force at most
    #[arg(long, default_value = "8760h", value_parser = duration)]
    lifetime: u64,
    /// The version of the bundle [default: the next]
    #[arg(long)]
    version: Option<u64>,
    /// A JSON file `{threshold, keys}`: who may sign from the next bundle on. Sign with keys of the old and
    /// of the new trust
    #[arg(long)]
    next_trust: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let mut report = args.build.examine()?;
    let mut more = Map::new();
    if report.status() == ExitStatus::Success
        && let Some(Ok(built)) = report.tested.take().map(policy::authoring::Tested::passed)
    {
        let published = sign_and_publish(args, &built)?;
        if !args.build.documents.json {
            print(&published)?;
        }
        more = published.to_json();
    }
    report.print(args.build.documents.json, more)
}

/// The bundle that is in the directory now.
struct Published {
    bundle: Bundle,
    directory: PathBuf,
    /// Seconds since 1970; `None` if the note is signed elsewhere.
    in_force_until: Option<u64>,
}

impl Published {
    fn to_json(&self) -> Map<String, Value> {
        let Value::Object(members) = json!({
            "version": self.bundle.version(), "digest": self.bundle.digest().to_string(),
            "expires": self.bundle.expires().get(), "in_force_until": self.in_force_until,
            "directory": self.directory,
        }) else {
            return Map::new();
        };
        members
    }
}

fn print(published: &Published) -> Result<(), Failure> {
    line(format!(
        "signed version {} ({}) in {}",
        published.bundle.version(),
        published.bundle.digest(),
        published.directory.display()
    ))?;
    if published.in_force_until.is_none() {
        line("it is in force once `portcullis policy note` has signed a note for it")?;
    }
    Ok(())
}

fn sign_and_publish(args: &Args, built: &Built) -> Result<Published, Failure> {
    let clock = Clock::of_the_machine();
    let directory = args.bundle_directory.resolve(&args.build.documents.home)?;
    let _lock = lock(&directory.path)?;
    let signed = sign(args, built, &directory, &clock)?;
    let bundle = policy::open(&signed.parcel, &directory.expected(built.audience(), &clock), &AwsLcVerifier)
        .map_err(|refusal| {
            Failure::new(format!("nothing was written, because servers would refuse the bundle: {refusal}"))
        })?;
    let note = directory.note_key.as_ref().filter(|key| bundle.note_keys().contains(key.public_key()));
    let note = note.map(|key| Note::sign(&bundle, clock.now(), bundle.note_max_age(), key)).transpose();
    let note = note.map_err(Failure::new)?;
    let failed =
        |e: std::io::Error| Failure::new(format!("cannot write to {}: {e}", directory.path.display()));
    directory::publish(&signed, &directory.path).map_err(failed)?;
    // A crash here leaves the new bundle without a note. The server that has the note key signs one, or the
    // next `policy note`.
    let in_force_until = match &note {
        Some(note) => {
            directory::publish_note(note, &directory.path).map_err(failed)?;
            Some(clock.now().plus(bundle.note_max_age()).get().min(bundle.expires().get()))
        }
        None => None,
    };
    Ok(Published { bundle, directory: directory.path, in_force_until })
}

/// Locks the directory for this signer, until the file is dropped.
fn lock(directory: &Path) -> Result<File, Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("cannot use {}: {e}", directory.display()));
    ledger::durable::create_dir_all(directory, 0o755).map_err(failed)?;
    let opened = File::open(directory).map_err(failed)?;
    opened.lock().map_err(failed)?;
    Ok(opened)
}

fn sign(
    args: &Args,
    built: &Built,
    directory: &BundleDirectory,
    clock: &Clock,
) -> Result<SignedBundle, Failure> {
    let refused = |refusal: policy::BundleRefusal| {
        Failure::new(format!("the current bundle in {} is refused: {refusal}", directory.path.display()))
    };
    let before = directory::signed_so_far(&directory.path).map_err(refused)?;
    let trust = policy::trust_in_force(&before, &directory.expected(built.audience(), clock), &AwsLcVerifier)
        .map_err(refused)?;
    let next = args.next_trust.as_deref().map(read_trust).transpose()?.unwrap_or_else(|| trust.clone());
    let keys = read_keys(&args.keys, &args.build.documents.home.join("keys/bundle.jwk"))?;
    check_are_trusted(&keys, &trust, &next)?;
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| -> &dyn Signer { key }).collect();
    let now = clock.now();
    let terms = Signing {
        version: args.version.map_or_else(|| next_version(&before, &directory.path), Ok)?,
        not_before: now.get(),
        expires: now.plus(args.lifetime).get(),
        trust: &trust,
        next: &next,
        chain: &before.trust,
        signers: &signers,
    };
    built.sign(&terms).map_err(Failure::new)
}

/// Higher than the version of the current bundle, and than any version that an interrupted signer has left
/// behind.
fn next_version(before: &Parcel, directory: &Path) -> Result<u64, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", directory.display()));
    let named = match before.manifest.is_empty() {
        true => 0,
        false => Parcel::version_of(&before.manifest).map_err(|e| failed(&e))?,
    };
    let left = directory::versions(directory).map_err(|e| failed(&e))?.into_iter().max().unwrap_or(0);
    named.max(left).checked_add(1).ok_or_else(|| failed(&"the version number cannot grow further"))
}

/// With a wrong key, every server would ignore the signature.
fn check_are_trusted(keys: &[PrivateKey], trust: &TrustKeys, next: &TrustKeys) -> Result<(), Failure> {
    let known: Vec<&PublicKey> = trust.keys.iter().chain(&next.keys).collect();
    match keys.iter().map(Signer::public_key).find(|key| !known.contains(key)) {
        None => Ok(()),
        Some(stranger) => Err(Failure::new(format!(
            "neither the current nor the next trust contains the key {}: choose a trusted key with --key",
            stranger.thumbprint()
        ))),
    }
}
