//! How many connections the server closed by itself, by listener and reason.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// Why the server closes a connection before its client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// A new connection needed its place.
    Crowded,
    /// The client read nothing of its answer.
    NotRead,
    /// The client did not finish the head of a request.
    NoRequest,
    /// The client did not finish the TLS handshake, or showed no certificate that counts.
    NoHandshake,
}

impl CloseReason {
    fn label(self) -> &'static str {
        match self {
            CloseReason::Crowded => "crowded",
            CloseReason::NotRead => "not-read",
            CloseReason::NoRequest => "no-request",
            CloseReason::NoHandshake => "no-handshake",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Closed {
    listener: &'static str,
    reason: &'static str,
}

/// The connections of one listener that the server closed.
#[derive(Clone, Debug, Default)]
pub struct ClosedConnections {
    listener: &'static str,
    counts: Family<Closed, Counter>,
}

impl ClosedConnections {
    pub(super) fn of(listener: &'static str, counts: Family<Closed, Counter>) -> ClosedConnections {
        ClosedConnections { listener, counts }
    }

    pub fn count(&self, reason: CloseReason) {
        self.counts.get_or_create(&Closed { listener: self.listener, reason: reason.label() }).inc();
    }
}
