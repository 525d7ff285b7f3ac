//! Judging again: the same judge, on what was recorded, under a bundle. What comes out is a verdict to compare, and
//! nothing that could be acted upon: the permit inside is one `ByRecord`, and ends here.

use ledger::entry::{Decision, RecordedVerdict};

use super::entry::verdict;
use super::recorded_case::{NoCase, RecordedBytes};
use policy::Bundle;
use policy::decision::judge;

/// What came of judging a decision again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JudgedAgain {
    /// The same verdict, byte for byte.
    Same,
    /// Another one.
    Differs(RecordedVerdict),
    /// Something that the judge read was withheld from the record.
    Withheld,
    /// What is recorded does not fit together: not a decision of ours, or of another version.
    Unfit(&'static str),
}

/// Judges a decision again under this bundle: the recorded one, or a candidate. To be asked on a deep stack
/// (`policy::on_a_deep_stack`), where the policy's answers are defined.
pub fn judge_again(decision: &Decision, bundle: &Bundle) -> JudgedAgain {
    let bytes = RecordedBytes::of(decision);
    let case = match bytes.case(decision, bundle) {
        Ok(case) => case,
        Err(NoCase::Withheld) => return JudgedAgain::Withheld,
        Err(NoCase::Unfit(what)) => return JudgedAgain::Unfit(what),
    };
    let found = verdict(&judge(&case, bundle));
    let canonical = |verdict: &RecordedVerdict| ledger::canonical::to_vec(verdict).ok();
    match (canonical(&found), canonical(&decision.verdict)) {
        (Some(now), Some(then)) if now == then => JudgedAgain::Same,
        _ => JudgedAgain::Differs(found),
    }
}
