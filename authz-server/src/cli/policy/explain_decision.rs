//! `portcullis policy explain --decision`: explains a recorded decision by the bundle that was in force then.
//!
//! The decision is judged again, and the new verdict is compared with the recorded one. The result that is
//! printed is the recorded one.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use ledger::entry::{Decision, DecisionOutcome, RecordedVerdict};
use serde_json::{Value, json};
use warrant::Denial;

use super::explain::{print_grounds, print_result};
use crate::cli::init::home;
use crate::cli::ledger::bundles::PastBundles;
use crate::cli::ledger::log::{LogLocation, OptionalKey};
use crate::cli::ledger::proved_decision::{self, ProvedDecision};
use crate::cli::ledger::time;
use crate::cli::out::{ExitStatus, Failure, line};
use crate::config;
use crate::record::{Account, JudgedAgain, denial_of, explain};

#[derive(Debug, ClapArgs)]
#[group(conflicts_with = "RequestArgs")]
pub(super) struct DecisionArgs {
    /// Explain a recorded decision instead of a request. Give the id that is in the answer or in `ledger show`
    #[arg(long, allow_hyphen_values = true, conflicts_with_all = ["signed", "dir"])]
    pub(super) decision: Option<String>,
    /// The ledger's directory, a published log's directory, or its http(s):// prefix [default: the ledger in
    /// HOME's configuration]
    #[arg(long, requires = "decision")]
    ledger: Option<String>,
    /// An archive to which older entries were moved, if it is not where `ledger archive` put it
    #[arg(long, requires = "decision")]
    archive: Vec<PathBuf>,
    /// A file with the token for reading entries over a network or a socket
    #[arg(long, requires = "decision")]
    token_file: Option<PathBuf>,
    /// The file with the log's verification key [default: log.vkey in the ledger's directory]
    #[arg(long, requires = "decision")]
    vkey: Option<PathBuf>,
    /// Further directories with bundles that were in force: signed bundles, or directories of them. The server keeps
    /// every bundle beside its log, so these are needed only for a log without its ledger's directory
    #[arg(long, num_args = 1.., requires = "decision")]
    bundles: Vec<PathBuf>,
}

/// The answer that was recorded.
struct DecisionAnswer {
    result: &'static str,
    status: Option<u16>,
    is_forwarded: bool,
}

pub(super) fn run(args: &DecisionArgs, id: &str, home: &Path, json: bool) -> Result<ExitStatus, Failure> {
    let (ledger, kept) = args.ledger_and_kept(home)?;
    let bundles = PastBundles::new(&args.bundles, kept.as_deref())?;
    let location = LogLocation::new(ledger, args.archive.clone(), args.token_file.clone());
    let found = proved_decision::read(&location, &OptionalKey::new(args.vkey.clone()), id)?;
    let account = account(&found.decision, &bundles)?;
    let answer = answer(&found.decision, &account);
    if json {
        line(to_json(&found, &account, &answer)?)?;
    } else {
        print(&found, &account, &answer)?;
    }
    let passes = answer.is_forwarded && !matches!(account.again, JudgedAgain::Differs(_));
    Ok(if passes { ExitStatus::Success } else { ExitStatus::Denied })
}

impl DecisionArgs {
    /// The ledger, and the directory of the ledger whose kept bundles are used: from the command line, otherwise from the
    /// home directory.
    fn ledger_and_kept(&self, home: &Path) -> Result<(String, Option<PathBuf>), Failure> {
        let is_remote = |place: &String| LogLocation::new(place.clone(), Vec::new(), None).is_remote();
        match &self.ledger {
            Some(ledger) if !is_remote(ledger) => return Ok((ledger.clone(), Some(PathBuf::from(ledger)))),
            Some(ledger) if !self.bundles.is_empty() => return Ok((ledger.clone(), None)),
            Some(_) | None => {}
        }
        let config = config::load(&home::configuration(home)).map_err(|faults| Failure::all(&faults))?;
        let own = config.ledger.directory;
        Ok((self.ledger.clone().unwrap_or_else(|| own.display().to_string()), Some(own)))
    }
}

fn account(decision: &Decision, bundles: &PastBundles) -> Result<Account, Failure> {
    let Some(by) = &decision.bundle else {
        return Err(Failure::new(format!("decision {} names no bundle", decision.id)));
    };
    let Some(past) = bundles.find(&by.digest).map_err(Failure::new)? else {
        return Err(Failure::new(format!(
            "decision {} was taken with the bundle {} (version {}), which is not in {}: name the bundle's directory with --bundles",
            decision.id,
            by.digest,
            by.version,
            bundles.searched()
        )));
    };
    let account = policy::on_a_deep_stack(|| explain(decision, &past));
    let account = account.ok_or_else(|| Failure::new("could not start a thread to judge on"))?;
    match account.again {
        JudgedAgain::Unfit(what) => Err(Failure::new(format!(
            "decision {} cannot be judged again: this version cannot read its record ({what})",
            decision.id
        ))),
        JudgedAgain::WithoutTerms(index) => Err(Failure::new(format!(
            "decision {} cannot be judged again: entry {index} does not say the terms of its warrant, as its record claims",
            decision.id
        ))),
        JudgedAgain::Same | JudgedAgain::Differs(_) | JudgedAgain::Withheld => Ok(account),
    }
}

