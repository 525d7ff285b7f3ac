//! The revoked marks, in 256 buckets by their first byte. Copies share their buckets, so that a change of one mark costs
//! one bucket, however many marks there are.

use std::sync::Arc;

use super::{StatementFault, bytes::Bytes};
use crate::{
    Digest,
    json::Malformed,
    revocation::{Mark, Revocable, Revocations},
};

/// A set of marks with its digest. A clone costs one reference.
#[derive(Clone)]
pub struct MarkSet {
    /// 256 of them.
    buckets: Arc<[Arc<Bucket>]>,
    len: usize,
    digest: Digest,
}

/// The marks that begin with one byte.
struct Bucket {
    /// Strictly rising.
    marks: Vec<Mark>,
    digest: Digest,
}

impl Bucket {
    fn new(marks: Vec<Mark>) -> Arc<Self> {
        let digest = Digest::of(marks_to_bytes(&marks).as_slice());
        Arc::new(Self { marks, digest })
    }
}

impl MarkSet {
    /// The set of these marks, in any order.
    pub fn new(marks: impl IntoIterator<Item = Mark>) -> Self {
        let mut marks: Vec<_> = marks.into_iter().collect();
        marks.sort_unstable();
        marks.dedup();
        Self::default().changed(&marks, &[])
    }

    /// Whether this mark is in the set.
    pub fn contains(&self, mark: &Mark) -> bool {
        let [first, ..] = *mark.bytes();
        let bucket = self.buckets.get(usize::from(first));
        bucket.is_some_and(|bucket| bucket.marks.binary_search(mark).is_ok())
    }

    /// The number of marks.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no mark.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// SHA-256 of the 256 buckets' digests. A bucket's digest is SHA-256 of its marks; an empty one's is that of nothing.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The marks, rising.
    pub fn iter(&self) -> impl Iterator<Item = Mark> {
        self.buckets.iter().flat_map(|bucket| &bucket.marks).copied()
    }

    /// The set without `removed` and with `added`, both in any order. Only buckets with a change are made anew.
    #[must_use]
    pub fn with(
        &self,
        added: impl IntoIterator<Item = Mark>,
        removed: impl IntoIterator<Item = Mark>,
    ) -> Self {
        let sorted = |marks: &mut dyn Iterator<Item = Mark>| {
            let mut marks: Vec<_> = marks.collect();
            marks.sort_unstable();
            marks.dedup();
            marks
        };
        self.changed(&sorted(&mut added.into_iter()), &sorted(&mut removed.into_iter()))
    }

    /// What was added since `older`, and what was removed. Buckets that are the same are not looked at.
    pub fn difference(&self, older: &Self) -> (Vec<Mark>, Vec<Mark>) {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for (new, old) in self.buckets.iter().zip(older.buckets.iter()) {
            if !Arc::ptr_eq(new, old) && new.digest != old.digest {
                added.extend(new.marks.iter().filter(|mark| old.marks.binary_search(mark).is_err()));
                removed.extend(old.marks.iter().filter(|mark| new.marks.binary_search(mark).is_err()));
            }
        }
        (added, removed)
    }

