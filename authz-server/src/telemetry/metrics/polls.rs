//! Polls of proxies for governance statements.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Polled {
    /// An error's code; empty for a poll that got a statement.
    code: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct PollFigures {
    polls: Family<Polled, Counter>,
    open: Gauge,
    heard: Gauge,
}

impl PollFigures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "statement_polls",
            "Polls for the governance statement, by error code",
            self.polls.clone(),
        );
        registry.register("statement_polls_open", "Polls that wait for their answer", self.open.clone());
        registry.register(
            "proxies_heard",
            "Instances of proxies that polled within an hour",
            self.heard.clone(),
        );
    }

    pub(super) fn count(&self, code: &'static str) {
        self.polls.get_or_create(&Polled { code }).inc();
    }

    pub(super) fn set_open(&self, count: usize) {
        self.open.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn set_heard(&self, count: usize) {
        self.heard.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
