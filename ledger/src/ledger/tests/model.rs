//! A model of a disk that loses power: it computes from recorded operations what may be found after a crash.
//!
//! Bytes are safe after the sync of their file, and names after the sync of their directory. Before that, a write may be
//! found, or not, or only some of its sectors of 512 bytes; of the changes of names in a directory, any number from the
//! first on may be found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::SeededRandom;
use crate::durable::{Op, Watch};

/// An [`Op`] that owns its data.
#[derive(Clone, Debug)]
pub(super) enum DiskStep {
    CreateDir(PathBuf),
    CreateFile(PathBuf),
    Allocate(PathBuf),
    Write(PathBuf, u64, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    SyncDir(PathBuf),
    Remove(PathBuf),
    /// Replaces an operation that a broken ledger would forget.
    Nothing,
}

/// Records every operation.
#[derive(Debug, Default)]
pub(super) struct StepRecorder {
    pub(super) steps: Mutex<Vec<DiskStep>>,
    /// While this is true, everything that needs more space fails.
    pub(super) is_full: AtomicBool,
}

impl Watch for StepRecorder {
    fn before(&self, op: &Op<'_>) -> std::io::Result<()> {
        let grows = match op {
            Op::CreateDir(_) | Op::CreateFile(_) | Op::Allocate(..) => true,
            Op::Write(..)
            | Op::Sync(_)
            | Op::Rename(..)
            | Op::SyncDir(_)
            | Op::Remove(_)
            | Op::RemoveDir(_) => false,
        };
        if grows && self.is_full.load(Ordering::SeqCst) {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        let step = match op {
            Op::CreateDir(path) => DiskStep::CreateDir(path.to_path_buf()),
            Op::CreateFile(path) => DiskStep::CreateFile(path.to_path_buf()),
            Op::Allocate(path, _) => DiskStep::Allocate(path.to_path_buf()),
            Op::Write(path, at, bytes) => DiskStep::Write(path.to_path_buf(), *at, bytes.to_vec()),
            Op::Sync(path) => DiskStep::Sync(path.to_path_buf()),
            Op::Rename(from, to) => DiskStep::Rename(from.to_path_buf(), to.to_path_buf()),
            Op::SyncDir(path) => DiskStep::SyncDir(path.to_path_buf()),
            Op::Remove(path) | Op::RemoveDir(path) => DiskStep::Remove(path.to_path_buf()),
        };
        self.steps.lock().unwrap().push(step);
        Ok(())
    }
}

#[derive(Clone, Debug, Default)]
struct Iitem {
    safe: Vec<u8>,
    pending: Vec<(u64, Vec<u8>)>,
}

#[derive(Clone, Debug)]
enum DirectoryItem {
    File(usize),
    Dir(usize),
}

#[derive(Clone, Debug)]
enum NameChange {
    Put(String, DirectoryItem),
    Remove(String),
    Move(String, String),
}

#[derive(Clone, Debug, Default)]
struct DirectoryNames {
    safe: BTreeMap<String, DirectoryItem>,
    pending: Vec<NameChange>,
}

/// The disk after some steps.
#[derive(Clone, Debug)]
pub(super) struct Model {
    root: PathBuf,
    files: Vec<Iitem>,
    dirs: Vec<DirectoryNames>,
}

/// How much of the unsynced data is found after the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survival {
    None,
    All,
    Random,
}

impl DirectoryNames {
    fn after(&self, changes: usize) -> BTreeMap<String, DirectoryItem> {
        let mut names = self.safe.clone();
        for change in &self.pending[..changes] {
            match change.clone() {
                NameChange::Put(name, item) => drop(names.insert(name, item)),
                NameChange::Remove(name) => drop(names.remove(&name)),
                NameChange::Move(from, to) => {
                    let item = names.remove(&from).unwrap();
                    names.insert(to, item);
                }
            }
        }
        names
    }

    fn now(&self) -> BTreeMap<String, DirectoryItem> {
        self.after(self.pending.len())
    }
}

impl Model {
    /// A disk on which everything in this directory is safe.
    pub(super) fn of(root: &Path) -> Self {
        let mut model = Self { root: root.to_owned(), files: vec![], dirs: vec![DirectoryNames::default()] };
        model.load(root, 0);
        model
    }

    fn load(&mut self, path: &Path, dir: usize) {
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let item = if entry.path().is_dir() {
                self.dirs.push(DirectoryNames::default());
                let inner = self.dirs.len() - 1;
                self.load(&entry.path(), inner);
                DirectoryItem::Dir(inner)
            } else {
                self.files.push(Iitem { safe: std::fs::read(entry.path()).unwrap(), pending: vec![] });
                DirectoryItem::File(self.files.len() - 1)
            };
            self.dirs[dir].safe.insert(name, item);
        }
    }

