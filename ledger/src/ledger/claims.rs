//! Who was told what: every size that somebody outside holds must be there, with that root.

use std::path::Path;

use crate::fault::OpenError;
use crate::merkle::Hash;
use crate::promise::Head;

#[derive(Debug, Default)]
pub(crate) struct Claims {
    open: Vec<(String, Head)>,
}

impl Claims {
    pub(crate) fn add(&mut self, whom: &str, head: Head) {
        self.open.push((whom.to_owned(), head));
    }

    /// The log had this root at this size: whoever holds that size must hold that root.
    pub(crate) fn meet(&mut self, path: &Path, size: u64, root: &Hash) -> Result<(), OpenError> {
        let (met, open) = std::mem::take(&mut self.open).into_iter().partition(|(_, head)| head.size == size);
        self.open = open;
        let met: Vec<(String, Head)> = met;
        match met.iter().find(|(_, head)| head.root != *root) {
            None => Ok(()),
            Some((whom, _)) => {
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
        if let Some((by, head)) =
            self.open.iter().filter(|(_, head)| head.size > found).max_by_key(|(_, head)| head.size)
        {
            return Err(OpenError::Forgotten { found, promised: head.size, by: by.clone() });
        }
        for (_, head) in self.open.clone() {
            self.meet(path, head.size, &root_at(head.size)?)?;
        }
        Ok(())
    }
}
