//! `portcullis ledger replay`: recorded decisions, judged again by the bundles that were in force then, or by a candidate.
//!
//! The log is audited first: judging again what somebody has changed would prove nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use ledger::Entry;
use ledger::entry::{Decision, Stamps};
use ledger::tree::MerkleTree;
use ledger::verify::Auditor;
use serde_json::json;

use super::filter::Filter;
use super::opened::{Opened, Trusted, Where};
use super::scan::{self, Raw, Then};
use super::{bundles, describe, progress};
use crate::cli::out::{Done, Failure, line};
use crate::record::{Again, again};
use policy::PastBundle;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    trusted: Trusted,
    /// Folders with the bundles that were in force: signed bundles, or folders of them
    #[arg(long, num_args = 1.., required_unless_present = "with")]
    bundles: Vec<PathBuf>,
    /// A signed bundle to judge by instead: lists what it would have decided otherwise
    #[arg(long, conflicts_with = "bundles")]
    with: Option<PathBuf>,
    #[command(flatten)]
    filter: Filter,
    /// For machines: one line a difference, and one with the counts
    #[arg(long)]
    json: bool,
}

/// By what decisions are judged.
enum By {
    Recorded(BTreeMap<String, PastBundle>),
    Candidate(Box<PastBundle>),
}

#[derive(Debug, Default)]
struct Counts {
    judged: u64,
    same: u64,
    differs: u64,
    withheld: u64,
    unfit: u64,
    /// Decisions of bundles that were not given.
    unknown: BTreeMap<String, u64>,
}

enum Judged {
    Again(Again),
    NoBundle(String),
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let opened = args.at.open()?;
    let size = audited(args, &opened)?;
    let Some(size) = size else { return Ok(Done::Denied) };
    let by = match &args.with {
        Some(candidate) => By::Candidate(Box::new(bundles::open(candidate)?)),
        None => By::Recorded(bundles::by_digest(&args.bundles)?),
    };
    let counts = all(args, &opened, size, &by)?;
    counts.tell(args.json)?;
    counts.done()
}

/// The size of the log, if all of it holds.
fn audited(args: &Args, opened: &Opened) -> Result<Option<u64>, Failure> {
    let key = args.trusted.key()?;
    opened.note()?;
    let bar = progress::bar("auditing", 0, args.json);
    let tell = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let auditor = Auditor { log: &key, witnesses: &[], previous: None, threads: 0, progress: &tell };
    let report = auditor.audit(opened.source.as_ref()).map_err(Failure::new)?;
    bar.finish_and_clear();
    if report.holds() {
        return Ok(Some(report.size));
    }
    for fault in &report.faults {
        line(format!("fault: {}: {}", fault.place, fault.what))?;
    }
    line("the log does not hold, so nothing of it is judged")?;
    Ok(None)
}

fn all(args: &Args, opened: &Opened, size: u64, by: &By) -> Result<Counts, Failure> {
    let tree = MerkleTree::new(opened.source.as_ref(), size);
    let first = args.filter.since.map_or(Ok(0), |since| scan::first_since(&tree, since))?;
    let mut counts = Counts::default();
    let work = |raw: Raw<'_>| match args.filter.find(raw)? {
        Some((stamps, Entry::Decision(decision))) => {
            let judged = by.judge(&decision);
            Ok(Some((raw.index, stamps, decision, judged)))
        }
        Some(_) | None => Ok(None),
    };
    let bar = progress::bar("judging", size, args.json);
    scan::each(&tree, first..size, &bar, work, |found: Result<_, String>| {
        if let Some((index, stamps, decision, judged)) = found.map_err(Failure::new)? {
            bar.suspend(|| told(args.json, index, stamps, decision, &judged))?;
            counts.add(judged);
        }
        Ok(Then::GoOn)
    })?;
    Ok(counts)
}

impl By {
    fn judge(&self, decision: &Decision) -> Judged {
        let name = decision.bundle.as_ref().map(|bundle| bundle.digest.to_string()).unwrap_or_default();
        match self {
            By::Candidate(past) => Judged::Again(again(decision, past)),
            By::Recorded(known) => match known.get(&name) {
                Some(past) => Judged::Again(again(decision, past)),
                None => Judged::NoBundle(name),
            },
        }
    }
}

/// What is not as it was, one line each.
fn told(json: bool, index: u64, stamps: Stamps, decision: Decision, judged: &Judged) -> Result<(), Failure> {
    let (then, now) = match judged {
        Judged::Again(Again::Differs(now)) => (decision.verdict.clone(), Ok(now)),
        Judged::Again(Again::Unfit(what)) => (decision.verdict.clone(), Err(*what)),
        Judged::Again(Again::Same | Again::Withheld) | Judged::NoBundle(_) => return Ok(()),
    };
    if json {
        let (now, unfit) = (now.ok(), now.err());
        return line(json!({"index": index, "id": decision.id, "then": then, "now": now, "unfit": unfit}));
    }
    let code = |code: &str, route: &Option<String>| match route {
        Some(route) => format!("{code} on {route}"),
        None => code.to_owned(),
    };
    let now = match now {
        Ok(now) => format!("now {} ({})", code(&now.code, &now.route), now.policies.join(", ")),
        Err(what) => format!("cannot be judged: {what} does not fit"),
    };
    let then = format!("then {} ({})", code(&then.code, &then.route), then.policies.join(", "));
    line(format!("{}\n    {then}\n    {now}", describe::line(index, stamps, &Entry::Decision(decision))))
}

impl Counts {
    fn add(&mut self, judged: Judged) {
        let place = match judged {
            Judged::Again(Again::Same) => &mut self.same,
            Judged::Again(Again::Differs(_)) => &mut self.differs,
            Judged::Again(Again::Withheld) => &mut self.withheld,
            Judged::Again(Again::Unfit(_)) => &mut self.unfit,
            Judged::NoBundle(name) => self.unknown.entry(name).or_default(),
        };
        *place = place.saturating_add(1);
        self.judged = self.judged.saturating_add(1);
    }

    fn tell(&self, json: bool) -> Result<(), Failure> {
        if json {
            return line(json!({
                "decisions": self.judged, "same": self.same, "differs": self.differs,
                "withheld": self.withheld, "unfit": self.unfit, "unknown_bundles": self.unknown,
            }));
        }
        line(format!(
            "{} decisions: {} the same, {} differ, {} cannot be judged since arguments are withheld, {} do not fit",
            self.judged, self.same, self.differs, self.withheld, self.unfit
        ))?;
        for (name, count) in &self.unknown {
            line(format!("{count} decisions by bundle {name}, which is not among --bundles"))?;
        }
        Ok(())
    }

    fn done(&self) -> Result<Done, Failure> {
        if self.differs > 0 || self.unfit > 0 {
            return Ok(Done::Denied);
        }
        if !self.unknown.is_empty() {
            return Err(Failure::new("not all could be judged: add the missing bundles to --bundles"));
        }
        if self.same == 0 {
            return Err(Failure::new(
                "nothing was judged: no decision is meant, or all withhold what the judge read",
            ));
        }
        Ok(Done::Well)
    }
}
