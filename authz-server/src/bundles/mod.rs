//! Which bundle is in force, and how it got there: read from a directory, by HTTP or from an archive, and kept current by one thread. A
//! candidate bundle may judge the same requests and never comes into force.
//!
//! The crate `policy` says what a bundle is; this module reads and writes the files, and puts a bundle in force.

mod archive;
mod bounds;
pub mod candidate;
pub mod directory;
mod error;
mod folder;
mod gather;
mod heartbeat;
mod in_force;
mod keeper;
mod kept;
mod source;
mod status;
mod web;

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

pub use bounds::check as check_size;
pub use error::{KeeperError, SourceError, ThreadError};
pub use heartbeat::Heartbeat;
use heartbeat::Step;
pub use in_force::{ActiveBundle, PolicyInForce};
pub use keeper::Keeper;
#[cfg(test)]
pub(crate) use keeper::activation;
pub use kept::{KeptBundles, KeptError};
pub(crate) use source::BundleSource;
pub use status::BundleStatus;

/// The keeper's thread runs as long as this lives.
#[derive(Debug)]
pub struct KeeperThread {
    _until_dropped: mpsc::Sender<()>,
}

/// Notes the end of the keeper's thread.
struct EndOnDrop(Arc<BundleStatus>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.heartbeat.begin(Step::End);
    }
}

/// Looks for newer bundles while the handle lives, on a thread that may compile policies. `before` runs before each look: what a
/// bundle names may have come together with it.
pub fn start_keeper(
    mut keeper: Keeper,
    before: impl Fn() + Send + 'static,
) -> Result<KeeperThread, ThreadError> {
    let (handle, stop) = mpsc::channel();
    start_policy_thread("bundles", move || {
        // Also if it panics.
        let _ends = EndOnDrop(keeper.status());
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(keeper.interval()) {
            before();
            keeper.look();
        }
    })?;
    Ok(KeeperThread { _until_dropped: handle })
}

/// Starts a thread with the stack that policies need.
pub fn start_policy_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), ThreadError> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(policy::STACK);
    let run = move || {
        policy::mark_this_thread_deep();
        work();
    };
    // It is not joined at the end: it may be compiling a large bundle, and it has nothing to finish.
    thread.spawn(run).map(drop).map_err(|error| ThreadError { name: name.to_owned(), error })
}
