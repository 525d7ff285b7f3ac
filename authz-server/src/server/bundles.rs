//! Bundles while the server runs: one thread keeps one in force, another judges by a candidate beside it.

mod candidate;
mod keeper;
mod source;
mod web;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

pub(super) use candidate::Shadowing;
pub(super) use keeper::Keeper;

use crate::policy;

/// Looks for as long as the handle lives.
#[derive(Debug)]
pub(super) struct Looking {
    _until_dropped: mpsc::Sender<()>,
}

/// Keeps looking, on a thread on which policies may be compiled.
pub(super) fn keep(mut keeper: Keeper) -> Result<Looking, String> {
    let (handle, stop) = mpsc::channel();
    let look = move || {
        policy::this_thread_is_deep();
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(keeper.every()) {
            keeper.look();
        }
    };
    start("bundles", look)?;
    Ok(Looking { _until_dropped: handle })
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(policy::STACK);
    // Not waited for at the end: it may be in the middle of a large bundle, and has nothing to finish.
    thread.spawn(work).map(drop).map_err(|e| format!("no thread for {name} can be had: {e}"))
}
