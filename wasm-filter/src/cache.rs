//! A cache of chains whose signatures hold, so that a warrant that is used again only costs a lookup.
//!
//! Its size is bounded: it forgets the half that was not used recently. This module knows neither time nor trust: a
//! cached chain is checked again on every use.

use std::{
    collections::HashMap,
    hash::{BuildHasher, DefaultHasher, Hasher},
    rc::Rc,
};

use warrant::Chain;

/// Header bytes in each half. A chain takes a few times the memory of its header, so a VM caches at most 10 MB, and at
/// least a thousand ordinary chains.
const HALF_BYTES: usize = 1024 * 1024;

/// Chains by their whole header. Headers are compared byte by byte; the hash only finds candidates.
#[derive(Debug)]
pub(crate) struct ChainCache {
    young: Half,
    old: Half,
}

#[derive(Debug)]
struct Half {
    chains: HashMap<Box<[u8]>, Rc<Chain>, Seed>,
    bytes: usize,
}

/// A seed for the hash that differs between VMs, so that nobody can choose headers that collide.
#[derive(Clone, Copy, Debug)]
struct Seed(u64);

impl ChainCache {
    /// An empty cache. `seed` should be hard to guess. It comes from the clock, because the proxy offers no randomness.
    /// That is good enough, because only chains that hold are cached.
    pub(crate) fn new(seed: u64) -> Self {
        let half = || Half { chains: HashMap::with_hasher(Seed(seed)), bytes: 0 };
        Self { young: half(), old: half() }
    }

    /// The chain that came in this header before. This moves it to the young half.
    pub(crate) fn find(&mut self, header: &[u8]) -> Option<Rc<Chain>> {
        if let Some(chain) = self.young.chains.get(header) {
            return Some(Rc::clone(chain));
        }
        let chain = self.old.chains.remove(header)?;
        self.insert(header, Rc::clone(&chain));
        Some(chain)
    }

    /// Adds a chain whose signatures hold.
    pub(crate) fn insert(&mut self, header: &[u8], chain: Rc<Chain>) {
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
    fn it_finds_the_chains_it_holds_and_nothing_else() {
        let chain = Rc::new(testing::chain());
        let mut cache = ChainCache::new(7);
        cache.insert(b"one", Rc::clone(&chain));
        assert!(cache.find(b"one").is_some_and(|found| Rc::ptr_eq(&found, &chain)));
        for other in [&b"on"[..], b"one ", b"two", b""] {
            assert!(cache.find(other).is_none());
        }
    }

    #[test]
    fn it_is_bounded_and_forgets_chains_that_are_not_used() {
        let chain = Rc::new(testing::chain());
        let mut cache = ChainCache::new(7);
        let many = 5 * HALF_BYTES / SIZE;
        for n in 0..many {
            cache.insert(&header(n), Rc::clone(&chain));
            assert!(cache.find(&header(0)).is_some(), "a chain that is used stays, even after {n} others");
            for half in [&cache.young, &cache.old] {
                assert!(half.bytes <= HALF_BYTES);
                assert!(half.chains.len() <= HALF_BYTES / SIZE);
            }
        }
        assert!(cache.find(&header(1)).is_none());
        assert!(cache.find(&header(many - 1)).is_some());
        assert!(
            cache.young.chains.len() + cache.old.chains.len() >= HALF_BYTES / SIZE,
            "it forgets half, not all"
        );
    }
}
