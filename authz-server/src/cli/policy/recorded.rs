//! `portcullis policy explain --decision`: what a decision on record met, and why, by the bundle that was in force then.
//!
//! The judge is asked again, and what he says is compared with the record; the record's own word is what came out.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use ledger::entry::{Decision, DecisionOutcome, RecordedVerdict};
use serde_json::{Value, json};
use warrant::Denial;

use super::explain::{grounds, headline};
use crate::cli::init::house;
use crate::cli::ledger::decision::{self, Recorded as Found};
use crate::cli::ledger::opened::{Named, Where};
use crate::cli::ledger::{bundles, instant};
use crate::cli::out::{Done, Failure, line};
use crate::config::{self, BundlePlace};
use crate::record::{Account, JudgedAgain, explain};

#[derive(Debug, ClapArgs)]
#[group(conflicts_with = "Asked")]
pub(super) struct Recorded {
    /// A decision on record instead of a request: its id, as an answer, a receipt or `ledger show` names it
    #[arg(long, allow_hyphen_values = true, conflicts_with_all = ["signed", "dir"])]
    pub(super) decision: Option<String>,
    /// The ledger's folder, a published log's, or its http(s):// prefix [default: the one of the house]
    #[arg(long, requires = "decision")]
    ledger: Option<String>,
    /// The archive to which older entries were moved
    #[arg(long, requires = "decision")]
    archive: Option<PathBuf>,
    /// A file with the token that may read entries over HTTP
    #[arg(long, requires = "decision")]
    token_file: Option<PathBuf>,
    /// The file with the log's verification key [default: log.vkey in the ledger's folder]
    #[arg(long, requires = "decision")]
    vkey: Option<PathBuf>,
    /// Folders with the bundles that were in force: signed bundles, or folders of them [default: the one of the house]
    #[arg(long, num_args = 1.., requires = "decision")]
    bundles: Vec<PathBuf>,
}

/// What came out, in the record's words.
struct Outcome {
    result: &'static str,
    status: Option<u16>,
    is_forwarded: bool,
}

pub(super) fn run(args: &Recorded, id: &str, home: &Path, json: bool) -> Result<Done, Failure> {
    let (ledger, folders) = args.places(home)?;
    let at = Where::new(ledger, args.archive.clone(), args.token_file.clone());
    let found = decision::proved(&at, &Named::new(args.vkey.clone()), id)?;
    let account = account(&found.decision, &folders)?;
    let outcome = outcome(&found.decision, &account)?;
    if json {
        line(as_json(&found, &account, &outcome)?)?;
    } else {
        tell(&found, &account, &outcome)?;
    }
    let is_well = outcome.is_forwarded && !matches!(account.again, JudgedAgain::Differs(_));
    Ok(if is_well { Done::Well } else { Done::Denied })
}

impl Recorded {
    /// Where ledger and bundles are: as it was said, else as the house has them.
    fn places(&self, home: &Path) -> Result<(String, Vec<PathBuf>), Failure> {
        if let (Some(ledger), false) = (&self.ledger, self.bundles.is_empty()) {
            return Ok((ledger.clone(), self.bundles.clone()));
        }
        let config = config::load(&house::configuration(home)).map_err(|faults| Failure::all(&faults))?;
        let ledger = self.ledger.clone().unwrap_or_else(|| config.ledger.directory.display().to_string());
        if !self.bundles.is_empty() {
            return Ok((ledger, self.bundles.clone()));
        }
        match config.bundle.place {
            BundlePlace::Directory(directory) => Ok((ledger, vec![directory])),
            BundlePlace::Url(url) => Err(Failure::new(format!(
                "the house fetches its bundles from {url}: name a folder that holds the one that was in force by --bundles"
            ))),
        }
    }
}

fn account(decision: &Decision, folders: &[PathBuf]) -> Result<Account, Failure> {
    let Some(by) = &decision.bundle else {
        return Err(Failure::new(format!("decision {} names no bundle", decision.id)));
    };
    let known = bundles::by_digest(folders)?;
    let Some(past) = known.get(&by.digest.to_string()) else {
        let looked: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        return Err(Failure::new(format!(
            "decision {} was taken by bundle {} (version {}), which is not in {}: name the folder that holds it by --bundles",
            decision.id,
            by.digest,
            by.version,
            looked.join(", ")
        )));
    };
    let account = policy::on_a_deep_stack(|| explain(decision, past));
    let account = account.ok_or_else(|| Failure::new("no thread to judge on could be had"))?;
    match account.again {
        JudgedAgain::Unfit(what) => Err(Failure::new(format!(
            "decision {} cannot be judged again: {what} does not fit, so it is of another version",
            decision.id
        ))),
        JudgedAgain::Same | JudgedAgain::Differs(_) | JudgedAgain::Withheld => Ok(account),
    }
}

