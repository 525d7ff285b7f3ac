//! Starting: recover what is there, refuse what contradicts itself, record the start.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::claims::{Claim, Claims};
use super::options::Options;
use super::page::Facts;
use super::teller::Teller;
use super::torn;
use super::writer::{Pen, Writer};
use super::{Inner, Ledger, Recovery};
use crate::durable::TEMPORARY;
use crate::entry::{Entry, Start, from_hex};
use crate::fault::{OpenError, ReadError};
use crate::layout::Layout;
use crate::merkle::Edge;
use crate::note::{SignedCheckpoint, VerifyingKey};
use crate::promise::{self, Head, Promise, Promiser};
use crate::publish::{Backlog, Growth, Press, Publisher};
use crate::resource::Resource;
use crate::tree::{Directory, Source, Tree};
use crate::wal::frame::Entries;
use crate::wal::recover::{self, Batch, End};
use crate::wal::segment::Segment;
use crate::wal::spare::Spares;

pub(crate) fn open(path: &Path, options: &Options) -> Result<Ledger, OpenError> {
    let layout = Layout::new(path);
    let key = verifying_key(&layout)?;
    if VerifyingKey::of_log(key.name(), options.key.public()).as_ref() != Ok(&key) {
        return Err(OpenError::WrongKey(layout.vkey()));
    }
    let lock = lock(&layout)?;
    let promise = Promise::open(&options.disk, &layout.handed_out(), key.name())?;
    let published = Published::read(&layout, &key, &options.witnesses)?;
    let (growth, edge) = resumed(&published.tree(), published.head.size)?;
    let mut press = Press::new(&layout, options, key.name(), Arc::new(promise), growth, edge);
    press.published = published.head.size;
    press.find_partials();
    let promised = press.promise.last();
    let (end, last) = survey(&layout, &key, &published, promised, &options.held, |batch| press.add(batch))?;
    // Everything is consistent: only now is anything recorded or cut.
    resume(path, options, &key, lock, end, &last, press)
}

/// What a look at a ledger finds that changes nothing in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The durable entries, and the root over them.
    pub durable: Head,
    /// What the last checkpoint names.
    pub published: Head,
    /// The largest head that anybody outside was told of.
    pub promised: Head,
    /// How many bytes of an unfinished frame are behind the last whole one, or were and are cut, and not yet on record.
    pub torn: u64,
}

/// The same checks as a start makes, on a ledger that is copied or that another process writes.
///
/// While it is written, a segment may go between two looks, or a frame be seen half: what is wrong with the ledger itself
/// is wrong every time.
pub(crate) fn inspect(path: &Path) -> Result<Inspection, OpenError> {
    const LOOKS: usize = 5;
    (1..LOOKS).find_map(|_| look(path).ok()).map_or_else(|| look(path), Ok)
}

fn look(path: &Path) -> Result<Inspection, OpenError> {
    let layout = Layout::new(path);
    let key = verifying_key(&layout)?;
    let (_, promised) = promise::read(&layout.handed_out(), key.name())?;
    let published = Published::read(&layout, &key, &[])?;
    let (end, _) = survey(&layout, &key, &published, promised, &[], |_| ())?;
    let durable = Head { size: end.edge.size(), root: end.edge.root() };
    let torn = torn::known(&layout, end.torn)?;
    Ok(Inspection { durable, published: published.head, promised, torn })
}

/// The published log as it is found.
struct Published {
    source: Directory,
    head: Head,
}

impl Published {
    fn read(layout: &Layout, key: &VerifyingKey, witnesses: &[VerifyingKey]) -> Result<Self, OpenError> {
        let source = Directory::new(&layout.log());
        let path = source.name(Resource::Checkpoint);
        let note = source.get(Resource::Checkpoint).map_err(unreadable)?;
        let note = note.ok_or_else(|| OpenError::corrupt(&path, "the checkpoint is missing"))?;
        let signed = SignedCheckpoint::parse(&note, key, witnesses)
            .map_err(|fault| OpenError::corrupt(&path, fault.to_string()))?;
        let head = Head { size: signed.checkpoint().size, root: signed.checkpoint().root };
        let published = Self { source, head };
        if published.tree().root().map_err(unreadable)? != head.root {
            return Err(OpenError::corrupt(&path, "the tiles do not make the root that it names"));
        }
        Ok(published)
    }

    fn tree(&self) -> Tree<'_> {
        Tree::new(&self.source, self.head.size)
    }
}

/// Walks the write-ahead log and holds it against all that was ever told of it. Returns its end and its last entry.
fn survey(
    layout: &Layout,
    key: &VerifyingKey,
    published: &Published,
    promised: Head,
    held: &[Claim],
    mut each: impl FnMut(&Batch),
) -> Result<(End, Vec<u8>), OpenError> {
    let mut claims = Claims::default();
    for (whom, head) in [("the checkpoint", published.head), ("`handed-out`", promised)] {
        claims.add(Claim { whom: whom.to_owned(), size: head.size, root: Some(head.root) });
    }
    held.iter().cloned().for_each(|claim| claims.add(claim));
    let tree = published.tree();
    let bundled = published.head.size & !0xff;
    let below = |first: u64| {
        if first > bundled {
            let what = format!("the write-ahead log begins at entry {first}, the bundles end at {bundled}");
            return Err(OpenError::corrupt(&layout.wal(), what));
        }
        tree.edge(first).map_err(unreadable)
    };
    let mut last: Vec<u8> = Vec::new();
    let end = recover::replay(layout, &log_id(layout, key)?, below, |batch, edge| {
        if let Some(Some(entry)) = Entries(&batch.entries).last() {
            entry.clone_into(&mut last);
        }
        each(&batch);
        claims.meet(&layout.wal(), edge.size(), &edge.root())
    })?;
    let Some(end) = end else {
        return Err(OpenError::corrupt(&layout.wal(), "the write-ahead log holds no frame"));
    };
    claims.settle(&layout.wal(), end.edge.size(), |size| {
        tree.edge(size).map(|edge| edge.root()).map_err(unreadable)
    })?;
    Ok((end, last))
}

