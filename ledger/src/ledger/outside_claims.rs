//! Checks the log against what somebody outside knows of it: it must have every size that they know, with the same root.

use std::path::Path;

use crate::fault::OpenError;
use crate::merkle::Hash;

/// What somebody outside knows of the log.
#[derive(Clone, Debug)]
pub(crate) struct OutsideClaim {
    pub(crate) by: String,
    pub(crate) size: u64,
    /// `None` if only the size is known.
    pub(crate) root: Option<Hash>,
}

#[derive(Debug, Default)]
pub(crate) struct OutsideClaims {
    open: Vec<OutsideClaim>,
}

impl OutsideClaims {
    pub(crate) fn add(&mut self, claim: OutsideClaim) {
        self.open.push(claim);
    }

    /// Checks the claims at this size, where the log had this root.
    pub(crate) fn check_at(&mut self, path: &Path, size: u64, root: &Hash) -> Result<(), OpenError> {
        let (here, open) = std::mem::take(&mut self.open).into_iter().partition(|claim| claim.size == size);
        self.open = open;
        let here: Vec<OutsideClaim> = here;
        match here.iter().find(|claim| claim.root.is_some_and(|claimed| claimed != *root)) {
            None => Ok(()),
            Some(OutsideClaim { by, .. }) => {
                let what =
                    format!("{by} names a root at size {size} that is not the root of the recorded entries");
                Err(OpenError::corrupt(path, what))
            }
        }
    }

    /// Checks the remaining claims: those at a size where no frame of the write-ahead log ended. Their roots must be in
    /// the published tree, and no size may be larger than the log.
    pub(crate) fn check_rest(
        mut self,
        path: &Path,
        found: u64,
        root_at: impl Fn(u64) -> Result<Hash, OpenError>,
    ) -> Result<(), OpenError> {
        if let Some(largest) =
            self.open.iter().filter(|claim| claim.size > found).max_by_key(|claim| claim.size)
        {
            return Err(OpenError::EntriesMissing { found, named: largest.size, by: largest.by.clone() });
        }
        // A claim without a root is done: its size need not be one that was published.
        for claim in self.open.clone().into_iter().filter(|claim| claim.root.is_some()) {
            self.check_at(path, claim.size, &root_at(claim.size)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_without_a_root_is_checked_by_its_size_only() {
        let checked = |size, root| {
            let mut claims = OutsideClaims::default();
            claims.add(OutsideClaim { by: "w".to_owned(), size, root });
            claims.check_rest(Path::new("wal"), 5, |_| {
                Err(OpenError::corrupt(Path::new("wal"), "no such tile"))
            })
        };
        checked(4, None).unwrap();
        checked(5, None).unwrap();
        assert!(matches!(checked(6, None), Err(OpenError::EntriesMissing { found: 5, named: 6, .. })));
        assert!(matches!(checked(4, Some([0; 32])), Err(OpenError::Corrupt(..))), "its root is looked up");
    }
}