    fn dir(&self, path: &Path) -> usize {
        let mut at = 0;
        for part in path.strip_prefix(&self.root).unwrap() {
            match self.dirs[at].now().get(part.to_str().unwrap()) {
                Some(DirectoryItem::Dir(inner)) => at = *inner,
                other => panic!("{}: {other:?}", path.display()),
            }
        }
        at
    }

    fn file(&mut self, path: &Path) -> &mut Iitem {
        let dir = self.dir(path.parent().unwrap());
        let Some(DirectoryItem::File(file)) = self.dirs[dir].now().get(&name(path)).cloned() else {
            panic!("{}", path.display())
        };
        &mut self.files[file]
    }

    fn change(&mut self, path: &Path, change: NameChange) {
        let dir = self.dir(path.parent().unwrap());
        self.dirs[dir].pending.push(change);
    }

    pub(super) fn apply(&mut self, step: &DiskStep) {
        match step {
            DiskStep::CreateDir(path) => {
                self.dirs.push(DirectoryNames::default());
                let item = DirectoryItem::Dir(self.dirs.len() - 1);
                self.change(path, NameChange::Put(name(path), item));
            }
            DiskStep::CreateFile(path) => {
                self.files.push(Iitem::default());
                let item = DirectoryItem::File(self.files.len() - 1);
                self.change(path, NameChange::Put(name(path), item));
            }
            // Reserved space has no data yet. The zeros that are written into it matter.
            DiskStep::Allocate(path) => drop(self.file(path)),
            DiskStep::Write(path, at, bytes) => self.file(path).pending.push((*at, bytes.clone())),
            DiskStep::Sync(path) => {
                let file = self.file(path);
                for (at, bytes) in std::mem::take(&mut file.pending) {
                    put(&mut file.safe, at, &bytes);
                }
            }
            DiskStep::Rename(from, to) => self.change(to, NameChange::Move(name(from), name(to))),
            DiskStep::SyncDir(path) => {
                let dir = self.dir(path);
                let names = &mut self.dirs[dir];
                names.safe = names.now();
                names.pending.clear();
            }
            DiskStep::Remove(path) => self.change(path, NameChange::Remove(name(path))),
            DiskStep::Nothing => {}
        }
    }

    /// Writes what is found after a crash at this point.
    pub(super) fn crash(&self, into: &Path, luck: Survival, random: &mut SeededRandom) {
        self.crash_dir(0, into, luck, random);
    }

    fn crash_dir(&self, dir: usize, into: &Path, luck: Survival, random: &mut SeededRandom) {
        std::fs::create_dir(into).unwrap();
        let names = &self.dirs[dir];
        let changes = match luck {
            Survival::None => 0,
            Survival::All => names.pending.len(),
            Survival::Random => usize::try_from(random.below(names.pending.len() as u64 + 1)).unwrap(),
        };
        for (name, item) in names.after(changes) {
            match item {
                DirectoryItem::Dir(inner) => self.crash_dir(inner, &into.join(name), luck, random),
                DirectoryItem::File(file) => {
                    let bytes = self.files[file].crash(luck, random);
                    crate::durable::write_new(&into.join(name), &bytes, 0o600).unwrap();
                }
            }
        }
    }
}

impl Iitem {
    fn crash(&self, luck: Survival, random: &mut SeededRandom) -> Vec<u8> {
        let mut bytes = self.safe.clone();
        for (at, written) in &self.pending {
            match luck {
                Survival::None => {}
                Survival::All => put(&mut bytes, *at, written),
                Survival::Random if random.below(2) == 0 => {}
                Survival::Random => sectors(&mut bytes, *at, written, random),
            }
        }
        bytes
    }
}

/// Writes some of the sectors of a write. The file may or may not have grown to its new length.
fn sectors(bytes: &mut Vec<u8>, at: u64, written: &[u8], random: &mut SeededRandom) {
    let some = random.below(3) > 0;
    let mut from = 0;
    while from < written.len() {
        let place = usize::try_from(at).unwrap() + from;
        let to = written.len().min(from + 512 - place % 512);
        if !some || random.below(2) == 0 {
            put(bytes, place as u64, &written[from..to]);
        }
        from = to;
    }
}

fn put(bytes: &mut Vec<u8>, at: u64, written: &[u8]) {
    let at = usize::try_from(at).unwrap();
    if bytes.len() < at + written.len() {
        bytes.resize(at + written.len(), 0);
    }
    bytes[at..at + written.len()].copy_from_slice(written);
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}
