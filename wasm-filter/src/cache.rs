//! Chains whose signatures held, so that a warrant which is used again costs a lookup. Bounded; forgets the half that
//! was not used of late. May not know time or trust: what is kept here is asked again on every use.

use std::{
    collections::HashMap,
    hash::{BuildHasher, DefaultHasher, Hasher},
    rc::Rc,
};

use warrant::Chain;

/// Header bytes that each half may hold. A chain weighs a few times its header, so a VM keeps 10 MB at the very most,
/// and a thousand ordinary chains at the least.
const HALF_BYTES: usize = 1024 * 1024;

/// Chains by the whole header that they came in, compared byte by byte; the hash only finds them.
#[derive(Debug)]
pub(crate) struct Kept {
    young: Half,
    old: Half,
}

#[derive(Debug)]
struct Half {
    chains: HashMap<Box<[u8]>, Rc<Chain>, Seed>,
    bytes: usize,
}

/// Differs from VM to VM, so that nobody can choose headers that fall into one bucket.
#[derive(Clone, Copy, Debug)]
struct Seed(u64);

impl Kept {
    /// Holds nothing yet. `seed` is hard to guess at best (a host has no randomness to give, only its clock): it matters
    /// little, since only chains that hold are kept.
    pub(crate) fn new(seed: u64) -> Self {
        let half = || Half { chains: HashMap::with_hasher(Seed(seed)), bytes: 0 };
        Self { young: half(), old: half() }
    }

    /// The chain that came in this header before. Using it makes it young again.
    pub(crate) fn find(&mut self, header: &[u8]) -> Option<Rc<Chain>> {
        if let Some(chain) = self.young.chains.get(header) {
            return Some(Rc::clone(chain));
        }
        let chain = self.old.chains.remove(header)?;
        self.keep(header, Rc::clone(&chain));
        Some(chain)
    }

    /// Keeps a chain whose signatures hold.
    pub(crate) fn keep(&mut self, header: &[u8], chain: Rc<Chain>) {
        if self.young.bytes.saturating_add(header.len()) > HALF_BYTES {
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.chains.clear();
            self.young.bytes = 0;
        }
        if self.young.chains.insert(header.into(), chain).is_none() {
            self.young.bytes = self.young.bytes.saturating_add(header.len());
        }
    }
}

impl BuildHasher for Seed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const SIZE: usize = 1000;

    fn header(n: usize) -> Vec<u8> {
        let mut header = vec![0; SIZE];
        header[..8].copy_from_slice(&n.to_le_bytes());
        header
    }

    #[test]
    fn it_finds_what_it_keeps_and_nothing_else() {
        let chain = Rc::new(testing::chain());
        let mut kept = Kept::new(7);
        kept.keep(b"one", Rc::clone(&chain));
        assert!(kept.find(b"one").is_some_and(|found| Rc::ptr_eq(&found, &chain)));
        for other in [&b"on"[..], b"one ", b"two", b""] {
            assert!(kept.find(other).is_none());
        }
    }

    #[test]
    fn it_is_bounded_and_forgets_what_was_not_used() {
        let chain = Rc::new(testing::chain());
        let mut kept = Kept::new(7);
        let many = 5 * HALF_BYTES / SIZE;
        for n in 0..many {
            kept.keep(&header(n), Rc::clone(&chain));
            assert!(kept.find(&header(0)).is_some(), "what is used stays, also after {n} others");
            for half in [&kept.young, &kept.old] {
                assert!(half.bytes <= HALF_BYTES);
                assert!(half.chains.len() <= HALF_BYTES / SIZE);
            }
        }
        assert!(kept.find(&header(1)).is_none());
        assert!(kept.find(&header(many - 1)).is_some());
        assert!(
            kept.young.chains.len() + kept.old.chains.len() >= HALF_BYTES / SIZE,
            "it forgets half, not all"
        );
    }
}
