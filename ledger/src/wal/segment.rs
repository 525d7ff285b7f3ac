//! Segments: files of zeros, made whole before they are used, written once from front to back, never used again.
//!
//! Made so, an append changes no metadata (`fdatasync` writes the frame's pages and nothing else), a full disk is met
//! when a segment is made and not in the middle of a frame, and zeros to the end of the file mean that nothing follows.

use std::io;
use std::path::Path;

use crate::durable::{Disk, DiskFile, TEMPORARY};
use crate::layout::Layout;

/// Zeros are written in pieces of this size.
const PIECE: usize = 256 * 1024;

/// The segment that is being written.
#[derive(Debug)]
pub(crate) struct Segment {
    number: u64,
    file: DiskFile,
    at: u64,
    length: u64,
    /// Bytes after `at` that a failed write may have left there.
    spoiled: u64,
}

impl Segment {
    /// Makes a segment of zeros.
    ///
    /// A crash before the rename leaves a file with the temporary ending, which the next start removes; after it an
    /// empty segment, which the next start goes on with.
    pub(crate) fn make(disk: &Disk, layout: &Layout, number: u64, length: u64) -> io::Result<()> {
        let path = layout.segment(number);
        let mut temporary = path.clone().into_os_string();
        temporary.push(TEMPORARY);
        let temporary = Path::new(&temporary);
        if temporary.exists() {
            disk.remove(temporary)?;
        }
        let made = fill(disk, temporary, length);
        if let Err(error) = made {
            // A half-made file would keep the room that others may need.
            let _ = disk.remove(temporary);
            return Err(error);
        }
        disk.rename(temporary, &path)?;
        disk.sync_dir(&layout.wal())
    }

    /// Opens a segment to write from `at` on, where there must be only zeros.
    pub(crate) fn open(disk: &Disk, layout: &Layout, number: u64, at: u64) -> io::Result<Self> {
        let path = layout.segment(number);
        let length = std::fs::metadata(&path)?.len();
        Ok(Self { number, file: disk.open_for_writing(&path)?, at, length, spoiled: 0 })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether so many bytes still fit.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        u64::try_from(bytes).is_ok_and(|bytes| self.length.saturating_sub(self.at) >= bytes)
    }

    /// Writes a frame behind the last one. It is not durable before [`Segment::sync`].
    ///
    /// After an error the next call first makes zeros again of what this one may have left: a shorter frame in its
    /// place would otherwise be followed by a piece of it.
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

    /// Makes everything written durable. After an error the process must end.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    /// Makes zeros of a torn tail, durably.
    ///
    /// A crash here leaves a tail that is torn in another place, and is cut again.
    pub(crate) fn cut(&self, bytes: u64) -> io::Result<()> {
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
