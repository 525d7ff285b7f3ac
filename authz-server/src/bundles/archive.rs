//! A signed bundle in one file: an archive of the directory `bundle`, as `tar -C home -czf base.tar.gz bundle` makes it. It is unpacked in
//! memory, up to the bounds of a bundle; nothing is written. The signatures are verified elsewhere.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use policy::{BundleRefusal, Files, Parcel, RoutesParcel};
use tar::EntryType;

use super::{bounds, directory};

/// The directory in the archive.
const ROOT: &str = "bundle";
/// A Secret of Kubernetes has at most 1 MiB; the file may also come from elsewhere.
const PACKED_BYTES: usize = 16 * 1024 * 1024;
/// The archive when it is unpacked, and the files in it together: several times what a megabyte unpacks to. The operator holds the files of a
/// base about ten times while it signs, and its pod has a limit (`operator.resources`).
const UNPACKED_BYTES: usize = 32 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    packed: Vec<u8>,
    /// What is in `packed`, by the paths in the bundle's directory; or why it cannot be used.
    unpacked: Result<Files, String>,
}

impl Archive {
    pub(super) fn new(path: PathBuf) -> Archive {
        Archive { path, packed: Vec::new(), unpacked: Err("it was not read yet".to_owned()) }
    }

    /// Reads the file again. The other functions then speak of what was in it at this moment.
    pub(super) fn read(&mut self) -> Result<(), BundleRefusal> {
        let packed = read_bounded(&self.path).map_err(|why| self.unreadable(why))?;
        if packed != self.packed {
            self.unpacked = unpack(&packed);
            self.packed = packed;
        }
        self.files().map(drop)
    }

    pub(super) fn file(&self, name: &str, at_most: usize) -> Result<Vec<u8>, BundleRefusal> {
        match self.files()?.get(name) {
            None => Err(self.unreadable(format!("it has no {ROOT}/{name}"))),
            Some(bytes) if bytes.len() > at_most => {
                Err(self.unreadable(format!("{ROOT}/{name} has more than {at_most} bytes")))
            }
            Some(bytes) => Ok(bytes.clone()),
        }
    }

    pub(super) fn trust(&self) -> Result<Vec<Vec<u8>>, BundleRefusal> {
        let files = self.files()?;
        let paths =
            (0..bounds::TRUST_STEPS).map(Parcel::trust_path).take_while(|path| files.contains_key(path));
        paths.map(|path| self.file(&path, bounds::MANIFEST_BYTES)).collect()
    }

    pub(super) fn content(&self, manifest: &[u8]) -> Result<Files, BundleRefusal> {
        self.directory(&Parcel::directory(Parcel::version_of(manifest)?))
    }

    pub(super) fn routes_content(&self, manifest: &[u8]) -> Result<Files, BundleRefusal> {
        self.directory(&RoutesParcel::directory_of(manifest)?)
    }

    /// The documents in this directory of the bundle.
    fn directory(&self, name: &str) -> Result<Files, BundleRefusal> {
        let below = |path: &String| path.strip_prefix(name)?.strip_prefix('/').map(str::to_owned);
        let documents = self.files()?.keys().filter_map(|path| Some((path, below(path)?)));
        let documents = documents.filter(|(_, name)| !name.split('/').any(directory::is_skipped));
        documents.map(|(path, name)| Ok((name, self.file(path, bounds::FILE_BYTES)?))).collect()
    }

    fn files(&self) -> Result<&Files, BundleRefusal> {
        self.unpacked.as_ref().map_err(|why| self.unreadable(why.clone()))
    }

    fn unreadable(&self, why: String) -> BundleRefusal {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        BundleRefusal::Unreadable { file: name.to_string_lossy().into_owned(), why }
    }
}

/// The bytes of the file. Links are followed: the operator of this machine decides where the path leads, and a Secret on a volume is
/// reached by links.
fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: io::Error| error.to_string();
    if !path.metadata().map_err(told)?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(told)?
        .take(one_more_than(PACKED_BYTES))
        .read_to_end(&mut bytes)
        .map_err(told)?;
    if bytes.len() > PACKED_BYTES {
        return Err(format!("it has more than {PACKED_BYTES} bytes"));
    }
    Ok(bytes)
}

/// Enough to see that there is too much.
fn one_more_than(bound: usize) -> u64 {
    u64::try_from(bound).unwrap_or(u64::MAX).saturating_add(1)
}

fn unpack(packed: &[u8]) -> Result<Files, String> {
    let broken = |error: io::Error| {
        format!(
            "it is not a whole archive of tar, compressed by gzip, of at most {UNPACKED_BYTES} bytes: {error}"
        )
    };
    let mut archive = tar::Archive::new(GzDecoder::new(packed).take(one_more_than(UNPACKED_BYTES)));
    let (mut files, mut left) = (Files::new(), UNPACKED_BYTES);
    for (count, entry) in archive.entries().map_err(broken)?.enumerate() {
        let mut entry = entry.map_err(broken)?;
        if count >= bounds::FILES {
            return Err(format!("it has more than {} files", bounds::FILES));
        }
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::Directory | EntryType::XGlobalHeader) {
            continue;
        }
        let path = clean_path(&entry.path().map_err(broken)?)?;
        if kind != EntryType::Regular {
            return Err(format!("{path} is not a file: pack the files themselves, and no links"));
        }
        // Told also of a file that is beside the bundle: whoever packed it put a key where others can read it.
        if path.ends_with(".jwk") {
            return Err(format!(
                "it has {path}: a private key must never be in the cluster; replace this key, and pack the directory `{ROOT}` alone"
            ));
        }
        // The size that an entry says is not trusted.
        let mut bytes = Vec::new();
        entry.by_ref().take(one_more_than(left)).read_to_end(&mut bytes).map_err(broken)?;
        left = left
            .checked_sub(bytes.len())
            .ok_or_else(|| format!("its files have more than {UNPACKED_BYTES} bytes together"))?;
        if let Some(name) = path.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/')) {
            files.insert(name.to_owned(), bytes);
        }
    }
    if files.is_empty() {
        return Err(format!(
            "it has no directory `{ROOT}`: pack the one that `portcullis policy sign` wrote (tar -C HOME -czf base.tar.gz {ROOT})"
        ));
    }
    Ok(files)
}

