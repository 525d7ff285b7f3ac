//! The file `handed-out`: the largest size that anybody outside was told. It is durable before they are told.
//!
//! The file has two slots of one sector each. They are written in turn and in place, so an update needs one `fdatasync`
//! and no free space: a revocation is acknowledged even on a full disk. After a crash during a write the other slot still
//! has the last size that anybody was told. A sector is written whole or not at all: an unreadable slot means damage.
//!
//! The file also carries the lock of the only writer. The file is never replaced, and a log without it does not start.
//! So the lock cannot be removed without breaking the log.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::durable::{Disk, DiskFile};
use crate::fault::{OpenError, RecordError};
use crate::layout::Layout;
use crate::ledger::{WaitingFacts, abort_process, abort_unless_named};
use crate::merkle::TreeHead;

/// The bytes of one slot: one sector.
const SLOT: usize = 512;

const TITLE: &str = "portcullis handed-out v1";

/// The bytes of a new file.
pub(crate) fn new_file(origin: &str, head: TreeHead) -> Vec<u8> {
    [slot(origin, 0, head), slot(origin, 1, head)].concat()
}

fn slot(origin: &str, turn: u64, head: TreeHead) -> Vec<u8> {
    let text = format!("{TITLE}\n{origin}\n{turn}\n{}\n{}\n", head.size, STANDARD.encode(head.root));
    let mut bytes = format!("{text}{:08x}\n", crc32fast::hash(text.as_bytes())).into_bytes();
    bytes.resize(SLOT, b'\n');
    bytes
}

fn parse(bytes: &[u8], origin: &str) -> Option<(u64, TreeHead)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.split('\n').skip(2);
    let turn = lines.next()?.parse().ok()?;
    let size = lines.next()?.parse().ok()?;
    let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
    let head = TreeHead { size, root };
    // Encoding it again and comparing checks the checksum, and accepts only one spelling.
    (slot(origin, turn, head) == bytes).then_some((turn, head))
}

/// The last head in the file, and its turn number.
pub(crate) fn read(path: &Path, origin: &str) -> Result<(u64, TreeHead), OpenError> {
    let file = std::fs::File::open(path).map_err(OpenError::at(path))?;
    let mut bytes = [[0; SLOT]; 2];
    let [even, odd] = &mut bytes;
    let length = file.metadata().map_err(OpenError::at(path))?.len();
    if usize::try_from(length) != Ok(SLOT.saturating_mul(2)) {
        return Err(OpenError::corrupt(path, "the file is not 1024 bytes long"));
    }
    file.read_exact_at(even, 0).and_then(|()| file.read_exact_at(odd, 512)).map_err(OpenError::at(path))?;
    match (parse(even, origin), parse(odd, origin)) {
        (Some(even), Some(odd)) => Ok(if even.0 > odd.0 { even } else { odd }),
        _ => Err(OpenError::corrupt(
            path,
            "the file is damaged, so the largest size that was handed out is unknown",
        )),
    }
}

/// The file `handed-out` of an open ledger.
#[derive(Debug)]
pub(crate) struct HandedOut {
    origin: String,
    state: Mutex<State>,
    /// The last size, for those who do not wait for a write.
    size: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// The turn number of the last slot.
    turn: u64,
    last: TreeHead,
    /// `None` once the ledger is closed: then the file may belong to another process.
    file: Option<Arc<DiskFile>>,
}

impl HandedOut {
    /// Opens the file and takes the lock of the only writer, which [`HandedOut::close`] gives back.
    pub(crate) fn open(disk: &Disk, layout: &Layout, origin: &str) -> Result<Self, OpenError> {
        let path = layout.handed_out();
        let file = disk.open_for_writing(&path).map_err(OpenError::at(&path))?;
        file.hold().map_err(OpenError::not_held(layout, &path))?;
        let (turn, last) = read(&path, origin)?;
        let state = State { turn, last, file: Some(Arc::new(file)) };
        Ok(Self { origin: origin.to_owned(), state: Mutex::new(state), size: AtomicU64::new(last.size) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Only complete values are stored under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last head in the file.
    pub(crate) fn last(&self) -> TreeHead {
        self.state().last
    }

    /// The last size in the file. This never waits.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// The file, for checks of its name; `None` once the ledger is closed.
    pub(crate) fn file(&self) -> Option<Arc<DiskFile>> {
        self.state().file.clone()
    }

    /// Gives the lock back. Nothing is written after that.
    pub(crate) fn close(&self) {
        drop(self.state().file.take());
    }

    /// Writes this head to the file if it is larger than the last one. Its entries must already be durable in the
    /// write-ahead log.
    ///
    /// A crash before the sync: nobody was told. After it: the next start requires at least this size.
    pub(crate) fn raise_to(&self, head: TreeHead) -> Result<(), RecordError> {
        let mut state = self.state();
        if head.size <= state.last.size {
            return Ok(());
        }
        let Some(file) = state.file.clone() else { return Err(RecordError::Closed) };
        let turn = state.turn.saturating_add(1);
        let place = if turn & 1 == 0 { 0 } else { 512 };
        let written = file.write_at(&slot(&self.origin, turn, head), place);
        written.map_err(|error| crate::ledger::temporary_or_abort(&error, file.path()))?;
        if let Err(error) = file.sync() {
            abort_process("`handed-out` cannot be synced", file.path(), &error);
        }
        abort_unless_named(&file);
        (state.turn, state.last) = (turn, head);
        self.size.store(head.size, Ordering::Release);
        Ok(())
    }
}

/// Acknowledges facts, each only once `handed-out` includes it. It has its own thread, so that allows do not wait for it.
#[derive(Debug)]
pub(crate) struct FactAcknowledger {
    facts: Option<mpsc::Sender<(TreeHead, WaitingFacts)>>,
    thread: Option<JoinHandle<()>>,
}

impl FactAcknowledger {
    pub(crate) fn start(handed_out: Arc<HandedOut>) -> std::io::Result<Self> {
        let (facts, arrived) = mpsc::channel::<(TreeHead, WaitingFacts)>();
        let thread = std::thread::Builder::new().name("ledger-facts".to_owned()).spawn(move || {
            while let Ok((mut head, mut callers)) = arrived.recv() {
                // One sync is enough for all that have arrived by now; the writer sends them in order.
                while let Ok((later, more)) = arrived.try_recv() {
                    head = later;
                    callers.extend(more);
                }
                let raised = handed_out.raise_to(head);
                callers.answer(&raised);
            }
        })?;
        Ok(Self { facts: Some(facts), thread: Some(thread) })
    }

    pub(crate) fn acknowledge(&self, head: TreeHead, callers: WaitingFacts) {
        if let Some(Err(mpsc::SendError((_, callers)))) =
            self.facts.as_ref().map(|facts| facts.send((head, callers)))
        {
            callers.answer(&Err(RecordError::Closed));
        }
    }
}

impl Drop for FactAcknowledger {
    fn drop(&mut self) {
        drop(self.facts.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that acknowledges facts panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_head_is_read_back_and_every_changed_byte_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let path = layout.handed_out();
        let head = |size| TreeHead { size, root: [7; 32] };
        crate::durable::write_new(&path, &new_file("demo/log/00", head(1)), 0o600).unwrap();
        let handed_out = HandedOut::open(&Disk::real(), &layout, "demo/log/00").unwrap();
        for size in [5, 4, 9] {
            handed_out.raise_to(head(size)).unwrap();
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
