//! `portcullis init`: makes a home directory that is ready to serve.
//!
//! Everything in it is real: keys from the system's random source, documents that pass the same build as
//! every team's, a bundle signed by an offline key, a ledger with its first entry. There is no development
//! mode.

mod filters;
pub(in crate::cli) mod home;
mod sample;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::out::{Failure, line};
use crate::config::{self, LocalAddress};
use crate::keys::KeyRole;
use policy::Bundle;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The home directory: a new or an empty directory
    dir: PathBuf,
    /// The mesh for which warrants will be issued
    #[arg(long, default_value = "demo")]
    audience: String,
    /// The canonical name of the host that the sample routes govern
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Another name, with its port, by which clients call that host; may be given several times
    #[arg(long = "alias", default_values = ["localhost:10000", "127.0.0.1:10000", "127.0.0.1"])]
    aliases: Vec<String>,
    /// Where Envoy finds the module of gate and seal
    #[arg(long, default_value = "/etc/portcullis/gate.wasm")]
    module: PathBuf,
    /// The directory where to write the configurations of gate and seal for Envoy, gate.yaml and seal.yaml [default: DIR]
    #[arg(long)]
    filters: Option<PathBuf>,
    /// Envoy's cluster of the server, from which gate and seal fetch statements
    #[arg(long, default_value = "portcullis")]
    cluster: String,
    /// Where the server listens for proxies: unix:PATH (relative to DIR) or a loopback address
    #[arg(long, default_value = "unix:proxies.sock", value_parser = local_address)]
    proxies: LocalAddress,
    /// Where the server listens for operators and auditors: unix:PATH (relative to DIR)
    #[arg(long, default_value = "unix:api.sock", value_parser = unix_socket)]
    api: LocalAddress,
    /// Where the server listens for health checks and metrics
    #[arg(long, default_value = "127.0.0.1:9181")]
    health: SocketAddr,
    /// Keep an existing home directory as it is, and only write the configurations of gate and seal again
    #[arg(long)]
    keep: bool,
}

fn local_address(text: &str) -> Result<LocalAddress, String> {
    LocalAddress::parse(text)
}

fn unix_socket(text: &str) -> Result<LocalAddress, String> {
    LocalAddress::parse_unix(text).map(LocalAddress::Unix)
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let filters = args.filters.as_ref().unwrap_or(&args.dir);
    if is_home(&args.dir) && args.keep {
        write_filters(args, &home::bundle(&args.dir)?, filters)?;
        return line(format!(
            "kept {}; wrote gate.yaml and seal.yaml in {}",
            args.dir.display(),
            filters.display()
        ));
    }
    check_is_empty(&args.dir)?;
    let bundle = home::make(args)?;
    write_filters(args, &bundle, filters)?;
    line(format!(
        "made {}; to serve it: portcullis serve --config {}",
        args.dir.display(),
        home::configuration(&args.dir).display()
    ))
}

fn write_filters(args: &Args, bundle: &Bundle, directory: &Path) -> Result<(), Failure> {
    let config = config::load(&home::configuration(&args.dir)).map_err(|faults| Failure::all(&faults))?;
    let envoy = filters::OfEnvoy { module: &args.module, cluster: &args.cluster };
    filters::write(bundle, &config.keys.of(KeyRole::Statement), &envoy, directory)
}

fn is_home(dir: &Path) -> bool {
    home::configuration(dir).exists()
}

fn check_is_empty(dir: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(dir).map(Iterator::count) {
        Ok(1..) => Err(Failure::new(format!(
            "{} is not empty: name a new directory, or add --keep to keep this home directory",
            dir.display()
        ))),
        Ok(0) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Failure::new(format!("{} cannot be used: {e}", dir.display()))),
    }
}
