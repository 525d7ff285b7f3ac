//! Opens a ledger: recovers the entries, refuses files that contradict each other, and records the start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use content_digest::hex;

use super::notifier::Notifier;
use super::options::Options;
use super::outside_claims::{OutsideClaim, OutsideClaims};
use super::queue::Queue;
use super::recent_facts::RecentFacts;
use super::room::Room;
use super::torn_tail;
use super::unanswered_facts::UnansweredFacts;
use super::wake::Wake;
use super::writer::{Writer, WriterState};
use super::{Inner, Ledger, Recovery};
use crate::durable::{DiskFile, TEMPORARY};
use crate::entry::{Entry, Start};
use crate::fault::{OpenError, ReadError};
use crate::handed_out::{self, FactAcknowledger, HandedOut};
use crate::layout::Layout;
use crate::mark::Mark;
use crate::merkle::{Edge, TreeHead};
use crate::note::{SignedCheckpoint, VerifyingKey};
use crate::publish::{Backlog, Checkpointer, Publisher, TileBuilder};
use crate::published_file::PublishedFile;
use crate::tree::{Directory, LogSource, MerkleTree};
use crate::wal::frame::Entries;
use crate::wal::reader::{self, Batch, End};
use crate::wal::segment::{EndedSegment, Segment};
use crate::wal::segment_maker::{SegmentMaker, SpareSegment};

pub(crate) fn open(path: &Path, options: &Options) -> Result<Ledger, OpenError> {
    let layout = Layout::new(path);
    let key = verifying_key(&layout)?;
    if VerifyingKey::of_log(key.name(), options.key.public()).as_ref() != Ok(&key) {
        return Err(OpenError::WrongKey(layout.vkey()));
    }
    let handed_out = HandedOut::open(&options.disk, &layout, key.name())?;
    Mark::check_none(path)?;
    let held = hold_segments(&layout, options)?;
    let published = PublishedLog::read(&layout, &key, &options.witnesses)?;
    let (builder, edge) = resumed_builder(&published.tree(), published.head.size)?;
    let mut checkpointer =
        Checkpointer::new(&layout, options, key.name(), Arc::new(handed_out), builder, edge);
    checkpointer.published = published.head.size;
    checkpointer.find_partials();
    let handed_out = checkpointer.handed_out.last();
    let (end, last) = recover_and_check(&layout, &key, &published, handed_out, &options.claims, |batch| {
        checkpointer.add(batch)
    })?;
    // Everything is consistent. Nothing was recorded or cut before this point.
    resume(path, options, &key, held, end, &last, checkpointer)
}

/// The segments that this process holds, by their numbers.
type HeldSegments = BTreeMap<u64, DiskFile>;

/// Holds every segment. The lock on `handed-out` keeps other writers away, but somebody could replace that file by a
/// copy; then these locks still do. Two writers would overwrite each other's durable entries.
fn hold_segments(layout: &Layout, options: &Options) -> Result<HeldSegments, OpenError> {
    let hold = |number| {
        let held = Segment::hold(&options.disk, layout, number);
        Ok((number, held.map_err(OpenError::not_held(layout, &layout.segment(number)))?))
    };
    reader::segments(layout)?.into_iter().map(hold).collect()
}

/// What an inspection finds. An inspection changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The durable entries, and the root over them.
    pub durable: TreeHead,
    /// The size and root of the last checkpoint.
    pub published: TreeHead,
    /// The largest size that anybody outside was told, and the root at it.
    pub handed_out: TreeHead,
    /// How many bytes of an unfinished frame follow the last whole frame, or were cut off and are not recorded yet.
    pub torn: u64,
}

/// Makes the same checks as a start, on a copied ledger or one that another process writes.
///
/// While a process writes, a segment may disappear during the inspection, or a frame may be seen half. So a failed
/// inspection is tried again, until it fails twice in the same way: a real fault is found again at the same place.
pub(crate) fn inspect(path: &Path) -> Result<Inspection, OpenError> {
    const TRIES: usize = 1000;
    let mut before = None;
    for _ in 1..TRIES {
        match inspect_once(path) {
            Ok(found) => return Ok(found),
            Err(error) => {
                let fault = Some(error.to_string());
                if fault == before {
                    return Err(error);
                }
                before = fault;
            }
        }
    }
    inspect_once(path)
}

fn inspect_once(path: &Path) -> Result<Inspection, OpenError> {
    let Recovered { durable, published, handed_out, torn, .. } = recovered(path, |_, _| ())?;
    let torn = torn_tail::bytes_to_record(&Layout::new(path), torn)?;
    Ok(Inspection { durable, published, handed_out, torn })
}

/// What a start would recover.
pub(crate) struct Recovered {
    pub(crate) origin: String,
    pub(crate) durable: TreeHead,
    pub(crate) published: TreeHead,
    handed_out: TreeHead,
    /// How many bytes of an unfinished frame follow the last whole frame.
    torn: u64,
}

