//! Threads whose stack we made.
//!
//! Cedar's parser and evaluator recurse, and what they answer near the end of the stack depends on its size: a policy that is an error
//! on 2 MiB is an answer on 8. So every thread that parses, validates or evaluates has the same stack, here and in replay.

use std::cell::Cell;
use std::thread;

/// The stack of such a thread: enough for the largest legal policy, many times over.
pub const STACK: usize = 16 * 1024 * 1024;

thread_local! {
    static IS_DEEP: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread was made with a stack of [`STACK`] bytes: for the hook of a thread pool that was built so.
pub fn this_thread_is_deep() {
    IS_DEEP.set(true);
}

/// Does this on such a thread: on this one if it is one, else on a new one. `None` when no thread could be had, or the work panicked.
pub fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    if IS_DEEP.get() {
        return Some(work());
    }
    thread::scope(|scope| {
        let marked = || {
            this_thread_is_deep();
            work()
        };
        thread::Builder::new().stack_size(STACK).spawn_scoped(scope, marked).ok()?.join().ok()
    })
}

/// Does this for every item, on as many such threads as there are processors; results are in the order of the items.
pub(super) fn each<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Option<Vec<T>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let work = &work;
        let handles: Option<Vec<_>> = items
            .chunks(share)
            .map(|part| {
                let run = move || {
                    this_thread_is_deep();
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
    fn work_runs_on_a_deep_stack_wherever_it_is_asked_for() {
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
