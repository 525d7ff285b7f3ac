//! Creates a log: everything is written in a temporary directory, which is renamed to its final name at the end.

use content_digest::hex;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::options::Options;
use crate::entry::{Entry, Init, Nonce, Predecessor, Stamps};
use crate::fault::InitError;
use crate::handed_out::{self, HandedOut};
use crate::layout::Layout;
use crate::merkle::{Edge, TreeHead, leaf_hash};
use crate::note::VerifyingKey;
use crate::publish::{Checkpointer, TileBuilder};
use crate::wal::frame;
use crate::wal::reader::Batch;
use crate::wal::segment::Segment;

/// A log's name and the key that verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    name: String,
    key: VerifyingKey,
}

impl Origin {
    /// `<name>/log/<32 hex>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The verification key; the file `log.vkey` has its one-line format.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

/// Creates a log. A crash before the last rename leaves a directory with the ending `.init`, and no log.
pub(crate) fn init(
    path: &Path,
    name: &str,
    options: &Options,
    restored: Option<Predecessor>,
) -> Result<Origin, InitError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-/".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_allowed) {
        return Err(InitError::Name(name.to_owned()));
    }
    if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) || path.is_file() {
        return Err(InitError::Taken(path.to_owned()));
    }
    let disk = &options.disk;
    let id = Nonce::random().map_err(|why| InitError::Io(path.to_owned(), std::io::Error::other(why)))?.0;
    let origin = format!("{name}/log/{}", hex::encode(&id));
    let key =
        VerifyingKey::of_log(&origin, options.key.public()).map_err(|_| InitError::Name(name.to_owned()))?;

    let building = building(path);
    remove(&building)?;
    let layout = Layout::new(&building);
    disk.create_dir_all(&building, 0o700).map_err(InitError::at(&building))?;
    for directory in [layout.wal(), layout.snapshots()] {
        disk.create_dir(&directory, 0o700).map_err(InitError::at(&directory))?;
    }
    disk.create_dir(&layout.log(), 0o755).map_err(InitError::at(&layout.log()))?;
    disk.write_new(&layout.vkey(), format!("{key}\n").as_bytes(), 0o644)
        .map_err(InitError::at(&layout.vkey()))?;
    let entry =
        Init { key: key.to_string(), origin: origin.clone(), restored, version: options.version.clone() };
    let (batch, edge) =
        first_frame(&layout, options, id, &entry.into()).map_err(InitError::at(&layout.segment(1)))?;
    first_checkpoint(&layout, options, &origin, &batch, &edge)?;
    // An empty directory of this name is replaced.
    disk.rename_durably(&building, path).map_err(InitError::at(path))?;
    Ok(Origin { name: origin, key })
}

/// Removes a log that nobody has seen, so that another can be created in its place. A crash leaves all of it, or what the next
/// [`init`] removes.
pub(crate) fn discard(path: &Path, options: &Options) -> Result<(), InitError> {
    let building = building(path);
    remove(&building)?;
    options.disk.rename_durably(path, &building).map_err(InitError::at(path))?;
    remove(&building)
}

/// The directory in which a log is built before it gets its name.
fn building(path: &Path) -> PathBuf {
    let mut building = path.to_owned();
    building.as_mut_os_string().push(".init");
    building
}

fn remove(building: &Path) -> Result<(), InitError> {
    if building.exists() {
        std::fs::remove_dir_all(building).map_err(InitError::at(building))?;
    }
    Ok(())
}

fn first_frame(
    layout: &Layout,
    options: &Options,
    log: [u8; 16],
    entry: &Entry,
) -> std::io::Result<(Batch, Edge)> {
    Segment::create(&options.disk, layout, &layout.segment(1), options.segment_bytes)?;
    Segment::create(&options.disk, layout, &layout.reserve(), options.segment_bytes)?;
    let nonce = Nonce::random().map_err(std::io::Error::other)?;
    let bytes = entry.to_bytes(Stamps { nonce, time: (options.clock)() }).map_err(std::io::Error::other)?;
    let mut edge = Edge::default();
    let old_root = edge.root();
    edge.append(leaf_hash(&bytes));
    let header = frame::FrameHeader {
        count: 1,
        log,
        segment: 1,
        first: 0,
        new_size: 1,
        old_root,
        new_root: edge.root(),
    };
    let (mut entries, mut frame) = (Vec::new(), Vec::new());
    frame::push_entry(&mut entries, |out| out.extend_from_slice(&bytes));
    frame::encode(&header, &entries, &mut frame);
    let mut segment = Segment::resume(1, Segment::hold(&options.disk, layout, 1)?, 0)?;
    segment.write(&frame)?;
    segment.sync()?;
    Ok((Batch { first: 0, entries, leaves: vec![leaf_hash(&bytes)] }, edge))
}

/// Every log has `handed-out` and a checkpoint from its first moment, so that a missing file is always a loss.
fn first_checkpoint(
    layout: &Layout,
    options: &Options,
    origin: &str,
    batch: &Batch,
    edge: &Edge,
) -> Result<(), InitError> {
    let path = layout.handed_out();
    let bytes = handed_out::new_file(origin, TreeHead { size: edge.size(), root: edge.root() });
    options.disk.write_new(&path, &bytes, 0o600).map_err(InitError::at(&path))?;
    let opened = HandedOut::open(&options.disk, layout, origin);
    let handed_out = opened.map_err(|error| InitError::Io(path.clone(), std::io::Error::other(error)))?;
    let mut checkpointer = Checkpointer::new(
        layout,
        options,
        origin,
        Arc::new(handed_out),
        TileBuilder::default(),
        Edge::default(),
    );
    checkpointer.add(batch);
    checkpointer
        .publish()
        .map(drop)
        .map_err(|refused| InitError::Io(layout.log(), std::io::Error::other(refused)))
}
