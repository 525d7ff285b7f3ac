//! The root contexts of a proxy that hold governance by the same pins, in one value of shared memory: who they are, how far each
//! is, and which of them fetches. A member shows that it lives by counting its ticks.

/// All members. Everybody changes it by compare-and-swap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Roster {
    /// Names this run of the proxy to the server.
    pub(super) instance: u64,
    /// The queue of the member that fetches.
    pub(super) fetcher: u32,
    pub(super) members: Vec<Entry>,
}

/// One member, as it describes itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The queue that wakes it. No two members have the same, so it names the member.
    pub(super) queue: u32,
    /// Rises with each of its ticks.
    pub(super) beats: u32,
    /// It could not follow what is shared, and needs all of it.
    pub(super) is_lost: bool,
    /// What its statement says of these.
    pub(super) seq: u64,
    pub(super) judged: u64,
}

/// Two for each thread of a proxy, and those that were configured before. In a longer list nobody could be found.
const MEMBERS_AT_MOST: usize = 1024;

const HEAD_BYTES: usize = 12;
const ENTRY_BYTES: usize = 25;

impl Roster {
    /// The roster of a run of the proxy that began at this time, before anybody is in it.
    pub(super) fn of_run(nanoseconds: u128) -> Self {
        // The low 64 bits are the part that changes fastest.
        let instance = u64::try_from(nanoseconds & u128::from(u64::MAX)).unwrap_or_default();
        Self { instance, ..Self::default() }
    }

    /// Reads a roster. Anything else counts as none, and is overwritten.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, entries) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
        let roster = Self {
            instance: u64::from_be_bytes(part(head, 0)?),
            fetcher: u32::from_be_bytes(part(head, 8)?),
            members: entries.iter().map(Entry::decode).collect::<Option<_>>()?,
        };
        (rest.is_empty() && entries.len() <= MEMBERS_AT_MOST).then_some(roster)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.instance.to_be_bytes().to_vec();
        bytes.extend(self.fetcher.to_be_bytes());
        for entry in &self.members {
            bytes.extend(entry.queue.to_be_bytes());
            bytes.extend(entry.beats.to_be_bytes());
            bytes.push(u8::from(entry.is_lost));
            bytes.extend(entry.seq.to_be_bytes());
            bytes.extend(entry.judged.to_be_bytes());
        }
        bytes
    }

    pub(super) fn entry(&self, queue: u32) -> Option<&Entry> {
        self.members.iter().find(|entry| entry.queue == queue)
    }

    /// Writes what a member says of itself.
    pub(super) fn note(&mut self, entry: Entry) {
        let is_full = self.is_full();
        match self.members.iter_mut().find(|other| other.queue == entry.queue) {
            Some(own) => *own = entry,
            None if is_full => {}
            None => self.members.push(entry),
        }
    }

    /// Then somebody may be missing.
    fn is_full(&self) -> bool {
        self.members.len() >= MEMBERS_AT_MOST
    }

    /// How far all of them are: the lowest of each, and nothing if somebody may be missing.
    pub(super) fn all_have(&self) -> (u64, u64) {
        if self.is_full() {
            return (0, 0);
        }
        let lowest = |of: fn(&Entry) -> u64| self.members.iter().map(of).min().unwrap_or_default();
        (lowest(|entry| entry.seq), lowest(|entry| entry.judged))
    }
}

impl Entry {
    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        Some(Self {
            queue: u32::from_be_bytes(part(bytes, 0)?),
            beats: u32::from_be_bytes(part(bytes, 4)?),
            is_lost: part::<1>(bytes, 8)? != [0],
            seq: u64::from_be_bytes(part(bytes, 9)?),
            judged: u64::from_be_bytes(part(bytes, 17)?),
        })
    }
}

fn part<const N: usize>(bytes: &[u8], begin: usize) -> Option<[u8; N]> {
    bytes.get(begin..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_is_read_as_it_was_written_and_nothing_else_is() {
        let entry = Entry { queue: 4, beats: 5, is_lost: true, seq: 1 << 40, judged: 7 };
        let roster = Roster { instance: u64::MAX, fetcher: 4, members: vec![entry, Entry::default()] };
        let bytes = roster.encode();
        assert_eq!(Roster::decode(&bytes), Some(roster));
        for cut in 1..ENTRY_BYTES {
            assert_eq!(Roster::decode(&bytes[..bytes.len() - cut]), None, "{cut} bytes less");
        }
        assert_eq!(Roster::decode(b"PSTM1"), None);
    }

    #[test]
    fn all_have_what_the_slowest_has() {
        let entry = |queue, seq, judged| Entry { queue, seq, judged, ..Entry::default() };
        let roster = Roster { members: vec![entry(1, 9, 4), entry(2, 6, 5)], ..Roster::default() };
        assert_eq!(roster.all_have(), (6, 4));
        assert_eq!(Roster::default().all_have(), (0, 0));
        let mut full = Roster::default();
        (1..).take(MEMBERS_AT_MOST).for_each(|queue| full.note(entry(queue, 9, 9)));
        full.note(entry(5000, 9, 9));
        full.note(entry(7, 10, 10));
        assert_eq!(full.entry(7).map(|entry| entry.seq), Some(10), "who is in it goes on");
        assert_eq!((full.members.len(), full.all_have()), (MEMBERS_AT_MOST, (0, 0)));
        assert!(Roster::decode(&full.encode()).is_some());
    }
}
