//! Writes tiles, bundles and signed checkpoints, in the order that [`super`] describes.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Segments, TileBuilder};
use crate::durable::{Disk, Unsynced};
use crate::fault::RecordError;
use crate::handed_out::HandedOut;
use crate::layout::Layout;
use crate::ledger::{Options, temporary_or_abort};
use crate::merkle::{Edge, TreeHead};
use crate::note::{Checkpoint, SigningKey};
use crate::published_file::{FULL, PublishedFile};
use crate::wal::frame::Entries;
use crate::wal::reader::Batch;

pub(crate) struct Checkpointer {
    pub(crate) layout: Layout,
    disk: Disk,
    origin: String,
    key: Arc<SigningKey>,
    pub(crate) handed_out: Arc<HandedOut>,
    pub(crate) segments: Segments,
    pub(crate) builder: TileBuilder,
    edge: Edge,
    /// Full tiles and bundles that are not written yet.
    full: VecDeque<(PublishedFile, Vec<u8>)>,
    /// Files that are written under a temporary name and not synced yet.
    unsynced: Vec<Unsynced>,
    /// Directories with names that are not durable yet.
    directories: BTreeSet<PathBuf>,
    /// Partial files that the current checkpoint needs.
    partial: Vec<PublishedFile>,
    pub(crate) published: u64,
    /// Locked while the published checkpoint is changed.
    pub(crate) checkpoint: Arc<Mutex<()>>,
}

impl Checkpointer {
    pub(crate) fn new(
        layout: &Layout,
        options: &Options,
        origin: &str,
        handed_out: Arc<HandedOut>,
        builder: TileBuilder,
        edge: Edge,
    ) -> Self {
        Self {
            layout: layout.clone(),
            disk: options.disk.clone(),
            origin: origin.to_owned(),
            key: Arc::clone(&options.key),
            handed_out,
            segments: Segments::default(),
            builder,
            edge,
            full: VecDeque::new(),
            unsynced: Vec::new(),
            directories: BTreeSet::new(),
            partial: Vec::new(),
            published: 0,
            checkpoint: Arc::default(),
        }
    }

