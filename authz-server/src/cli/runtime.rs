//! The threads of the commands that run until they are stopped.

use tokio::runtime::{Builder, Runtime};

use super::out::Failure;

pub(super) fn start() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .enable_all()
        // Every thread that may evaluate a policy has the one stack size for which the policy's answer is defined.
        .thread_stack_size(policy::STACK)
        .on_thread_start(policy::mark_this_thread_deep)
        .build()
        .map_err(|e| Failure::new(format!("cannot start: {e}")))
}
