//! Reads `maxStream`: how long an allowed stream may run. The mesh's own is the most that a route may say.

use super::times;
use crate::fault::{FileFaults, Placed};
use crate::strict::Node;

/// For a route that names none, unless the mesh allows less.
pub(crate) const OF_A_ROUTE: u64 = 60;
/// For a mesh that names none.
pub(crate) const OF_A_MESH: u64 = 600;
/// The longest that a mesh may name: as long as a warrant may live.
const HIGHEST: u64 = 24 * 3600;

/// The limit in seconds.
pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Placed<u64>> {
    let seconds = times::duration(node, faults)?;
    if seconds > HIGHEST {
        let what = format!("`maxStream` is {seconds} seconds");
        faults.fault(node.at, what, "write at most `24h`: no warrant lives longer");
        return None;
    }
    Some(Placed { at: node.at, value: seconds })
}