fn resume(
    path: &Path,
    options: &Options,
    key: &VerifyingKey,
    lock: File,
    end: End,
    last: &[u8],
    press: Press,
) -> Result<Ledger, OpenError> {
    let layout = press.layout.clone();
    let segment_path = layout.segment(end.segment);
    let (stamps, entry) = Entry::read(last)
        .map_err(|why| OpenError::corrupt(&segment_path, format!("its last entry: {why}")))?;
    let segment =
        Segment::open(&options.disk, &layout, end.segment, end.at).map_err(OpenError::at(&segment_path))?;
    let torn = torn::noted(&options.disk, &layout, end.torn)?;
    if end.torn > 0 {
        tracing::warn!(path = %segment_path.display(), at = end.at, bytes = end.torn, "an unfinished frame was cut off");
        segment.cut(end.torn).map_err(OpenError::at(&segment_path))?;
    }
    remove_unfinished(&layout, options)?;
    let size = end.edge.size();
    let cut = torn > 0 || !matches!(entry, Entry::Stop(_) | Entry::Init(_));
    let start = Start { cut, torn: (torn > 0).then_some(torn), version: options.version.clone() };
    let spares = Spares::start(options.disk.clone(), layout.clone(), options.segment_bytes, end.spare)
        .map_err(OpenError::at(path))?;
    let ended = end.segments.iter().filter(|(number, _)| *number != end.segment).copied();
    let segments = Arc::clone(&press.segments);
    segments.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(ended);
    let promise = Arc::clone(&press.promise);
    let checkpoint = Arc::clone(&press.checkpoint);
    let backlog = Arc::new(Backlog::new(press.published, size));
    let pen = Pen {
        layout: layout.clone(),
        options: options.clone(),
        log: log_id(&layout, key)?,
        segment,
        spares,
        ended: None,
        segments,
        edge: end.edge,
        time: stamps.time,
        facts: Facts::from(size),
        gap: None,
        promiser: Promiser::start(Arc::clone(&promise)).map_err(OpenError::at(path))?,
        teller: Teller::start().map_err(OpenError::at(path))?,
        backlog: Arc::clone(&backlog),
        frame: Vec::new(),
    };
    let publisher =
        Publisher::start(press, Arc::clone(&backlog), options.interval).map_err(OpenError::at(path))?;
    let writer = Writer::start(pen, options.queue).map_err(OpenError::at(path))?;
    let recovery = Recovery { size, cut, torn, start: size };
    let inner = Inner {
        layout: layout.clone(),
        origin: key.name().to_owned(),
        options: options.clone(),
        recovery,
        writer,
        publisher,
        backlog,
        promise,
        checkpoint,
        lock: Mutex::new(Some(lock)),
    };
    let ledger = Ledger { inner: Arc::new(inner) };
    if let Err(refused) = ledger.append(start.into()) {
        return Err(OpenError::Io(path.to_owned(), std::io::Error::other(refused)));
    }
    torn::recorded(&options.disk, &layout)?;
    Ok(ledger)
}

/// Tiles and bundles as they were when the last full bundle was published.
fn resumed(tree: &Tree<'_>, published: u64) -> Result<(Growth, Edge), OpenError> {
    let bundled = published & !0xff;
    let mut levels = Vec::new();
    for level in 0_u8..8 {
        let nodes = bundled.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0);
        let width = usize::try_from(nodes & 0xff).unwrap_or(0);
        let tile = if width == 0 { Vec::new() } else { tree.tile(level, nodes >> 8).map_err(unreadable)? };
        levels.push(tile.get(..width).unwrap_or_default().to_vec());
    }
    Ok((Growth::resume(bundled, levels), tree.edge(bundled).map_err(unreadable)?))
}

fn unreadable(error: ReadError) -> OpenError {
    match error {
        ReadError::Io(path, error) => OpenError::Io(path, error),
        ReadError::Corrupt(path, what) => OpenError::Corrupt(path, what),
    }
}

/// Files that a crash left under their temporary names hold room and nothing else.
fn remove_unfinished(layout: &Layout, options: &Options) -> Result<(), OpenError> {
    for directory in [layout.wal(), layout.log(), layout.root().to_owned()] {
        for entry in std::fs::read_dir(&directory).map_err(OpenError::at(&directory))? {
            let path = entry.map_err(OpenError::at(&directory))?.path();
            if path.to_str().is_some_and(|name| name.ends_with(TEMPORARY)) {
                options.disk.remove(&path).map_err(OpenError::at(&path))?;
            }
        }
    }
    Ok(())
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
