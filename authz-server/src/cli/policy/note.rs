//! `portcullis policy note`: signs a note, so that the signed bundle stays in force longer.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;
use warrant::AwsLcVerifier;

use super::bundle_directory::{BundleDirectoryArgs, read_keys};
use crate::bundles::directory;
use crate::cli::out::{ExitStatus, Failure, line};
use crate::cli::values::duration;
use crate::clock::Clock;
use policy::Note;
use policy::rfc3339;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// A home directory that `portcullis init` made
    #[arg(long, default_value = ".")]
    home: PathBuf,
    #[command(flatten)]
    bundle_directory: BundleDirectoryArgs,
    /// The mesh, on a machine without a home directory
    #[arg(long, requires = "bundle")]
    audience: Option<String>,
    /// The file of a private key whose public half is in the mesh's `notes` [default: HOME/keys/note.jwk]
    #[arg(long)]
    key: Option<PathBuf>,
    /// Sign a note about the routes of teams, with a key under `routesBy`
    #[arg(long, requires = "key")]
    routes: bool,
    /// How long the note is valid [default: as long as the mesh allows]
    #[arg(long, value_parser = duration)]
    lifetime: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let clock = Clock::of_the_machine();
    let directory = args.bundle_directory.resolve(&args.home)?;
    let audience = args.audience.as_deref().unwrap_or_default();
    let base = directory.base(audience, &clock)?;
    let files: Vec<PathBuf> = args.key.iter().cloned().collect();
    let (now, lifetime) = (clock.now(), args.lifetime.unwrap_or(base.notes().max_age));
    let failed =
        |e: std::io::Error| Failure::new(format!("cannot write to {}: {e}", directory.path.display()));
    for key in &read_keys(&files, &args.home.join("keys/note.jwk"))? {
        let (version, digest, until) = if args.routes {
            let bundle = directory.bundle(audience, &clock)?;
            let note = Note::sign_routes(&bundle, now, lifetime, key).map_err(Failure::new)?;
            let verified =
                Note::open_routes(&note).and_then(|note| note.verify(&bundle, now, &AwsLcVerifier));
            let until = verified.map_err(Failure::new)?.0.get();
            directory::publish_routes_note(&note, &directory.path).map_err(failed)?;
            (bundle.versions(), bundle.digest(), until)
        } else {
            let note = Note::sign(&base, now, lifetime, key).map_err(Failure::new)?;
            directory::publish_note(&note, &directory.path).map_err(failed)?;
            let until = now.plus(lifetime).get().min(base.window().1);
            (format!("version {}", base.version()), base.digest(), until)
        };
        if args.json {
            line(json!({"version": base.version(), "digest": digest.to_string(), "in_force_until": until}))?;
        } else if base.routes_by().is_some() {
            line(format!(
                "{version} may be in force until {}, if the other layer's note holds too",
                rfc3339(until)
            ))?;
        } else {
            line(format!("{version} is in force until {}", rfc3339(until)))?;
        }
    }
    Ok(ExitStatus::Success)
}
