//! Which part runs on which core. What is measured has one core for itself, and what asks it has the other one, so that neither
//! waits for the other's turn. It knows nothing of what runs there.

use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of Envoy and the servers.
pub const MEASURED: usize = 0;
/// The core of the load generator, and of everything else in this program.
pub const LOAD: usize = 1;

/// Lets this thread, and what it starts from now on, run only on one core.
///
/// # Panics
/// When the machine has no such core.
pub fn run_on(core: usize) {
    set(&[core]);
}

/// Lets this thread, and what it starts from now on, run on both cores.
///
/// # Panics
/// When the machine has only one.
pub fn run_on_both() {
    set(&[MEASURED, LOAD]);
}

/// Runs `start`; the processes that it starts are the measured ones. The program itself goes back to its own core.
///
/// # Panics
/// When the machine has only one core.
pub async fn start_measured<T>(start: impl Future<Output = T>) -> T {
    run_on(MEASURED);
    let started = start.await;
    run_on(LOAD);
    started
}

fn set(cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).unwrap_or_else(|why| panic!("cores {cores:?}: {why}"));
}
