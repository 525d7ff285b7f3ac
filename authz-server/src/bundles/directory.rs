//! Bundles in the file system: reads the source directory that teams write, and reads and writes signed bundles. It
//! decides nothing: the crate `policy` knows what the bytes mean.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::Path;

use policy::authoring::{Built, Tested};
use policy::fault::{Fault, Faults, Place};
use policy::{
    Base, Bundle, BundleRefusal, Expected, Files, MANIFEST, NOTE, Parcel, ROUTES_MANIFEST, ROUTES_NOTE,
    RoutesParcel, SignedBundle, SignedRoutes,
};

use super::bounds;
use super::folder::{FileRefusal, Folder};
use super::gather::gather;

/// Builds the bundle from this source directory; the error lists every fault.
pub fn build(dir: &Path) -> Result<Built, Vec<Fault>> {
    sources(dir).and_then(|files| Built::from_files(&files))
}

/// Reads and tests the documents in this directory; failed tests are reported apart from faults.
pub fn examine(dir: &Path) -> Result<Tested, Vec<Fault>> {
    sources(dir).and_then(|files| Tested::from_files(&files))
}

/// The same for the routes of teams over a signed base.
pub fn examine_over(dir: &Path, base: &Base) -> Result<Tested, Vec<Fault>> {
    sources(dir).and_then(|files| Tested::over(base, &files))
}

/// Loads the signed bundle in this directory.
pub fn load(
    dir: &Path,
    expected: &Expected<'_>,
    verifier: &dyn warrant::Verifier,
) -> Result<Bundle, BundleRefusal> {
    policy::open(&parcel(dir)?, expected, verifier)
}

/// Files that are skipped in a source directory; any other file must be a document.
pub(super) fn is_skipped(name: &str) -> bool {
    matches!(name, "README.md" | "CODEOWNERS") || name.starts_with('.')
}

/// Reads a source directory.
pub fn sources(dir: &Path) -> Result<Files, Vec<Fault>> {
    let read = match Folder::open(dir) {
        Ok(folder) => gather(&folder, is_skipped),
        Err(error) => Err(vec![(".".to_owned(), error.into())]),
    };
    read.map_err(|unread| {
        let faults = Faults::new();
        for (file, refusal) in unread {
            let what = format!("cannot be read: {refusal}");
            faults.in_file(Path::new(&file)).fault(Place::NONE, what, cure(&refusal));
        }
        faults.into_sorted()
    })
}

fn cure(refusal: &FileRefusal) -> &'static str {
    match refusal {
        FileRefusal::OtherKind { .. } => "put the file itself in its place: a link could lead anywhere",
        FileRefusal::TooLong { .. } => "split it",
        FileRefusal::NameNotUtf8 => "rename it",
        FileRefusal::TooMany | FileRefusal::TooMuchTogether | FileRefusal::TooDeep => {
            "remove what does not belong to the policy"
        }
        FileRefusal::Missing | FileRefusal::Io(_) => "make it readable, or remove it",
    }
}

/// Reads a signed bundle; the manifest says which version's files belong to it.
///
/// If another version was published meanwhile, the files may be mixed or gone: then everything is read again.
pub fn parcel(dir: &Path) -> Result<Parcel, BundleRefusal> {
    let mut parcel = base_parcel(dir)?;
    if parcel.wants_routes() {
        parcel.routes = Some(routes_parcel(dir)?);
    }
    Ok(parcel)
}

/// The same without the routes of teams that others have signed.
pub fn base_parcel(dir: &Path) -> Result<Parcel, BundleRefusal> {
    until_unchanged(
        || manifest(dir),
        |manifest| {
            let (files, trust) = (content(dir, manifest)?, trust(dir)?);
            Ok(Parcel { manifest: manifest.to_owned(), trust, files, routes: None })
        },
    )
}

fn routes_parcel(dir: &Path) -> Result<RoutesParcel, BundleRefusal> {
    until_unchanged(
        || routes_manifest(dir),
        |manifest| Ok(RoutesParcel { manifest: manifest.to_owned(), files: routes_content(dir, manifest)? }),
    )
}

/// Reads what a manifest names, until the manifest is the same after it as before.
fn until_unchanged<T>(
    manifest: impl Fn() -> Result<Vec<u8>, BundleRefusal>,
    read: impl Fn(&[u8]) -> Result<T, BundleRefusal>,
) -> Result<T, BundleRefusal> {
    let mut known = manifest()?;
    loop {
        let read = read(&known);
        let newest = manifest()?;
        if newest == known {
            return read;
        }
        known = newest;
    }
}

/// The chain of trust.
pub fn trust(dir: &Path) -> Result<Vec<Vec<u8>>, BundleRefusal> {
    let (folder, mut trust) = (open(dir)?, Vec::new());
    while trust.len() < bounds::TRUST_STEPS {
        let path = Parcel::trust_path(trust.len());
        match folder.read(&path, bounds::MANIFEST_BYTES) {
            Ok(step) => trust.push(step),
            Err(FileRefusal::Missing) => break,
            Err(refusal) => return Err(unreadable(&path, &refusal)),
        }
    }
    Ok(trust)
}

/// The files of the version that this manifest names.
pub fn content(dir: &Path, manifest: &[u8]) -> Result<Files, BundleRefusal> {
    gathered(dir, &Parcel::directory(Parcel::version_of(manifest)?))
}

/// The files of the routes over a base that this manifest names.
pub fn routes_content(dir: &Path, manifest: &[u8]) -> Result<Files, BundleRefusal> {
    gathered(dir, &RoutesParcel::directory_of(manifest)?)
}

