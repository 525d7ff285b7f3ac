//! `portcullis policy note`: the bundle that is signed stays in force for a while longer.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;
use warrant::AwsLcVerifier;

use super::shelf::{Place, keys};
use crate::bundles::directory;
use crate::cli::out::{Done, Failure, line};
use crate::cli::values::duration;
use crate::clock::Clock;
use policy::Note;
use policy::rfc3339;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// A folder that `portcullis init` made
    #[arg(long, default_value = ".")]
    home: PathBuf,
    #[command(flatten)]
    place: Place,
    /// The mesh, on a machine without a house
    #[arg(long, requires = "bundle")]
    audience: Option<String>,
    /// A key of the mesh's `notes` [default: HOME/keys/note.jwk]
    #[arg(long)]
    key: Option<PathBuf>,
    /// How long it holds [default: as long as the mesh allows]
    #[arg(long, value_parser = duration)]
    lifetime: Option<u64>,
    /// For machines
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let clock = Clock::of_the_machine();
    let shelf = args.place.shelf(&args.home)?;
    let bundle = shelf.bundle(args.audience.as_deref().unwrap_or_default(), &clock)?;
    let files: Vec<PathBuf> = args.key.iter().cloned().collect();
    let lifetime = args.lifetime.unwrap_or_else(|| bundle.note_max_age());
    for key in &keys(&files, &args.home.join("keys/note.jwk"))? {
        let note = Note::sign(&bundle, clock.now(), lifetime, key).map_err(Failure::new)?;
        let holds = Note::open(&note).and_then(|note| note.verify(&bundle, clock.now(), &AwsLcVerifier));
        let until = holds.map_err(Failure::new)?.0.get();
        directory::publish_note(&note, &shelf.directory)
            .map_err(|e| Failure::new(format!("cannot write to {}: {e}", shelf.directory.display())))?;
        if args.json {
            line(
                json!({"version": bundle.version(), "digest": bundle.digest().to_string(), "in_force_until": until}),
            )?;
        } else {
            line(format!("version {} is in force until {}", bundle.version(), rfc3339(until)))?;
        }
    }
    Ok(Done::Well)
}
