//! Outcomes: what the proxies' access logs say about requests, compared with what was decided.
//!
//! This is best effort: a proxy that crashes loses its unsent lines, and nothing is allowed or denied because of an
//! outcome. Each outcome of a forwarded request is recorded. A request that ran without an allow, or twice, is
//! recorded and raises an alarm. A request that was refused before it reached this server is only counted.
//!
//! No line waits for the disk, whatever the disk does: a proxy that cannot send its lines could not ask for decisions on the
//! same connection. What does not fit into the ledger's queue is dropped, and counted in an entry.

mod dropped;
mod line;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ledger::RecordError;
use ledger::entry::{Entry, OutcomeReport, RequestText, UngovernedRequest};
use policy::decision::Line;
use tracing::{error, info, warn};
use warrant::Denial;

use dropped::DroppedOutcomes;
pub use line::{LogLine, LoggedStamp};

use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::facts::EndedDecisions;
use crate::record;
use crate::recorder::Recorder;
use crate::telemetry::Metrics;

/// Envoy's own words for a denial that came from us, and so is already recorded.
const DENIED_BY_US: &str = "ext_authz_denied";

#[derive(Debug)]
pub struct Outcomes {
    ended: Arc<EndedDecisions>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    clock: Clock,
    losses: Arc<Losses>,
    streams: AtomicUsize,
}

/// The outcomes that could not be recorded.
#[derive(Debug, Default)]
struct Losses {
    dropped: DroppedOutcomes,
    /// Why outcomes are not recorded now.
    complaint: Complaint,
    /// Whether the complaint was raised since the last look.
    is_recent: AtomicBool,
}

/// What a line of a proxy's access log is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineResult {
    /// The outcome of a request that this server allowed.
    Ended,
    /// A second outcome of one decision: an alarm.
    Repeated,
    /// One decision was sent upstream more than once: an alarm.
    Retried,
    /// A request was let through without an allow of this server: an alarm.
    Ungoverned,
    /// The request was refused before it came to this server.
    Refused,
    /// The proxy answered the request itself.
    Answered,
    /// The line could not be recorded. It is counted in addition to its other result.
    Lost,
}

impl LineResult {
    /// Its label in the metrics.
    fn label(self) -> &'static str {
        match self {
            LineResult::Ended => "ended",
            LineResult::Repeated => "repeated",
            LineResult::Retried => "retried",
            LineResult::Ungoverned => "ungoverned",
            LineResult::Refused => "refused",
            LineResult::Answered => "answered",
            LineResult::Lost => "lost",
        }
    }
}

/// An open stream of a proxy's access log; it counts as open until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct OpenStream<'a>(&'a AtomicUsize);

impl Outcomes {
    pub fn new(ended: EndedDecisions, recorder: Recorder, metrics: Arc<Metrics>, clock: Clock) -> Outcomes {
        Outcomes {
            ended: Arc::new(ended),
            recorder,
            metrics,
            clock,
            losses: Arc::default(),
            streams: AtomicUsize::new(0),
        }
    }

