//! Judges requests a second time with the candidate bundle: on another thread, best effort. It answers no request,
//! burns nothing and records nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use tracing::info;
use warrant::Denial;

use super::gather::{Gathered, Situation};
use super::{Gatherer, IncomingRequest};
use crate::bundles::candidate::{Candidate, Watcher};
use crate::bundles::{ThreadError, start_policy_thread};
use policy::decision::{Judgement, PassReason, judge, result_code};

/// Requests that may wait. Each waits with its body, which may have a megabyte.
const WAITING_AT_MOST: usize = 64;

/// The queue to the candidate's thread.
#[derive(Clone, Debug)]
pub struct Shadow {
    queue: SyncSender<JudgedOnce>,
    candidate: Arc<Candidate>,
}

/// A request that was judged by the bundle in force, and may be judged a second time.
#[derive(Debug)]
struct JudgedOnce {
    request: Arc<IncomingRequest>,
    /// In which the active bundle judged it.
    situation: Situation,
    verdict: Verdict,
}

/// The route, and the denial or the permit.
type Verdict = (Option<String>, Option<Denial>);

impl Shadow {
    /// Starts the candidate's thread. It looks for the candidate and judges requests with it for as long as there can
    /// be requests. The gatherer is the candidate's own: decisions do not share its cache.
    pub fn start(
        candidate: Arc<Candidate>,
        mut watcher: Watcher,
        gatherer: Gatherer,
    ) -> Result<Shadow, ThreadError> {
        let (queue, waiting) = sync_channel(WAITING_AT_MOST);
        start_policy_thread("candidate", move || judge_all(&mut watcher, &gatherer, &waiting))?;
        Ok(Shadow { queue, candidate })
    }

    /// Never waits: if the queue is full, the request is skipped and counted.
    pub(super) fn offer(&self, request: &Arc<IncomingRequest>, situation: &Situation, judgement: &Judgement) {
        // What governance denies is denied under any bundle.
        if situation.governance.is_err() || self.candidate.bundle().is_none() {
            return;
        }
        let (request, verdict) = (Arc::clone(request), verdict(judgement));
        let once = JudgedOnce { request, situation: situation.clone(), verdict };
        if self.queue.try_send(once).is_err() {
            self.candidate.pass_over();
        }
    }
}

fn judge_all(watcher: &mut Watcher, gatherer: &Gatherer, waiting: &Receiver<JudgedOnce>) {
    let mut next = Instant::now();
    loop {
        if Instant::now() >= next {
            watcher.look();
            next = Instant::now().checked_add(watcher.interval()).unwrap_or(next);
        }
        match waiting.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(once) => {
                if let Some(difference) = once.judge_again(gatherer, watcher.candidate()) {
                    info!("{difference}");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl JudgedOnce {
    /// Judges the request with the candidate and notes whether the result differs. Returns a description if this kind
    /// of difference is new.
    fn judge_again(&self, gatherer: &Gatherer, candidate: &Candidate) -> Option<String> {
        let bundle = candidate.bundle()?;
        let situation = Situation { bundle, governance: Ok(()), ..self.situation.clone() };
        let client = gatherer.client(&situation, &self.request).ok();
        let Gathered { case, .. } = gatherer.case(&situation, &self.request, client);
        let (_, found) = verdict(&judge(&case, &situation.bundle));
        let (route, active) = (self.verdict.0.as_deref(), self.verdict.1);
        candidate.note(route, active, found).then(|| {
            let route = route.unwrap_or("no route");
            format!(
                "the candidate differs on {route}: active {}, candidate {}",
                result_code(active),
                result_code(found)
            )
        })
    }
}

fn verdict(judgement: &Judgement) -> Verdict {
    match judgement {
        Judgement::Permit(permit) => (Some(permit.route().to_owned()), None),
        Judgement::Deny(denied) => (denied.route.clone(), Some(denied.denial)),
        Judgement::Pass(pass) => match pass.reason() {
            PassReason::Ungoverned | PassReason::Observed(Ok(_)) => (Some(pass.route().to_owned()), None),
            PassReason::Observed(Err(denied)) => (Some(pass.route().to_owned()), Some(denied.denial)),
        },
    }
}
