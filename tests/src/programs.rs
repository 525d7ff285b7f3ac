//! The paths of the programs under test. `./dev test` builds them, and gives the path of Envoy in `ENVOY`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// The binary `portcullis` that was built with the running program: same target directory, same profile.
#[must_use]
pub fn portcullis() -> PathBuf {
    existing(profile().join("portcullis"), "cargo build --workspace --profile test --bins")
}

/// The gate's Wasm module.
#[must_use]
pub fn module() -> PathBuf {
    built_for_wasm("portcullis_gate.wasm")
}

/// A Wasm module of this workspace.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn built_for_wasm(name: &str) -> PathBuf {
    let target = profile().parent().expect("target/<profile>").to_owned();
    existing(target.join("wasm/wasm32-unknown-unknown/wasm").join(name), "./dev build (or ./dev bench)")
}

/// `target/<profile>` of the running program.
fn profile() -> PathBuf {
    let here = env::current_exe().expect("a running program has a path");
    let profile = here.ancestors().skip(1).find(|directory| !directory.ends_with("deps"));
    profile.expect("programs are in target/<profile> or in its deps").to_owned()
}

/// Envoy: `$ENVOY`, otherwise the one on `PATH`, otherwise the one that `./dev` has downloaded.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "./dev passes the path of Envoy in the environment")]
pub fn envoy() -> PathBuf {
    if let Ok(chosen) = env::var("ENVOY") {
        return existing(PathBuf::from(chosen), "unset ENVOY, or give the path of a program");
    }
    let on_path = env::var("PATH").unwrap_or_default();
    env::split_paths(&on_path)
        .map(|directory| directory.join("envoy"))
        .chain(downloaded_envoy())
        .find(|candidate| candidate.is_file())
        .expect("Envoy is not on PATH: set ENVOY=/path/to/envoy, or run ./dev test, which downloads it")
}

fn downloaded_envoy() -> Option<PathBuf> {
    let libraries = repository().join("target/tools/envoy/lib");
    libraries
        .read_dir()
        .ok()?
        .flatten()
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .next()
}

/// The Python with the libraries that `docs/agents.md` needs.
#[must_use]
pub fn agents_python() -> PathBuf {
    let python = repository().join("target/tools/agents-venv/bin/python3");
    existing(python, "run ./dev test, which installs it from tests/tests/agents/requirements.txt")
}

/// The Python with what the tests of `clients/python` need, and a stock client of token exchange.
#[must_use]
pub fn clients_python() -> PathBuf {
    let python = repository().join("target/tools/client-venv/bin/python3");
    existing(python, "run ./dev test, which installs it from clients/python/tests/requirements.txt")
}

/// The Python with schemathesis, which makes calls from the API's document.
#[must_use]
pub fn api_python() -> PathBuf {
    let python = repository().join("target/tools/api-venv/bin/python3");
    existing(python, "run ./dev test, which installs it from tests/tests/e2e/requirements.txt")
}

/// Python for readers and witnesses that need no library.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn python3() -> &'static str {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found, "NOT RUN: python3 is missing (Debian: apt-get install python3). ./dev test installs it.");
    "python3"
}

fn existing(path: PathBuf, cure: &str) -> PathBuf {
    assert!(path.is_file(), "{} does not exist: {cure}", path.display());
    path
}
