//! Why a recorded decision came out as it did: judged again by a bundle, for what the judge and the policies say of it.

use ledger::entry::Decision;
use warrant::{Denial, Seconds};

use super::entry::PERMIT;
use super::judged_again::{JudgedAgain, judge_again};
use super::recorded_case::{NoCase, RecordedBytes};
use policy::Bundle;
use policy::authoring::{Explained, explain_case, explain_verdict};

/// What there is to say of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Of the judge's verdict. Where that cannot be asked for again, of the recorded one, by what its policies say.
    pub explained: Explained,
    /// How it compares with the record.
    pub again: JudgedAgain,
}

/// Explains a decision by the bundle that was in force. To be asked on a deep stack, as [`judge_again`].
pub fn explain(decision: &Decision, bundle: &Bundle) -> Account {
    let bytes = RecordedBytes::of(decision);
    let explained = match bytes.case(decision, bundle) {
        Ok(case) => explain_case(&case, bundle),
        Err(NoCase::Withheld | NoCase::Unfit(_)) => {
            let verdict = &decision.verdict;
            // A code that is none of ours must not be told as an allow.
            let denial = (verdict.code != PERMIT)
                .then(|| Denial::from_code(&verdict.code).unwrap_or(Denial::Internal));
            let now = Seconds::new(decision.clock);
            explain_verdict(bundle, verdict.route.as_deref(), denial, &verdict.policies, now)
        }
    };
    Account { explained, again: judge_again(decision, bundle) }
}
