//! Threads with a stack of known size, for everything that Cedar does.
//!
//! Cedar's parser and evaluator recurse, and near the end of the stack their answer depends on its size: a
//! policy that gives an error with 2 MiB gives an answer with 8. So every thread that parses, validates or
//! evaluates has the same stack, here and in replay.

use std::cell::Cell;
use std::thread;

/// The stack size of such a thread: many times what the largest legal policy needs. Without optimisation the same calls
/// take about four times as much.
pub const STACK: usize = if cfg!(debug_assertions) { 64 } else { 16 } * 1024 * 1024;

thread_local! {
    static IS_DEEP: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as one with a stack of [`STACK`] bytes: for the start hook of a thread pool that was
/// built so.
pub fn mark_this_thread_deep() {
    IS_DEEP.set(true);
}

/// Does the work on such a thread: on this one if it is marked, else on a new one. `None` if no thread could
/// be started, or the work panicked.
pub fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    if IS_DEEP.get() {
        return Some(work());
    }
    thread::scope(|scope| {
        let marked = || {
            mark_this_thread_deep();
            work()
        };
        thread::Builder::new().stack_size(STACK).spawn_scoped(scope, marked).ok()?.join().ok()
    })
}

/// Does the work for every item, on as many such threads as there are processors. The results are in the
/// order of the items.
pub(super) fn each<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Option<Vec<T>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let work = &work;
        let handles: Option<Vec<_>> = items
            .chunks(share)
            .map(|part| {
                let run = move || {
                    mark_this_thread_deep();
                    part.iter().map(work).collect::<Vec<_>>()
                };
                thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).ok()
            })
            .collect();
        let mut all = Vec::with_capacity(items.len());
        for handle in handles? {
            all.extend(handle.join().ok()?);
        }
        Some(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_always_runs_on_a_deep_stack() {
        assert!(!IS_DEEP.get());
        assert_eq!(
            on_a_deep_stack(|| (
                IS_DEEP.get(),
                on_a_deep_stack(|| thread::current().id()) == Some(thread::current().id())
            )),
            Some((true, true))
        );
        assert!(!IS_DEEP.get());
    }

    #[test]
    fn each_keeps_the_order() {
        let items: Vec<u32> = (0..1000).collect();
        assert_eq!(each(&items, |item| *item), Some(items.clone()));
        assert_eq!(each(&Vec::<u32>::new(), |item| *item), Some(Vec::new()));
    }
}
