//! Starting: recover what is there, refuse what contradicts itself, record the start.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::options::Options;
use super::writer::{Pen, Writer};
use super::{Inner, Ledger, Recovery};
use crate::entry::{Entry, Start, from_hex};
use crate::fault::OpenError;
use crate::layout::Layout;
use crate::merkle::Edge;
use crate::note::VerifyingKey;
use crate::wal::frame::Entries;
use crate::wal::recover;
use crate::wal::segment::Segment;

pub(crate) fn open(path: &Path, options: Options) -> Result<Ledger, OpenError> {
    let layout = Layout::new(path);
    let key = verifying_key(&layout)?;
    if VerifyingKey::of_log(key.name(), options.key.public()).as_ref() != Ok(&key) {
        return Err(OpenError::WrongKey(layout.vkey()));
    }
    let log = log_id(&layout, &key)?;
    let lock = lock(&layout)?;

    let mut last: Vec<u8> = Vec::new();
    let mut facts = 0;
    let end = recover::replay(
        &layout,
        &log,
        |first| below(&layout, first),
        |batch, edge| {
            for (index, entry) in (batch.first..).zip(Entries(&batch.entries).flatten()) {
                if Entry::read(entry).is_ok_and(|(_, entry)| entry.is_fact()) {
                    facts = index.saturating_add(1);
                }
                if index.checked_add(1) == Some(edge.size()) {
                    entry.clone_into(&mut last);
                }
            }
            Ok(())
        },
    )?;
    let Some(end) = end else { return Err(OpenError::NoLedger(path.to_owned())) };
    let segment_path = layout.segment(end.segment);
    let (stamps, entry) = Entry::read(&last)
        .map_err(|why| OpenError::corrupt(&segment_path, format!("its last entry: {why}")))?;
    let segment =
        Segment::open(&options.disk, &layout, end.segment, end.at).map_err(OpenError::at(&segment_path))?;
    if end.torn > 0 {
        tracing::warn!(path = %segment_path.display(), at = end.at, bytes = end.torn, "an unfinished frame was cut off");
        segment.cut(end.torn).map_err(OpenError::at(&segment_path))?;
    }
    let size = end.edge.size();
    let cut = end.torn > 0 || !matches!(entry, Entry::Stop(_) | Entry::Init(_));
    let start = Start { cut, torn: (end.torn > 0).then_some(end.torn), version: options.version.clone() };
    let pen = Pen {
        layout: layout.clone(),
        options: options.clone(),
        log,
        segment,
        spare: end.spare.into(),
        edge: end.edge,
        time: stamps.time,
        facts,
        gap: None,
        _lock: lock,
    };
    let writer = Writer::start(pen, &options).map_err(OpenError::at(path))?;
    let recovery = Recovery { size, cut, torn: end.torn, start: size };
    let ledger = Ledger {
        inner: Arc::new(Inner { path: path.to_owned(), origin: key.name().to_owned(), recovery, writer }),
    };
    match ledger.append(start.into()) {
        Ok(_) => Ok(ledger),
        Err(refused) => Err(OpenError::Io(path.to_owned(), std::io::Error::other(refused))),
    }
}

/// The tree below the first frame that is still in the write-ahead log.
fn below(layout: &Layout, first: u64) -> Result<Edge, OpenError> {
    if first == 0 {
        Ok(Edge::default())
    } else {
        Err(OpenError::corrupt(&layout.wal(), "the log does not begin at 0"))
    }
}

pub(crate) fn verifying_key(layout: &Layout) -> Result<VerifyingKey, OpenError> {
    let path = layout.vkey();
    match std::fs::read_to_string(&path) {
        Ok(line) => line.parse().map_err(|fault| OpenError::corrupt(&path, format!("{fault}"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(OpenError::NoLedger(layout.root().to_owned()))
        }
        Err(error) => Err(OpenError::Io(path, error)),
    }
}

/// The random half of the origin, by which frames know their log.
pub(crate) fn log_id(layout: &Layout, key: &VerifyingKey) -> Result<[u8; 16], OpenError> {
    let hex = key.name().rsplit_once("/log/").map(|(_, hex)| hex).and_then(from_hex);
    hex.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        OpenError::corrupt(&layout.vkey(), "the key's name is no origin: `<name>/log/<32 hex>`")
    })
}

/// Two writers would each overwrite what the other made durable.
fn lock(layout: &Layout) -> Result<File, OpenError> {
    let path = layout.lock();
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(OpenError::at(&path))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked(layout.root().to_owned())),
        Err(error) => Err(OpenError::Io(path, error.into())),
    }
}
