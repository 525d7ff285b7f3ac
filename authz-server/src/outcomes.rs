//! Outcomes: what the proxies' access logs say became of requests, held against what was decided.
//!
//! Best effort by nature: a proxy that crashes takes its unsent lines along, and nothing is allowed or denied by what is
//! found here. What is found is recorded: each forward's outcome; as alarms what ran without a forward, or twice; by the
//! count what was refused before it came to us.

mod report;

use std::sync::Arc;

use ledger::entry::{Entry, Outcome, Request, Text, Ungoverned};
use tokio::sync::oneshot;
use tracing::{error, warn};
use warrant::Denial;

pub use report::{Report, Stamped};

use crate::facts::Ended;
use crate::gateway::Recorder;
use crate::metrics::{Heard, Metrics};

/// Envoy's own words for a denial that came from us, and so is on record already.
const DENIED_BY_US: &str = "ext_authz_denied";
/// The longest word of a proxy that is kept.
const WORD_AT_MOST: usize = 64;

#[derive(Debug)]
pub struct Outcomes {
    pub ended: Ended,
    pub recorder: Recorder,
    pub metrics: Arc<Metrics>,
}

/// What is still on its way into the record.
#[derive(Debug)]
#[must_use]
pub struct Pending(Option<oneshot::Receiver<()>>);

impl Pending {
    /// Whoever reads reports waits here before the next ones: decisions come first, and a proxy can wait.
    pub async fn written(self) {
        if let Some(written) = self.0 {
            // A sender that is gone has said why in the log.
            let _ = written.await;
        }
    }
}

impl Outcomes {
    /// Takes one line of a proxy's access log.
    pub fn hear(&self, report: Report) -> Pending {
        match &report.stamped {
            Some(stamped) if self.is_ours(stamped) => {
                let (id, index) = (stamped.decision.clone(), stamped.index);
                self.ended(id, index, report)
            }
            Some(_) | None if report.reached => self.ungoverned(report),
            Some(_) | None => self.refused(&report),
        }
    }

    fn is_ours(&self, stamped: &Stamped) -> bool {
        self.recorder.knows(&stamped.decision, stamped.index, &stamped.ticket)
    }

    fn ended(&self, id: String, index: u64, report: Report) -> Pending {
        let repeat = self.ended.note(index);
        let heard = match (repeat, report.attempts) {
            (true, _) => {
                error!(decision = id, proxy = report.proxy, "ALARM: one decision has a second outcome");
                Heard::Repeated
            }
            (false, 2..) => {
                let attempts = report.attempts;
                error!(
                    decision = id,
                    proxy = report.proxy,
                    attempts,
                    "ALARM: one decision was sent upstream again"
                );
                Heard::Retried
            }
            (false, _) => Heard::Ended,
        };
        let termination = report.termination();
        let outcome = Outcome {
            attempts: report.attempts,
            bytes_in: report.bytes_in,
            bytes_out: report.bytes_out,
            duration: report.duration,
            id,
            index: Some(index),
            proxy: report.proxy,
            reached: report.reached,
            repeat,
            status: report.status,
            termination,
        };
        self.record(heard, outcome.into())
    }

    fn ungoverned(&self, report: Report) -> Pending {
        let id = report.stamped.map(|stamped| stamped.decision);
        error!(
            decision = id,
            proxy = report.proxy,
            upstream = report.upstream,
            "ALARM: executed without a decision"
        );
        let (path, query) =
            report.path.split_once('?').map_or((&*report.path, None), |(path, query)| (path, Some(query)));
        let request = Request {
            action: None,
            body: None,
            host: Text::from(&*report.host),
            method: Text::from(&*report.method),
            path: Text::from(path),
            query: query.map(|query| self.recorder.digest(query.as_bytes())),
        };
        let (proxy, status, upstream) = (report.proxy, report.status, report.upstream);
        self.record(Heard::Ungoverned, Ungoverned { id, proxy, request, status, upstream }.into())
    }

    /// Nothing ran. Whoever refused it, other than we ourselves, is counted with their reason.
    fn refused(&self, report: &Report) -> Pending {
        if report.details != DENIED_BY_US {
            self.metrics.heard(Heard::Refused);
            let denial = report.denial.as_deref().and_then(Denial::from_code);
            let reason = denial.map_or_else(|| word(&report.details), |denial| denial.code());
            let source = format!("access-log:{}", report.peer.as_deref().unwrap_or(&report.proxy));
            self.recorder.count_elsewhere(reason, &source, &report.request_id);
        }
        Pending(None)
    }

    fn record(&self, heard: Heard, entry: Entry) -> Pending {
        let (tell, told) = oneshot::channel();
        let metrics = Arc::clone(&self.metrics);
        self.recorder.submit(entry, move |recorded| {
            match recorded {
                Ok(_) => metrics.heard(heard),
                Err(refused) => {
                    warn!(%refused, "an outcome was not recorded");
                    metrics.heard(Heard::Lost);
                }
            }
            let _ = tell.send(());
        });
        Pending(Some(told))
    }
}

/// The word at the beginning of a proxy's explanation: what stands in braces behind it may be anything.
fn word(details: &str) -> &str {
    let is_of_a_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = details.find(|c| !is_of_a_word(c)).unwrap_or(details.len()).min(WORD_AT_MOST);
    match details.get(..end) {
        Some("") | None => "refused",
        Some(word) => word,
    }
}

#[cfg(test)]
mod tests;