fn outcome(decision: &Decision, account: &Account) -> Result<Outcome, Failure> {
    let forwarded = |result| Outcome { result, status: None, is_forwarded: true };
    Ok(match &decision.outcome {
        DecisionOutcome::Allowed => forwarded("allow"),
        DecisionOutcome::Ungoverned => forwarded("ungoverned"),
        DecisionOutcome::Observed => Outcome { is_forwarded: true, ..judged(account) },
        DecisionOutcome::Denied(code) => {
            let denial = Denial::from_code(code).ok_or_else(|| {
                Failure::new(format!("decision {} has the unknown code {code}", decision.id))
            })?;
            Outcome { result: denial.code(), status: Some(denial.status()), is_forwarded: false }
        }
    })
}

/// What the judge says, whatever came of it.
fn judged(account: &Account) -> Outcome {
    let explained = &account.explained;
    Outcome { result: explained.result, status: explained.status, is_forwarded: explained.passes() }
}

/// A denial that came after the judge's verdict, or instead of it.
fn later(account: &Account, outcome: &Outcome) -> Option<Denial> {
    Denial::from_code(outcome.result).filter(|_| outcome.result != account.explained.result)
}

fn tell(found: &Found, account: &Account, outcome: &Outcome) -> Result<(), Failure> {
    headline(outcome.result, outcome.status)?;
    if let Some(denial) = later(account, outcome) {
        line(format!("  outcome:  {}", denial.meaning()))?;
        line(format!("  cure:     {}", denial.cure()))?;
        line(format!("  judge:    {}", account.explained.result))?;
    }
    grounds(&account.explained)?;
    let decision = &found.decision;
    line(format!(
        "  decision: {}, entry {} of {}",
        decision.id,
        found.index,
        instant::rfc3339(found.stamps.time)
    ))?;
    if let Some(by) = &decision.bundle {
        line(format!("  bundle:   version {} ({})", by.version, by.digest))?;
    }
    line(format!("  record:   {}", compared(&decision.verdict, &account.again)))
}

fn compared(then: &RecordedVerdict, again: &JudgedAgain) -> String {
    match again {
        JudgedAgain::Same => "the same, judged again".to_owned(),
        JudgedAgain::Withheld => {
            "not judged again, since arguments are withheld: this is what it says, and what its policies say"
                .to_owned()
        }
        JudgedAgain::Differs(now) => {
            format!("THE RECORD SAYS OTHERWISE: it has {}, and judged again it is {}", said(then), said(now))
        }
        JudgedAgain::Unfit(what) => format!("not judged again: {what} does not fit"),
    }
}

fn said(verdict: &RecordedVerdict) -> String {
    let route = verdict.route.as_deref().map(|route| format!(" on {route}")).unwrap_or_default();
    let by = if verdict.policies.is_empty() {
        String::new()
    } else {
        format!(" by {}", verdict.policies.join(", "))
    };
    format!("{}{route}{by}", verdict.code)
}

/// What is said of a request, and beside it what is on record.
fn as_json(found: &Found, account: &Account, outcome: &Outcome) -> Result<String, Failure> {
    let decision = &found.decision;
    let mut all = serde_json::to_value(&account.explained).map_err(Failure::new)?;
    let again = match &account.again {
        JudgedAgain::Same => "same",
        JudgedAgain::Differs(_) => "differs",
        JudgedAgain::Withheld => "withheld",
        JudgedAgain::Unfit(_) => "unfit",
    };
    if let Value::Object(members) = &mut all {
        let judge = members.insert("result".to_owned(), outcome.result.into());
        members.insert("status".to_owned(), outcome.status.into());
        members.insert("judge".to_owned(), judge.unwrap_or_default());
        members.insert("again".to_owned(), again.into());
        if let Some(denial) = later(account, outcome) {
            members.insert("why".to_owned(), denial.meaning().into());
            members.insert("cure".to_owned(), denial.cure().into());
        }
        members.insert(
            "decision".to_owned(),
            json!({
                "id": decision.id, "index": found.index, "time": found.stamps.time / 1000,
                "outcome": decision.outcome.to_string(), "verdict": decision.verdict, "bundle": decision.bundle,
            }),
        );
    }
    serde_json::to_string(&all).map_err(Failure::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_difference_are_named() {
        let by = |code: &str, policies: &[&str]| RecordedVerdict {
            code: code.to_owned(),
            policies: policies.iter().map(|id| (*id).to_owned()).collect(),
            route: Some("pay".to_owned()),
        };
        let told = compared(&by("permit", &["pay/a", "pay/b"]), &JudgedAgain::Differs(by("expired", &[])));
        assert_eq!(
            told,
            "THE RECORD SAYS OTHERWISE: it has permit on pay by pay/a, pay/b, and judged again it is expired on pay"
        );
    }
}
