//! Judging by a candidate what has just been judged: on another thread, of what that thread has time for. It answers
//! nobody, burns nothing and records nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use warrant::{Denial, Seconds};

use super::{Asked, Gatherer};
use crate::candidate::Candidate;
use crate::decision::{Case, Judgement, Passing, judge};

/// A body may be a megabyte, and waits here with its request.
const WAITING_AT_MOST: usize = 64;

/// The way to the candidate's thread.
#[derive(Clone, Debug)]
pub struct Shadow {
    queue: SyncSender<Second>,
    candidate: Arc<Candidate>,
}

/// A request that was judged once, and may be judged a second time.
#[derive(Debug)]
pub struct Second {
    asked: Arc<Asked>,
    now: Seconds,
    as_of: u64,
    verdict: Verdict,
}

/// The route, and the denial or the permit.
type Verdict = (Option<String>, Option<Denial>);

impl Shadow {
    /// With the other end, for whoever judges.
    pub fn new(candidate: Arc<Candidate>) -> (Shadow, Receiver<Second>) {
        let (queue, waiting) = sync_channel(WAITING_AT_MOST);
        (Shadow { queue, candidate }, waiting)
    }

    /// Never waits: what there is no time for is passed over, and counted.
    pub(super) fn offer(&self, asked: &Arc<Asked>, case: &Case<'_>, judgement: &Judgement) {
        // What governance itself denies, it denies under any bundle.
        if case.governance.is_err() || self.candidate.bundle().is_none() {
            return;
        }
        let (asked, verdict) = (Arc::clone(asked), verdict(judgement));
        let second = Second { asked, now: case.now, as_of: case.as_of, verdict };
        if self.queue.try_send(second).is_err() {
            self.candidate.pass_over();
        }
    }
}

impl Second {
    /// Judges it by the candidate, and notes whether that makes a difference; a difference of a new kind is returned.
    /// The gatherer is the candidate's own: nothing that it keeps is seen by a decision.
    pub fn judge(&self, gatherer: &Gatherer, candidate: &Candidate) -> Option<String> {
        let bundle = candidate.bundle()?;
        let case = gatherer.under(&bundle, &self.asked, self.now, self.as_of, Ok(()));
        let (_, found) = verdict(&judge(&case, &bundle));
        let (route, active) = (self.verdict.0.as_deref(), self.verdict.1);
        let code = |denial: Option<Denial>| denial.map_or("allow", Denial::code);
        candidate.note(route, active, found).then(|| {
            let route = route.unwrap_or("no route");
            format!("the candidate differs on {route}: {} here, {} there", code(active), code(found))
        })
    }
}

fn verdict(judgement: &Judgement) -> Verdict {
    match judgement {
        Judgement::Permit(permit) => (Some(permit.route().to_owned()), None),
        Judgement::Deny(denied) => (denied.route.clone(), Some(denied.denial)),
        Judgement::Pass(pass) => match pass.passing() {
            Passing::Ungoverned | Passing::Observed(Ok(_)) => (Some(pass.route().to_owned()), None),
            Passing::Observed(Err(denied)) => (Some(pass.route().to_owned()), Some(denied.denial)),
        },
    }
}
