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
use warrant::formats;

use super::kubernetes;
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
    /// The canonical name of the host that the sample routes govern [default: localhost]
    #[arg(long, required_if_eq("kubernetes", "true"))]
    host: Option<String>,
    /// Another name, with its port, by which clients call that host; may be given several times [default: localhost:10000
    /// 127.0.0.1:10000 127.0.0.1; none with --kubernetes]
    #[arg(long = "alias")]
    aliases: Vec<String>,
    /// The SPIFFE ID in the certificate of a proxy that may ask about that host; may be given several times [default: `local`, for a
    /// proxy on this machine]
    #[arg(long = "proxy", value_name = "SPIFFE_ID", value_parser = spiffe_id, required_if_eq("kubernetes", "true"))]
    proxy_ids: Vec<String>,
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
    /// Make it for a server in a cluster: write the Secrets and the values of the chart into DIR/kubernetes, and not gate.yaml and
    /// seal.yaml, which the chart makes. For an existing home directory: `portcullis kubernetes`
    #[arg(long, conflicts_with_all = ["module", "filters", "cluster", "proxies", "api", "health", "keep"])]
    kubernetes: bool,
    /// The namespace of the server in the cluster
    #[arg(long, default_value = kubernetes::NAMESPACE, requires = "kubernetes", value_parser = kubernetes::namespace)]
    namespace: String,
    /// The URL at which agents in the cluster ask the server for warrants [default: it issues none there, and `portcullis warrant mint`
    /// does]
    #[arg(long, value_name = "URL", requires = "kubernetes", value_parser = base_url)]
    authority_url: Option<String>,
}

impl Args {
    fn host(&self) -> &str {
        self.host.as_deref().unwrap_or("localhost")
    }

    /// Envoy's address in the examples, by which a client on this machine calls that host.
    fn aliases(&self) -> Vec<String> {
        if self.aliases.is_empty() && !self.kubernetes {
            return ["localhost:10000", "127.0.0.1:10000", "127.0.0.1"].map(str::to_owned).to_vec();
        }
        self.aliases.clone()
    }
}

fn spiffe_id(text: &str) -> Result<String, String> {
    if formats::is_spiffe_id(text) {
        return Ok(text.to_owned());
    }
    Err("write the SPIFFE ID of its certificate, like spiffe://cluster.local/ns/shop/sa/pay".to_owned())
}

fn local_address(text: &str) -> Result<LocalAddress, String> {
    LocalAddress::parse(text)
}

fn unix_socket(text: &str) -> Result<LocalAddress, String> {
    LocalAddress::parse_unix(text).map(LocalAddress::Unix)
}

fn base_url(text: &str) -> Result<String, String> {
    match text.strip_prefix("https://") {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', '"', '\\']) => {
            Ok(text.to_owned())
        }
        Some(_) | None => {
            Err("write https://HOST, with `:PORT` if agents send it, and without a path".to_owned())
        }
    }
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
    check_is_empty(args)?;
    let bundle = home::make(args)?;
    if args.kubernetes {
        return kubernetes::after_init(&args.dir, &args.namespace);
    }
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

fn check_is_empty(args: &Args) -> Result<(), Failure> {
    let dir = args.dir.display();
    match std::fs::read_dir(&args.dir).map(Iterator::count) {
        Ok(1..) if args.kubernetes => Err(Failure::new(format!(
            "{dir} is not empty: name a new directory, or write what a cluster needs of this home directory with `portcullis kubernetes --home {dir}`"
        ))),
        Ok(1..) => Err(Failure::new(format!(
            "{dir} is not empty: name a new directory, or add --keep to keep this home directory"
        ))),
        Ok(0) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Failure::new(format!("{dir} cannot be used: {e}"))),
    }
}
