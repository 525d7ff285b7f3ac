//! The demo runs real Envoy, the server and an upstream on loopback, and prints what happens to a series of requests. Then
//! it keeps running for the reader's own `curl`, until Ctrl-C. `--once` ends it after the table.
//!
//! The exit status is 0 only if every request had the expected result.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a demo prints for people, and panics when something unexpected happens"
)]

mod console;
mod story;
mod table;
mod what_to_try;

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

    let scenes = story::play(&mut world, &host).await;
    table::print(&scenes);
    let as_expected = scenes.iter().all(story::Scene::is_as_expected);
    if !as_expected {
        eprintln!("demo: not every request had the expected result: see the rows marked with !");
    }
    if !once && as_expected {
        let console = console::Console::open(&world);
        what_to_try::print(&world, &host, &console.link);
        wait_for_signal().await;
        println!("\nThe demo is stopping.");
    }
    world.end().await;
    if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The well-known port if it is free, otherwise another one. It must be known before Envoy runs, because the policy names
/// the authority that clients will send. So another program could still take the port first; then Envoy reports that.
fn free_port() -> u16 {
    let listener =
        TcpListener::bind(("127.0.0.1", WELL_KNOWN_PORT)).or_else(|_| TcpListener::bind("127.0.0.1:0"));
    listener.and_then(|bound| bound.local_addr()).expect("loopback has a free port").port()
}

/// Waits for Ctrl-C or SIGTERM.
async fn wait_for_signal() {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be received");
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.expect("signals can be received"),
        _ = terminate.recv() => {}
    }
}
