//! Reads many entries: bundles of entries in parallel, results in order. Memory is limited to one wave of
//! bundles.
//!
//! The threads have the stack size for which a policy's answer is defined, because replay judges on them.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use ledger::Entry;
use ledger::entry::Stamps;
use ledger::tree::MerkleTree;

use crate::cli::out::Failure;

/// The number of bundles that each thread reads before the results are handed on.
const BUNDLES_PER_THREAD: u64 = 4;

/// One entry as it is recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawEntry<'a> {
    pub(super) index: u64,
    pub(super) bytes: &'a [u8],
}

impl RawEntry<'_> {
    pub(super) fn read(&self) -> Result<(Stamps, Entry), String> {
        Entry::read(self.bytes).map_err(|why| format!("entry {}: {why}", self.index))
    }
}

/// Whether the scan continues.
pub(super) enum Next {
    Continue,
    Stop,
}

/// Calls `work` for each of these entries on all processors, and hands the results to `take` in order.
pub(super) fn each<T: Send>(
    tree: &MerkleTree<'_>,
    entries: Range<u64>,
    bar: &ProgressBar,
    work: impl Fn(RawEntry<'_>) -> T + Sync,
    mut take: impl FnMut(T) -> Result<Next, Failure>,
) -> Result<(), Failure> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wave = BUNDLES_PER_THREAD.saturating_mul(u64::try_from(threads).unwrap_or(1));
    let end = entries.end.div_ceil(256);
    let mut first = entries.start / 256;
    bar.set_position(entries.start);
    while first < end {
        let bundles = first..first.saturating_add(wave).min(end);
        for done in in_parallel(tree, bundles.clone(), threads, &entries, &work)? {
            if let Next::Stop = take(done)? {
                bar.finish_and_clear();
                return Ok(());
            }
        }
        first = bundles.end;
        bar.set_position(first.saturating_mul(256).min(entries.end));
    }
    bar.finish_and_clear();
    Ok(())
}

fn in_parallel<T: Send>(
    tree: &MerkleTree<'_>,
    bundles: Range<u64>,
    threads: usize,
    entries: &Range<u64>,
    work: &(impl Fn(RawEntry<'_>) -> T + Sync),
) -> Result<Vec<T>, Failure> {
    let next = AtomicU64::new(bundles.start);
    let done: Mutex<Vec<(u64, Vec<T>)>> = Mutex::default();
    let run = || {
        policy::mark_this_thread_deep();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= bundles.end {
                return Ok::<(), String>(());
            }
            let bundle = tree.bundle(number).map_err(|e| e.to_string())?;
            let indexed = (number.saturating_mul(256)..).zip(bundle.iter());
            let wanted = indexed.filter(|(index, _)| entries.contains(index));
            let all = wanted.map(|(index, bytes)| work(RawEntry { index, bytes })).collect();
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, all));
        }
    };
    let ended: Result<(), String> = std::thread::scope(|scope| {
        let spawn = |_| std::thread::Builder::new().stack_size(policy::STACK).spawn_scoped(scope, run);
        let handles: Vec<_> = (0..threads).map(spawn).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
        for handle in handles {
            handle.join().map_err(|_| "a thread of the scan stopped because of a panic".to_owned())??;
        }
        Ok(())
    });
    ended.map_err(Failure::new)?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    Ok(done.into_iter().flat_map(|(_, all)| all).collect())
}

/// An index among these entries below which every one of them is older than this time. Times never decrease, so a binary
/// search finds it.
pub(super) fn first_since(tree: &MerkleTree<'_>, entries: &Range<u64>, since: u64) -> Result<u64, Failure> {
    let first = entries.start / 256;
    let (mut low, mut high) = (first, entries.end.div_ceil(256));
    while low < high {
        let middle = low.midpoint(high);
        let bundle = tree.bundle(middle).map_err(Failure::new)?;
        let first = bundle.iter().next().unwrap_or_default();
        let (stamps, _) =
            RawEntry { index: middle.saturating_mul(256), bytes: first }.read().map_err(Failure::new)?;
        if stamps.time < since { low = middle.saturating_add(1) } else { high = middle }
    }
    // The previous bundle begins earlier, but may also contain later entries.
    Ok(low.saturating_sub(1).max(first).saturating_mul(256))
}
