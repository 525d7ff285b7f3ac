//! `portcullis ledger tail`: prints the last entries, and with `--follow` also new ones as they are
//! published, at most a second after they are durable.

use std::sync::mpsc;
use std::time::Duration;

use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use ledger::tree::MerkleTree;

use super::log::{LogLocation, OptionalKey};
use super::scan::{self, Next, RawEntry};
use super::{describe, search::FoundEntry};
use crate::cli::out::{ExitStatus, Failure, line};

const POLL_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    location: LogLocation,
    #[command(flatten)]
    key: OptionalKey,
    /// The number of last entries to print
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: u64,
    /// Continue with new entries
    #[arg(short, long)]
    follow: bool,
    /// Print JSON, one line for each entry
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let log = args.location.open()?;
    let key = args.key.read(&log)?;
    let mut size = log.checkpoint(&key)?.checkpoint().size;
    if log.evidence.is_some() {
        return Err(Failure::new("evidence does not grow: read it with `show` or `export`"));
    }
    let mut next = size.saturating_sub(args.lines).max(log.first_entry(size)?);
    // Nothing is ever sent on this channel: waiting for it with a timeout is the pause between two polls.
    let (_never, pause) = mpsc::channel::<()>();
    loop {
        let tree = MerkleTree::new(log.source.as_ref(), size);
        let work = |raw: RawEntry<'_>| {
            raw.read().map(|(stamps, entry)| FoundEntry {
                index: raw.index,
                stamps,
                entry,
                bytes: raw.bytes.to_vec(),
            })
        };
        scan::each(&tree, next..size, &ProgressBar::hidden(), work, |found| {
            let found = found.map_err(Failure::new)?;
            line(if args.json {
                found.json_line()
            } else {
                describe::line(found.index, found.stamps, &found.entry)
            })?;
            Ok(Next::Continue)
        })?;
        next = size;
        if !args.follow {
            return Ok(ExitStatus::Success);
        }
        while size == next {
            let _ = pause.recv_timeout(POLL_INTERVAL);
            size = log.checkpoint(&key)?.checkpoint().size;
        }
    }
}
