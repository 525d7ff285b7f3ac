//! `portcullis warrant`: mint a root offline with an authority's key, and prove possession of the holder's.
//!
//! Such roots are in no issuance record: they are for development, and for authorities of one's own.

mod mint;
mod prove;

use clap::Subcommand;

use super::out::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Mint a root warrant with the authority's key of a house that `init` made
    Mint(mint::Args),
    /// Make the proof of possession for one request
    Prove(prove::Args),
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Mint(args) => mint::run(args),
        Command::Prove(args) => prove::run(args),
    }
}

/// A name that nobody has used before.
fn fresh_name() -> Result<String, Failure> {
    use base64::Engine;
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure::new("the system's random source gave nothing"))?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
