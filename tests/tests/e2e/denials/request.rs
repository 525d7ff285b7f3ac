//! The request itself: it can be read in two ways, or the proxy does not serve its host.

use portcullis_tests::agent::hello;
use portcullis_tests::client::ClientRequest;
use warrant::Denial;

use super::court::{Court, Source};
use super::{Provoked, Row};

pub(super) fn rows() -> Vec<Row> {
    let ambiguous = Denial::RequestAmbiguous;
    vec![
        Row::new(ambiguous, "a segment of the path has a parameter", |court| {
            Box::pin(path(court, "/hello/you;v=1"))
        }),
        Row::new(ambiguous, "the header `Warrant` comes twice", |court| Box::pin(two_warrants(court))),
        // Our settings merge slashes and refuse escaped ones, so these paths never reach the server.
        Row::new(ambiguous, "Istio's settings leave an empty segment in the path", |court| {
            Box::pin(path(court, "/hello//you"))
        })
        .only(Source::Istio),
        Row::new(ambiguous, "Istio's settings leave an escaped slash in the path", |court| {
            Box::pin(path(court, "/hello/a%2Fyou"))
        })
        .only(Source::Istio),
        // Merged headers are text in which `!` may stand for any byte that is not UTF-8.
        Row::new(ambiguous, "Istio's settings send text, in which `!` may stand for another byte", |court| {
            Box::pin(path(court, "/hello/you!"))
        })
        .only(Source::Istio),
        Row::new(Denial::TargetMismatch, "another host's name", |court| Box::pin(other_host(court))),
    ]
}

async fn path(court: &Court, path: &str) -> Provoked {
    court.provoke(court.world.agent.request(&hello(), "GET", path)).await
}

async fn two_warrants(court: &Court) -> Provoked {
    let second = court.world.agent.warrant(&hello());
    court.provoke(court.good().with("warrant", second)).await
}

async fn other_host(court: &Court) -> Provoked {
    let agent = &court.world.agent;
    let request = ClientRequest::new("GET", "elsewhere.example", "/hello/you");
    court.provoke(agent.present(&agent.warrant(&hello()), request)).await
}
