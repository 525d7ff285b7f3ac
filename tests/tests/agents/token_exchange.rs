//! Clients of others at the real token endpoint, over TLS: google-auth's client of RFC 8693, curl, and the package
//! `clients/python`. Each gets a warrant that the server's own verifier takes.

use portcullis_tests::authority::log_in;
use portcullis_tests::certificates::{A_DAY, Root, put_roots};
use portcullis_tests::command::portcullis;
use portcullis_tests::programs::{clients_python, repository};
use portcullis_tests::server::Home;
use portcullis_tests::world::{Setup, World};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

use crate::peer::run_python;

fn text(path: &Path) -> String {
    path.to_str().expect("paths of tests are text").to_owned()
}

/// A port that nobody uses, below those that the system gives to outgoing connections.
fn unused_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).expect("a small number");
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..32_000).find(is_free).expect("a port")
}

/// A world whose API is on TLS, for clients with and without a certificate.
async fn world() -> (World, Root) {
    let directory: TempDir = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let root = Root::new("clients");
    root.issue(&[], A_DAY).put(&home.file("keys"), "server");
    root.issue(&[], A_DAY).put(&home.file("keys"), "client");
    put_roots(&[&root], &home.file("clients.pem"));
    // A client names the authority with its port, so it must be known before the server runs.
    let port = unused_port();
    home.configure(|configuration| {
        configuration["listen"]["api"] = json!({
            "address": format!("127.0.0.1:{port}"), "certificate": "keys/server.pem", "key": "keys/server.key",
            "clients": "clients.pem",
        });
        configuration["authority"]["url"] = format!("https://localhost:{port}").into();
    });
    (Setup::default().start_in(directory, home).await, root)
}

/// Asserts that the server's verifier takes a warrant for this request, and returns its end.
fn verified(world: &World, warrant: &str) {
    let home = text(world.home.directory());
    let words = [
        "warrant",
        "verify",
        "--home",
        &home,
        "--host",
        "localhost",
        "--method",
        "GET",
        "--path",
        "/hello/you",
        warrant,
    ];
    let verified = portcullis(&words);
    assert_eq!(verified.status, 0, "{}{}", verified.out, verified.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_clients_and_the_package_get_warrants_at_their_first_call() {
    let (world, _root) = world().await;
    let token = log_in(&world.home, "demo");
    let endpoint = format!("https://localhost:{}/v1/token", world.server.api().port());
    let file = |name: &str| text(&world.home.file(name));
    let asked = json!({
        "endpoint": endpoint, "token": token, "roots": file("clients.pem"), "certificate": file("keys/client.pem"),
        "key": file("keys/client.key"), "holder": file("agent.jwk"), "package": text(&repository().join("clients/python")),
    });
    let script = text(&repository().join("tests/tests/agents/token_exchange.py"));
    let answered = world.run_other_client(|| {
        run_python(&clients_python(), world.home.directory(), &[&script], &asked.to_string())
    });
    let got: Value = serde_json::from_str(&answered).unwrap();
    // The grant's own lifetime is 300 s, and so is the token's, which began a moment earlier.
    let lifetime = got["expires_in"].as_u64().unwrap();
    assert!((200..=300).contains(&lifetime), "{got}");
    for client in ["stock", "package"] {
        verified(&world, got[client].as_str().unwrap());
    }

    let curl = Command::new("curl")
        .args(["--silent", "--fail-with-body", "--cacert", &file("clients.pem")])
        .args(["--cert", &file("keys/client.pem"), "--key", &file("keys/client.key")])
        .args(["-d", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange", "-d", "scope=greetings"])
        .args(["-d", "subject_token_type=urn:ietf:params:oauth:token-type:jwt", "--data-urlencode"])
        .arg(format!("subject_token={token}"))
        .arg(&endpoint)
        .output();
    let output = tokio::task::block_in_place(|| curl).expect("curl can be run");
    let got: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|why| {
        panic!(
            "{why}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    verified(&world, got["access_token"].as_str().unwrap_or_else(|| panic!("{got}")));
    assert_eq!(got["token_type"], "N_A");
    world.end().await;
}
