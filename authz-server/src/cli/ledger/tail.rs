//! `portcullis ledger tail`: the last entries, and with `--follow` those to come, as they are published: at most a second
//! after they are durable.

use std::sync::mpsc;
use std::time::Duration;

use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use ledger::tree::MerkleTree;

use super::opened::{Named, Where};
use super::scan::{self, Raw, Then};
use super::{describe, follow::Hit};
use crate::cli::out::{Done, Failure, line};

const EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    named: Named,
    /// How many of the last entries
    #[arg(short = 'n', long, default_value_t = 20)]
    lines: u64,
    /// Go on with what is recorded from now on
    #[arg(short, long)]
    follow: bool,
    /// For machines: one line an entry
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let opened = args.at.open()?;
    let key = args.named.key(&opened)?;
    let mut size = opened.checkpoint(&key)?.checkpoint().size;
    let mut next = size.saturating_sub(args.lines);
    // Nobody ever sends: waiting on it is how time passes here.
    let (_never, pause) = mpsc::channel::<()>();
    loop {
        let tree = MerkleTree::new(opened.source.as_ref(), size);
        let work = |raw: Raw<'_>| {
            raw.read().map(|(stamps, entry)| Hit {
                index: raw.index,
                stamps,
                entry,
                bytes: raw.bytes.to_vec(),
            })
        };
        scan::each(&tree, next..size, &ProgressBar::hidden(), work, |hit| {
            let hit = hit.map_err(Failure::new)?;
            line(if args.json {
                hit.json_line()
            } else {
                describe::line(hit.index, hit.stamps, &hit.entry)
            })?;
            Ok(Then::GoOn)
        })?;
        next = size;
        if !args.follow {
            return Ok(Done::Well);
        }
        while size == next {
            let _ = pause.recv_timeout(EVERY);
            size = opened.checkpoint(&key)?.checkpoint().size;
        }
    }
}
