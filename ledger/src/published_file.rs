//! The names of the files of a published log, as C2SP tlog-tiles spells them, and how each may be served.

use crate::layout::TILE_WIDTH;

/// One file of a published log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PublishedFile {
    /// The signed tree head.
    Checkpoint,
    /// A tile: 256 hashes of one level, or fewer if it is a partial tile that a checkpoint needed.
    Hashes {
        /// 0 for the leaves.
        level: u8,
        /// The number of the tile in its level.
        index: u64,
        /// How many hashes, 1 to 256.
        width: u16,
    },
    /// An entry bundle: 256 entries, or fewer if it is a partial bundle that a checkpoint needed.
    Entries {
        /// The number of the bundle.
        index: u64,
        /// How many entries, 1 to 256.
        width: u16,
    },
}

/// How long a client may keep the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// Not at all: the bytes under this name change.
    None,
    /// Without limit: the bytes under this name never change.
    Immutable,
}

impl Caching {
    /// The value of `Cache-Control`.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::None => "no-cache",
            Self::Immutable => "public, max-age=31536000, immutable",
        }
    }
}

/// The width of a full tile or bundle.
pub(crate) const FULL: u16 = 256;

impl PublishedFile {
    /// A tile with the width that it has in a tree of `size` leaves; `None` if it is empty.
    #[must_use]
    pub fn hashes(level: u8, index: u64, size: u64) -> Option<Self> {
        Some(Self::Hashes { level, index, width: width(level, index, size)? })
    }

    /// A bundle with the width that it has in a log of `size` entries; `None` if it is empty.
    #[must_use]
    pub fn entries(index: u64, size: u64) -> Option<Self> {
        Some(Self::Entries { index, width: width(0, index, size)? })
    }

    /// The same tile or bundle once it is full. It replaces the partial one, which may have been removed.
    #[must_use]
    pub fn full(self) -> Self {
        match self {
            Self::Checkpoint => self,
            Self::Hashes { level, index, .. } => Self::Hashes { level, index, width: FULL },
            Self::Entries { index, .. } => Self::Entries { index, width: FULL },
        }
    }

    /// The path relative to the log's directory or URL.
    #[must_use]
    pub fn path(self) -> String {
        match self {
            Self::Checkpoint => "checkpoint".to_owned(),
            Self::Hashes { level, index, width } => {
                format!("tile/{level}/{}{}", number(index), suffix(width))
            }
            Self::Entries { index, width } => format!("tile/entries/{}{}", number(index), suffix(width)),
        }
    }

    /// Reads a path; `None` if it is not exactly as [`Self::path`] writes it.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        if path == "checkpoint" {
            return Some(Self::Checkpoint);
        }
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (name, width) = match rest.rsplit_once(".p/") {
            Some((name, width)) => (name, width.parse().ok().filter(|width| (1..FULL).contains(width))?),
            None => (rest, FULL),
        };
        let mut index: u64 = 0;
        for part in name.split('/') {
            let digits = part.trim_start_matches('x');
            let value: u64 = digits.parse().ok().filter(|_| digits.len() == 3)?;
            index = index.checked_mul(1000)?.checked_add(value)?;
        }
        let file = match level {
            "entries" => Self::Entries { index, width },
            level => Self::Hashes { level: level.parse().ok().filter(|level| *level < 64)?, index, width },
        };
        (file.path() == path).then_some(file)
    }

    /// Whether this is the path of a directory in which such files lie.
    pub(crate) fn is_directory(path: &str) -> bool {
        let first = if path.ends_with(".p") { "1" } else { "000" };
        path == "tile" || Self::parse(&format!("{path}/{first}")).is_some()
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Checkpoint => "text/plain; charset=utf-8",
            Self::Hashes { .. } | Self::Entries { .. } => "application/octet-stream",
        }
    }

    /// How long a client may keep the file.
    #[must_use]
    pub fn caching(self) -> Caching {
        match self {
            Self::Checkpoint => Caching::None,
            Self::Hashes { .. } | Self::Entries { .. } => Caching::Immutable,
        }
    }

    /// Whether everybody may read it. Entries need the permission `read-log`.
    #[must_use]
    pub fn is_public(self) -> bool {
        match self {
            Self::Checkpoint | Self::Hashes { .. } => true,
            Self::Entries { .. } => false,
        }
    }
}

/// How many hashes the tile has in a tree of this size.
fn width(level: u8, index: u64, size: u64) -> Option<u16> {
    let nodes = size.checked_shr(u32::from(level).checked_mul(8)?).unwrap_or(0);
    let width = nodes.saturating_sub(index.checked_mul(TILE_WIDTH)?).min(TILE_WIDTH);
    u16::try_from(width).ok().filter(|width| *width > 0)
}

/// `1234067` is `x001/x234/067`.
fn number(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

fn suffix(width: u16) -> String {
    if width == FULL { String::new() } else { format!(".p/{width}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let entries = |index, width| PublishedFile::Entries { index, width }.path();
        assert_eq!(entries(1_234_067, 256), "tile/entries/x001/x234/067");
        assert_eq!(entries(0, 17), "tile/entries/000.p/17");
        assert_eq!(PublishedFile::Hashes { level: 2, index: 1000, width: 1 }.path(), "tile/2/x001/000.p/1");
        for path in ["checkpoint", "tile/0/000", "tile/63/x999/999.p/255", "tile/entries/x001/x234/067.p/3"] {
            assert_eq!(PublishedFile::parse(path).unwrap().path(), path);
        }
        for path in [
            "tile/64/000",
            "tile/00/000",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/1/",
            "tile/0/../checkpoint",
            "",
            "tile/0/+01",
            "/checkpoint",
            "tile/-1/000",
            "tile/entries/000.p/+1",
            "tile/0/xx01/000",
        ] {
            assert_eq!(PublishedFile::parse(path), None, "{path}");
        }
    }

    #[test]
    fn directories_are_those_in_which_files_lie() {
        for path in
            ["tile", "tile/0", "tile/entries", "tile/entries/x001", "tile/0/x001/x000", "tile/0/000.p"]
        {
            assert!(PublishedFile::is_directory(path), "{path}");
        }
        for path in
            ["", "tiles", "tile/64", "tile/0/x000", "tile/0/000", "tile/entries/old", "checkpoint", "tile/.p"]
        {
            assert!(!PublishedFile::is_directory(path), "{path}");
        }
    }

    #[test]
    fn a_tree_of_70000_has_the_tiles_of_the_specification() {
        let hashes = |level, index| PublishedFile::hashes(level, index, 70_000).map(PublishedFile::path);
        assert_eq!(hashes(0, 272).unwrap(), "tile/0/272");
        assert_eq!(hashes(0, 273).unwrap(), "tile/0/273.p/112");
        assert_eq!(hashes(0, 274), None);
        assert_eq!(hashes(1, 0).unwrap(), "tile/1/000");
        assert_eq!(hashes(1, 1).unwrap(), "tile/1/001.p/17");
        assert_eq!(hashes(2, 0).unwrap(), "tile/2/000.p/1");
        assert_eq!(hashes(3, 0), None);
        assert_eq!(hashes(63, 0), None);
        assert_eq!(PublishedFile::hashes(1, 0, 256).map(PublishedFile::path).unwrap(), "tile/1/000.p/1");
    }
}
