//! A model of a disk that may lose power: from recorded operations, what could be found after a crash.
//!
//! Bytes are safe once their file was synced, names once their directory was. Before that each write may be there or
//! not, or only some of its sectors of 512 bytes; of the changes to a directory's names any first few.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::Dice;
use crate::durable::{Op, Watch};

/// An operation with its own copy of everything.
#[derive(Clone, Debug)]
pub(super) enum Step {
    CreateDir(PathBuf),
    CreateFile(PathBuf),
    Allocate(PathBuf),
    Write(PathBuf, u64, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    SyncDir(PathBuf),
    Remove(PathBuf),
}

/// Writes down every operation.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) steps: Mutex<Vec<Step>>,
}

impl Watch for Recorder {
    fn before(&self, op: &Op<'_>) -> std::io::Result<()> {
        let step = match op {
            Op::CreateDir(path) => Step::CreateDir(path.to_path_buf()),
            Op::CreateFile(path) => Step::CreateFile(path.to_path_buf()),
            Op::Allocate(path, _) => Step::Allocate(path.to_path_buf()),
            Op::Write(path, at, bytes) => Step::Write(path.to_path_buf(), *at, bytes.to_vec()),
            Op::Sync(path) => Step::Sync(path.to_path_buf()),
            Op::Rename(from, to) => Step::Rename(from.to_path_buf(), to.to_path_buf()),
            Op::SyncDir(path) => Step::SyncDir(path.to_path_buf()),
            Op::Remove(path) | Op::RemoveDir(path) => Step::Remove(path.to_path_buf()),
        };
        self.steps.lock().unwrap().push(step);
        Ok(())
    }
}

#[derive(Clone, Debug, Default)]
struct Inode {
    safe: Vec<u8>,
    pending: Vec<(u64, Vec<u8>)>,
}

#[derive(Clone, Debug)]
enum Node {
    File(usize),
    Dir(usize),
}

#[derive(Clone, Debug)]
enum Change {
    Put(String, Node),
    Remove(String),
    Move(String, String),
}

#[derive(Clone, Debug, Default)]
struct Names {
    safe: BTreeMap<String, Node>,
    pending: Vec<Change>,
}

/// The disk after some steps.
#[derive(Clone, Debug)]
pub(super) struct Model {
    root: PathBuf,
    files: Vec<Inode>,
    dirs: Vec<Names>,
}

/// How much of what was not synced is found after the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Luck {
    None,
    All,
    Dice,
}

impl Names {
    fn after(&self, changes: usize) -> BTreeMap<String, Node> {
        let mut names = self.safe.clone();
        for change in &self.pending[..changes] {
            match change.clone() {
                Change::Put(name, node) => drop(names.insert(name, node)),
                Change::Remove(name) => drop(names.remove(&name)),
                Change::Move(from, to) => {
                    let node = names.remove(&from).unwrap();
                    names.insert(to, node);
                }
            }
        }
        names
    }

    fn now(&self) -> BTreeMap<String, Node> {
        self.after(self.pending.len())
    }
}

impl Model {
    /// Everything in this directory is safe.
    pub(super) fn of(root: &Path) -> Self {
        let mut model = Self { root: root.to_owned(), files: vec![], dirs: vec![Names::default()] };
        model.load(root, 0);
        model
    }

    fn load(&mut self, path: &Path, dir: usize) {
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let node = if entry.path().is_dir() {
                self.dirs.push(Names::default());
                let inner = self.dirs.len() - 1;
                self.load(&entry.path(), inner);
                Node::Dir(inner)
            } else {
                self.files.push(Inode { safe: std::fs::read(entry.path()).unwrap(), pending: vec![] });
                Node::File(self.files.len() - 1)
            };
            self.dirs[dir].safe.insert(name, node);
        }
    }

    fn dir(&self, path: &Path) -> usize {
        let mut at = 0;
        for part in path.strip_prefix(&self.root).unwrap() {
            match self.dirs[at].now().get(part.to_str().unwrap()) {
                Some(Node::Dir(inner)) => at = *inner,
                other => panic!("{}: {other:?}", path.display()),
            }
        }
        at
    }

    fn file(&mut self, path: &Path) -> &mut Inode {
        let dir = self.dir(path.parent().unwrap());
        let Some(Node::File(file)) = self.dirs[dir].now().get(&name(path)).cloned() else {
            panic!("{}", path.display())
        };
        &mut self.files[file]
    }

    fn change(&mut self, path: &Path, change: Change) {
        let dir = self.dir(path.parent().unwrap());
        self.dirs[dir].pending.push(change);
    }

    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::CreateDir(path) => {
                self.dirs.push(Names::default());
                let node = Node::Dir(self.dirs.len() - 1);
                self.change(path, Change::Put(name(path), node));
            }
            Step::CreateFile(path) => {
                self.files.push(Inode::default());
                let node = Node::File(self.files.len() - 1);
                self.change(path, Change::Put(name(path), node));
            }
            // Room that is reserved holds nothing yet: what matters are the zeros that are written into it.
            Step::Allocate(path) => drop(self.file(path)),
            Step::Write(path, at, bytes) => self.file(path).pending.push((*at, bytes.clone())),
            Step::Sync(path) => {
                let file = self.file(path);
                for (at, bytes) in std::mem::take(&mut file.pending) {
                    put(&mut file.safe, at, &bytes);
                }
            }
            Step::Rename(from, to) => self.change(to, Change::Move(name(from), name(to))),
            Step::SyncDir(path) => {
                let dir = self.dir(path);
                let names = &mut self.dirs[dir];
                names.safe = names.now();
                names.pending.clear();
            }
            Step::Remove(path) => self.change(path, Change::Remove(name(path))),
        }
    }

    /// Writes out what is found after a crash now.
    pub(super) fn crash(&self, into: &Path, luck: Luck, dice: &mut Dice) {
        self.crash_dir(0, into, luck, dice);
    }

    fn crash_dir(&self, dir: usize, into: &Path, luck: Luck, dice: &mut Dice) {
        std::fs::create_dir(into).unwrap();
        let names = &self.dirs[dir];
        let changes = match luck {
            Luck::None => 0,
            Luck::All => names.pending.len(),
            Luck::Dice => usize::try_from(dice.roll(names.pending.len() as u64 + 1)).unwrap(),
        };
        for (name, node) in names.after(changes) {
            match node {
                Node::Dir(inner) => self.crash_dir(inner, &into.join(name), luck, dice),
                Node::File(file) => {
                    let bytes = self.files[file].crash(luck, dice);
                    crate::durable::write_new(&into.join(name), &bytes, 0o600).unwrap();
                }
            }
        }
    }
}

impl Inode {
    fn crash(&self, luck: Luck, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.safe.clone();
        for (at, written) in &self.pending {
            match luck {
                Luck::None => {}
                Luck::All => put(&mut bytes, *at, written),
                Luck::Dice if dice.roll(2) == 0 => {}
                Luck::Dice => sectors(&mut bytes, *at, written, dice),
            }
        }
        bytes
    }
}

/// Some of the sectors that a write touches; the file may or may not have grown to its end.
fn sectors(bytes: &mut Vec<u8>, at: u64, written: &[u8], dice: &mut Dice) {
    let some = dice.roll(3) > 0;
    let mut from = 0;
    while from < written.len() {
        let place = usize::try_from(at).unwrap() + from;
        let to = written.len().min(from + 512 - place % 512);
        if !some || dice.roll(2) == 0 {
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