fn gathered(dir: &Path, name: &str) -> Result<Files, BundleRefusal> {
    let folder = open(dir)?.folder(name).map_err(|refusal| unreadable(name, &refusal))?;
    gather(&folder, is_skipped).map_err(|unread| {
        let first = unread.into_iter().min_by(|(one, _), (other, _)| one.cmp(other));
        let (file, refusal) = first.unwrap_or_else(|| (".".to_owned(), FileRefusal::Missing));
        unreadable(&format!("{name}/{file}"), &refusal)
    })
}

/// What the signer of the next bundle needs of the last one: its manifest and the chain of trust, not its files.
/// Empty if there is none yet.
pub fn signed_so_far(dir: &Path) -> Result<Parcel, BundleRefusal> {
    if !dir.join(MANIFEST).exists() {
        return Ok(Parcel::default());
    }
    Ok(Parcel { manifest: manifest(dir)?, trust: trust(dir)?, ..Parcel::default() })
}

/// The manifest's bytes.
pub fn manifest(dir: &Path) -> Result<Vec<u8>, BundleRefusal> {
    file(dir, MANIFEST, bounds::MANIFEST_BYTES)
}

/// The note's bytes.
pub fn note(dir: &Path) -> Result<Vec<u8>, BundleRefusal> {
    file(dir, NOTE, bounds::FILE_BYTES)
}

/// The bytes of the manifest of routes over a base.
pub fn routes_manifest(dir: &Path) -> Result<Vec<u8>, BundleRefusal> {
    file(dir, ROUTES_MANIFEST, bounds::MANIFEST_BYTES)
}

/// The same if there is one.
pub fn routes_so_far(dir: &Path) -> Result<Option<Vec<u8>>, BundleRefusal> {
    if dir.join(ROUTES_MANIFEST).exists() { routes_manifest(dir).map(Some) } else { Ok(None) }
}

/// The bytes of the note about these routes.
pub fn routes_note(dir: &Path) -> Result<Vec<u8>, BundleRefusal> {
    file(dir, ROUTES_NOTE, bounds::FILE_BYTES)
}

fn file(dir: &Path, name: &str, at_most: usize) -> Result<Vec<u8>, BundleRefusal> {
    open(dir)?.read(name, at_most).map_err(|refusal| unreadable(name, &refusal))
}

/// The configured directory. It is opened again each time: it may be a link, which can lead to another directory
/// by now.
fn open(dir: &Path) -> Result<Folder, BundleRefusal> {
    Folder::open(dir).map_err(|error| unreadable(&dir.display().to_string(), &error.into()))
}

fn unreadable(file: &str, refusal: &FileRefusal) -> BundleRefusal {
    BundleRefusal::Unreadable { file: file.to_owned(), why: refusal.to_string() }
}

/// Writes a signed bundle. A concurrent reader sees the old one or the new one, because the manifest is written last.
///
/// The previous version stays, for readers that have just opened its manifest; older ones are removed.
pub fn publish(signed: &SignedBundle, dir: &Path) -> io::Result<()> {
    check_version_unchanged(signed, dir)?;
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

/// Writes signed routes over a base in the same way.
pub fn publish_routes(signed: &SignedRoutes, dir: &Path) -> io::Result<()> {
    let name = |manifest: &[u8]| RoutesParcel::directory_of(manifest).map_err(io::Error::other);
    let before = routes_so_far(dir).map_err(io::Error::other)?;
    for (path, bytes) in signed.parcel.paths().map_err(io::Error::other)? {
        put(&dir.join(path), bytes)?;
    }
    let own = name(&signed.parcel.manifest)?;
    // Also if no team has a route.
    ledger::durable::create_dir_all(&dir.join(&own), 0o755)?;
    put(&dir.join(ROUTES_MANIFEST), &signed.parcel.manifest)?;
    let stay = [Some(own), before.as_deref().map(name).transpose()?];
    for entry in fs::read_dir(dir)? {
        let entry = entry?.file_name();
        let found = entry.to_str().filter(|found| RoutesParcel::is_directory(found));
        if let Some(old) = found.filter(|found| !stay.iter().flatten().any(|stays| stays == found))
            && dir.join(old).is_dir()
        {
            fs::remove_dir_all(dir.join(old))?;
        }
    }
    Ok(())
}

/// Checks that this version is new or has the same files: servers that activated it would refuse other content.
fn check_version_unchanged(signed: &SignedBundle, dir: &Path) -> io::Result<()> {
    let folder = dir.join(Parcel::directory(signed.version));
    if !folder.exists() {
        return Ok(());
    }
    if gather(&Folder::open(&folder)?, is_skipped).is_ok_and(|existing| existing == signed.parcel.files) {
        return Ok(());
    }
    let what = format!("version {} already exists with other content; sign a higher version", signed.version);
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

/// Writes the note of a bundle. Several servers and the signer of the next bundle may do so at once: each writes a
/// file of its own, and the last one that is renamed stays.
pub fn publish_note(bytes: &[u8], dir: &Path) -> io::Result<()> {
    put_note(bytes, NOTE, dir)
}

/// The same for the note about routes over a base.
pub fn publish_routes_note(bytes: &[u8], dir: &Path) -> io::Result<()> {
    put_note(bytes, ROUTES_NOTE, dir)
}

fn put_note(bytes: &[u8], name: &str, dir: &Path) -> io::Result<()> {
    let unique = RandomState::new().build_hasher().finish();
    let own = dir.join(format!(".{name}.{unique:016x}"));
    ledger::durable::create_dir_all(dir, 0o755)?;
    ledger::durable::write_new(&own, bytes, 0o644)?;
    // A crash here leaves a file that no reader looks at.
    rename_to(&own, &dir.join(name))?;
    ledger::durable::sync_dir(dir)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the only caller syncs the directory next; `replace` is for a single writer"
)]
fn rename_to(own: &Path, name: &Path) -> io::Result<()> {
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
