//! One frame: the entries of one group commit, tied to its log, its place and the tree before and after it.
//!
//! ```text
//! magic       8   FF 'P' 'C' 'W' 'A' 'L' '1' FF
//! length      4   of the whole frame, magic and CRC included
//! count       4   of the entries
//! log id     16   the random half of the origin
//! segment     8   the number of the file it stands in
//! first       8   index of its first entry
//! new size    8
//! old root   32
//! new root   32
//! entries         each two bytes of length and its bytes, as in an entry bundle
//! CRC-32      4   over all before it
//! ```
//!
//! Numbers are big-endian. The magic holds bytes that no UTF-8 has, so that no entry can look like a frame; log id and
//! segment number keep a copied or recycled file from being taken for this log's.

use crate::merkle::Hash;

pub(crate) const MAGIC: [u8; 8] = *b"\xffPCWAL1\xff";

/// Everything before the entries.
pub(crate) const HEAD: usize = 120;

/// The CRC.
pub(crate) const TAIL: usize = 4;

/// The most bytes of entries that a frame holds.
pub(crate) const PAYLOAD_AT_MOST: usize = 1024 * 1024;

/// The most bytes that a frame has.
pub(crate) const FRAME_AT_MOST: usize = HEAD + PAYLOAD_AT_MOST + TAIL;

/// The most entries that a frame holds.
pub(crate) const ENTRIES_AT_MOST: usize = 1024;

/// What a frame says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) count: u32,
    pub(crate) log: [u8; 16],
    pub(crate) segment: u64,
    pub(crate) first: u64,
    pub(crate) new_size: u64,
    pub(crate) old_root: Hash,
    pub(crate) new_root: Hash,
}

/// Lays a frame around entries that are already in their bundle form.
pub(crate) fn encode(head: &Head, entries: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let length = HEAD.saturating_add(entries.len()).saturating_add(TAIL);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&head.count.to_be_bytes());
    out.extend_from_slice(&head.log);
    out.extend_from_slice(&head.segment.to_be_bytes());
    out.extend_from_slice(&head.first.to_be_bytes());
    out.extend_from_slice(&head.new_size.to_be_bytes());
    out.extend_from_slice(&head.old_root);
    out.extend_from_slice(&head.new_root);
    out.extend_from_slice(entries);
    let crc = crc32fast::hash(out);
    out.extend_from_slice(&crc.to_be_bytes());
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// They do not begin like one.
    Magic,
    /// Its length is impossible, or reaches beyond its segment.
    Length,
    /// Its checksum does not hold.
    Crc,
    /// It is of another log or another segment.
    Foreign,
    /// Its entries do not fill it, or are not as many as it says.
    Entries,
}

/// The length that a frame claims.
pub(crate) fn length(head: &[u8]) -> Result<usize, Broken> {
    let (magic, rest) = head.split_first_chunk::<8>().ok_or(Broken::Length)?;
    if *magic != MAGIC {
        return Err(Broken::Magic);
    }
    let (length, _) = rest.split_first_chunk::<4>().ok_or(Broken::Length)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Broken::Length)?;
    if (HEAD.saturating_add(TAIL)..=FRAME_AT_MOST).contains(&length) {
        Ok(length)
    } else {
        Err(Broken::Length)
    }
}

/// Reads a whole frame of this log and segment: its head and its entries in bundle form.
pub(crate) fn decode<'a>(frame: &'a [u8], log: &[u8; 16], segment: u64) -> Result<(Head, &'a [u8]), Broken> {
    if length(frame)? != frame.len() {
        return Err(Broken::Length);
    }
    let (body, crc) = frame.split_last_chunk::<TAIL>().ok_or(Broken::Length)?;
    if crc32fast::hash(body) != u32::from_be_bytes(*crc) {
        return Err(Broken::Crc);
    }
    let (head, entries) = head(body).ok_or(Broken::Length)?;
    if head.log != *log || head.segment != segment {
        return Err(Broken::Foreign);
    }
    let counted = Entries(entries).try_fold(0_u64, |n, entry| entry.map(|_| n.saturating_add(1)));
    let grown = head.new_size.checked_sub(head.first);
    if counted != Some(u64::from(head.count)) || grown != counted || head.count == 0 {
        return Err(Broken::Entries);
    }
    Ok((head, entries))
}

fn head(body: &[u8]) -> Option<(Head, &[u8])> {
    let (_, rest) = body.split_first_chunk::<12>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (log, rest) = rest.split_first_chunk::<16>()?;
    let (segment, rest) = rest.split_first_chunk::<8>()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (new_size, rest) = rest.split_first_chunk::<8>()?;
    let (old_root, rest) = rest.split_first_chunk::<32>()?;
    let (new_root, rest) = rest.split_first_chunk::<32>()?;
    let head = Head {
        count: u32::from_be_bytes(*count),
        log: *log,
        segment: u64::from_be_bytes(*segment),
        first: u64::from_be_bytes(*first),
        new_size: u64::from_be_bytes(*new_size),
        old_root: *old_root,
        new_root: *new_root,
    };
    Some((head, rest))
}

/// Appends one entry in bundle form.
pub(crate) fn push_entry(entries: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = entries.len();
    entries.extend_from_slice(&[0, 0]);
    write(entries);
    let length = entries.len().saturating_sub(at).saturating_sub(2);
    // Drafts are at most 65,535 bytes long: a longer one was refused when it was handed in.
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    for (to, from) in entries.iter_mut().skip(at).zip(length) {
        *to = from;
    }
}

/// The entries of a bundle or frame; `None` for one that is cut short, after which there are no more.
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
    fn a_frame_reads_back_and_no_flipped_bit_or_cut_does() {
        let mut entries = Vec::new();
        push_entry(&mut entries, |out| out.extend_from_slice(b"one"));
        push_entry(&mut entries, |out| out.extend_from_slice(b""));
        let head = Head {
            count: 2,
            log: [1; 16],
            segment: 3,
            first: 5,
            new_size: 7,
            old_root: [8; 32],
            new_root: [9; 32],
        };
        let mut frame = Vec::new();
        encode(&head, &entries, &mut frame);
        assert_eq!(decode(&frame, &[1; 16], 3), Ok((head, entries.as_slice())));
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
