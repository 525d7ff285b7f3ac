//! The demo: real Envoy, the server and an upstream on loopback, and a story told as a table. Then it stays, for the
//! reader's own `curl`, until Ctrl-C. `--once` ends after the story.
//!
//! The exit status is 0 only when every row of the story came out as it should.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a demo talks to people, and stops at what it did not expect"
)]

mod invitation;
mod story;
mod table;

use portcullis_tests::world::Setup;
use std::net::TcpListener;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// The port in the documentation's examples.
const WELL_KNOWN_PORT: u16 = 10000;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let once = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => false,
        ["--once"] => true,
        _ => {
            eprintln!("usage: demo [--once]");
            return ExitCode::from(2);
        }
    };
    let port = free_port();
    let host = format!("localhost:{port}");
    let init = ["127.0.0.1".to_owned(), format!("127.0.0.1:{port}"), host.clone()]
        .map(|alias| format!("--alias={alias}"));
    let mut world = Setup { port, init: init.to_vec(), ..Setup::default() }.start().await;

    let rows = story::tell(&mut world, &host).await;
    table::print(&rows);
    let as_expected = rows.iter().all(story::Row::is_as_expected);
    if !as_expected {
        eprintln!("demo: the story did not come out as it should (see the rows marked !)");
    }
    if !once && as_expected {
        invitation::print(&world, &host);
        until_told_to_stop().await;
        println!("\nstopping");
        world.court.program.stop().await;
    }
    if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The well-known port where it is free, any other otherwise. It must be known before Envoy runs, because the policy names
/// the authority that clients will write; so another program could still take it in between, and Envoy would say so.
fn free_port() -> u16 {
    let listener =
        TcpListener::bind(("127.0.0.1", WELL_KNOWN_PORT)).or_else(|_| TcpListener::bind("127.0.0.1:0"));
    listener.and_then(|bound| bound.local_addr()).expect("loopback has a free port").port()
}

async fn until_told_to_stop() {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be received");
    tokio::select! {
        told = tokio::signal::ctrl_c() => told.expect("signals can be received"),
        _ = terminate.recv() => {}
    }
}