/// The names of a path in the archive, without `.`.
fn clean_path(path: &Path) -> Result<String, String> {
    let shown = || path.display().to_string();
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => {
                names.push(name.to_str().ok_or_else(|| format!("the name {} is not UTF-8", shown()))?);
            }
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(format!("{} leads out of the archive", shown()));
            }
        }
    }
    Ok(names.join("/"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    /// What an archive of these entries is unpacked to.
    fn unpacked(entries: &[(&str, EntryType, &[u8])]) -> Result<Files, String> {
        unpack(&packed(entries))
    }

    fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, kind, bytes) in entries {
            let mut header = Header::new_gnu();
            // The field itself: the crate refuses to write a path that leads outside.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(u64::try_from(bytes.len()).unwrap());
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    const FILE: EntryType = EntryType::Regular;

    #[test]
    fn what_is_in_the_directory_is_unpacked_by_its_path_there() {
        let files = unpacked(&[
            ("bundle/", EntryType::Directory, b""),
            ("./bundle/manifest.json", FILE, b"{}"),
            ("bundle/3/routes/pay.json", FILE, b"[]"),
            ("notes.txt", FILE, b"beside it"),
        ])
        .unwrap();
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["3/routes/pay.json", "manifest.json"]);
    }

    #[test]
    fn what_cannot_be_a_bundle_is_refused_with_its_reason() {
        let good: (&str, EntryType, &[u8]) = ("bundle/manifest.json", FILE, b"{}");
        let large = vec![b' '; UNPACKED_BYTES / 2];
        for (entries, told) in [
            (vec![], "it has no directory `bundle`"),
            (vec![("manifest.json", FILE, &b"{}"[..])], "it has no directory `bundle`"),
            (vec![good, ("ledger.jwk", FILE, b"{}")], "it has ledger.jwk: a private key must never be"),
            (vec![good, ("bundle/../../x", FILE, b"")], "leads out of the archive"),
            (vec![good, ("/bundle/x", FILE, b"")], "leads out of the archive"),
            (vec![good, ("bundle/link", EntryType::Symlink, b"")], "bundle/link is not a file"),
            (vec![good, ("bundle/fifo", EntryType::Fifo, b"")], "bundle/fifo is not a file"),
            (vec![good, ("bundle/holes", EntryType::GNUSparse, b"")], "is not a"),
            (vec![good, ("bundle/a", FILE, &large), ("bundle/b", FILE, &large)], "not a whole archive"),
        ] {
            let why = unpacked(&entries).unwrap_err();
            assert!(why.contains(told), "{told}: {why}");
        }
        for bytes in [&b""[..], b"no archive", &packed(&[good])[..30]] {
            assert!(unpack(bytes).unwrap_err().contains("not a whole archive"), "{bytes:?}");
        }
    }

    /// A small file can be a large one compressed.
    #[test]
    fn what_unpacks_to_too_much_is_given_up() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let mut header = Header::new_gnu();
        header.set_path("bundle/zeros").unwrap();
        header.set_entry_type(FILE);
        header.set_size(1 << 33);
        header.set_cksum();
        encoder.write_all(header.as_bytes()).unwrap();
        for _ in 0..UNPACKED_BYTES / (1024 * 1024) + 8 {
            encoder.write_all(&vec![0; 1024 * 1024]).unwrap();
        }
        assert!(unpack(&encoder.finish().unwrap()).is_err());
    }

    #[test]
    fn a_file_that_is_replaced_is_seen_and_a_bad_one_says_why() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("base.tar.gz");
        let mut archive = Archive::new(path.clone());
        let why = archive.read().unwrap_err().to_string();
        assert!(why.contains("base.tar.gz"), "{why}");
        let put = |bytes: &[u8]| ledger::durable::replace(&path, bytes).unwrap();
        put(&packed(&[("bundle/manifest.json", FILE, b"1"), ("bundle/latest.json", FILE, b"2")]));
        archive.read().unwrap();
        assert_eq!(archive.file("manifest.json", 1).unwrap(), b"1");
        assert!(archive.file("manifest.json", 0).unwrap_err().to_string().contains("more than 0 bytes"));
        assert!(archive.file("other.json", 1).unwrap_err().to_string().contains("no bundle/other.json"));
        put(b"broken");
        assert!(archive.read().is_err() && archive.file("manifest.json", 1).is_err());
        put(&packed(&[("bundle/manifest.json", FILE, b"3")]));
        archive.read().unwrap();
        assert_eq!(archive.file("manifest.json", 1).unwrap(), b"3");
    }
}
