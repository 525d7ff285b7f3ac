//! Outcomes: what the proxies' access logs say became of requests, held against what was decided.
//!
//! Best effort by nature: a proxy that crashes takes its unsent lines along, and nothing is allowed or denied by what is
//! found here. What is found is recorded: each forward's outcome; as alarms what went on without a forward, or twice; by
//! the count what was refused before it came to us.

mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ledger::entry::{Entry, OutcomeReport, RecordedRequest, RequestText, UngovernedRequest};
use tokio::sync::{Mutex, oneshot};
use tracing::{error, warn};
use warrant::Denial;

pub use report::{Report, Stamped};

use crate::facts::Ended;
use crate::recorder::Recorder;
use crate::telemetry::Metrics;

/// Envoy's own words for a denial that came from us, and so is on record already.
const DENIED_BY_US: &str = "ext_authz_denied";
/// So many lines are on their way to the disk at a time, of all proxies together: the queue there is for decisions.
const AT_A_TIME: usize = 64;
/// What a client can make as long as it likes is kept so far.
const TEXT_AT_MOST: usize = 1024;

#[derive(Debug)]
pub struct Outcomes {
    ended: Arc<Ended>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    turn: Mutex<()>,
    tellers: AtomicUsize,
}

/// What a line of a proxy's access log came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogLine {
    /// The outcome of a request that this server allowed.
    Ended,
    /// A second outcome of one decision: an alarm.
    Repeated,
    /// One decision was sent upstream more than once: an alarm.
    Retried,
    /// A request was let through without an allow of this server: an alarm.
    Ungoverned,
    /// The request was refused before it came to this server.
    RecordError,
    /// The proxy answered the request itself.
    Answered,
    /// The line could not be recorded: counted in addition to what it was.
    Lost,
}

impl LogLine {
    /// Its label in the metrics.
    fn label(self) -> &'static str {
        match self {
            LogLine::Ended => "ended",
            LogLine::Repeated => "repeated",
            LogLine::Retried => "retried",
            LogLine::Ungoverned => "ungoverned",
            LogLine::RecordError => "refused",
            LogLine::Answered => "answered",
            LogLine::Lost => "lost",
        }
    }
}

/// Somebody tells us of outcomes, until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Teller<'a>(&'a AtomicUsize);

/// An entry on its way into the record.
type Written = oneshot::Receiver<()>;

impl Outcomes {
    pub fn new(ended: Ended, recorder: Recorder, metrics: Arc<Metrics>) -> Outcomes {
        Outcomes {
            ended: Arc::new(ended),
            recorder,
            metrics,
            turn: Mutex::default(),
            tellers: AtomicUsize::new(0),
        }
    }