/// Makes the checks of a start on a ledger that nobody writes. `each` gets every batch of the write-ahead log, and the
/// published size: a batch may begin below it.
pub(crate) fn recovered(path: &Path, mut each: impl FnMut(u64, &Batch)) -> Result<Recovered, OpenError> {
    let layout = Layout::new(path);
    let key = verifying_key(&layout)?;
    let (_, handed_out) = handed_out::read(&layout.handed_out(), key.name())?;
    let published = PublishedLog::read(&layout, &key, &[])?;
    let size = published.head.size;
    let (end, _) = recover_and_check(&layout, &key, &published, handed_out, &[], |batch| each(size, batch))?;
    let durable = TreeHead { size: end.edge.size(), root: end.edge.root() };
    let (origin, torn) = (key.name().to_owned(), end.torn);
    Ok(Recovered { origin, durable, published: published.head, handed_out, torn })
}

/// The published log, as a start finds it.
struct PublishedLog {
    source: Directory,
    head: TreeHead,
}

impl PublishedLog {
    fn read(layout: &Layout, key: &VerifyingKey, witnesses: &[VerifyingKey]) -> Result<Self, OpenError> {
        let source = Directory::new(&layout.log());
        let path = source.name(PublishedFile::Checkpoint);
        let note = source.get(PublishedFile::Checkpoint).map_err(unreadable)?;
        let note = note.ok_or_else(|| OpenError::corrupt(&path, "the checkpoint is missing"))?;
        let signed = SignedCheckpoint::parse(&note, key, witnesses)
            .map_err(|fault| OpenError::corrupt(&path, fault.to_string()))?;
        let head = TreeHead { size: signed.checkpoint().size, root: signed.checkpoint().root };
        let published = Self { source, head };
        if published.tree().root().map_err(unreadable)? != head.root {
            return Err(OpenError::corrupt(
                &path,
                "the root computed from the tiles differs from the root in the checkpoint",
            ));
        }
        Ok(published)
    }

    fn tree(&self) -> MerkleTree<'_> {
        MerkleTree::new(&self.source, self.head.size)
    }
}

/// Reads the write-ahead log and checks it against everything that somebody outside knows. Returns its end and its last
/// entry.
fn recover_and_check(
    layout: &Layout,
    key: &VerifyingKey,
    published: &PublishedLog,
    handed_out: TreeHead,
    outside: &[OutsideClaim],
    mut each: impl FnMut(&Batch),
) -> Result<(End, Vec<u8>), OpenError> {
    let mut claims = OutsideClaims::default();
    for (by, head) in [("the checkpoint", published.head), ("`handed-out`", handed_out)] {
        claims.add(OutsideClaim { by: by.to_owned(), size: head.size, root: Some(head.root) });
    }
    outside.iter().cloned().for_each(|claim| claims.add(claim));
    let tree = published.tree();
    let bundled = published.head.size & !0xff;
    let edge_at = |first: u64| {
        if first > bundled {
            let what = format!(
                "the write-ahead log begins at entry {first}, but the published bundles end at {bundled}"
            );
            return Err(OpenError::corrupt(&layout.wal(), what));
        }
        tree.edge(first).map_err(unreadable)
    };
    let mut last: Vec<u8> = Vec::new();
    let end = reader::replay(layout, &log_id(layout, key)?, edge_at, |batch, edge| {
        if let Some(Some(entry)) = Entries(&batch.entries).last() {
            entry.clone_into(&mut last);
        }
        each(&batch);
        claims.check_at(&layout.wal(), edge.size(), &edge.root())
    })?;
    let Some(end) = end else {
        return Err(OpenError::corrupt(&layout.wal(), "the write-ahead log has no frame"));
    };
    claims.check_rest(&layout.wal(), end.edge.size(), |size| {
        tree.edge(size).map(|edge| edge.root()).map_err(unreadable)
    })?;
    Ok((end, last))
}

