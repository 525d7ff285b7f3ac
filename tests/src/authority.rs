//! An agent of a new home directory that gets its warrants from the server's own authority, by `portcullis request`.

use crate::command::{CommandOutput, portcullis};
use crate::server::Home;
use crate::signed_bundles::write;

/// Puts a token of the stand-in for an identity provider where the sample agent reads it, and returns it.
///
/// # Panics
/// When it cannot be made.
pub fn log_in(home: &Home, sub: &str) -> String {
    let folder = home.directory().to_str().expect("paths of tests are text");
    let made = run(&["warrant", "subject-token", "--home", folder, "--sub", sub]);
    assert_eq!(made.status, 0, "{}", made.err);
    write(&home.file("agent.token"), made.out.as_bytes());
    made.out
}

/// Runs `portcullis request` as the agent in this file of the home directory.
///
/// # Panics
/// When it cannot be run.
#[must_use]
pub fn request(home: &Home, agent: &str, words: &[&str]) -> CommandOutput {
    let file = home.file(agent);
    let file = file.to_str().expect("paths of tests are text");
    run(&[&["request"], words, &["--agent", file]].concat())
}

/// A warrant for what the words ask for, for the sample agent.
///
/// # Panics
/// When the authority refuses it.
#[must_use]
pub fn warrant(home: &Home, words: &[&str]) -> String {
    let got = request(home, "agent.yaml", &[words, &["--only-warrant"]].concat());
    assert_eq!(got.status, 0, "{words:?}: {}", got.err);
    got.out
}

/// The program speaks to a server that may run on this thread's runtime.
fn run(words: &[&str]) -> CommandOutput {
    tokio::task::block_in_place(|| portcullis(words))
}
