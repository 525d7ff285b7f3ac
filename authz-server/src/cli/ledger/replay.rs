//! `portcullis ledger replay`: judges recorded decisions again, by the bundles that were in force then or by
//! a candidate.
//!
//! The log is audited first, because judging changed entries again would prove nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use ledger::Entry;
use ledger::entry::{Decision, Stamps, VerdictCode};
use ledger::tree::MerkleTree;
use ledger::verify::Auditor;
use serde_json::json;

use super::bundles::PastBundles;
use super::filter::Filter;
use super::log::{LogLocation, OpenLog, TrustedKey};
use super::scan::{self, Next, RawEntry};
use super::{bundles, describe, progress, proves};
use crate::cli::out::{ExitStatus, Failure, line};
use crate::record::{EarlierTerms, JudgedAgain, judge_again};
use policy::PastBundle;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    location: LogLocation,
    #[command(flatten)]
    key: TrustedKey,
    /// Further directories with bundles that were in force: signed bundles, or directories of them. The server keeps
    /// every bundle beside its log, so these are needed only for a log without its ledger's directory
    #[arg(long, num_args = 1..)]
    bundles: Vec<PathBuf>,
    /// A signed candidate bundle to judge by instead: lists the decisions that would differ
    #[arg(long, conflicts_with = "bundles")]
    with: Option<PathBuf>,
    #[command(flatten)]
    filter: Filter,
    /// Print JSON: one line for each difference, and one line with the counts
    #[arg(long)]
    json: bool,
}

/// The bundles that decisions are judged by.
enum JudgeBy {
    Recorded(PastBundles),
    Candidate(Box<PastBundle>),
}

#[derive(Debug, Default)]
struct Counts {
    judged: u64,
    same: u64,
    differs: u64,
    withheld: u64,
    unfit: u64,
    /// An earlier entry says the terms of their warrant, and is not at hand.
    without_terms: u64,
    /// The number of decisions by each missing bundle.
    unknown: BTreeMap<String, u64>,
}

enum Replayed {
    Again(JudgedAgain),
    NoBundle(String),
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let log = args.location.open()?;
    let size = audit(args, &log)?;
    let Some(size) = size else { return Ok(ExitStatus::Denied) };
    let by = match &args.with {
        Some(candidate) => JudgeBy::Candidate(Box::new(bundles::open(candidate)?)),
        None if args.bundles.is_empty() && log.directory.is_none() => {
            return Err(Failure::new(
                "the bundles that were in force are needed: give the ledger's whole directory, or --bundles DIR",
            ));
        }
        None => JudgeBy::Recorded(PastBundles::new(&args.bundles, log.directory.as_deref())?),
    };
    let counts = replay(args, &log, size, &by)?;
    counts.print(args.json)?;
    counts.status()
}

/// The size of the log, if the whole log holds.
fn audit(args: &Args, log: &OpenLog) -> Result<Option<u64>, Failure> {
    let key = args.key.read()?;
    log.note()?;
    let bar = progress::bar("auditing", 0, args.json);
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let auditor = Auditor { log: &key, witnesses: &[], previous: None, threads: 0, progress: &progress };
    let report = auditor.audit(log.source.as_ref()).map_err(Failure::new)?;
    bar.finish_and_clear();
    if report.holds() {
        return Ok(Some(report.size));
    }
    for fault in &report.faults {
        line(format!("fault: {}: {}", fault.place, fault.what))?;
    }
    line("the log failed its audit, so nothing was judged")?;
    Ok(None)
}

fn replay(args: &Args, log: &OpenLog, size: u64, by: &JudgeBy) -> Result<Counts, Failure> {
    let tree = MerkleTree::new(log.source.as_ref(), size);
    let first = args.filter.since.map_or(Ok(0), |since| scan::first_since(&tree, 0, since))?;
    let mut counts = Counts::default();
    let earlier = EarlierTerms::default();
    let work = |raw: RawEntry<'_>| match args.filter.find(raw)? {
        Some((stamps, Entry::Decision(mut decision))) => {
            earlier.complete(&mut decision, |index| tree.entry(index)).map_err(|e| e.to_string())?;
            let judged = by.judge(&decision)?;
            Ok(Some((raw.index, stamps, decision, judged)))
        }
        Some(_) | None => Ok(None),
    };
    let bar = progress::bar("judging", size, args.json);
    scan::each(&tree, first..size, &bar, work, |found: Result<_, String>| {
        if let Some((index, stamps, decision, judged)) = found.map_err(Failure::new)? {
            bar.suspend(|| print_difference(args.json, index, stamps, decision, &judged))?;
            counts.add(judged);
        }
        Ok(Next::Continue)
    })?;
    Ok(counts)
}