    /// All marks, rising, 16 bytes each.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|mark| *mark.bytes()).collect()
    }

    /// Reads what [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// When the length is not a multiple of 16, or the marks are not strictly rising.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementFault> {
        Ok(Self::default().changed(&rising_marks(bytes)?, &[]))
    }

    /// The digest of the set with these bytes, if they are those of one.
    pub(super) fn digest_of(bytes: &[u8]) -> Digest {
        let (marks, _) = bytes.as_chunks::<16>();
        let mut rest = marks;
        let mut digests = Vec::with_capacity(256 * 32);
        for first in 0..=u8::MAX {
            let (own, more) = rest.split_at(rest.partition_point(|mark| mark.first() == Some(&first)));
            digests.extend(Digest::of(own.as_flattened()).bytes());
            rest = more;
        }
        Digest::of(&digests)
    }

    /// What makes this set from `older`: the older digest, the number of added marks, the added and the removed ones.
    pub fn delta_from(&self, older: &Self) -> Vec<u8> {
        let (added, removed) = self.difference(older);
        // A set that was read or recorded has far fewer marks than 2^32.
        let count = u32::try_from(added.len()).unwrap_or(u32::MAX);
        let mut bytes = older.digest.bytes().to_vec();
        bytes.extend(count.to_be_bytes());
        bytes.extend(marks_to_bytes(&added));
        bytes.extend(marks_to_bytes(&removed));
        bytes
    }

    /// The digest of the set that a delta changes.
    pub(super) fn base_of(delta: &[u8]) -> Option<Digest> {
        Bytes(delta).digest()
    }

    /// The set that a delta makes from this one. The caller compares digests before and after.
    pub(super) fn apply(&self, delta: &[u8]) -> Result<Self, StatementFault> {
        const CUT: Malformed = Malformed("a change of the revoked marks is cut off");
        let mut bytes = Bytes(delta);
        bytes.digest().ok_or(CUT)?;
        let count = bytes.count().ok_or(CUT)?;
        let added = bytes.take(count.checked_mul(16).ok_or(CUT)?).ok_or(CUT)?;
        Ok(self.changed(&rising_marks(added)?, &rising_marks(bytes.rest())?))
    }

    /// The set without `removed` and with `added`, both strictly rising.
    fn changed(&self, added: &[Mark], removed: &[Mark]) -> Self {
        let (mut added, mut removed) = (added, removed);
        let mut buckets = Vec::with_capacity(256);
        for (first, bucket) in (0..=u8::MAX).zip(self.buckets.iter()) {
            let begins = |mark: &Mark| mark.bytes().first() == Some(&first);
            let (own_added, more_added) = added.split_at(added.partition_point(begins));
            let (own_removed, more_removed) = removed.split_at(removed.partition_point(begins));
            (added, removed) = (more_added, more_removed);
            buckets.push(match (own_added, own_removed) {
                ([], []) => Arc::clone(bucket),
                _ => Bucket::new(merged(&bucket.marks, own_added, own_removed)),
            });
        }
        Self::of(buckets.into())
    }

    fn of(buckets: Arc<[Arc<Bucket>]>) -> Self {
        let digests: Vec<u8> = buckets.iter().flat_map(|bucket| *bucket.digest.bytes()).collect();
        let len = buckets.iter().map(|bucket| bucket.marks.len()).fold(0, usize::saturating_add);
        Self { buckets, len, digest: Digest::of(&digests) }
    }
}

/// `marks` without `removed` and with `added`. All are strictly rising.
fn merged(marks: &[Mark], added: &[Mark], removed: &[Mark]) -> Vec<Mark> {
    let mut kept = marks.iter().filter(|mark| removed.binary_search(mark).is_err()).copied().peekable();
    let mut all = Vec::with_capacity(marks.len().saturating_add(added.len()));
    for mark in added {
        while let Some(smaller) = kept.next_if(|kept| kept < mark) {
            all.push(smaller);
        }
        kept.next_if_eq(mark);
        all.push(*mark);
    }
    all.extend(kept);
    all
}

fn marks_to_bytes(marks: &[Mark]) -> Vec<u8> {
    marks.iter().flat_map(|mark| *mark.bytes()).collect()
}

fn rising_marks(bytes: &[u8]) -> Result<Vec<Mark>, Malformed> {
    let (marks, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(Malformed("the length of the revoked marks is not a multiple of 16"));
    }
    if !marks.is_sorted_by(|one, two| one < two) {
        return Err(Malformed("the revoked marks are not strictly rising"));
    }
    Ok(marks.iter().copied().map(Mark::from_bytes).collect())
}

impl Default for MarkSet {
    fn default() -> Self {
        let empty = Bucket::new(Vec::new());
        Self::of((0..=u8::MAX).map(|_| Arc::clone(&empty)).collect())
    }
}

impl PartialEq for MarkSet {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for MarkSet {}

impl std::fmt::Debug for MarkSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MarkSet")
            .field("len", &self.len)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Revocations for MarkSet {
    fn is_revoked(&self, one: &Revocable) -> bool {
        self.contains(&one.mark())
    }
}
