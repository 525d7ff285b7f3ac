//! Which forwards that still run must end, and up to which size of the log that is known. A statement says both.

use warrant::statement::Ended;

use crate::facts::Known;

/// What became of running forwards when they were judged again.
#[derive(Clone, Debug)]
pub(super) struct JudgedAgain {
    /// The facts below this size of the log were taken into account.
    pub(super) size: u64,
    pub(super) ended: Ended,
}

impl JudgedAgain {
    /// This server keeps no list of running forwards yet. So there is none to judge again and none to end, and a proxy ends its
    /// streams by what its own statement says: revocations, halts and ends.
    pub(super) fn without_a_list(known: &Known) -> JudgedAgain {
        JudgedAgain { size: known.as_of(), ended: Ended::default() }
    }
}
