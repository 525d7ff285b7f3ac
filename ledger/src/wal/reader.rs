//! Reads the write-ahead log at a start: every whole frame in order, then the bytes after the last one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::frame::{self, Broken, Entries, FRAME_AT_MOST, FrameHeader, MAGIC};
use crate::fault::OpenError;
use crate::layout::Layout;
use crate::merkle::{Edge, Hash, leaf_hash};

/// Consecutive entries in bundle form, with their leaf hashes.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) first: u64,
    pub(crate) entries: Vec<u8>,
    pub(crate) leaves: Vec<Hash>,
}

/// Where the write-ahead log ends.
#[derive(Debug)]
pub(crate) struct End {
    /// The segment in which the next frame is written.
    pub(crate) segment: u64,
    /// The offset of the next frame in it.
    pub(crate) at: u64,
    /// How many bytes after that offset are the rest of one unfinished frame.
    pub(crate) torn: u64,
    /// Later segments that are created and not used yet.
    pub(crate) spare: Vec<u64>,
    /// Whether there is a reserve.
    pub(crate) reserve: bool,
    pub(crate) edge: Edge,
    /// Each segment, with the log's size at its end.
    pub(crate) segments: Vec<(u64, u64)>,
}

/// The numbers of the existing segments, in order.
pub(crate) fn segments(layout: &Layout) -> Result<Vec<u64>, OpenError> {
    let wal = layout.wal();
    let mut numbers: Vec<u64> = Vec::new();
    for entry in std::fs::read_dir(&wal).map_err(OpenError::at(&wal))? {
        let name = entry.map_err(OpenError::at(&wal))?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_suffix(".wal"))
            .and_then(|digits| digits.parse::<u64>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    if let Some(gap) = numbers.windows(2).find_map(|pair| match pair {
        [a, b] if a.checked_add(1) != Some(*b) => a.checked_add(1),
        _ => None,
    }) {
        return Err(OpenError::corrupt(
            &layout.segment(gap),
            "this segment of the write-ahead log is missing",
        ));
    }
    Ok(numbers)
}

/// Whether there is a reserve. Nothing was ever written to it, so it must have only zeros.
fn has_whole_reserve(layout: &Layout) -> Result<bool, OpenError> {
    let path = layout.reserve();
    if !path.exists() {
        return Ok(false);
    }
    match Window::open(&path)?.last_byte(0)? {
        None => Ok(true),
        Some(at) => Err(OpenError::corrupt(&path, format!("byte {at} of the reserved segment is not zero"))),
    }
}

/// Reads all frames. `edge_at` gives the tree before the first frame; `each` gets every frame and the tree after it.
pub(crate) fn replay(
    layout: &Layout,
    log: &[u8; 16],
    edge_at: impl FnOnce(u64) -> Result<Edge, OpenError>,
    mut each: impl FnMut(Batch, &Edge) -> Result<(), OpenError>,
) -> Result<Option<End>, OpenError> {
    let numbers = segments(layout)?;
    let mut edge_at = Some(edge_at);
    let mut edge: Option<Edge> = None;
    let mut end: Option<(u64, u64, u64)> = None;
    let mut spare = Vec::new();
    let mut ends = Vec::new();
    for number in numbers {
        let path = layout.segment(number);
        let mut reader = SegmentReader::open(&path, *log, number)?;
        let mut used = false;
        loop {
            match reader.next()? {
                Next::Frame(end_of_frame, header, entries) => {
                    if let Some((_, _, torn @ 1..)) = end {
                        let what = format!(
                            "the segment before this one ends with {torn} bytes of a broken frame, but this segment begins with a valid frame"
                        );
                        return Err(OpenError::corrupt(&path, what));
                    }
                    let before = match (edge.take(), edge_at.take()) {
                        (Some(edge), _) => edge,
                        (None, Some(edge_at)) => edge_at(header.first)?,
                        (None, None) => Edge::default(),
                    };
                    let (batch, after) = check_frame(&path, end_of_frame, &header, entries, before)?;
                    used = true;
                    each(batch, &after)?;
                    edge = Some(after);
                }
                Next::Zeros => break,
                Next::Torn(_) if end.is_some_and(|(_, _, torn)| torn > 0) => {
                    return Err(OpenError::corrupt(
                        &path,
                        "bytes that are not a frame follow a broken frame",
                    ));
                }
                Next::Torn(bytes) => {
                    end = Some((number, reader.at, bytes));
                    used = true;
                    break;
                }
            }
        }
        if used {
            let torn = end.filter(|(segment, ..)| *segment == number).map_or(0, |(_, _, torn)| torn);
            end = Some((number, reader.at, torn));
            spare.clear();
            ends.push((number, edge.as_ref().map_or(0, Edge::size)));
        } else if end.is_none() {
            end = Some((number, 0, 0));
        } else {
            spare.push(number);
        }
    }
    let (Some((segment, at, torn)), Some(edge)) = (end, edge) else { return Ok(None) };
    let reserve = has_whole_reserve(layout)?;
    Ok(Some(End { segment, at, torn, spare, reserve, edge, segments: ends }))
}

/// Checks that a frame continues the tree, and that its entries lead to the root in its header.
fn check_frame(
    path: &Path,
    end: u64,
    header: &FrameHeader,
    entries: &[u8],
    mut edge: Edge,
) -> Result<(Batch, Edge), OpenError> {
    let before = (edge.size(), edge.root());
    if (header.first, header.old_root) != before {
        let what =
            format!("the frame that ends at byte {end} does not continue the log at size {}", before.0);
        return Err(OpenError::corrupt(path, what));
    }
    let leaves: Vec<Hash> = Entries(entries).flatten().map(leaf_hash).collect();
    for leaf in &leaves {
        edge.append(*leaf);
    }
    if (header.new_size, header.new_root) != (edge.size(), edge.root()) {
        let what =
            format!("the entries of the frame that ends at byte {end} do not lead to the root in its header");
        return Err(OpenError::corrupt(path, what));
    }
    Ok((Batch { first: header.first, entries: entries.to_vec(), leaves }, edge))
}

/// What was found at an offset in a segment.
enum Next<'a> {
    /// A whole frame, and where it ends.
    Frame(u64, FrameHeader, &'a [u8]),
    /// Only zeros, up to the end of the file.
    Zeros,
    /// This many bytes of one unfinished frame, and zeros after them.
    Torn(u64),
}

struct SegmentReader {
    window: Window,
    log: [u8; 16],
    number: u64,
    at: u64,
}

impl SegmentReader {
    fn open(path: &Path, log: [u8; 16], number: u64) -> Result<Self, OpenError> {
        Ok(Self { window: Window::open(path)?, log, number, at: 0 })
    }

    fn next(&mut self) -> Result<Next<'_>, OpenError> {
        let (at, log, number) = (self.at, self.log, self.number);
        match self.window.frame_at(at, &log, number)? {
            Ok(length) => {
                self.at = at.saturating_add(length);
                let bytes = self.window.bytes(at, length)?;
                // It was already decoded above. It is decoded again because only this borrow can be returned.
                match frame::decode(bytes, &log, number) {
                    Ok((header, entries)) => Ok(Next::Frame(self.at, header, entries)),
                    Err(_) => Ok(Next::Torn(length)),
                }
            }
            Err(why) => self.after_last_frame(why),
        }
    }

    /// Only zeros: the end. The rest of one unfinished frame: a torn tail. Anything else: corruption.
    fn after_last_frame(&mut self, why: Broken) -> Result<Next<'_>, OpenError> {
        let Some(last) = self.window.last_byte(self.at)? else { return Ok(Next::Zeros) };
        let bytes = last.saturating_sub(self.at).saturating_add(1);
        if usize::try_from(bytes).is_ok_and(|bytes| bytes <= FRAME_AT_MOST) {
            return match self.window.frame_within(self.at, last, &self.log, self.number)? {
                None => Ok(Next::Torn(bytes)),
                Some(whole) => {
                    Err(self.corrupt(why, &format!(", but a valid frame follows it at byte {whole}")))
                }
            };
        }
        let after =
            format!(". {bytes} bytes begin there, which is more than one unfinished frame can contain");
        Err(self.corrupt(why, &after))
    }

    fn corrupt(&self, why: Broken, after: &str) -> OpenError {
        let what = format!("there is a broken frame at byte {} ({why}){after}", self.at);
        OpenError::corrupt(&self.window.path, what)
    }
}