fn answer(decision: &Decision, account: &Account) -> DecisionAnswer {
    let forwarded = |result| DecisionAnswer { result, status: None, is_forwarded: true };
    match &decision.outcome {
        DecisionOutcome::Allowed => forwarded("allow"),
        DecisionOutcome::Ungoverned => forwarded("ungoverned"),
        DecisionOutcome::Observed => DecisionAnswer { is_forwarded: true, ..judged(account) },
        DecisionOutcome::Denied(code) => {
            let denial = denial_of(*code);
            DecisionAnswer { result: denial.code(), status: Some(denial.status()), is_forwarded: false }
        }
    }
}

/// The answer of the judge's verdict alone.
fn judged(account: &Account) -> DecisionAnswer {
    let explained = &account.explained;
    DecisionAnswer { result: explained.result, status: explained.status, is_forwarded: explained.passes() }
}

/// A denial that came after the judge's verdict, or in place of it.
fn later_denial(account: &Account, answer: &DecisionAnswer) -> Option<Denial> {
    Denial::from_code(answer.result).filter(|_| answer.result != account.explained.result)
}

fn print(found: &ProvedDecision, account: &Account, answer: &DecisionAnswer) -> Result<(), Failure> {
    print_result(answer.result, answer.status)?;
    if let Some(denial) = later_denial(account, answer) {
        line(format!("  outcome:  {}", denial.meaning()))?;
        line(format!("  cure:     {}", denial.cure()))?;
        line(format!("  judge:    {}", account.explained.result))?;
    }
    print_grounds(&account.explained)?;
    let decision = &found.decision;
    line(format!(
        "  decision: {}, entry {} of {}",
        decision.id,
        found.index,
        time::rfc3339(found.stamps.time)
    ))?;
    if let Some(by) = &decision.bundle {
        line(format!("  bundle:   version {} ({})", by.version, by.digest))?;
    }
    line(format!("  record:   {}", compared(&decision.verdict, &account.again)))
}

fn compared(then: &RecordedVerdict, again: &JudgedAgain) -> String {
    match again {
        JudgedAgain::Same => "judged again, with the same result".to_owned(),
        JudgedAgain::Withheld => {
            "not judged again, because arguments are recorded only as digests: the reason and the cure come from the recorded verdict and its policies"
                .to_owned()
        }
        JudgedAgain::Differs(now) => {
            format!("THE RECORD DIFFERS: recorded: {}; judged again: {}", in_words(then), in_words(now))
        }
        JudgedAgain::WithoutTerms(index) => {
            format!("not judged again, because entry {index}, which says the terms of the warrant, is not here")
        }
        JudgedAgain::Unfit(what) => format!("not judged again: this version cannot read its record ({what})"),
    }
}

fn in_words(verdict: &RecordedVerdict) -> String {
    let route = verdict.route.as_deref().map(|route| format!(" on {route}")).unwrap_or_default();
    let by = if verdict.policies.is_empty() {
        String::new()
    } else {
        format!(" by {}", verdict.policies.join(", "))
    };
    format!("{}{route}{by}", verdict.code)
}

/// The members of an explained request, and those of the record.
fn to_json(found: &ProvedDecision, account: &Account, answer: &DecisionAnswer) -> Result<String, Failure> {
    let decision = &found.decision;
    let mut all = serde_json::to_value(&account.explained).map_err(Failure::new)?;
    let again = match &account.again {
        JudgedAgain::Same => "same",
        JudgedAgain::Differs(_) => "differs",
        JudgedAgain::Withheld => "withheld",
        JudgedAgain::WithoutTerms(_) => "without-terms",
        JudgedAgain::Unfit(_) => "unfit",
    };
    if let Value::Object(members) = &mut all {
        let judge = members.insert("result".to_owned(), answer.result.into());
        members.insert("status".to_owned(), answer.status.into());
        members.insert("judge".to_owned(), judge.unwrap_or_default());
        members.insert("again".to_owned(), again.into());
        if let Some(denial) = later_denial(account, answer) {
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
    use ledger::entry::{DenialCode, VerdictCode};

    #[test]
    fn both_sides_of_a_difference_are_named() {
        let by = |code: VerdictCode, policies: &[&str]| RecordedVerdict {
            code,
            policies: policies.iter().map(|id| (*id).to_owned()).collect(),
            route: Some("pay".to_owned()),
        };
        let text = compared(
            &by(VerdictCode::Permit, &["pay/a", "pay/b"]),
            &JudgedAgain::Differs(by(VerdictCode::Denied(DenialCode::Expired), &[])),
        );
        assert_eq!(
            text,
            "THE RECORD DIFFERS: recorded: permit on pay by pay/a, pay/b; judged again: expired on pay"
        );
    }
}
