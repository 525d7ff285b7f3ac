//! Reads every document in a folder and its folders, up to the bounds of a bundle. It does not know what a document means.

use policy::Files;

use super::bounds;
use super::folder::{FileRefusal, Folder};

/// A path below the folder, `.` for the folder itself, and why it was not read.
pub(super) type Unread = (String, FileRefusal);

/// Reads the documents, or lists everything that cannot be read. Names that `is_skipped` are not opened.
pub(super) fn gather(folder: &Folder, is_skipped: fn(&str) -> bool) -> Result<Files, Vec<Unread>> {
    let mut gathering = Gathering {
        files: Files::new(),
        unread: Vec::new(),
        names_left: bounds::FILES,
        bytes_left: bounds::CONTENT_BYTES,
        is_skipped,
    };
    match gathering.gather(folder, "", bounds::DEPTH) {
        Ok(()) if gathering.unread.is_empty() => Ok(gathering.files),
        Ok(()) => Err(gathering.unread),
        // There is so much that a longer list would not help.
        Err(TooMuch(unread)) => Err(vec![unread]),
    }
}

/// What was read so far, and how much more may be read.
struct Gathering {
    files: Files,
    unread: Vec<Unread>,
    names_left: usize,
    bytes_left: usize,
    is_skipped: fn(&str) -> bool,
}

/// A bound for all files together was reached, and reading ended.
struct TooMuch(Unread);

impl Gathering {
    fn gather(&mut self, folder: &Folder, prefix: &str, depth: usize) -> Result<(), TooMuch> {
        let shown = || if prefix.is_empty() { ".".to_owned() } else { prefix.to_owned() };
        let names = match folder.names() {
            Ok(names) => names,
            Err(error) => {
                self.unread.push((shown(), error.into()));
                return Ok(());
            }
        };
        for entry in names {
            let left = self.names_left.checked_sub(1);
            self.names_left = left.ok_or_else(|| TooMuch((shown(), FileRefusal::TooMany)))?;
            let (name, is_folder) = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.unread.push((shown(), error.into()));
                    return Ok(());
                }
            };
            let Some(name) = name.to_str() else {
                self.unread.push((shown(), FileRefusal::NameNotUtf8));
                continue;
            };
            if (self.is_skipped)(name) {
                continue;
            }
            let path = format!("{prefix}{name}");
            if is_folder {
                let depth = depth.checked_sub(1).ok_or_else(|| TooMuch((shown(), FileRefusal::TooDeep)))?;
                match folder.folder(name) {
                    Ok(inner) => self.gather(&inner, &format!("{path}/"), depth)?,
                    Err(refusal) => self.unread.push((path, refusal)),
                }
            } else {
                match folder.read(name, bounds::FILE_BYTES) {
                    Ok(bytes) => self.take(path, bytes)?,
                    Err(refusal) => self.unread.push((path, refusal)),
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, path: String, bytes: Vec<u8>) -> Result<(), TooMuch> {
        match self.bytes_left.checked_sub(bytes.len()) {
            Some(left) => self.bytes_left = left,
            None => return Err(TooMuch((path, FileRefusal::TooMuchTogether))),
        }
        self.files.insert(path, bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_names_than_a_bundle_may_have_are_not_read() {
        let directory = tempfile::tempdir().unwrap();
        for n in 0..5 {
            ledger::durable::write_new(&directory.path().join(format!("{n}.yaml")), b"x", 0o644).unwrap();
        }
        let folder = Folder::open(directory.path()).unwrap();
        let with_space_for = |names_left| {
            let mut gathering = Gathering {
                files: Files::new(),
                unread: Vec::new(),
                names_left,
                bytes_left: 100,
                is_skipped: |_| false,
            };
            let ended = gathering.gather(&folder, "", 1);
            (gathering.files.len(), ended.map_err(|TooMuch((file, refusal))| format!("{file}: {refusal}")))
        };
        assert_eq!(with_space_for(5), (5, Ok(())));
        assert_eq!(with_space_for(3), (3, Err(".: more than 100000 files are there".to_owned())));
    }
}
