//! The one that writes tiles, bundles and checkpoints, in the order that [`super`] gives.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Growth, Segments};
use crate::durable::{Disk, Unsynced};
use crate::fault::Refused;
use crate::layout::Layout;
use crate::ledger::{Options, understood};
use crate::merkle::Edge;
use crate::note::{Checkpoint, SigningKey};
use crate::promise::{Head, Promise};
use crate::resource::{FULL, Resource};
use crate::wal::frame::Entries;
use crate::wal::recover::Batch;

pub(crate) struct Press {
    pub(crate) layout: Layout,
    disk: Disk,
    origin: String,
    key: Arc<SigningKey>,
    pub(crate) promise: Arc<Promise>,
    pub(crate) segments: Segments,
    pub(crate) growth: Growth,
    edge: Edge,
    /// Full tiles and bundles that are not written yet.
    full: VecDeque<(Resource, Vec<u8>)>,
    /// Files that are written under a temporary name and not yet synced.
    unsynced: VecDeque<Unsynced>,
    /// Directories with names that are not yet durable.
    directories: BTreeSet<PathBuf>,
    /// Partial files that the present checkpoint needs.
    partial: Vec<Resource>,
    pub(crate) published: u64,
    /// Held by whoever changes the published checkpoint.
    pub(crate) checkpoint: Arc<Mutex<()>>,
}

impl Press {
    pub(crate) fn new(
        layout: &Layout,
        options: &Options,
        origin: &str,
        promise: Arc<Promise>,
        growth: Growth,
        edge: Edge,
    ) -> Self {
        Self {
            layout: layout.clone(),
            disk: options.disk.clone(),
            origin: origin.to_owned(),
            key: Arc::clone(&options.key),
            promise,
            segments: Segments::default(),
            growth,
            edge,
            full: VecDeque::new(),
            unsynced: VecDeque::new(),
            directories: BTreeSet::new(),
            partial: Vec::new(),
            published: 0,
            checkpoint: Arc::default(),
        }
    }

    /// Partial files on the right edge that an earlier server left, so that they go when their full ones are there.
    pub(crate) fn find_partials(&mut self) {
        let full = Resource::Entries { index: self.published >> 8, width: FULL };
        let levels = (0_u8..8).map(|level| {
            let nodes = self.published.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0);
            Resource::Hashes { level, index: nodes >> 8, width: FULL }
        });
        for resource in levels.chain([full]) {
            let directory = self.layout.log().join(format!("{}.p", resource.path()));
            let names =
                std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
            self.partial
                .extend(names.filter_map(|name| {
                    Resource::parse(&format!("{}.p/{}", resource.path(), name.to_str()?))
                }));
        }
    }

    /// Takes entries in. Those that are in durable bundles already are left out.
    pub(crate) fn add(&mut self, batch: &Batch) {
        let full = &mut self.full;
        let bundled = self.growth.size();
        let entries = (batch.first..).zip(Entries(&batch.entries).flatten().zip(&batch.leaves));
        for (_, (entry, leaf)) in entries.filter(|(index, _)| *index >= bundled) {
            self.growth.add(entry, *leaf, &mut |resource, bytes| full.push_back((resource, bytes)));
            self.edge.append(*leaf);
        }
        // Writing early keeps memory small and spreads the work; a full disk is met again at the checkpoint.
        let _ = self.write_full();
    }

    fn write_full(&mut self) -> io::Result<()> {
        while let Some((resource, bytes)) = self.full.front() {
            let file = write(&self.disk, &self.layout, *resource, bytes)?;
            self.unsynced.push_back(file);
            self.full.pop_front();
        }
        Ok(())
    }

    /// One checkpoint of all that was added.
    pub(crate) fn publish(&mut self) -> Result<u64, Refused> {
        let size = self.growth.size();
        if size == self.published {
            return Ok(size);
        }
        self.files().map_err(|error| understood(&error, &self.layout.log()))?;
        let head = Head { size, root: self.edge.root() };
        self.promise.cover(head)?;
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root: head.root }.sign(&self.key);
        let path = self.layout.log().join(Resource::Checkpoint.path());
        {
            let _alone = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
            self.disk
                .replace(&path, checkpoint.note().as_bytes())
                .map_err(|error| understood(&error, &path))?;
        }
        self.published = size;
        self.forget_partials()
            .and_then(|()| self.forget_segments())
            .map_err(|error| understood(&error, &path))?;
        Ok(size)
    }

    fn files(&mut self) -> io::Result<()> {
        self.write_full()?;
        let mut partial = Vec::new();
        self.growth.partials(&mut |resource, bytes| partial.push((resource, bytes)));
        let mut parts = Vec::new();
        for (resource, bytes) in &partial {
            parts.push(write(&self.disk, &self.layout, *resource, bytes)?);
        }
        // Each of these steps may meet a full disk, and is then taken up again where it stopped.
        while let Some(file) = self.unsynced.front() {
            self.directories.extend(file.keep()?.parent().map(Path::to_owned));
            self.unsynced.pop_front();
        }
        for file in &parts {
            self.directories.extend(file.keep()?.parent().map(Path::to_owned));
        }
        while let Some(directory) = self.directories.pop_first() {
            self.disk.sync_dir(&directory)?;
        }
        self.partial.extend(partial.into_iter().map(|(resource, _)| resource));
        Ok(())
    }

    /// Removes partial files whose full ones are durable. They may come back after a crash, and then just stay.
    fn forget_partials(&mut self) -> io::Result<()> {
        let size = self.published;
        let (stay, go): (Vec<_>, Vec<_>) = self.partial.iter().partition(|partial| !is_full(**partial, size));
        self.partial = stay;
        for partial in go {
            let path = self.layout.log().join(partial.path());
            remove_if_there(&self.disk, &path)?;
            if let Some(directory) = path.parent().filter(|directory| is_empty(directory)) {
                self.disk.remove_dir(directory)?;
            }
        }
        Ok(())
    }

    /// Removes segments whose entries are all in full bundles, one durably after the other: a hole among the segments
    /// would look like one that was lost.
    fn forget_segments(&self) -> io::Result<()> {
        let bundled = self.published & !0xff;
        loop {
            let first = {
                let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
                match segments.front() {
                    Some((number, end)) if *end <= bundled => {
                        let number = *number;
                        segments.pop_front();
                        number
                    }
                    Some(_) | None => return Ok(()),
                }
            };
            remove_if_there(&self.disk, &self.layout.segment(first))?;
            self.disk.sync_dir(&self.layout.wal())?;
        }
    }
}

fn write(disk: &Disk, layout: &Layout, resource: Resource, bytes: &[u8]) -> io::Result<Unsynced> {
    let path: PathBuf = layout.log().join(resource.path());
    if let Some(directory) = path.parent() {
        disk.create_dir_all(directory, 0o755)?;
    }
    disk.write_unsynced(&path, bytes, 0o644)
}

/// Whether the tile or bundle of a partial file is full at this size.
fn is_full(partial: Resource, size: u64) -> bool {
    let now = match partial {
        Resource::Checkpoint => None,
        Resource::Hashes { level, index, .. } => Resource::hashes(level, index, size),
        Resource::Entries { index, .. } => Resource::entries(index, size),
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
