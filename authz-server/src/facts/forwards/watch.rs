//! What each forward depends on: the facts that its judge read, and the moment at which the first of them lapses. Most forwards
//! depend on none.

use std::collections::{BTreeSet, HashMap};

use warrant::Seconds;

use super::due::ReadKey;

#[derive(Debug, Default)]
pub(super) struct Watches {
    of: HashMap<u64, Watched>,
    by_lapse: BTreeSet<(u64, u64)>,
    by_read: BTreeSet<(ReadKey, u64)>,
}

#[derive(Debug)]
struct Watched {
    lapses: Option<u64>,
    read: Vec<ReadKey>,
}

impl Watches {
    /// Notes what the forward at this index depends on now.
    pub(super) fn set(&mut self, index: u64, lapses: Option<Seconds>, read: Vec<ReadKey>) {
        self.remove(index);
        if lapses.is_none() && read.is_empty() {
            return;
        }
        let lapses = lapses.map(Seconds::get);
        self.by_lapse.extend(lapses.map(|at| (at, index)));
        self.by_read.extend(read.iter().map(|key| (*key, index)));
        self.of.insert(index, Watched { lapses, read });
    }

    pub(super) fn remove(&mut self, index: u64) {
        let Some(Watched { lapses, read }) = self.of.remove(&index) else { return };
        if let Some(at) = lapses {
            self.by_lapse.remove(&(at, index));
        }
        for key in read {
            self.by_read.remove(&(key, index));
        }
    }

    /// When the first fact lapses.
    pub(super) fn next_lapse(&self) -> Option<Seconds> {
        self.by_lapse.first().map(|(at, _)| Seconds::new(*at))
    }

    /// The forwards of which a fact has lapsed. Each is found once, until something is noted about it again.
    pub(super) fn take_lapsed(&mut self, now: Seconds) -> Vec<u64> {
        let later = self.by_lapse.split_off(&(now.get().saturating_add(1), 0));
        let lapsed = std::mem::replace(&mut self.by_lapse, later);
        for (_, index) in &lapsed {
            if let Some(watched) = self.of.get_mut(index) {
                watched.lapses = None;
            }
        }
        lapsed.into_iter().map(|(_, index)| index).collect()
    }

    /// The forwards of which the judge read this.
    pub(super) fn that_read(&self, key: ReadKey) -> impl Iterator<Item = u64> {
        self.by_read.range((key, 0)..=(key, u64::MAX)).map(|(_, index)| *index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_is_found_by_what_it_read_and_by_when_that_lapses() {
        let mut watches = Watches::default();
        let (open, calm) = (ReadKey::condition("open"), ReadKey::condition("calm"));
        watches.set(3, Some(Seconds::new(50)), vec![open]);
        watches.set(4, Some(Seconds::new(40)), vec![open, calm]);
        watches.set(5, None, vec![]);
        assert_eq!(watches.that_read(open).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(watches.take_lapsed(Seconds::new(40)), [4]);
        assert!(watches.take_lapsed(Seconds::new(40)).is_empty());
        watches.set(4, Some(Seconds::new(60)), vec![open]);
        assert_eq!((watches.next_lapse(), watches.that_read(calm).count()), (Some(Seconds::new(50)), 0));
        [3, 4, 5].iter().for_each(|index| watches.remove(*index));
        assert!(watches.of.is_empty() && watches.by_lapse.is_empty() && watches.by_read.is_empty());
    }
}