    pub fn teller(&self) -> Teller<'_> {
        self.tellers.fetch_add(1, Ordering::Relaxed);
        Teller(&self.tellers)
    }

    /// Whether anybody tells us of outcomes.
    pub fn are_told(&self) -> bool {
        self.tellers.load(Ordering::Relaxed) > 0
    }

    /// Takes lines of a proxy's access log; done once what they say is on record. Whoever reads them reads no further
    /// until then: a proxy can wait.
    pub async fn hear(&self, lines: impl IntoIterator<Item = Report>) {
        let mut lines = lines.into_iter().peekable();
        while lines.peek().is_some() {
            let _turn = self.turn.lock().await;
            let written: Vec<_> = lines.by_ref().take(AT_A_TIME).filter_map(|line| self.one(line)).collect();
            for one in written {
                // A sender that is gone has said why in the log.
                let _ = one.await;
            }
        }
    }

    /// A stream of lines broke off, and what was under way in it is gone.
    pub fn broke_off(&self, proxy: &str, why: &str) {
        warn!(proxy, why, "a proxy's access log broke off");
        self.metrics.count_log_line(LogLine::Lost.label());
    }

    fn one(&self, report: Report) -> Option<Written> {
        match &report.stamped {
            Some(stamped) if self.is_ours(stamped, &report.proxy) => {
                let (id, index) = (stamped.decision.clone(), stamped.index);
                Some(self.ended(id, index, report))
            }
            // One that found no upstream was let through all the same.
            Some(_) | None if report.reached || report.attempts > 0 => Some(self.ungoverned(report)),
            Some(_) | None => {
                self.not_forwarded(&report);
                None
            }
        }
    }

    fn is_ours(&self, stamped: &Stamped, proxy: &str) -> bool {
        self.recorder.issued_ticket(&stamped.decision, stamped.index, proxy, &stamped.ticket)
    }

    fn ended(&self, id: String, index: u64, report: Report) -> Written {
        let repeat = self.ended.note(index);
        let (proxy, attempts) = (&report.proxy, report.attempts);
        let line = match (repeat, attempts) {
            (true, _) => {
                error!(decision = id, proxy, "ALARM: one decision has a second outcome");
                LogLine::Repeated
            }
            (false, 2..) => {
                error!(decision = id, proxy, attempts, "ALARM: one decision was sent upstream again");
                LogLine::Retried
            }
            (false, _) => LogLine::Ended,
        };
        let termination = report.termination();
        let outcome = OutcomeReport {
            attempts: report.attempts,
            bytes_in: report.bytes_in,
            bytes_out: report.bytes_out,
            duration: report.duration,
            id,
            index: Some(index),
            proxy: report.proxy,
            // Of attempts before the last nothing is told.
            reached: report.reached || report.attempts > 1,
            repeat,
            status: report.status,
            termination,
        };
        let ended = Arc::clone(&self.ended);
        self.record(line, outcome.into(), move || {
            if !repeat {
                ended.forget(index);
            }
        })
    }

    fn ungoverned(&self, report: Report) -> Written {
        let id = report.stamped.map(|stamped| cut(&stamped.decision).to_owned());
        let upstream = cut(&report.upstream).to_owned();
        error!(decision = id, proxy = report.proxy, upstream, "ALARM: let through without a decision");
        let whole = report.path.as_str();
        let (path, query) = whole.split_once('?').map_or((whole, None), |(path, query)| (path, Some(query)));
        let request = RecordedRequest {
            action: None,
            body: None,
            host: RequestText::from(cut(&report.host)),
            method: RequestText::from(cut(&report.method)),
            path: RequestText::from(cut(path)),
            query: query.map(|query| self.recorder.digest(query.as_bytes())),
        };
        let entry = UngovernedRequest { id, proxy: report.proxy, request, status: report.status, upstream };
        self.record(LogLine::Ungoverned, entry.into(), || ())
    }

    /// Nothing ran. Whoever refused it, other than we ourselves, is counted with their reason; what is no refusal (a
    /// redirect by the proxy itself, say) is not.
    fn not_forwarded(&self, report: &Report) {
        if report.details == DENIED_BY_US {
            return;
        }
        let denial = report.denial.as_deref().and_then(Denial::from_code);
        if denial.is_none() && report.status.is_some_and(|status| status < 400) {
            return self.metrics.count_log_line(LogLine::Answered.label());
        }
        self.metrics.count_log_line(LogLine::RecordError.label());
        let reason = denial.map_or(report.word(), |denial| denial.code());
        let source = format!("access-log:{}", report.peer.as_deref().unwrap_or(&report.proxy));
        self.recorder.count_denial(reason, &source, &report.request_id);
    }

    /// It is counted whether it can be recorded or not: an alarm must not be silent because the disk is full.
    fn record(&self, line: LogLine, entry: Entry, undo: impl FnOnce() + Send + 'static) -> Written {
        self.metrics.count_log_line(line.label());
        let (tell, told) = oneshot::channel();
        let metrics = Arc::clone(&self.metrics);
        self.recorder.submit(entry, move |recorded| {
            if let Err(refused) = recorded {
                warn!(%refused, "an outcome was not recorded");
                metrics.count_log_line(LogLine::Lost.label());
                undo();
            }
            let _ = tell.send(());
        });
        told
    }
}

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_AT_MOST)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
