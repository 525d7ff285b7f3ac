//! `portcullis signer`: has one key in a process of its own, and signs for a server over a Unix socket.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::log::LogArgs;
use super::out::Failure;
use crate::authority::signable::RoleSigner;
use crate::keys::{KeyPlace, KeyRole};
use crate::server;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The file of the key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The only kind of token that it signs
    #[arg(long, value_enum)]
    role: KeyRole,
    /// The Unix socket to listen on; only this user can open it
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.log.start();
    let place = KeyPlace::File(args.key.clone());
    let key = place.read().map_err(Failure::new)?;
    if !args.role.may_have(&key) {
        return Err(Failure::new(format!("{place}: a key for {} must be one for ES256", args.role)));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(server::run_signer(RoleSigner::new(args.role, key), &args.socket)).map_err(Failure::new)
}
