//! The server's metrics, in the OpenMetrics text format.

mod bundles;
mod connections;
mod edge;
mod facts;
mod ledger;
mod pace;
mod polls;
mod witnesses;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use bundles::BundleFigures;
use connections::Closed;
pub use connections::{CloseReason, ClosedConnections};
use edge::EdgeCounts;
pub use facts::FactFigures;
pub use ledger::{FreeSpace, LedgerFigures};
pub use pace::Pace;
use polls::PollFigures;
pub use witnesses::WitnessFigures;

/// Upper bounds in seconds: one signature check takes some 50 µs, one sync some 150 µs, and a proxy gives up at 200 ms.
const SECONDS: [f64; 10] = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.2];

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    decisions: Family<Answered, Counter>,
    seconds: Histogram,
    log_lines: Family<FromAccessLog, Counter>,
    calls: Family<Called, Counter>,
    issuances: Family<Issuance, Counter>,
    closed: Family<Closed, Counter>,
    edge: EdgeCounts,
    polls: PollFigures,
    ended_forwards: Family<EndedForward, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    outcome: &'static str,
    /// A denial's code; empty for an allow.
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FromAccessLog {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    /// An error's code; empty for a call that was answered.
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Issuance {
    /// `issued`, or the code of a refusal.
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndedForward {
    /// The denial's code.
    code: &'static str,
}

impl Metrics {
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    pub fn new(ledger: LedgerFigures, bundles: BundleFigures) -> Metrics {
        let decisions = Family::<Answered, Counter>::default();
        let seconds = Histogram::new(SECONDS);
        let mut registry = Registry::with_prefix("portcullis");
        registry.register("decisions", "Decisions answered, by outcome and denial code", decisions.clone());
        registry.register("decision_seconds", "Time from a check to its answer", seconds.clone());
        let log_lines = Family::<FromAccessLog, Counter>::default();
        registry.register("outcomes", "Lines of proxies' access logs, by result", log_lines.clone());
        let calls = Family::<Called, Counter>::default();
        registry.register("calls", "Calls to the API, by error code", calls.clone());
        let issuances = Family::<Issuance, Counter>::default();
        registry.register("issuances", "Requests for a warrant, by result", issuances.clone());
        let closed = Family::<Closed, Counter>::default();
        registry.register(
            "connections_closed",
            "Connections that the server closed before their client did, by listener and reason",
            closed.clone(),
        );
        let edge = EdgeCounts::default();
        edge.register(&mut registry);
        let polls = PollFigures::default();
        polls.register(&mut registry);
        let ended_forwards = Family::<EndedForward, Counter>::default();
        registry.register(
            "forwards_ended",
            "Forwards that were judged again while they ran and had to end, by denial code",
            ended_forwards.clone(),
        );
        registry.register_collector(Box::new(ledger));
        registry.register_collector(Box::new(bundles));
        Metrics {
            registry,
            decisions,
            seconds,
            log_lines,
            calls,
            issuances,
            closed,
            edge,
            polls,
            ended_forwards,
        }
    }

    /// Adds the figures of these witnesses.
    #[must_use]
    pub fn with_witnesses(mut self, witnesses: WitnessFigures) -> Metrics {
        self.registry.register_collector(Box::new(witnesses));
        self
    }

    /// Adds the sizes of the tables of facts.
    #[must_use]
    pub fn with_facts(mut self, facts: FactFigures) -> Metrics {
        self.registry.register_collector(Box::new(facts));
        self
    }

    /// Counts a call to the API; `code` is the error's code, empty for a call that was answered.
    pub fn count_call(&self, code: &'static str) {
        self.calls.get_or_create(&Called { code }).inc();
    }

    /// Counts a request for a warrant: `issued`, or the code of its refusal.
    pub fn count_issuance(&self, result: &'static str) {
        self.issuances.get_or_create(&Issuance { result }).inc();
    }

    /// Counts an answered decision; `code` is the denial's code, empty for an allow.
    pub fn count_decision(&self, outcome: &'static str, code: &'static str, took: Duration) {
        self.decisions.get_or_create(&Answered { outcome, code }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts a line of a proxy's access log under this result.
    pub fn count_log_line(&self, outcome: &'static str) {
        self.log_lines.get_or_create(&FromAccessLog { outcome }).inc();
    }

    /// Counts a call by a peer that is not a proxy.
    pub fn count_refused_proxy(&self, reason: &'static str) {
        self.edge.count_refused_proxy(reason);
    }

    /// Counts a check whose client has no identity.
    pub fn count_identity_missing(&self, reason: &'static str) {
        self.edge.count_identity_missing(reason);
    }

    /// Counts a poll for the governance statement; `code` is the error's code, empty for a poll that got one.
    pub fn count_poll(&self, code: &'static str) {
        self.polls.count(code);
    }

    /// How many polls wait for their answer.
    pub fn set_polls_open(&self, count: usize) {
        self.polls.set_open(count);
    }

    /// How many instances of proxies polled within an hour.
    pub fn set_proxies_heard(&self, count: usize) {
        self.polls.set_heard(count);
    }

    /// Counts the connections of this listener that the server closes.
    pub fn closed_connections(&self, listener: &'static str) -> ClosedConnections {
        ClosedConnections::of(listener, self.closed.clone())
    }

    /// Counts a forward that was judged again and must end.
    pub fn count_ended_forward(&self, code: &'static str) {
        self.ended_forwards.get_or_create(&EndedForward { code }).inc();
    }

    pub fn exposition(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
