//! Runs the shell blocks of the README as they are.
//!
//! Three things differ from a reader's machine. Health is served on a free port. Envoy and the upstream are started by the
//! harness, with the shipped configuration. And `curl` is replaced by the harness's client, which counts executions.

use portcullis_tests::client::ClientRequest;
use portcullis_tests::guide::{only_block, shell};
use portcullis_tests::programs::repository;
use portcullis_tests::server::Home;
use portcullis_tests::world::Setup;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A `curl` that prints its arguments, one a line.
const CURL: &str = "curl() { for word; do printf '%s\\n' \"$word\"; done; }\n";

// The upstream runs on another thread while the shell of this one is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_commands_build_serve_and_use_a_home_directory_as_it_says() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let [build, path, init, serve] = lines_of(&only_block(&readme, "sh", "portcullis init"));
    assert_eq!(build, "./dev build", "the README builds what this test uses");
    assert_eq!(path, r#"export PATH="$PWD/target/release:$PATH""#, "the harness sets this path");
    assert_eq!(serve, "portcullis serve --config home/portcullis.yaml");

    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    symlink(repository().join("target"), directory.path().join("target")).unwrap();
    run(directory.path(), &init);
    serve_health_anywhere(&directory.path().join("home/portcullis.yaml"));
    let home = Home::at(&directory.path().join("home"));
    let world = Setup::default().start_in(directory, home).await;

    // The agent's own way, through the Envoy of this test.
    let agent = only_block(&readme, "sh", "--scope payments");
    let here = format!("--explain --via {}", world.envoy.address());
    assert!(agent.contains("--explain"), "{agent}");
    let paid = run(world.directory(), &agent.replace("--explain", &here));
    assert!(paid.contains("/v1/payments/a-7"), "the upstream says what it executed: {paid}");

    // A part of a warrant, for another agent: each command at its first try, and the last one is denied.
    let via = format!("--via {}", world.envoy.address());
    let handed_on = only_block(&readme, "sh", "warrant delegate")
        .replace("/errands/x --", &format!("/errands/x {via} --"));
    let (allowed, denied) = handed_on.trim_end().rsplit_once('\n').unwrap();
    let done = run(world.directory(), allowed);
    assert!(done.contains("/errands/x") && done.contains("is revoked"), "{done}");
    let refused = shell(world.directory(), denied);
    let says = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && says.contains("denied: revoked"), "{says}");

    let words = run(world.directory(), &format!("{CURL}{}", only_block(&readme, "sh", "warrant mint")));
    let request = request_of(&words);
    world.allows(&request).await;
    // The README says that the same line again is `replayed`.
    world.denies(&request, 403, "replayed").await;
    world.end().await;
}

/// The commands of a block, without their comments.
fn lines_of<const N: usize>(block: &str) -> [String; N] {
    let commands: Vec<String> =
        block.lines().map(|line| line.split(" # ").next().unwrap().trim_end().to_owned()).collect();
    commands.try_into().unwrap_or_else(|commands| panic!("{N} commands: {commands:?}"))
}

/// What the shell prints for this script.
fn run(directory: &Path, script: &str) -> String {
    let output = shell(directory, script);
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The port in the README may be taken on this machine.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn serve_health_anywhere(configuration: &Path) {
    let text = fs::read_to_string(configuration).unwrap();
    let changed = text.replace("127.0.0.1:9181", "127.0.0.1:0");
    assert_ne!(text, changed);
    fs::write(configuration, changed).unwrap();
}

/// The request that curl would have sent for these arguments.
fn request_of(words: &str) -> ClientRequest {
    let (mut method, mut headers, mut url) = (String::from("GET"), Vec::new(), String::new());
    let mut words = words.lines();
    while let Some(word) = words.next() {
        match word {
            "-X" => words.next().unwrap().clone_into(&mut method),
            "-H" => headers.push(words.next().unwrap().split_once(": ").unwrap()),
            _ => word.clone_into(&mut url),
        }
    }
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    headers
        .into_iter()
        .fold(ClientRequest::new(&method, host, path), |request, (name, value)| request.with(name, value))
}
