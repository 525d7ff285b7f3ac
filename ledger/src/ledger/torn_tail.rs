//! Cuts off the torn tail of the write-ahead log at a start, and makes sure that the cut is recorded.
//!
//! The cut must be recorded because the tail may have had an acknowledged entry. A crash between the cut and its entry
//! must not lose this, so the number of bytes is written to the file `torn` first. The order is: `torn` is durable, the
//! tail is cut, the entry `start/1` with `torn` is durable, the file is removed. After a crash in between, the next start
//! records the number; after a crash before the removal it is recorded twice, which does no harm.

use std::fs;
use std::io;

use crate::durable::Disk;
use crate::fault::OpenError;
use crate::layout::Layout;
use crate::wal::segment::Segment;

/// Writes the note and cuts off this many bytes after the last frame. Returns how many bytes must be recorded as torn.
pub(super) fn note_and_cut(
    disk: &Disk,
    layout: &Layout,
    segment: &Segment,
    found: u64,
) -> Result<u64, OpenError> {
    let torn = bytes_to_record(layout, found)?;
    if found > 0 {
        let note = layout.torn();
        disk.replace(&note, format!("{found}\n").as_bytes()).map_err(OpenError::at(&note))?;
        let path = segment.path();
        tracing::warn!(path = %path.display(), at = segment.offset(), bytes = found, "an unfinished frame was cut off");
        segment.cut_tail(found).map_err(OpenError::at(path))?;
    }
    Ok(torn)
}

/// How many bytes must be recorded as torn: those found now, or those that an earlier start cut and did not record.
pub(super) fn bytes_to_record(layout: &Layout, found: u64) -> Result<u64, OpenError> {
    let path = layout.torn();
    match fs::read_to_string(&path) {
        _ if found > 0 => Ok(found),
        Ok(text) => text
            .trim_end()
            .parse()
            .map_err(|_| OpenError::corrupt(&path, "the file does not contain a number")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(OpenError::Io(path, error)),
    }
}

/// Removes the note, once the start that records it is durable.
pub(super) fn remove_note(disk: &Disk, layout: &Layout) -> Result<(), OpenError> {
    let path = layout.torn();
    if !path.exists() {
        return Ok(());
    }
    // If the file came back after a crash, a later start would record a cut that it did not make.
    disk.remove(&path).and_then(|()| disk.sync_dir(layout.root())).map_err(OpenError::at(&path))
}
