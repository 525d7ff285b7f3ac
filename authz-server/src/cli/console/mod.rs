//! `portcullis console`: shows the console of a server on this machine in a browser, for the person who may use the server's Unix socket.

mod front;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args as ClapArgs;
use tokio::sync::watch;

use super::out::{Failure, line};
use super::runtime;
use crate::config::{self, ApiAddress};
use crate::edge::listen::{BoundListener, ListenAddress};
use crate::edge::serve::{OPERATORS_CONNECTIONS, Pages, Protocol, Transport};
use crate::server::StopSignals;
use crate::telemetry::ClosedConnections;
use front::{Front, Link};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The configuration of a server on this machine: the Unix socket of its `listen.api` is used
    #[arg(long, value_name = "FILE", conflicts_with = "api")]
    config: Option<PathBuf>,
    /// The Unix socket of the API: `unix:PATH`. Where the API has an https address, open `https://HOST:PORT/console/` in a browser
    #[arg(long, value_name = "ADDRESS", required_unless_present = "config")]
    api: Option<String>,
    /// The port on this machine [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let socket = args.socket()?;
    let runtime = runtime::start()?;
    let ended = runtime.block_on(serve(socket, args.port));
    // Pages that are told of news never end by themselves.
    runtime.shutdown_background();
    ended
}

impl Args {
    fn socket(&self) -> Result<PathBuf, Failure> {
        if let Some(file) = &self.config {
            let config = config::load(file).map_err(|faults| Failure::all(&faults))?;
            return match config.listen.api {
                ApiAddress::Unix(path) => Ok(path),
                ApiAddress::Tls(_) => Err(Failure::new(format!(
                    "{}: its API is not on a Unix socket; open https://HOST:PORT/console/ of `listen.api` in a browser",
                    file.display()
                ))),
            };
        }
        let text = self.api.as_deref().unwrap_or_default();
        match text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            Some(path) => Ok(PathBuf::from(path)),
            None => Err(Failure::new(format!(
                "`{text}` is not a Unix socket; write unix:PATH, or open https://HOST:PORT/console/ in a browser"
            ))),
        }
    }
}

async fn serve(socket: PathBuf, port: u16) -> Result<(), Failure> {
    let mut signals = StopSignals::listen();
    front::check_answers(&socket).await.map_err(Failure::new)?;
    // Nobody on another machine gets as far as the check of the host.
    let address = ListenAddress::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let listener = BoundListener::at(&address).await.map_err(Failure::new)?;
    let BoundListener::Tcp(_, bound) = &listener else {
        return Err(Failure::new("cannot listen on loopback"));
    };
    let link = Link::new(bound.port()).map_err(Failure::new)?;
    line(format!(
        "The console is at\n\n  {}\n\nThe link works once, for whoever opens it first, and until this command ends (Ctrl-C).",
        link.address()
    ))?;
    let pages = Pages {
        router: Front::new(link, socket).router(),
        transport: Transport::Cleartext(Protocol::Http1),
        arrivals: None,
        connections: OPERATORS_CONNECTIONS,
        closed: ClosedConnections::default(),
    };
    let (_stop, stopping) = watch::channel(false);
    tokio::select! {
        () = listener.serve(pages, stopping) => {}
        () = signals.received() => {}
    }
    Ok(())
}
