//! How much processor time a process has used. The kernel counts it for each thread in nanoseconds (`schedstat`); the count of the
//! whole process (`stat`) is in hundredths of a second, which is too coarse for a round of half a second.

use portcullis_tests::process::Process;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// The count at one moment.
#[derive(Clone, Debug)]
pub struct CpuTime {
    threads: BTreeMap<String, u64>,
    coarse: Duration,
}

/// How far the two counts may be apart: `stat` is rounded down twice, and they are not read at the same moment.
const COARSE: Duration = Duration::from_millis(40);

impl CpuTime {
    /// The count now.
    ///
    /// # Panics
    /// When the process has ended.
    #[must_use]
    pub fn of(process: &Process) -> CpuTime {
        let coarse = process.processor_time();
        let tasks = fs::read_dir(process.file_in_proc("task")).expect("it runs");
        let threads = tasks.flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            let used = text.split(' ').next()?.parse().ok()?;
            Some((task.file_name().to_string_lossy().into_owned(), used))
        });
        CpuTime { threads: threads.collect(), coarse }
    }

    /// What the process has used since then. A thread that has ended in between took its count with it, and a kernel may not
    /// count at all: then the coarse count is taken.
    #[must_use]
    pub fn until(&self, now: &CpuTime) -> Duration {
        let since = |(thread, used): (&String, &u64)| {
            used.saturating_sub(self.threads.get(thread).copied().unwrap_or_default())
        };
        let fine = Duration::from_nanos(now.threads.iter().map(since).sum());
        let coarse = now.coarse.saturating_sub(self.coarse);
        if fine.abs_diff(coarse) > COARSE { coarse } else { fine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(threads: &[(&str, u64)], coarse: u64) -> CpuTime {
        let threads = threads.iter().map(|(name, used)| ((*name).to_owned(), *used)).collect();
        CpuTime { threads, coarse: Duration::from_millis(coarse) }
    }

    #[test]
    fn threads_are_counted_in_nanoseconds_and_new_ones_from_their_beginning() {
        let used = at(&[("1", 5), ("2", 7)], 0).until(&at(&[("1", 6), ("2", 9), ("3", 10)], 10));
        assert_eq!(used, Duration::from_nanos(13));
    }

    #[test]
    fn the_coarse_count_stands_in_where_a_thread_has_ended() {
        let used = at(&[("1", 0), ("2", 0)], 0).until(&at(&[("1", 1_000_000)], 500));
        assert_eq!(used, Duration::from_millis(500));
    }
}
