//! Verifies inclusion and consistency proofs as in RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use super::{Hash, node_hash};

/// On which side of the path a sibling is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The sibling is hashed before the node of the path.
    Left,
    /// The sibling is hashed after the node of the path.
    Right,
}

/// One step of the path from a leaf to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The hash that the proof gives.
    pub sibling: Hash,
    /// On which side it is.
    pub side: Side,
    /// The hash of the node above both.
    pub node: Hash,
}

/// The root that an inclusion proof leads to; `None` if its length is wrong for this index and size.
#[must_use]
pub fn inclusion_root(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    Some(inclusion_path(leaf, index, size, proof)?.last().map_or(leaf, |step| step.node))
}

/// The steps of an inclusion proof, from the leaf to the root; `None` if its length is wrong for this index and size.
#[must_use]
pub fn inclusion_path(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Vec<PathStep>> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size.checked_sub(1)?);
    let (mut root, mut steps) = (leaf, Vec::with_capacity(proof.len()));
    for sibling in proof {
        if last == 0 {
            return None;
        }
        let side = if node & 1 == 1 || node == last { Side::Left } else { Side::Right };
        root = match side {
            Side::Left => node_hash(sibling, &root),
            Side::Right => node_hash(&root, sibling),
        };
        if side == Side::Left {
            // A node without a right sibling moves up unchanged until it is a right sibling.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        }
        node >>= 1;
        last >>= 1;
        steps.push(PathStep { sibling: *sibling, side, node: root });
    }
    (last == 0).then_some(steps)
}

/// What a consistency proof shows of two trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// The newer tree continues the older one.
    Continues,
    /// The newer tree has other entries below the older size. No other proof can show that it continues the older one.
    Forked,
    /// Nothing: the hashes do not lead to the newer root, or their number is wrong. The trees may be forked, or the proof
    /// is damaged or belongs to others.
    Unproved,
}

/// Whether the proof shows that the tree of size `new` continues the tree of size `old`.
#[must_use]
pub fn consistency_holds(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    continuation(old, old_root, new, new_root, proof) == Continuation::Continues
}

/// What the proof shows of the tree of size `old` and the tree of size `new`.
#[must_use]
pub fn continuation(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> Continuation {
    if old == new && old_root != new_root {
        return Continuation::Forked;
    }
    match roots(old, old_root, new, proof) {
        // The hashes are nodes of the newer tree, so the other root is the one that it had at the older size.
        Some((older, newer)) if newer == *new_root && older != *old_root => Continuation::Forked,
        Some((older, newer)) if newer == *new_root && older == *old_root => Continuation::Continues,
        Some(_) | None => Continuation::Unproved,
    }
}

/// The older and the newer root that the hashes lead to; `None` if their number is wrong for these sizes.
fn roots(old: u64, old_root: &Hash, new: u64, proof: &[Hash]) -> Option<(Hash, Hash)> {
    if old == new {
        return proof.is_empty().then_some((*old_root, *old_root));
    }
    if old == 0 || old > new {
        return None;
    }
    // If the old size is a power of two, the old root is the first node, and the proof leaves it out.
    let (mut first, mut rest) = (*old_root, proof);
    if !old.is_power_of_two() {
        let (head, tail) = proof.split_first()?;
        (first, rest) = (*head, tail);
    }
    let (mut node, mut last) = (old.checked_sub(1)?, new.checked_sub(1)?);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_side, mut new_side) = (first, first);
    for sibling in rest {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            old_side = node_hash(sibling, &old_side);
            new_side = node_hash(sibling, &new_side);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_side = node_hash(&new_side, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some((old_side, new_side))
}
