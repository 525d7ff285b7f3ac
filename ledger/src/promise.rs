//! `handed-out`: the largest size that anybody outside was ever told of, durable before they were.
//!
//! Two slots of one sector each are written in turn, in place, so that a promise needs one `fdatasync` and no room: on a
//! full disk a revocation is still acknowledged. A crash while a slot is written leaves the other, which holds the last
//! promise that anybody heard of. A sector is written whole or not at all, so a slot that does not read is damage.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::durable::{Disk, DiskFile};
use crate::fault::{OpenError, Refused};
use crate::ledger::{Answers, end_the_process};
use crate::merkle::Hash;

/// One sector.
const SLOT: usize = 512;

const TITLE: &str = "portcullis handed-out v1";

/// A size and the root at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// The two slots, as bytes of a new file.
pub(crate) fn first(origin: &str, head: Head) -> Vec<u8> {
    [slot(origin, 0, head), slot(origin, 1, head)].concat()
}

fn slot(origin: &str, turn: u64, head: Head) -> Vec<u8> {
    let text = format!("{TITLE}\n{origin}\n{turn}\n{}\n{}\n", head.size, STANDARD.encode(head.root));
    let mut bytes = format!("{text}{:08x}\n", crc32fast::hash(text.as_bytes())).into_bytes();
    bytes.resize(SLOT, b'\n');
    bytes
}

fn parse(bytes: &[u8], origin: &str) -> Option<(u64, Head)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.split('\n').skip(2);
    let turn = lines.next()?.parse().ok()?;
    let size = lines.next()?.parse().ok()?;
    let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
    let head = Head { size, root };
    // Writing it again and comparing leaves no second spelling, and covers the checksum.
    (slot(origin, turn, head) == bytes).then_some((turn, head))
}

/// What was promised last, and the turn it was.
pub(crate) fn read(path: &Path, origin: &str) -> Result<(u64, Head), OpenError> {
    let file = std::fs::File::open(path).map_err(OpenError::at(path))?;
    let mut bytes = [[0; SLOT]; 2];
    let [even, odd] = &mut bytes;
    let length = file.metadata().map_err(OpenError::at(path))?.len();
    if usize::try_from(length) != Ok(SLOT.saturating_mul(2)) {
        return Err(OpenError::corrupt(path, "it is not 1024 bytes long"));
    }
    file.read_exact_at(even, 0).and_then(|()| file.read_exact_at(odd, 512)).map_err(OpenError::at(path))?;
    match (parse(even, origin), parse(odd, origin)) {
        (Some(even), Some(odd)) => Ok(if even.0 > odd.0 { even } else { odd }),
        _ => Err(OpenError::corrupt(path, "it is damaged, and what was promised is unknown")),
    }
}

/// The promise of an open ledger.
#[derive(Debug)]
pub(crate) struct Promise {
    origin: String,
    file: DiskFile,
    last: Mutex<(u64, Head)>,
}

impl Promise {
    pub(crate) fn open(disk: &Disk, path: &Path, origin: &str) -> Result<Self, OpenError> {
        let last = read(path, origin)?;
        let file = disk.open_for_writing(path).map_err(OpenError::at(path))?;
        Ok(Self { origin: origin.to_owned(), file, last: Mutex::new(last) })
    }

    /// What was promised last.
    pub(crate) fn last(&self) -> Head {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Makes sure that this head can never be forgotten. It must be durable in the write-ahead log already.
    ///
    /// A crash before the sync: nobody was told. After it: the next start demands at least this size.
    pub(crate) fn cover(&self, head: Head) -> Result<(), Refused> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if head.size <= last.1.size {
            return Ok(());
        }
        let turn = last.0.saturating_add(1);
        let place = if turn & 1 == 0 { 0 } else { 512 };
        let written = self.file.write_at(&slot(&self.origin, turn, head), place);
        written.map_err(|error| crate::ledger::understood(&error, self.file.path()))?;
        if let Err(error) = self.file.sync() {
            end_the_process("a promise cannot be synced", self.file.path(), &error);
        }
        *last = (turn, head);
        Ok(())
    }
}

/// Acknowledges facts, each only once the promise covers it. A thread of its own, so that allows do not wait for it.
#[derive(Debug)]
pub(crate) struct Promiser {
    facts: Option<mpsc::Sender<(Head, Answers)>>,
    thread: Option<JoinHandle<()>>,
}

impl Promiser {
    pub(crate) fn start(promise: std::sync::Arc<Promise>) -> std::io::Result<Self> {
        let (facts, arrived) = mpsc::channel::<(Head, Answers)>();
        let thread = std::thread::Builder::new().name("ledger-promise".to_owned()).spawn(move || {
            while let Ok((mut head, mut answers)) = arrived.recv() {
                // One sync covers all that have come in meanwhile; the writer sends them in order.
                while let Ok((later, more)) = arrived.try_recv() {
                    head = later;
                    answers.extend(more);
                }
                let covered = promise.cover(head);
                answers.give(|receipt| covered.clone().map(|()| receipt));
            }
        })?;
        Ok(Self { facts: Some(facts), thread: Some(thread) })
    }

    pub(crate) fn acknowledge(&self, head: Head, answers: Answers) {
        if let Some(Err(mpsc::SendError((_, answers)))) =
            self.facts.as_ref().map(|facts| facts.send((head, answers)))
        {
            answers.give(|_| Err(Refused::Closed));
        }
    }
}

impl Drop for Promiser {
    fn drop(&mut self) {
        drop(self.facts.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that acknowledges facts ended in disorder");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_read_back_and_any_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("handed-out");
        let head = |size| Head { size, root: [7; 32] };
        crate::durable::write_new(&path, &first("demo/log/00", head(1)), 0o600).unwrap();
        let promise = Promise::open(&Disk::real(), &path, "demo/log/00").unwrap();
        for size in [5, 4, 9] {
            promise.cover(head(size)).unwrap();
        }
        assert_eq!(read(&path, "demo/log/00").unwrap(), (3, head(9)));
        assert!(read(&path, "demo/log/01").is_err());
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            crate::durable::replace(&path, &changed).unwrap();
            assert!(read(&path, "demo/log/00").is_err(), "byte {at}");
        }
    }
}