impl JudgeBy {
    fn judge(&self, decision: &Decision) -> Result<Replayed, String> {
        let past = match (self, &decision.bundle) {
            (JudgeBy::Candidate(past), _) => return Ok(Replayed::Again(judge_again(decision, past))),
            (JudgeBy::Recorded(_), None) => return Ok(Replayed::NoBundle("none".to_owned())),
            (JudgeBy::Recorded(known), Some(by)) => known.find(&by.digest)?.ok_or(by.digest),
        };
        Ok(match past {
            Ok(past) => Replayed::Again(judge_again(decision, &past)),
            Err(digest) => Replayed::NoBundle(digest.to_string()),
        })
    }
}

/// Prints the entry, if its new verdict differs or cannot be reached.
fn print_difference(
    json: bool,
    index: u64,
    stamps: Stamps,
    decision: Decision,
    judged: &Replayed,
) -> Result<(), Failure> {
    let (then, now) = match judged {
        Replayed::Again(JudgedAgain::Differs(now)) => (decision.verdict.clone(), Ok(now)),
        Replayed::Again(JudgedAgain::Unfit(what)) => (decision.verdict.clone(), Err(*what)),
        Replayed::Again(JudgedAgain::Same | JudgedAgain::Withheld | JudgedAgain::WithoutTerms(_))
        | Replayed::NoBundle(_) => return Ok(()),
    };
    if json {
        let (now, unfit) = (now.ok(), now.err());
        return line(json!({"index": index, "id": decision.id, "then": then, "now": now, "unfit": unfit}));
    }
    let code = |code: VerdictCode, route: &Option<String>| match route {
        Some(route) => format!("{code} on {route}"),
        None => code.to_string(),
    };
    let now = match now {
        Ok(now) => format!("now {} ({})", code(now.code, &now.route), now.policies.join(", ")),
        Err(what) => format!("cannot be judged: this version cannot read its record ({what})"),
    };
    let then = format!("then {} ({})", code(then.code, &then.route), then.policies.join(", "));
    line(format!("{}\n    {then}\n    {now}", describe::line(index, stamps, &Entry::Decision(decision))))
}

impl Counts {
    fn add(&mut self, judged: Replayed) {
        let place = match judged {
            Replayed::Again(JudgedAgain::Same) => &mut self.same,
            Replayed::Again(JudgedAgain::Differs(_)) => &mut self.differs,
            Replayed::Again(JudgedAgain::Withheld) => &mut self.withheld,
            Replayed::Again(JudgedAgain::Unfit(_)) => &mut self.unfit,
            Replayed::Again(JudgedAgain::WithoutTerms(_)) => &mut self.without_terms,
            Replayed::NoBundle(name) => self.unknown.entry(name).or_default(),
        };
        *place = place.saturating_add(1);
        self.judged = self.judged.saturating_add(1);
    }

    fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            return line(json!({
                "decisions": self.judged, "same": self.same, "differs": self.differs,
                "withheld": self.withheld, "unfit": self.unfit, "without_terms": self.without_terms, "unknown_bundles": self.unknown,
                "proves": proves::BY_REPLAY, "only_verify_proves": proves::ONLY_BY_VERIFY,
            }));
        }
        line(format!(
            "{} decisions: {} the same, {} differ, {} cannot be judged because their arguments are recorded only as digests, {} cannot be read by this version",
            self.judged, self.same, self.differs, self.withheld, self.unfit
        ))?;
        if self.without_terms > 0 {
            line(format!(
                "{} decisions not judged: an earlier entry says the terms of their warrant, and it is not here",
                self.without_terms
            ))?;
        }
        for (name, count) in &self.unknown {
            line(format!("{count} decisions not judged: bundle {name} is missing, add it with --bundles"))?;
        }
        line(proves::line("replay", proves::BY_REPLAY, "verify", proves::ONLY_BY_VERIFY))
    }

    fn status(&self) -> Result<ExitStatus, Failure> {
        if self.differs > 0 || self.unfit > 0 {
            return Ok(ExitStatus::Denied);
        }
        if self.without_terms > 0 {
            return Err(Failure::new(
                "some decisions were not judged: name the archive with the earlier entries with --archive",
            ));
        }
        if !self.unknown.is_empty() {
            return Err(Failure::new(
                "some decisions were not judged: add the missing bundles with --bundles",
            ));
        }
        if self.same == 0 {
            return Err(Failure::new(
                "nothing was judged: no decision matches, or all record their arguments only as digests",
            ));
        }
        Ok(ExitStatus::Success)
    }
}
