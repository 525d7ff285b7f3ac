//! Explains a recorded decision: judges it again with a bundle, and says what the judge and the policies say about it.

use ledger::entry::Decision;
use warrant::Seconds;

use super::codes::denial_in;
use super::judged_again::{JudgedAgain, judge_again};
use super::recorded_case::{NoCase, RecordedBytes};
use policy::Bundle;
use policy::authoring::{Explained, explain_case, explain_verdict};

/// The explanation of a recorded decision, and how it compares with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Explains the judge's verdict. If the decision cannot be judged again, it explains the recorded verdict by its
    /// policies.
    pub explained: Explained,
    /// How the verdict compares with the record.
    pub again: JudgedAgain,
}

/// Explains a decision with the bundle that was in force. Like [`judge_again`] it must be called on a deep stack.
pub fn explain(decision: &Decision, bundle: &Bundle) -> Account {
    let recorded = RecordedBytes::of(decision);
    let explained = match recorded.case(decision, bundle) {
        Ok(case) => explain_case(&case, bundle),
        Err(NoCase::Withheld | NoCase::WithoutTerms(_) | NoCase::Unfit(_)) => {
            let verdict = &decision.verdict;
            let denial = denial_in(verdict.code);
            let now = Seconds::new(decision.clock);
            explain_verdict(bundle, verdict.route.as_deref(), denial, &verdict.policies, now)
        }
    };
    Account { explained, again: judge_again(decision, bundle) }
}
