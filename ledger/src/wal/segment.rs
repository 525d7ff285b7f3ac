//! Segments: files that are filled with zeros first, then written once from start to end, and never reused.
//!
//! So an append changes no metadata (`fdatasync` writes only the pages of the frame), a full disk fails when a segment is
//! created and not in the middle of a frame, and zeros up to the end of the file mean that no frame follows.

use std::io;
use std::path::Path;

use crate::durable::{Disk, DiskFile, TEMPORARY};
use crate::layout::Layout;

/// Zeros are written in pieces of this many bytes.
const PIECE: usize = 256 * 1024;

/// The segment that is being written.
#[derive(Debug)]
pub(crate) struct Segment {
    number: u64,
    file: DiskFile,
    at: u64,
    length: u64,
    /// How many bytes after `at` a failed write may have left.
    spoiled: u64,
}

/// A segment that is full, with the log's size at its end. It is held until its entries are in bundles.
#[derive(Debug)]
pub(crate) struct EndedSegment {
    pub(crate) number: u64,
    pub(crate) end: u64,
    pub(crate) file: DiskFile,
}

impl Segment {
    /// Creates a segment under this name, filled with zeros. It is an error if the name is in use: facts may have taken the
    /// reserve in its place meanwhile.
    ///
    /// A crash before the rename leaves a temporary file, which the next start removes. A crash after it leaves an empty
    /// segment, which the next start uses.
    pub(crate) fn create(disk: &Disk, layout: &Layout, path: &Path, length: u64) -> io::Result<()> {
        let mut temporary = path.to_owned().into_os_string();
        temporary.push(TEMPORARY);
        let temporary = Path::new(&temporary);
        if temporary.exists() {
            disk.remove(temporary)?;
        }
        let made = fill(disk, temporary, length).and_then(|()| disk.rename_new(temporary, path));
        if let Err(error) = made {
            // A file that nobody uses would take up free space.
            let _ = disk.remove(temporary);
            return Err(error);
        }
        disk.sync_dir(&layout.wal())
    }

    /// Gives the reserved segment this number. It needs no free space.
    ///
    /// A segment of this number that was just created, and to which nothing was written, is replaced. A crash before the sync
    /// of the directory: the reserve or an empty segment is found, and nothing was written to it.
    pub(crate) fn take_reserve(disk: &Disk, layout: &Layout, number: u64) -> io::Result<()> {
        disk.rename(&layout.reserve(), &layout.segment(number))?;
        disk.sync_dir(&layout.wal())
    }

    /// Opens a segment for writing, and holds it: no other process can then write to it.
    pub(crate) fn hold(disk: &Disk, layout: &Layout, number: u64) -> io::Result<DiskFile> {
        let file = disk.open_for_writing(&layout.segment(number))?;
        file.hold()?;
        Ok(file)
    }

    /// Writes to a segment from the offset `at` on. From there on it must have only zeros.
    pub(crate) fn resume(number: u64, file: DiskFile, at: u64) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Self { number, file, at, length, spoiled: 0 })
    }

    /// The segment as one that nothing more is written to; `end` is the log's size at its end.
    pub(crate) fn into_ended(self, end: u64) -> EndedSegment {
        EndedSegment { number: self.number, end, file: self.file }
    }

    pub(crate) fn file(&self) -> &DiskFile {
        &self.file
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where the next frame is written.
    pub(crate) fn offset(&self) -> u64 {
        self.at
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether there is space for this many more bytes. An empty segment counts as having it: no other segment is larger.
    pub(crate) fn has_space(&self, bytes: usize) -> bool {
        self.at == 0 || u64::try_from(bytes).is_ok_and(|bytes| self.length.saturating_sub(self.at) >= bytes)
    }

    /// Writes a frame after the last one. It is durable only after [`Segment::sync`].
    ///
    /// After an error the next call first overwrites with zeros what this call may have left. Otherwise a part of the
    /// failed frame could follow a shorter frame.
    pub(crate) fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        if self.spoiled > 0 {
            zero(&self.file, self.at, self.spoiled)?;
            self.spoiled = 0;
        }
        let length = u64::try_from(frame.len()).unwrap_or(u64::MAX);
        self.file.write_at(frame, self.at).inspect_err(|_| self.spoiled = length)?;
        self.at = self.at.saturating_add(length);
        Ok(())
    }

    /// Makes the written bytes durable. After an error the process must end.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    /// Overwrites a torn tail with zeros, durably.
    ///
    /// A crash here leaves a tail that is torn at another offset; the next start cuts it.
    pub(crate) fn cut_tail(&self, bytes: u64) -> io::Result<()> {
        zero(&self.file, self.at, bytes)?;
        self.file.sync()
    }
}

fn fill(disk: &Disk, path: &Path, length: u64) -> io::Result<()> {
    let file = disk.create(path, 0o600)?;
    file.allocate(length)?;
    zero(&file, 0, length)?;
    file.sync()
}

fn zero(file: &DiskFile, from: u64, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; PIECE];
    let end = from.saturating_add(bytes);
    let mut at = from;
    while at < end {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(PIECE).min(PIECE);
        let (piece, _) = zeros.split_at_checked(left).unwrap_or((&zeros, &[]));
        file.write_at(piece, at)?;
        at = at.saturating_add(u64::try_from(left).unwrap_or(0));
    }
    Ok(())
}
