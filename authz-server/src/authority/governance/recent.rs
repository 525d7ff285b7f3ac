//! The last few versions of a part that were sent, by their digests: a proxy that holds one of them gets only what changed since.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use warrant::Digest;

/// How many versions are kept. They share what they have in common.
const KEPT: usize = 16;

#[derive(Debug)]
pub(super) struct RecentlySent<T>(Mutex<VecDeque<(Digest, T)>>);

impl<T> Default for RecentlySent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> RecentlySent<T> {
    pub(super) fn find(&self, digest: Digest) -> Option<T> {
        self.sent().iter().find(|(known, _)| *known == digest).map(|(_, version)| version.clone())
    }

    pub(super) fn note(&self, digest: Digest, version: &T) {
        let mut sent = self.sent();
        if sent.iter().any(|(known, _)| *known == digest) {
            return;
        }
        if sent.len() >= KEPT {
            sent.pop_front();
        }
        sent.push_back((digest, version.clone()));
    }

    fn sent(&self) -> MutexGuard<'_, VecDeque<(Digest, T)>> {
        // Only complete values are stored under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_versions_are_found_by_their_digest_and_older_ones_are_forgotten() {
        let recent = RecentlySent::default();
        let digest = |n: usize| Digest::of(&n.to_be_bytes());
        (0..=KEPT).for_each(|n| recent.note(digest(n), &n));
        recent.note(digest(KEPT), &0);
        assert_eq!((recent.find(digest(0)), recent.find(digest(1))), (None, Some(1)));
        assert_eq!(recent.find(digest(KEPT)), Some(KEPT));
    }
}