/// A part of a file in memory, so that a segment is read with few system calls and never as a whole.
struct Window {
    file: File,
    path: std::path::PathBuf,
    length: u64,
    start: u64,
    held: Vec<u8>,
}

impl Window {
    fn open(path: &Path) -> Result<Self, OpenError> {
        let file = File::open(path).map_err(OpenError::at(path))?;
        let length = file.metadata().map_err(OpenError::at(path))?.len();
        Ok(Self { file, path: path.to_owned(), length, start: 0, held: Vec::new() })
    }

    /// Up to `want` bytes at an offset; fewer only at the end of the file.
    fn bytes(&mut self, at: u64, want: u64) -> Result<&[u8], OpenError> {
        let want = want.min(self.length.saturating_sub(at));
        let held = u64::try_from(self.held.len()).unwrap_or(0);
        let inside = at >= self.start && at.saturating_add(want) <= self.start.saturating_add(held);
        if !inside {
            let most = u64::try_from(FRAME_AT_MOST).unwrap_or(u64::MAX).min(self.length.saturating_sub(at));
            self.held.resize(usize::try_from(most).unwrap_or(0), 0);
            self.file.read_exact_at(&mut self.held, at).map_err(OpenError::at(&self.path))?;
            self.start = at;
        }
        let from = usize::try_from(at.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let to = from.saturating_add(usize::try_from(want).unwrap_or(0));
        self.held.get(from..to).ok_or_else(|| {
            OpenError::Io(
                self.path.clone(),
                io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"),
            )
        })
    }

    /// The length of the whole frame at this offset.
    fn frame_at(&mut self, at: u64, log: &[u8; 16], number: u64) -> Result<Result<u64, Broken>, OpenError> {
        let length = match frame::length(self.bytes(at, 12)?) {
            Ok(length) => u64::try_from(length).unwrap_or(u64::MAX),
            Err(why) => return Ok(Err(why)),
        };
        Ok(frame::decode(self.bytes(at, length)?, log, number).map(|_| length))
    }

    /// The offset of the last byte from `at` on that is not zero.
    fn last_byte(&mut self, at: u64) -> Result<Option<u64>, OpenError> {
        let (mut from, mut last) = (at, None);
        while from < self.length {
            let piece = self.bytes(from, 512 * 1024)?;
            let found = last_that_is_not_zero(piece).and_then(|place| u64::try_from(place).ok());
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            last = found.map(|place| from.saturating_add(place)).or(last);
            from = from.saturating_add(length);
        }
        Ok(last)
    }

    /// The offset of a whole frame after a broken frame.
    fn frame_within(
        &mut self,
        at: u64,
        last: u64,
        log: &[u8; 16],
        number: u64,
    ) -> Result<Option<u64>, OpenError> {
        let span = last.saturating_sub(at).saturating_add(1);
        let bytes = self.bytes(at, span)?.to_vec();
        for (place, _) in
            bytes.windows(MAGIC.len()).enumerate().skip(1).filter(|(_, window)| *window == MAGIC)
        {
            let place = at.saturating_add(u64::try_from(place).unwrap_or(0));
            if self.frame_at(place, log, number)?.is_ok() {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

/// Nearly all of a segment is zeros, so whole blocks are compared first.
fn last_that_is_not_zero(piece: &[u8]) -> Option<usize> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let is_zero = |block: &[u8]| ZEROS.get(..block.len()).is_some_and(|zeros| zeros == block);
    let block = piece.chunks(ZEROS.len()).rposition(|block| !is_zero(block))?;
    let from = block.checked_mul(ZEROS.len())?;
    let place = piece.chunks(ZEROS.len()).nth(block)?.iter().rposition(|byte| *byte != 0)?;
    from.checked_add(place)
}
