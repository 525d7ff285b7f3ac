//! That a tail was cut must be on record, because an acknowledged entry may have been in it. Between the cut and its
//! record there may be a crash: so it is noted beside the log first.
//!
//! `torn(bytes)` durable, tail cut, start recorded with `torn`, note removed. A crash after the note leaves it to the next
//! start, which records it; one after the record has it recorded twice, which says no less.

use std::fs;
use std::io;

use crate::durable::Disk;
use crate::fault::OpenError;
use crate::layout::Layout;

/// How many bytes are to be recorded as torn: those found now, which are noted first, or those that a start before this
/// one cut and did not come to record.
pub(super) fn noted(disk: &Disk, layout: &Layout, found: u64) -> Result<u64, OpenError> {
    let torn = known(layout, found)?;
    let path = layout.torn();
    if found > 0 {
        disk.replace(&path, format!("{found}\n").as_bytes()).map_err(OpenError::at(&path))?;
    }
    Ok(torn)
}

/// The same, without noting anything.
pub(super) fn known(layout: &Layout, found: u64) -> Result<u64, OpenError> {
    let path = layout.torn();
    match fs::read_to_string(&path) {
        _ if found > 0 => Ok(found),
        Ok(text) => text.trim_end().parse().map_err(|_| OpenError::corrupt(&path, "it holds no number")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(OpenError::Io(path, error)),
    }
}

/// The start that says so is durable.
pub(super) fn recorded(disk: &Disk, layout: &Layout) -> Result<(), OpenError> {
    let path = layout.torn();
    if !path.exists() {
        return Ok(());
    }
    // Were its name to come back, a later start would report what it never found.
    disk.remove(&path).and_then(|()| disk.sync_dir(layout.root())).map_err(OpenError::at(&path))
}
