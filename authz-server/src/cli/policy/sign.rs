//! `portcullis policy sign`: build, sign the next version, and put it where servers look. With `--routes` it is the routes of teams
//! over the base that is there.
//!
//! Before anything is written, what was signed is opened as a server would open it, so that the directory
//! never holds a bundle that every server refuses. One signer runs at a time: two that choose the same
//! version would mix their files.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};
use warrant::mint::Signer;
use warrant::{AwsLcVerifier, PublicKey};

use super::bundle_directory::{BundleDirectory, BundleDirectoryArgs, read_each, read_keys, read_trust};
use super::documents::BuildArgs;
use crate::bundles::directory;
use crate::cli::out::{ExitStatus, Failure, line};
use crate::cli::values::duration;
use crate::clock::Clock;
use crate::keys::PrivateKey;
use policy::authoring::Built;
use policy::{Base, Digest, Note, Parcel, RoutesSigning, SignedBundle, Signing, TrustKeys};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    bundle_directory: BundleDirectoryArgs,
    /// Sign the routes of teams over the base that is signed already, with keys that it names under `routesBy`
    #[arg(long, requires = "keys", conflicts_with = "next_trust")]
    routes: bool,
    /// The mesh, for `--routes` on a machine without a home directory
    #[arg(long, requires_all = ["routes", "bundle"])]
    audience: Option<String>,
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
    let clock = Clock::of_the_machine();
    let directory = args.bundle_directory.resolve(&args.build.documents.home)?;
    // Also while the documents are read: they are built over the base that is there now.
    let _lock = lock(&directory.path)?;
    let base = match args.routes {
        true => Some(directory.base(args.audience.as_deref().unwrap_or_default(), &clock)?),
        false => None,
    };
    let mut report = match &base {
        None => args.build.examine()?,
        Some(base) => args.build.examine_over(base)?,
    };
    let mut more = Map::new();
    if report.status() == ExitStatus::Success
        && let Some(Ok(built)) = report.tested.take().map(policy::authoring::Tested::passed)
    {
        let published = match &base {
            None => publish(args, &built, &directory, &clock)?,
            Some(base) => publish_routes(args, &built, base, &directory, &clock)?,
        };
        if !args.build.documents.json {
            published.print(&directory.path)?;
        }
        more = published.to_json(&directory.path);
    }
    report.print(args.build.documents.json, more)
}

/// What is in the directory now.
struct Published {
    what: String,
    version: u64,
    digest: Digest,
    expires: u64,
    /// Seconds since 1970; `None` if a note is signed elsewhere.
    in_force_until: Option<u64>,
    wants_routes: bool,
}

impl Published {
    fn to_json(&self, directory: &Path) -> Map<String, Value> {
        let Value::Object(members) = json!({
            "version": self.version, "digest": self.digest.to_string(), "expires": self.expires,
            "in_force_until": self.in_force_until, "directory": directory,
        }) else {
            return Map::new();
        };
        members
    }

    fn print(&self, directory: &Path) -> Result<(), Failure> {
        line(format!("signed {} ({}) in {}", self.what, self.digest, directory.display()))?;
        if self.wants_routes {
            line(
                "it is the base: it is in force once the routes of teams are signed over it (`portcullis policy sign --routes`)",
            )?;
        } else if self.in_force_until.is_none() {
            line("it is in force once `portcullis policy note` has signed a note for it")?;
        }
        Ok(())
    }
}

/// Signs and publishes a bundle, or the base of one if others sign the routes of teams.
fn publish(
    args: &Args,
    built: &Built,
    directory: &BundleDirectory,
    clock: &Clock,
) -> Result<Published, Failure> {
    let signed = sign(args, built, directory, clock)?;
    let expected = directory.expected(built.audience(), clock);
    let base = policy::open_base(&signed.parcel, &expected, &AwsLcVerifier).map_err(not_written)?;
    let wants_routes = base.routes_by().is_some();
    if !wants_routes {
        drop(policy::open(&signed.parcel, &expected, &AwsLcVerifier).map_err(not_written)?);
    }
    let (now, lifetime) = (clock.now(), base.notes().max_age);
    let note = directory.note_key.as_ref().filter(|key| base.notes().keys.contains(key.public_key()));
    let note = note.map(|key| Note::sign(&base, now, lifetime, key)).transpose().map_err(Failure::new)?;
    let failed = |error| failed(directory, &error);
    directory::publish(&signed, &directory.path).map_err(failed)?;
    // A crash here leaves the new bundle without a note. The server that has the note key signs one, or the
    // next `policy note`.
    let expires = base.window().1;
    let mut in_force_until = None;
    if let Some(note) = &note {
        directory::publish_note(note, &directory.path).map_err(failed)?;
        in_force_until = Some(now.plus(lifetime).get().min(expires)).filter(|_| !wants_routes);
    }
    Ok(Published {
        what: format!("version {}", base.version()),
        version: base.version(),
        digest: base.digest(),
        expires,
        in_force_until,
        wants_routes,
    })
}

/// Signs and publishes the routes of teams over the base that is there, with a note about them.
fn publish_routes(
    args: &Args,
    built: &Built,
    base: &Base,
    directory: &BundleDirectory,
    clock: &Clock,
) -> Result<Published, Failure> {
    // Only routes that are signed over this base count.
    let before = directory::routes_so_far(&directory.path).ok().flatten();
    let before = before.and_then(|manifest| base.version_of_routes(&manifest, &AwsLcVerifier));
    let next = before.map_or(Some(1), |last| last.checked_add(1));
    let version =
        args.version.or(next).ok_or_else(|| Failure::new("the version number cannot grow further"))?;
    let keys = read_each(&args.keys)?;
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| -> &dyn Signer { key }).collect();
    let now = clock.now();
    let (not_before, expires) = (now.get(), now.plus(args.lifetime).get());
    let terms = RoutesSigning { version, not_before, expires, signers: &signers };
    let signed = built.sign_routes(base, &terms).map_err(Failure::new)?;
    let parcel = directory::base_parcel(&directory.path).map_err(not_written)?;
    let parcel = Parcel { routes: Some(signed.parcel.clone()), ..parcel };
    let expected = directory.expected(base.audience(), clock);
    let bundle = policy::open(&parcel, &expected, &AwsLcVerifier).map_err(not_written)?;
    let first = keys.first().ok_or_else(|| Failure::new("name a key with --key"))?;
    let note = Note::sign_routes(&bundle, now, base.notes().max_age, first).map_err(Failure::new)?;
    let failed = |error| failed(directory, &error);
    directory::publish_routes(&signed, &directory.path).map_err(failed)?;
    directory::publish_routes_note(&note, &directory.path).map_err(failed)?;
    // The base has a note of its own.
    let verified = |note: Result<Note, policy::BundleRefusal>| {
        note.and_then(|note| note.verify(&bundle, now, &AwsLcVerifier)).ok().map(|until| until.0.get())
    };
    let of_base = verified(directory::note(&directory.path).and_then(|note| Note::open(&note)));
    let of_routes = verified(Note::open_routes(&note));
    Ok(Published {
        what: format!("routes {version} over version {}", base.version()),
        version,
        digest: bundle.digest(),
        expires: bundle.expires().get(),
        in_force_until: of_base.zip(of_routes).map(|(base, routes)| base.min(routes)),
        wants_routes: false,
    })
}

fn not_written(refusal: policy::BundleRefusal) -> Failure {
    Failure::new(format!("nothing was written, because servers would refuse the bundle: {refusal}"))
}

fn failed(directory: &BundleDirectory, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write to {}: {error}", directory.path.display()))
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
