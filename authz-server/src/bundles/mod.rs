//! Which bundle is in force and how it got there: read from a directory or by HTTP, kept current by one thread. Beside it
//! stands the candidate, which is judged by and never in force.
//!
//! The crate `policy` says what a bundle is; this module reads and writes the files, and puts a bundle in force.

pub mod candidate;
pub mod directory;
mod in_force;
mod keeper;
mod news;
mod source;
mod web;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

pub use in_force::PolicyInForce;
pub use keeper::Keeper;
pub use news::BundleNews;

/// The keeper's thread runs as long as this lives.
#[derive(Debug)]
pub struct KeeperThread {
    _until_dropped: mpsc::Sender<()>,
}

/// Looks for newer bundles for as long as the handle lives, on a thread that may compile policies.
pub fn keep(mut keeper: Keeper) -> Result<KeeperThread, String> {
    let (handle, stop) = mpsc::channel();
    start_policy_thread("bundles", move || {
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(keeper.interval()) {
            keeper.look();
        }
    })?;
    Ok(KeeperThread { _until_dropped: handle })
}

/// Starts a thread with the stack that policies need.
pub fn start_policy_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(policy::STACK);
    let run = move || {
        policy::mark_this_thread_deep();
        work();
    };
    // Not joined at the end: it may be in the middle of a large bundle, and has nothing to finish.
    thread.spawn(run).map(drop).map_err(|e| format!("cannot start the thread {name}: {e}"))
}
