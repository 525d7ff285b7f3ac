//! An operator on the server's own machine: runs the commands of `portcullis` that call the API of a running server.

use std::process::{Command, Output};

use serde_json::Value;

use crate::client::ClientRequest;
use crate::programs;
use crate::server::Home;

/// A call of the API over its Unix socket, as any client could make it. Returns the status and the answer.
///
/// # Panics
/// When there is no answer in JSON.
pub async fn call_api(home: &Home, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request =
        ClientRequest { body: body.to_string().into(), ..ClientRequest::new(method, "localhost", path) };
    let response = request.send_to_socket(&home.api()).await.expect("the API answers");
    let answer = serde_json::from_slice(&response.body);
    (response.status, answer.unwrap_or_else(|why| panic!("{method} {path}: {why}: {}", response.text())))
}

/// Runs a command with a reason against the server of this home. Returns its exit status and what it printed as JSON.
///
/// # Panics
/// When it cannot be run, or printed no JSON.
#[must_use]
pub fn call(home: &Home, arguments: &[&str]) -> (i32, Value) {
    run(home, &[arguments, &["--reason", "a drill"]].concat())
}

/// Runs `portcullis attest` as the attestor of this home. Returns its exit status and what it printed as JSON.
///
/// # Panics
/// When it cannot be run, or printed no JSON.
#[must_use]
pub fn attest(home: &Home, arguments: &[&str]) -> (i32, Value) {
    let key = home.file("keys/attestor.jwk");
    let key = key.to_str().expect("paths of tests are text");
    let speaker = ["--iss", "https://attestor.demo", "--kid", "t1", "--mesh", "demo", "--key", key];
    run(home, &[&["attest"], arguments, &speaker].concat())
}

/// Runs a command that only reads. Returns its exit status and what it printed as JSON.
///
/// # Panics
/// When it cannot be run, or printed no JSON.
#[must_use]
pub fn read(home: &Home, arguments: &[&str]) -> (i32, Value) {
    run(home, arguments)
}

/// Runs a command that only reads, and must be done. Returns what it printed for people.
///
/// # Panics
/// When it is refused.
#[must_use]
pub fn read_text(home: &Home, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = output(home, arguments, &[]);
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("it prints text")
}

fn output(home: &Home, arguments: &[&str], further: &[&str]) -> Output {
    let mut command = Command::new(programs::portcullis());
    command.args(arguments).arg("--config").arg(home.file("portcullis.yaml")).args(further);
    tokio::task::block_in_place(|| command.output()).expect("it runs")
}

fn run(home: &Home, arguments: &[&str]) -> (i32, Value) {
    let Output { status, stdout, stderr } = output(home, arguments, &["--json"]);
    let printed = serde_json::from_slice(&stdout);
    let printed =
        printed.unwrap_or_else(|why| panic!("{arguments:?}: {why}: {}", String::from_utf8_lossy(&stderr)));
    (status.code().unwrap_or(-1), printed)
}

/// Runs a command that must be done. Returns what it printed.
///
/// # Panics
/// When it is refused.
pub fn done(home: &Home, arguments: &[&str]) -> Value {
    let (status, printed) = call(home, arguments);
    assert_eq!(status, 0, "{arguments:?}: {printed}");
    printed
}

/// Runs a command that must be refused with this code.
///
/// # Panics
/// When it is done, or refused with another code.
pub fn refused(home: &Home, arguments: &[&str], code: &str) {
    let (status, printed) = call(home, arguments);
    assert_eq!((status, printed["code"].as_str()), (1, Some(code)), "{arguments:?}: {printed}");
}