    /// Finds the partial files on the right edge that an earlier server left. They are removed when the full files exist.
    pub(crate) fn find_partials(&mut self) {
        let full = PublishedFile::Entries { index: self.published >> 8, width: FULL };
        let levels = (0_u8..8).map(|level| {
            let nodes = self.published.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0);
            PublishedFile::Hashes { level, index: nodes >> 8, width: FULL }
        });
        for resource in levels.chain([full]) {
            let directory = self.layout.log().join(format!("{}.p", resource.path()));
            let names =
                std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
            self.partial.extend(names.filter_map(|name| {
                PublishedFile::parse(&format!("{}.p/{}", resource.path(), name.to_str()?))
            }));
        }
    }

    /// Adds entries. Those that are already in durable bundles are left out.
    pub(crate) fn add(&mut self, batch: &Batch) {
        let full = &mut self.full;
        let bundled = self.builder.size();
        let entries = (batch.first..).zip(Entries(&batch.entries).flatten().zip(&batch.leaves));
        for (_, (entry, leaf)) in entries.filter(|(index, _)| *index >= bundled) {
            self.builder.add(entry, *leaf, &mut |resource, bytes| full.push_back((resource, bytes)));
            self.edge.append(*leaf);
        }
        // Writing early keeps memory small and spreads the work. An error of a full disk comes again at the checkpoint.
        let _ = self.write_full();
    }

    fn write_full(&mut self) -> io::Result<()> {
        while let Some((resource, bytes)) = self.full.front() {
            let file = write(&self.disk, &self.layout, *resource, bytes)?;
            self.unsynced.push(file);
            self.full.pop_front();
        }
        Ok(())
    }

    /// Publishes one checkpoint of all added entries, and returns its size.
    pub(crate) fn publish(&mut self) -> Result<u64, RecordError> {
        let size = self.builder.size();
        if size == self.published {
            return Ok(size);
        }
        self.write_files().map_err(|error| temporary_or_abort(&error, &self.layout.log()))?;
        let head = TreeHead { size, root: self.edge.root() };
        self.handed_out.raise_to(head)?;
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root: head.root }.sign(&self.key);
        let path = self.layout.log().join(PublishedFile::Checkpoint.path());
        {
            let _guard = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
            self.disk
                .replace(&path, checkpoint.note().as_bytes())
                .map_err(|error| temporary_or_abort(&error, &path))?;
        }
        self.published = size;
        self.remove_partials()
            .and_then(|()| self.remove_segments())
            .map_err(|error| temporary_or_abort(&error, &path))?;
        Ok(size)
    }

    fn write_files(&mut self) -> io::Result<()> {
        self.write_full()?;
        let mut partial = Vec::new();
        self.builder.partials(&mut |resource, bytes| partial.push((resource, bytes)));
        let mut parts = Vec::new();
        for (resource, bytes) in &partial {
            parts.push(write(&self.disk, &self.layout, *resource, bytes)?);
        }
        // A full file that fails here, on a full disk, is synced again at the next try. Partial files are then rewritten.
        let full = std::mem::take(&mut self.unsynced);
        let mut failed = None;
        for (named, file) in sync_and_rename_all(&full).into_iter().zip(full) {
            match named {
                Ok(path) => self.directories.extend(path.parent().map(Path::to_owned)),
                Err(error) => {
                    self.unsynced.push(file);
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)?;
        for path in sync_and_rename_all(&parts) {
            self.directories.extend(path?.parent().map(Path::to_owned));
        }
        while let Some(directory) = self.directories.pop_first() {
            self.disk.sync_dir(&directory)?;
        }
        self.partial.extend(partial.into_iter().map(|(resource, _)| resource));
        Ok(())
    }

    /// Removes partial files whose full files are durable. After a crash some may exist again; this does no harm.
    fn remove_partials(&mut self) -> io::Result<()> {
        let size = self.published;
        let (needed, replaced): (Vec<_>, Vec<_>) =
            self.partial.iter().partition(|partial| !is_full(**partial, size));
        self.partial = needed;
        for partial in replaced {
            let path = self.layout.log().join(partial.path());
            remove_if_there(&self.disk, &path)?;
            if let Some(directory) = path.parent().filter(|directory| is_empty(directory)) {
                self.disk.remove_dir(directory)?;
            }
        }
        Ok(())
    }

    /// Removes segments whose entries are all in full bundles. Each removal is durable before the next one: a gap in the
    /// numbers of the segments would look like a lost segment.
    fn remove_segments(&self) -> io::Result<()> {
        let bundled = self.published & !0xff;
        loop {
            let first = {
                let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
                // It leaves the queue first: the writer checks that the files in the queue have their names.
                match segments.pop_front_if(|segment| segment.end <= bundled) {
                    Some(segment) => segment.number,
                    None => return Ok(()),
                }
            };
            remove_if_there(&self.disk, &self.layout.segment(first))?;
            self.disk.sync_dir(&self.layout.wal())?;
        }
    }
}

/// Syncs files and renames them to their final names, several at a time: the file system combines syncs that arrive
/// together into one commit, and a busy log has hundreds of files for each checkpoint.
fn sync_and_rename_all(files: &[Unsynced]) -> Vec<io::Result<PathBuf>> {
    const THREADS: usize = 16;
    const FILES_A_THREAD: usize = 4;
    let share = files.len().div_ceil(THREADS).max(FILES_A_THREAD);
    let rename = |part: &[Unsynced]| {
        part.iter().map(|file| file.sync_and_rename().map(Path::to_owned)).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let (first, rest) = files.split_at_checked(share).unwrap_or((files, &[]));
        let others: Vec<_> =
            rest.chunks(share).map(|part| (part, scope.spawn(move || rename(part)))).collect();
        let mut renamed = rename(first);
        for (part, other) in others {
            let panicked = |_| {
                part.iter().map(|_| Err(io::Error::other("a thread that syncs files panicked"))).collect()
            };
            renamed.extend(other.join().unwrap_or_else(panicked));
        }
        renamed
    })
}

fn write(disk: &Disk, layout: &Layout, resource: PublishedFile, bytes: &[u8]) -> io::Result<Unsynced> {
    let path: PathBuf = layout.log().join(resource.path());
    if let Some(directory) = path.parent() {
        disk.create_dir_all(directory, 0o755)?;
    }
    disk.write_unsynced(&path, bytes, 0o644)
}

/// Whether the tile or bundle of this partial file is full at this size.
fn is_full(partial: PublishedFile, size: u64) -> bool {
    let now = match partial {
        PublishedFile::Checkpoint => None,
        PublishedFile::Hashes { level, index, .. } => PublishedFile::hashes(level, index, size),
        PublishedFile::Entries { index, .. } => PublishedFile::entries(index, size),
    };
    now == Some(partial.full())
}

fn remove_if_there(disk: &Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}
