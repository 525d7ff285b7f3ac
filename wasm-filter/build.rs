//! Gives the module the digest of the sources that it is built from, so that it can tell the server which module runs. A module
//! cannot hold a digest of itself.

use std::{
    io::Result,
    path::{Path, PathBuf},
};

use content_digest::Digest;

/// What the module is made of, apart from the toolchain.
const SOURCES: &[&str] = &["src", "../warrant/src", "../digest/src", "../Cargo.lock"];

fn main() -> Result<()> {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        collect(Path::new(source), &mut files)?;
    }
    files.sort();
    let mut all = Vec::new();
    for file in files {
        all.extend(file.to_string_lossy().as_bytes());
        all.extend(Digest::of(&std::fs::read(&file)?).bytes());
    }
    println!("cargo::rustc-env=PORTCULLIS_MODULE={}", Digest::of(&all).to_hex());
    Ok(())
}

fn collect(at: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if at.is_file() {
        files.push(at.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(at)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