    pub fn open_stream(&self) -> OpenStream<'_> {
        self.streams.fetch_add(1, Ordering::Relaxed);
        OpenStream(&self.streams)
    }

    /// Whether a proxy streams its access log to this server.
    pub fn has_streams(&self) -> bool {
        self.streams.load(Ordering::Relaxed) > 0
    }

    /// Takes a line of a proxy's access log. It does not wait: the entry is recorded in its turn, or dropped and counted.
    pub fn take(&self, line: LogLine) {
        match &line.stamp {
            Some(stamp) if self.is_ours(stamp, &line.proxy) => {
                let (id, index) = (stamp.decision.clone(), stamp.index);
                self.ended(id, index, line);
            }
            // A request that was let through and found no upstream is an alarm too.
            Some(_) | None if line.reached || line.attempts > 0 => self.ungoverned(line),
            Some(_) | None => self.not_forwarded(&line),
        }
    }

    /// Notes that a stream of lines failed: the lines that were on their way are lost.
    pub fn stream_failed(&self, proxy: &str, why: &str) {
        warn!(proxy, why, "the stream of a proxy's access log failed; some lines are lost");
        self.metrics.count_log_line(LineResult::Lost.label());
    }

    /// Records how many outcomes were dropped since the last call.
    pub fn record_dropped(&self) {
        if !self.losses.is_recent.swap(false, Ordering::Relaxed) && self.losses.complaint.clear() {
            info!("outcomes are recorded again");
        }
        let Some(gap) = self.losses.dropped.take() else { return };
        let (losses, copy) = (Arc::clone(&self.losses), gap.clone());
        self.recorder.submit(gap.into(), move |recorded| {
            if recorded.is_err() {
                losses.dropped.put_back(copy);
            }
        });
    }

    fn is_ours(&self, stamp: &LoggedStamp, proxy: &str) -> bool {
        self.recorder.issued_ticket(&stamp.decision, stamp.index, proxy, &stamp.ticket)
    }

    fn ended(&self, id: String, index: u64, line: LogLine) {
        let repeat = self.ended.note(index);
        let (proxy, attempts) = (&line.proxy, line.attempts);
        let result = match (repeat, attempts) {
            (true, _) => {
                error!(decision = id, proxy, "ALARM: one decision has a second outcome");
                LineResult::Repeated
            }
            (false, 2..) => {
                error!(
                    decision = id,
                    proxy, attempts, "ALARM: the request of one decision was sent upstream more than once"
                );
                LineResult::Retried
            }
            (false, _) => LineResult::Ended,
        };
        let termination = line.termination();
        let outcome = OutcomeReport {
            attempts: line.attempts,
            bytes_in: line.bytes_in,
            bytes_out: line.bytes_out,
            duration: line.duration,
            id,
            index,
            proxy: line.proxy,
            // The log says nothing about the attempts before the last one.
            reached: line.reached || line.attempts > 1,
            repeat,
            status: line.status,
            termination,
        };
        let ended = Arc::clone(&self.ended);
        self.record(result, outcome.into(), move || {
            if !repeat {
                ended.forget(index);
            }
        });
    }

    fn ungoverned(&self, line: LogLine) {
        let id = line.stamp.map(|stamp| cut(&stamp.decision).to_owned());
        let upstream = cut(&line.upstream).to_owned();
        error!(
            decision = id,
            proxy = line.proxy,
            upstream,
            "ALARM: a request was let through without a decision"
        );
        let sent = Line {
            method: &line.method,
            authority: line.host.as_bytes(),
            path_and_query: line.path.as_bytes(),
        };
        let mut request = record::request_line(&sent, self.recorder.digest_key());
        request.shorten();
        let entry = UngovernedRequest { id, proxy: line.proxy, request, status: line.status, upstream };
        self.record(LineResult::Ungoverned, entry.into(), || ());
    }

    /// Counts a request that was not forwarded, with the reason for its refusal. Our own denials are already
    /// recorded, and an answer that is not a refusal (a redirect by the proxy, for example) is only counted as
    /// answered.
    fn not_forwarded(&self, line: &LogLine) {
        if line.details == DENIED_BY_US {
            return;
        }
        let denial = line.denial.as_deref().and_then(Denial::from_code);
        if denial.is_none() && line.status.is_some_and(|status| status < 400) {
            return self.metrics.count_log_line(LineResult::Answered.label());
        }
        self.metrics.count_log_line(LineResult::Refused.label());
        let reason = denial.map_or(line.word(), |denial| denial.code());
        let source = format!("access-log:{}", line.client_address.as_deref().unwrap_or(&line.proxy));
        self.recorder.count_denial(reason, &source, &line.request_id);
    }

    /// Counts the line and records its entry. It is counted even if it cannot be recorded: an alarm must not be lost
    /// because the disk is full.
    fn record(&self, result: LineResult, entry: Entry, undo: impl FnOnce() + Send + 'static) {
        self.metrics.count_log_line(result.label());
        let (metrics, losses, clock) =
            (Arc::clone(&self.metrics), Arc::clone(&self.losses), self.clock.clone());
        self.recorder.submit_report(entry, move |recorded| {
            let Err(refused) = recorded else { return };
            metrics.count_log_line(LineResult::Lost.label());
            undo();
            // The ledger says once that the disk refuses, and counts what it refuses.
            if refused.is_from_disk() {
                return;
            }
            if refused == RecordError::QueueFull {
                losses.dropped.count(clock.milliseconds());
            }
            losses.is_recent.store(true, Ordering::Relaxed);
            if losses.complaint.raise(refused.word()) {
                warn!(%refused, "outcomes are not recorded; portcullis_outcomes_total{{outcome=\"lost\"}} counts them");
            }
        });
    }
}

impl Drop for OpenStream<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The beginning of a text whose length a client chooses.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(RequestText::SHORT)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
