//! Where the three programs under test are. `./dev test` builds them and tells Envoy's place by `ENVOY`.

use std::env;
use std::path::{Path, PathBuf};

/// The directory of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the repository").to_owned()
}

/// The binary `portcullis` that was built together with the running program: same target directory, same profile.
#[must_use]
pub fn portcullis() -> PathBuf {
    present(profile().join("portcullis"), "cargo build --workspace --bins")
}

/// The gate's Wasm module.
#[must_use]
pub fn module() -> PathBuf {
    built_for_wasm("portcullis_gate.wasm")
}

/// Any Wasm module of this workspace.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn built_for_wasm(name: &str) -> PathBuf {
    let target = profile().parent().expect("target/<profile>").to_owned();
    present(target.join("wasm/wasm32-unknown-unknown/wasm").join(name), "./dev build (or ./dev bench)")
}

/// `target/<profile>` of the running program.
fn profile() -> PathBuf {
    let here = env::current_exe().expect("a running program has a path");
    let profile = here.ancestors().skip(1).find(|directory| !directory.ends_with("deps"));
    profile.expect("programs stand in target/<profile> or in its deps").to_owned()
}

/// Envoy: `$ENVOY`, else the one on `PATH`, else the one that `./dev` fetched.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the environment is how ./dev hands over what it found")]
pub fn envoy() -> PathBuf {
    if let Ok(chosen) = env::var("ENVOY") {
        return present(PathBuf::from(chosen), "unset ENVOY, or name a program");
    }
    let on_path = env::var("PATH").unwrap_or_default();
    env::split_paths(&on_path)
        .map(|directory| directory.join("envoy"))
        .chain(fetched_envoy())
        .find(|candidate| candidate.is_file())
        .expect("Envoy is not on PATH: name one by ENVOY=/path/to/envoy, or let ./dev test fetch one")
}

fn fetched_envoy() -> Option<PathBuf> {
    let libraries = repository().join("target/tools/envoy/lib");
    libraries
        .read_dir()
        .ok()?
        .flatten()
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .next()
}

/// The Python that has what `docs/agents.md` needs.
#[must_use]
pub fn agents_python() -> PathBuf {
    let python = repository().join("target/tools/agents-venv/bin/python3");
    present(python, "run ./dev test, which makes it from tests/tests/agents/requirements.txt")
}

fn present(path: PathBuf, cure: &str) -> PathBuf {
    assert!(path.is_file(), "{} is not there: {cure}", path.display());
    path
}
