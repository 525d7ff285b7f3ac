//! Who was told what: every size that somebody outside holds must be there, with that root.

use std::path::Path;

use crate::fault::OpenError;
use crate::merkle::Hash;

/// What somebody outside holds of the log.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) whom: String,
    pub(crate) size: u64,
    /// Not everybody who knows the size can say the root.
    pub(crate) root: Option<Hash>,
}

#[derive(Debug, Default)]
pub(crate) struct Claims {
    open: Vec<Claim>,
}

impl Claims {
    pub(crate) fn add(&mut self, claim: Claim) {
        self.open.push(claim);
    }

    /// The log had this root at this size: whoever holds that size must hold that root.
    pub(crate) fn meet(&mut self, path: &Path, size: u64, root: &Hash) -> Result<(), OpenError> {
        let (met, open) = std::mem::take(&mut self.open).into_iter().partition(|claim| claim.size == size);
        self.open = open;
        let met: Vec<Claim> = met;
        match met.iter().find(|claim| claim.root.is_some_and(|claimed| claimed != *root)) {
            None => Ok(()),
            Some(Claim { whom, .. }) => {
                let what = format!("{whom} names another root at size {size} than the recorded entries have");
                Err(OpenError::corrupt(path, what))
            }
        }
    }

    /// Sizes that no frame of the write-ahead log ended at must be in the published tree, and none may be beyond the end.
    pub(crate) fn settle(
        mut self,
        path: &Path,
        found: u64,
        root_at: impl Fn(u64) -> Result<Hash, OpenError>,
    ) -> Result<(), OpenError> {
        if let Some(largest) =
            self.open.iter().filter(|claim| claim.size > found).max_by_key(|claim| claim.size)
        {
            return Err(OpenError::Forgotten { found, promised: largest.size, by: largest.whom.clone() });
        }
        // Whoever knows the size alone has been answered; and its size need not be one that was ever published.
        for claim in self.open.clone().into_iter().filter(|claim| claim.root.is_some()) {
            self.meet(path, claim.size, &root_at(claim.size)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_alone_is_held_against_the_size_and_nothing_else() {
        let settled = |size, root| {
            let mut claims = Claims::default();
            claims.add(Claim { whom: "w".to_owned(), size, root });
            claims.settle(Path::new("wal"), 5, |_| Err(OpenError::corrupt(Path::new("wal"), "no such tile")))
        };
        settled(4, None).unwrap();
        settled(5, None).unwrap();
        assert!(matches!(settled(6, None), Err(OpenError::Forgotten { found: 5, promised: 6, .. })));
        assert!(matches!(settled(4, Some([0; 32])), Err(OpenError::Corrupt(..))), "its root is looked for");
    }
}
