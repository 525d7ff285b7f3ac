//! Bundles in the file system: reading the directory that teams write in, and reading and writing signed bundles. It decides
//! nothing: what the bytes mean is for the crate `policy`.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use policy::authoring::{Built, Tested};
use policy::fault::{Fault, Faults, Place};
use policy::{Bundle, BundleRefusal, Expected, Files, MANIFEST, NOTE, Parcel, SignedBundle};

/// Builds the bundle whose source is this directory; every fault at once.
pub fn build(dir: &Path) -> Result<Built, Vec<Fault>> {
    sources(dir).and_then(|files| Built::from_files(&files))
}

/// Reads and tests the documents in this directory; tests that fail are told apart from faults.
pub fn examine(dir: &Path) -> Result<Tested, Vec<Fault>> {
    sources(dir).and_then(|files| Tested::from_files(&files))
}

/// Loads the signed bundle in this directory.
pub fn load(
    dir: &Path,
    expected: &Expected<'_>,
    verifier: &dyn warrant::Verifier,
) -> Result<Bundle, BundleRefusal> {
    policy::open(&parcel(dir)?, expected, verifier)
}

/// What is passed over in a source directory; any other name must be a document's.
fn is_passed_over(name: &str) -> bool {
    matches!(name, "README.md" | "CODEOWNERS") || name.starts_with('.')
}

/// Reads a source directory.
pub fn sources(dir: &Path) -> Result<Files, Vec<Fault>> {
    let faults = Faults::new();
    let mut files = Files::new();
    gather(dir, "", &mut files, &faults);
    if faults.is_empty() { Ok(files) } else { Err(faults.into_sorted()) }
}

fn gather(dir: &Path, prefix: &str, files: &mut Files, faults: &Faults) {
    let told = PathBuf::from(if prefix.is_empty() { "." } else { prefix });
    let unreadable = |path: &Path, error: &io::Error| {
        faults.page(path).fault(
            Place::NONE,
            format!("cannot be read: {error}"),
            "make it readable, or take it away",
        );
    };
    let entries = match fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return unreadable(&told, &error),
    };
    for entry in entries {
        let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
            faults.page(&told).fault(Place::NONE, "a file's name is no UTF-8", "rename it");
            continue;
        };
        if entry.file_name().to_str().is_some_and(is_passed_over) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => gather(&entry.path(), &format!("{name}/"), files, faults),
            Ok(kind) if kind.is_file() => match fs::read(entry.path()) {
                Ok(bytes) => drop(files.insert(name, bytes)),
                Err(error) => unreadable(Path::new(&name), &error),
            },
            Ok(_) => faults.page(Path::new(&name)).fault(
                Place::NONE,
                "no plain file",
                "a link could lead anywhere: put the file itself here",
            ),
            Err(error) => unreadable(Path::new(&name), &error),
        }
    }
}

/// Reads a signed bundle; which version's files are meant, the manifest says.
///
/// Where another version was published meanwhile, what was read may be of both, or gone: then it is read anew.
pub fn parcel(dir: &Path) -> Result<Parcel, BundleRefusal> {
    let mut manifest = manifest(dir)?;
    loop {
        let read = content(dir, &manifest).and_then(|files| Ok((files, trust(dir)?)));
        let newest = self::manifest(dir)?;
        if newest == manifest {
            return read.map(|(files, trust)| Parcel { manifest, trust, files });
        }
        manifest = newest;
    }
}

/// The chain of trust.
pub fn trust(dir: &Path) -> Result<Vec<Vec<u8>>, BundleRefusal> {
    let mut trust = Vec::new();
    while dir.join(Parcel::trust_path(trust.len())).exists() {
        trust.push(file(dir, &Parcel::trust_path(trust.len()))?);
    }
    Ok(trust)
}

