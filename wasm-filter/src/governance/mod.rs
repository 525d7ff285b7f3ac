//! What this VM holds of governance, and how it gets it. One root context of a proxy fetches statements from the server, and
//! shares each answer with the others through memory that anybody in the proxy could write: so every VM verifies for itself.
//! Nothing here knows how the proxy is called, and nothing reads a clock.

mod answers;
mod member;
mod poll;
mod roster;
mod standing;
#[cfg(test)]
mod tests;
mod time;

pub(crate) use member::{Events, Member};
pub(crate) use poll::{PollFailure, PollRequest};
pub(crate) use standing::{Current, Governance};

/// The memory that all VMs of a proxy share. Whoever else writes it can do no more than keep a VM from learning something.
pub(crate) trait SharedMemory {
    /// The value of this key, and the mark of its version.
    fn read(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>);

    /// Writes a value. With a mark, it does so only if the value is still of that version. Returns whether it did.
    fn write(&self, key: &str, value: &[u8], version: Option<u32>) -> bool;

    /// Makes a queue of this name, whose messages wake the caller.
    fn make_queue(&self, name: &str) -> Option<u32>;

    /// Wakes whoever made the queue.
    fn wake(&self, queue: u32);
}
