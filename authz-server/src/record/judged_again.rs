//! Judges a recorded decision again: the same judge, with what was recorded, under a bundle.
//!
//! The result is a verdict to compare. It cannot be executed: a permit in it is one `ByRecord`, and it does not leave
//! this module.

use ledger::entry::{Decision, RecordedVerdict};

use super::entry::verdict;
use super::recorded_case::{NoCase, RecordedBytes};
use policy::Bundle;
use policy::decision::judge;

/// The result of judging a decision again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JudgedAgain {
    /// The same verdict, byte for byte.
    Same,
    /// Another verdict.
    Differs(RecordedVerdict),
    /// Something that the judge read was withheld from the record.
    Withheld,
    /// The entry at this index says the terms of its warrant, and is not at hand.
    WithoutTerms(u64),
    /// The recorded parts do not fit together: another version or another program wrote them. This names the part.
    Unfit(&'static str),
}

/// Judges a decision again under this bundle: the recorded one, or a candidate. It must be called on a deep stack
/// (`policy::on_a_deep_stack`): only there are a policy's answers defined.
pub fn judge_again(decision: &Decision, bundle: &Bundle) -> JudgedAgain {
    let recorded = RecordedBytes::of(decision);
    let case = match recorded.case(decision, bundle) {
        Ok(case) => case,
        Err(NoCase::Withheld) => return JudgedAgain::Withheld,
        Err(NoCase::WithoutTerms(index)) => return JudgedAgain::WithoutTerms(index),
        Err(NoCase::Unfit(what)) => return JudgedAgain::Unfit(what),
    };
    let found = verdict(&judge(&case, bundle));
    let canonical = |verdict: &RecordedVerdict| ledger::canonical::to_vec(verdict).ok();
    match (canonical(&found), canonical(&decision.verdict)) {
        (Some(now), Some(then)) if now == then => JudgedAgain::Same,
        _ => JudgedAgain::Differs(found),
    }
}
