//! RFC 6962 hashing, and the right edge of a tree, which is all that an append needs to know.

mod proof;

use sha2::{Digest, Sha256};

pub use proof::{
    Continuation, PathStep, Side, consistency_holds, continuation, inclusion_path, inclusion_root,
};

/// A node of the tree.
pub type Hash = [u8; 32];

/// The size of a tree and its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// The hash of a leaf with these bytes.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update([0x00]);
    sha.update(entry);
    sha.finalize().into()
}

/// The hash of the node above these two.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut sha = Sha256::new();
    sha.update([0x01]);
    sha.update(left);
    sha.update(right);
    sha.finalize().into()
}

/// The root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root over leaves, or over the roots of complete subtrees of equal size.
#[must_use]
pub fn subtree_root(nodes: &[Hash]) -> Hash {
    match nodes {
        [] => empty_root(),
        [one] => *one,
        many => {
            // RFC 6962 splits at the largest power of two below the number of nodes.
            let split = many.len().div_ceil(2).next_power_of_two();
            let (left, right) = many.split_at_checked(split).unwrap_or((many, &[]));
            node_hash(&subtree_root(left), &subtree_root(right))
        }
    }
}

/// The right edge: the roots of the largest complete subtrees, from left to right, one for each set bit of the size.
///
/// An append costs two hashes on average, and never more than the height of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    peaks: Vec<Hash>,
}

impl Edge {
    /// The edge of a tree of `size` leaves with these complete subtrees, largest first; `None` if their number is wrong.
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()) == Ok(peaks.len())).then_some(Self { size, peaks })
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds one leaf.
    pub fn append(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Each trailing one bit of the size is a complete subtree that the new leaf joins into a larger one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size = self.size.saturating_add(1);
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut rest = self.peaks.iter().rev();
        let Some(last) = rest.next() else { return empty_root() };
        rest.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, section 2.1, word for word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            many => {
                let split = many.len().next_power_of_two() / 2;
                node_hash(&by_definition(&many[..split]), &by_definition(&many[split..]))
            }
        }
    }

    #[test]
    fn the_edge_has_the_root_of_the_definition_at_every_size() {
        let mut edge = Edge::default();
        let mut leaves = Vec::new();
        assert_eq!(edge.root(), by_definition(&leaves));
        for n in 0_u32..600 {
            leaves.push(leaf_hash(&n.to_be_bytes()));
            edge.append(leaves[leaves.len() - 1]);
            assert_eq!(edge.root(), by_definition(&leaves), "size {}", edge.size());
            assert_eq!(subtree_root(&leaves), by_definition(&leaves), "size {}", edge.size());
            assert_eq!(Edge::from_peaks(edge.size, edge.peaks.clone()), Some(edge.clone()));
        }
        assert_eq!(Edge::from_peaks(3, vec![[0; 32]]), None);
    }

    #[test]
    fn leaves_and_nodes_never_hash_alike() {
        let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
        assert_ne!(leaf_hash(&[a, b].concat()), node_hash(&a, &b));
    }
}
