//! `portcullis policy sign`: build, sign the next version, and put it where servers look.
//!
//! What is signed is opened as a server would open it before anything is written, so that a folder never holds what every server would
//! refuse. One signer at a time: two that choose one version would mix their files.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};
use warrant::mint::Signer;
use warrant::{AwsLcVerifier, PublicKey};

use super::documents::Building;
use super::shelf::{Place, Shelf, keys, trust_in};
use crate::bundles::directory;
use crate::cli::out::{Done, Failure, line};
use crate::cli::values::duration;
use crate::clock::Clock;
use crate::keys::PrivateKey;
use policy::authoring::Built;
use policy::{Bundle, Note, Parcel, SignedBundle, Signing, TrustKeys};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    building: Building,
    #[command(flatten)]
    place: Place,
    /// A key that signs, Ed25519; may be given several times [default: HOME/keys/bundle.jwk]
    #[arg(long = "key")]
    keys: Vec<PathBuf>,
    /// How long it can be in force at most
    #[arg(long, default_value = "8760h", value_parser = duration)]
    lifetime: u64,
    /// Its version [default: the next]
    #[arg(long)]
    version: Option<u64>,
    /// A file `{threshold, keys}` of JSON: who may sign from the next bundle on; give the keys of both trusts
    #[arg(long)]
    next_trust: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let mut report = args.building.examine()?;
    let mut more = Map::new();
    if report.done() == Done::Well
        && let Some(Ok(built)) = report.tested.take().map(policy::authoring::Tested::passed)
    {
        let laid = lay(args, &built)?;
        if !args.building.documents.json {
            tell(&laid)?;
        }
        more = laid.to_json();
    }
    report.tell(args.building.documents.json, more)
}

/// What lies on the shelf now.
struct Laid {
    bundle: Bundle,
    directory: PathBuf,
    /// Seconds since 1970; `None` where somebody else signs the note.
    in_force_until: Option<u64>,
}

impl Laid {
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

fn tell(laid: &Laid) -> Result<(), Failure> {
    line(format!(
        "signed version {} ({}) in {}",
        laid.bundle.version(),
        laid.bundle.digest(),
        laid.directory.display()
    ))?;
    if laid.in_force_until.is_none() {
        line("it is in force once `portcullis policy note` has signed a note for it")?;
    }
    Ok(())
}

fn lay(args: &Args, built: &Built) -> Result<Laid, Failure> {
    let clock = Clock::of_the_machine();
    let shelf = args.place.shelf(&args.building.documents.home)?;
    let _alone = alone_in(&shelf.directory)?;
    let signed = sign(args, built, &shelf, &clock)?;
    let bundle = policy::open(&signed.parcel, &shelf.expected(built.audience(), &clock), &AwsLcVerifier)
        .map_err(|refusal| {
            Failure::new(format!("nothing was written: servers would refuse it: {refusal}"))
        })?;
    let note = shelf.note_key.as_ref().filter(|key| bundle.note_keys().contains(key.public_key()));
    let note = note.map(|key| Note::sign(&bundle, clock.now(), bundle.note_max_age(), key)).transpose();
    let note = note.map_err(Failure::new)?;
    let failed =
        |e: std::io::Error| Failure::new(format!("cannot write to {}: {e}", shelf.directory.display()));
    directory::publish(&signed, &shelf.directory).map_err(failed)?;
    // A crash here leaves the new bundle without a note: the server that has the note key signs one, or the next `policy note`.
    let in_force_until = match &note {
        Some(note) => {
            directory::publish_note(note, &shelf.directory).map_err(failed)?;
            Some(clock.now().plus(bundle.note_max_age()).get().min(bundle.expires().get()))
        }
        None => None,
    };
    Ok(Laid { bundle, directory: shelf.directory, in_force_until })
}

/// Held until dropped.
fn alone_in(directory: &Path) -> Result<File, Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("cannot use {}: {e}", directory.display()));
    ledger::durable::create_dir_all(directory, 0o755).map_err(failed)?;
    let folder = File::open(directory).map_err(failed)?;
    folder.lock().map_err(failed)?;
    Ok(folder)
}

fn sign(args: &Args, built: &Built, shelf: &Shelf, clock: &Clock) -> Result<SignedBundle, Failure> {
    let refused = |refusal: policy::BundleRefusal| {
        Failure::new(format!("the bundle that is there, {}: {refusal}", shelf.directory.display()))
    };
    let before = directory::signed_so_far(&shelf.directory).map_err(refused)?;
    let trust = policy::trust_in_force(&before, &shelf.expected(built.audience(), clock), &AwsLcVerifier)
        .map_err(refused)?;
    let next = args.next_trust.as_deref().map(trust_in).transpose()?.unwrap_or_else(|| trust.clone());
    let keys = keys(&args.keys, &args.building.documents.home.join("keys/bundle.jwk"))?;
    are_trusted(&keys, &trust, &next)?;
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| -> &dyn Signer { key }).collect();
    let now = clock.now();
    let terms = Signing {
        version: args.version.map_or_else(|| following(&before, &shelf.directory), Ok)?,
        not_before: now.get(),
        expires: now.plus(args.lifetime).get(),
        trust: &trust,
        next: &next,
        chain: &before.trust,
        signers: &signers,
    };
    built.sign(&terms).map_err(Failure::new)
}

/// Above what is there, and above what a signer that was interrupted has left behind.
fn following(before: &Parcel, directory: &Path) -> Result<u64, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", directory.display()));
    let named = match before.manifest.is_empty() {
        true => 0,
        false => Parcel::version_of(&before.manifest).map_err(|e| failed(&e))?,
    };
    let left = directory::versions(directory).map_err(|e| failed(&e))?.into_iter().max().unwrap_or(0);
    named.max(left).checked_add(1).ok_or_else(|| failed(&"there is no version after the last"))
}

/// A key by mistake would be a signature that everybody ignores.
fn are_trusted(keys: &[PrivateKey], trust: &TrustKeys, next: &TrustKeys) -> Result<(), Failure> {
    let known: Vec<&PublicKey> = trust.keys.iter().chain(&next.keys).collect();
    match keys.iter().map(Signer::public_key).find(|key| !known.contains(key)) {
        None => Ok(()),
        Some(stranger) => Err(Failure::new(format!(
            "the key {} is in neither trust: name the file of one that is, by --key",
            stranger.thumbprint()
        ))),
    }
}