fn resume(
    path: &Path,
    options: &Options,
    key: &VerifyingKey,
    mut held: HeldSegments,
    end: End,
    last: &[u8],
    checkpointer: Checkpointer,
) -> Result<Ledger, OpenError> {
    let layout = checkpointer.layout.clone();
    let segment_path = layout.segment(end.segment);
    let (stamps, entry) = Entry::read(last)
        .map_err(|why| OpenError::corrupt(&segment_path, format!("its last entry is not valid: {why}")))?;
    let mut take_held = |number| {
        held.remove(&number).ok_or_else(|| {
            OpenError::corrupt(&layout.segment(number), "this segment appeared while the ledger was opened")
        })
    };
    let segment = Segment::resume(end.segment, take_held(end.segment)?, end.at)
        .map_err(OpenError::at(&segment_path))?;
    let torn = torn_tail::note_and_cut(&options.disk, &layout, &segment, end.torn)?;
    remove_unfinished(&layout, options)?;
    let size = end.edge.size();
    let cut = torn > 0 || !matches!(entry, Entry::Stop(_) | Entry::Init(_));
    let start = Start { cut, torn: (torn > 0).then_some(torn), version: options.version.clone() };
    let mut spare: Vec<SpareSegment> =
        end.spare.iter().map(|number| SpareSegment::Numbered(*number)).collect();
    spare.extend(end.reserve.then_some(SpareSegment::Reserve));
    let wake = Wake::default();
    let (disk, bytes) = (options.disk.clone(), options.segment_bytes);
    let maker = SegmentMaker::start(disk, layout.clone(), bytes, spare, wake.clone());
    let maker = maker.map_err(OpenError::at(path))?;
    let ended = end.segments.iter().filter(|(number, _)| *number != end.segment);
    let ended =
        ended.map(|(number, end)| Ok(EndedSegment { number: *number, end: *end, file: take_held(*number)? }));
    let ended = ended.collect::<Result<Vec<_>, OpenError>>()?;
    // The rest are spare segments. The writer holds each when it comes to it.
    drop(held);
    let segments = Arc::clone(&checkpointer.segments);
    segments.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(ended);
    let handed_out = Arc::clone(&checkpointer.handed_out);
    let lock = handed_out.file().ok_or_else(|| OpenError::Locked(path.to_owned()))?;
    let checkpoint = Arc::clone(&checkpointer.checkpoint);
    let backlog = Arc::new(Backlog::new(checkpointer.published, size, wake.clone()));
    let state = WriterState {
        layout: layout.clone(),
        options: options.clone(),
        log: log_id(&layout, key)?,
        segment,
        room: Room::new(options.disk.clone(), layout.clone(), maker),
        ended: None,
        segments,
        lock,
        edge: end.edge,
        time: stamps.time,
        facts: RecentFacts::from(size),
        gap: None,
        acknowledger: FactAcknowledger::start(Arc::clone(&handed_out)).map_err(OpenError::at(path))?,
        notifier: Notifier::start().map_err(OpenError::at(path))?,
        backlog: Arc::clone(&backlog),
        wake: wake.clone(),
        frame: Vec::new(),
    };
    let publisher = Publisher::start(checkpointer, Arc::clone(&backlog), options.interval)
        .map_err(OpenError::at(path))?;
    let queue = Queue::new(options.queue, options.reports, wake);
    let writer = Writer::start(state, queue).map_err(OpenError::at(path))?;
    let recovery = Recovery { size, cut, torn, start: size };
    let inner = Inner {
        layout: layout.clone(),
        origin: key.name().to_owned(),
        options: options.clone(),
        recovery,
        writer,
        unanswered: UnansweredFacts::default(),
        publisher,
        backlog,
        handed_out,
        checkpoint,
    };
    let ledger = Ledger { inner: Arc::new(inner) };
    if let Err(refused) = ledger.append(start.into()) {
        return Err(OpenError::Io(path.to_owned(), std::io::Error::other(refused)));
    }
    torn_tail::remove_note(&options.disk, &layout)?;
    Ok(ledger)
}

/// The unfinished tiles as they were when the last full bundle was published, and the right edge at that size.
fn resumed_builder(tree: &MerkleTree<'_>, published: u64) -> Result<(TileBuilder, Edge), OpenError> {
    let bundled = published & !0xff;
    let mut levels = Vec::new();
    for level in 0_u8..8 {
        let nodes = bundled.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0);
        let width = usize::try_from(nodes & 0xff).unwrap_or(0);
        let tile = if width == 0 { Vec::new() } else { tree.tile(level, nodes >> 8).map_err(unreadable)? };
        levels.push(tile.get(..width).unwrap_or_default().to_vec());
    }
    Ok((TileBuilder::resume(bundled, levels), tree.edge(bundled).map_err(unreadable)?))
}

fn unreadable(error: ReadError) -> OpenError {
    match error {
        ReadError::Io(path, error) => OpenError::Io(path, error),
        ReadError::Corrupt(path, what) => OpenError::Corrupt(path, what),
    }
}

/// Removes temporary files that a crash left; they only take up space.
fn remove_unfinished(layout: &Layout, options: &Options) -> Result<(), OpenError> {
    let all = [layout.wal(), layout.log(), layout.snapshots(), layout.root().to_owned()];
    for directory in all.iter().filter(|directory| directory.exists()) {
        for entry in std::fs::read_dir(directory).map_err(OpenError::at(directory))? {
            let path = entry.map_err(OpenError::at(directory))?.path();
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

/// The random half of the origin, which frames contain.
pub(crate) fn log_id(layout: &Layout, key: &VerifyingKey) -> Result<[u8; 16], OpenError> {
    let hex = key.name().rsplit_once("/log/").map(|(_, id)| id).and_then(hex::decode);
    hex.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        OpenError::corrupt(&layout.vkey(), "the name of the key is not an origin: `<name>/log/<32 hex>`")
    })
}
