//! `portcullis init`: a whole house, ready to serve, in one folder.
//!
//! Everything in it is real: keys from the system's random source, documents that pass the same build as any team's, a
//! bundle signed by an offline key, a ledger with its first entry. There is no development mode to grow out of.

mod gate;
pub(in crate::cli) mod house;
mod sample;

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::out::{Failure, line};
use crate::config::LocalAddress;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The folder to make, or an empty one
    dir: PathBuf,
    /// The mesh for which warrants will be issued
    #[arg(long, default_value = "demo")]
    audience: String,
    /// The canonical name of the host that the sample routes govern
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Another name, port included, by which clients call that host; may be given several times
    #[arg(long = "alias", default_values = ["localhost:10000", "127.0.0.1:10000", "127.0.0.1"])]
    aliases: Vec<String>,
    /// Where Envoy finds the gate's module
    #[arg(long, default_value = "/etc/portcullis/gate.wasm")]
    module: PathBuf,
    /// Where to write Envoy's part, the gate's configuration [default: DIR/gate.yaml]
    #[arg(long)]
    gate: Option<PathBuf>,
    /// Where proxies ask: unix:PATH (relative to DIR) or a loopback address
    #[arg(long, default_value = "unix:ext_authz.sock", value_parser = local_address)]
    ext_authz: LocalAddress,
    /// Where health and metrics are served
    #[arg(long, default_value = "127.0.0.1:9181", value_parser = local_address)]
    http: LocalAddress,
    /// A house that is there already is kept as it is; only the gate's configuration is written again
    #[arg(long)]
    keep: bool,
}

fn local_address(text: &str) -> Result<LocalAddress, String> {
    LocalAddress::parse(text)
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let gate_file = args.gate.clone().unwrap_or_else(|| args.dir.join("gate.yaml"));
    if is_house(&args.dir) && args.keep {
        gate::write(&house::bundle(&args.dir)?, &args.module, &gate_file)?;
        return line(format!("kept {}; wrote {}", args.dir.display(), gate_file.display()));
    }
    must_be_empty(&args.dir)?;
    let bundle = house::make(args)?;
    gate::write(&bundle, &args.module, &gate_file)?;
    line(format!(
        "made {}; serve it: portcullis serve --config {}",
        args.dir.display(),
        house::configuration(&args.dir).display()
    ))
}

fn is_house(dir: &Path) -> bool {
    house::configuration(dir).exists()
}

fn must_be_empty(dir: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(dir).map(Iterator::count) {
        Ok(1..) => Err(Failure::new(format!(
            "{} is not empty: name a new folder, or add --keep if it is a house that should stay",
            dir.display()
        ))),
        Ok(0) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Failure::new(format!("{} cannot be used: {e}", dir.display()))),
    }
}
