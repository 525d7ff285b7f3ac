//! Where a ledger's archives are: one absolute path a line, in a file beside the log. So readers find archived
//! entries by themselves. The paths are a hint and are not trusted: every entry that is read is checked against its
//! hash.

use std::io;
use std::path::{Path, PathBuf};

use crate::durable::Disk;
use crate::fault::ReadError;
use crate::layout::Layout;

/// The archives to which entries of this ledger were moved, the oldest first.
pub(crate) fn read(layout: &Layout) -> Result<Vec<PathBuf>, ReadError> {
    match std::fs::read_to_string(layout.archives()) {
        Ok(text) => Ok(text.lines().map(PathBuf::from).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(ReadError::Io(layout.archives(), error)),
    }
}

/// Notes an archive, durably, unless it is noted already. Its directory must exist.
pub(crate) fn note(disk: &Disk, layout: &Layout, archive: &Path) -> Result<(), ReadError> {
    let failed = |error| ReadError::Io(archive.to_owned(), error);
    let place = std::fs::canonicalize(archive).map_err(failed)?;
    let mut places = read(layout)?;
    if places.contains(&place) {
        return Ok(());
    }
    places.push(place);
    let line = |place: &PathBuf| {
        let text = place.to_str().filter(|text| !text.contains('\n'));
        text.map(|text| format!("{text}\n")).ok_or_else(|| {
            failed(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path of an archive must be UTF-8 in one line",
            ))
        })
    };
    let text: String = places.iter().map(line).collect::<Result<_, _>>()?;
    disk.replace(&layout.archives(), text.as_bytes()).map_err(|error| ReadError::Io(layout.archives(), error))
}