/// The files of the version that this manifest names.
pub fn content(dir: &Path, manifest: &[u8]) -> Result<Files, BundleRefusal> {
    let folder = Parcel::directory(Parcel::version_of(manifest)?);
    let faults = Faults::new();
    let mut files = Files::new();
    gather(&dir.join(&folder), "", &mut files, &faults);
    match faults.into_sorted().into_iter().next() {
        Some(fault) => Err(BundleRefusal::Unreadable {
            file: format!("{folder}/{}", fault.file.display()),
            why: fault.what,
        }),
        None => Ok(files),
    }
}

/// What whoever signs the next bundle must know of the last one: its manifest and the chain of trust, not its files. Empty where
/// there is none yet.
pub fn signed_so_far(dir: &Path) -> Result<Parcel, BundleRefusal> {
    if !dir.join(MANIFEST).exists() {
        return Ok(Parcel::default());
    }
    Ok(Parcel { manifest: manifest(dir)?, trust: trust(dir)?, files: Files::new() })
}

/// The manifest's bytes.
pub fn manifest(dir: &Path) -> Result<Vec<u8>, BundleRefusal> {
    file(dir, MANIFEST)
}

/// The note's bytes.
pub fn note(dir: &Path) -> Result<Vec<u8>, BundleRefusal> {
    file(dir, NOTE)
}

fn file(dir: &Path, name: &str) -> Result<Vec<u8>, BundleRefusal> {
    fs::read(dir.join(name))
        .map_err(|error| BundleRefusal::Unreadable { file: name.to_owned(), why: error.to_string() })
}

/// Writes a signed bundle. A reader meanwhile sees the old one or the new one: the manifest comes last.
///
/// The version before stays, for readers that have just opened its manifest; older ones go.
pub fn publish(signed: &SignedBundle, dir: &Path) -> io::Result<()> {
    is_new_or_the_same(signed, dir)?;
    for (path, bytes) in signed.parcel.paths(signed.version) {
        put(&dir.join(path), bytes)?;
    }
    put(&dir.join(MANIFEST), &signed.parcel.manifest)?;
    let mut versions = versions(dir)?;
    versions.retain(|version| *version < signed.version);
    versions.pop();
    for version in versions {
        fs::remove_dir_all(dir.join(Parcel::directory(version)))?;
    }
    Ok(())
}

/// A version is one content for good: servers that have activated it would refuse another.
fn is_new_or_the_same(signed: &SignedBundle, dir: &Path) -> io::Result<()> {
    let folder = dir.join(Parcel::directory(signed.version));
    if !folder.exists() {
        return Ok(());
    }
    let faults = Faults::new();
    let mut there = Files::new();
    gather(&folder, "", &mut there, &faults);
    if faults.is_empty() && there == signed.parcel.files {
        return Ok(());
    }
    let what = format!("version {} is there with other content; sign a higher version", signed.version);
    Err(io::Error::new(io::ErrorKind::AlreadyExists, what))
}

/// The versions whose files are in a bundle's directory, ascending.
pub fn versions(dir: &Path) -> io::Result<Vec<u64>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        all.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    all.sort_unstable();
    Ok(all)
}

/// Writes the note of a bundle. Servers that renew their own and whoever signs the next bundle may do so at once: each writes under a
/// name that nobody else has, and the last one to be put in place stays.
pub fn publish_note(bytes: &[u8], dir: &Path) -> io::Result<()> {
    let unlike_any_other = RandomState::new().build_hasher().finish();
    let own = dir.join(format!(".{NOTE}.{unlike_any_other:016x}"));
    ledger::durable::create_dir_all(dir, 0o755)?;
    ledger::durable::write_new(&own, bytes, 0o644)?;
    // A crash here leaves a file that no reader looks at.
    put_in_place(&own, &dir.join(NOTE))?;
    ledger::durable::sync_dir(dir)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one caller syncs the folder next; `replace` is for a single writer"
)]
fn put_in_place(own: &Path, name: &Path) -> io::Result<()> {
    fs::rename(own, name)
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        ledger::durable::create_dir_all(folder, 0o755)?;
    }
    ledger::durable::replace(path, bytes)
}

#[cfg(test)]
mod tests;
