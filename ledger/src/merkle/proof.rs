//! Verifies inclusion and consistency proofs as in RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use super::{Hash, node_hash};

/// The root that an inclusion proof leads to; `None` if its length is wrong for this index and size.
#[must_use]
pub fn inclusion_root(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size.checked_sub(1)?);
    let mut root = leaf;
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = node_hash(sibling, &root);
            // A node without a right sibling moves up unchanged until it is a right sibling.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = node_hash(&root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// Whether the proof shows that the tree of size `new` continues the tree of size `old`.
#[must_use]
pub fn consistency_holds(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old == new {
        return old_root == new_root && proof.is_empty();
    }
    if old == 0 || old > new {
        return false;
    }
    // If the old size is a power of two, the old root is the first node, and the proof leaves it out.
    let (mut first, mut rest) = (*old_root, proof);
    if !old.is_power_of_two() {
        let Some((head, tail)) = proof.split_first() else { return false };
        (first, rest) = (*head, tail);
    }
    let (Some(mut node), Some(mut last)) = (old.checked_sub(1), new.checked_sub(1)) else { return false };
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_side, mut new_side) = (first, first);
    for sibling in rest {
        if last == 0 {
            return false;
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
    last == 0 && old_side == *old_root && new_side == *new_root
}
