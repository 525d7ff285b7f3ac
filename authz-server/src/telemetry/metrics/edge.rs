//! What the edge refused or did not believe, by reason.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// The counters of the edge.
#[derive(Debug, Default)]
pub(super) struct EdgeCounts {
    refused_proxies: Family<Why, Counter>,
    identity_missing: Family<Why, Counter>,
}

impl EdgeCounts {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "proxies_refused",
            "Calls by peers that are not among the active bundle's proxies, by reason",
            self.refused_proxies.clone(),
        );
        registry.register(
            "identity_missing",
            "Checks without a client identity that counts, by reason",
            self.identity_missing.clone(),
        );
    }

    pub(super) fn count_refused_proxy(&self, reason: &'static str) {
        self.refused_proxies.get_or_create(&Why { reason }).inc();
    }

    pub(super) fn count_identity_missing(&self, reason: &'static str) {
        self.identity_missing.get_or_create(&Why { reason }).inc();
    }
}
