//! One frame of the write-ahead log: the entries of one group commit, with the log, the position, and the roots before
//! and after it.
//!
//! ```text
//! magic       8   FF 'P' 'C' 'W' 'A' 'L' '1' FF
//! length      4   of the whole frame, magic and CRC included
//! count       4   of the entries
//! log id     16   the random half of the origin
//! segment     8   the number of the file that contains it
//! first       8   the index of its first entry
//! new size    8
//! old root   32
//! new root   32
//! entries         for each entry two bytes of length and its bytes, as in an entry bundle
//! CRC-32      4   of everything before it
//! ```
//!
//! Numbers are big-endian. The magic has bytes that never occur in UTF-8, so no entry can look like a frame. Because of
//! the log id and the segment number, a copied or reused file is not mistaken for a file of this log.

use std::fmt;

use crate::merkle::Hash;

pub(crate) const MAGIC: [u8; 8] = *b"\xffPCWAL1\xff";

/// The bytes before the entries.
pub(crate) const HEADER_BYTES: usize = 120;

/// The bytes of the CRC after the entries.
pub(crate) const CRC_BYTES: usize = 4;

/// The most bytes of entries in a frame.
pub(crate) const PAYLOAD_AT_MOST: usize = 1024 * 1024;

/// The most bytes of a frame.
pub(crate) const FRAME_AT_MOST: usize = HEADER_BYTES + PAYLOAD_AT_MOST + CRC_BYTES;

/// The most entries in a frame.
pub(crate) const ENTRIES_AT_MOST: usize = 1024;

/// The header of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) count: u32,
    pub(crate) log: [u8; 16],
    pub(crate) segment: u64,
    pub(crate) first: u64,
    pub(crate) new_size: u64,
    pub(crate) old_root: Hash,
    pub(crate) new_root: Hash,
}

/// Encodes a frame. The entries are already in bundle form.
pub(crate) fn encode(header: &FrameHeader, entries: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let length = HEADER_BYTES.saturating_add(entries.len()).saturating_add(CRC_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&header.count.to_be_bytes());
    out.extend_from_slice(&header.log);
    out.extend_from_slice(&header.segment.to_be_bytes());
    out.extend_from_slice(&header.first.to_be_bytes());
    out.extend_from_slice(&header.new_size.to_be_bytes());
    out.extend_from_slice(&header.old_root);
    out.extend_from_slice(&header.new_root);
    out.extend_from_slice(entries);
    let crc = crc32fast::hash(out);
    out.extend_from_slice(&crc.to_be_bytes());
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// They do not begin with the magic.
    Magic,
    /// The length is impossible, or goes beyond the segment.
    Length,
    /// The checksum is wrong.
    Crc,
    /// The frame belongs to another log or another segment.
    Foreign,
    /// The entries do not fill the frame, or their number is not `count`.
    Entries,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Magic => "it does not begin with the magic bytes",
            Self::Length => "its length is not valid",
            Self::Crc => "its checksum is wrong",
            Self::Foreign => "it belongs to another log or segment",
            Self::Entries => "its entries do not match its header",
        })
    }
}

/// The length in the header of a frame.
pub(crate) fn length(header: &[u8]) -> Result<usize, Broken> {
    let (magic, rest) = header.split_first_chunk::<8>().ok_or(Broken::Length)?;
    if *magic != MAGIC {
        return Err(Broken::Magic);
    }
    let (length, _) = rest.split_first_chunk::<4>().ok_or(Broken::Length)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Broken::Length)?;
    if (HEADER_BYTES.saturating_add(CRC_BYTES)..=FRAME_AT_MOST).contains(&length) {
        Ok(length)
    } else {
        Err(Broken::Length)
    }
}

/// Reads a whole frame of this log and segment: its header, and its entries in bundle form.
pub(crate) fn decode<'a>(
    frame: &'a [u8],
    log: &[u8; 16],
    segment: u64,
) -> Result<(FrameHeader, &'a [u8]), Broken> {
    if length(frame)? != frame.len() {
        return Err(Broken::Length);
    }
    let (body, crc) = frame.split_last_chunk::<CRC_BYTES>().ok_or(Broken::Length)?;
    if crc32fast::hash(body) != u32::from_be_bytes(*crc) {
        return Err(Broken::Crc);
    }
    let (header, entries) = parse_header(body).ok_or(Broken::Length)?;
    if header.log != *log || header.segment != segment {
        return Err(Broken::Foreign);
    }
    let counted = Entries(entries).try_fold(0_u64, |n, entry| entry.map(|_| n.saturating_add(1)));
    let grown = header.new_size.checked_sub(header.first);
    if counted != Some(u64::from(header.count)) || grown != counted || header.count == 0 {
        return Err(Broken::Entries);
    }
    Ok((header, entries))
}

fn parse_header(body: &[u8]) -> Option<(FrameHeader, &[u8])> {
    let (_, rest) = body.split_first_chunk::<12>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (log, rest) = rest.split_first_chunk::<16>()?;
    let (segment, rest) = rest.split_first_chunk::<8>()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (new_size, rest) = rest.split_first_chunk::<8>()?;
    let (old_root, rest) = rest.split_first_chunk::<32>()?;
    let (new_root, rest) = rest.split_first_chunk::<32>()?;
    let header = FrameHeader {
        count: u32::from_be_bytes(*count),
        log: *log,
        segment: u64::from_be_bytes(*segment),
        first: u64::from_be_bytes(*first),
        new_size: u64::from_be_bytes(*new_size),
        old_root: *old_root,
        new_root: *new_root,
    };
    Some((header, rest))
}

/// Appends one entry in bundle form.
pub(crate) fn push_entry(entries: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = entries.len();
    entries.extend_from_slice(&[0, 0]);
    write(entries);
    let length = entries.len().saturating_sub(at).saturating_sub(2);
    // An entry has at most 65,535 bytes: a longer one was refused when it was submitted.
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    for (to, from) in entries.iter_mut().skip(at).zip(length) {
        *to = from;
    }
}

/// The entries of a bundle or frame. The last item is `None` if the last entry is cut short.
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self
            .0
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        self.0 = entry.map_or(&[], |(_, rest)| rest);
        Some(entry.map(|(entry, _)| entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_back_and_every_flipped_bit_and_every_cut_is_an_error() {
        let mut entries = Vec::new();
        push_entry(&mut entries, |out| out.extend_from_slice(b"one"));
        push_entry(&mut entries, |out| out.extend_from_slice(b""));
        let header = FrameHeader {
            count: 2,
            log: [1; 16],
            segment: 3,
            first: 5,
            new_size: 7,
            old_root: [8; 32],
            new_root: [9; 32],
        };
        let mut frame = Vec::new();
        encode(&header, &entries, &mut frame);
        assert_eq!(decode(&frame, &[1; 16], 3), Ok((header, entries.as_slice())));
        assert_eq!(Entries(&entries).collect::<Vec<_>>(), vec![Some(b"one".as_slice()), Some(b"")]);
        assert_eq!(decode(&frame, &[2; 16], 3), Err(Broken::Foreign));
        assert_eq!(decode(&frame, &[1; 16], 4), Err(Broken::Foreign));
        for at in 0..frame.len() {
            assert!(decode(&frame[..at], &[1; 16], 3).is_err());
            for bit in 0..8 {
                let mut changed = frame.clone();
                changed[at] ^= 1 << bit;
                assert!(decode(&changed, &[1; 16], 3).is_err(), "byte {at} bit {bit}");
            }
        }
    }
}
