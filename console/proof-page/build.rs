//! Builds the verifier as a Wasm module and keeps it for `include_bytes!`, so that every server has the module of its own
//! sources.
//!
//! `./dev` builds it, because not every toolchain has the target installed, and `./dev` knows what to do then. It goes
//! below the target directory of this build, where every profile finds it again.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::Command,
};

const MODULE: &str = "portcullis_verifier.wasm";

/// What the module is made of, and what builds it, from the root of the repository.
const SOURCES: &[&str] = &[
    "console/verifier/src",
    "console/verifier/Cargo.toml",
    "console/verifier/module",
    "ledger/src",
    "ledger/Cargo.toml",
    "digest/src",
    "digest/Cargo.toml",
    "Cargo.lock",
    "Cargo.toml",
    "dev",
    "tools/steps.sh",
];

/// What this build was told about its own target, and what `cargo clippy` tells its children.
const OF_THIS_BUILD: &[&str] =
    &["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS"];

fn main() -> Result<(), Box<dyn Error>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", repository.join(source).display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let target = target_directory(&out).join("wasm");
    let mut dev = Command::new("sh");
    dev.args(["dev", "module", "console-verifier-module", "--profile", "verifier"])
        .current_dir(&repository)
        .env("WASM_TARGET_DIR", &target);
    for name in OF_THIS_BUILD {
        dev.env_remove(name);
    }
    if !dev.status().is_ok_and(|status| status.success()) {
        println!(
            "cargo::error=the verifier for browsers was not built; if Rust's target for it is missing: `rustup target add \
             wasm32-unknown-unknown`, or for Debian's own Rust `apt-get install rust-web-src lld-19`; `./dev build` does it"
        );
        return Ok(());
    }
    let built = target.join("wasm32-unknown-unknown/verifier").join(MODULE);
    std::fs::copy(&built, out.join(MODULE)).map_err(|error| format!("{}: {error}", built.display()))?;
    Ok(())
}

/// The directory above `<profile>/build/<package>/out`: one for all profiles, so that the module is built once.
fn target_directory(out: &Path) -> &Path {
    out.ancestors().nth(4).unwrap_or(out)
}
