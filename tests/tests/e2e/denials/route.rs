//! What was revoked, what the warrant covers, and what the route narrows.

use portcullis_tests::agent::{WarrantSpec, hello, payment};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::world::HOST;
use warrant::{Denial, PresentedWarrant};

use super::court::Court;
use super::{Provoked, Row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(Denial::Revoked, "an operator revokes the lineage", |court| Box::pin(revoked(court))),
        Row::new(Denial::OutsideWarrant, "the warrant is for another path", |court| {
            Box::pin(asked(court, "/other/**", "/hello/you"))
        }),
        Row::new(Denial::OutsideWarrant, "a query that the route does not declare", |court| {
            Box::pin(asked(court, "/**", "/hello/you?admin=1"))
        }),
        Row::new(Denial::NoRoutePolicy, "no route matches the path", |court| {
            Box::pin(asked(court, "/**", "/nowhere"))
        }),
        Row::new(Denial::UseTooWide, "a root without a limit, where the route wants once", |court| {
            Box::pin(unlimited(court))
        }),
        Row::new(Denial::NotIssued, "a root that is not in the record of issued ones", |court| {
            Box::pin(asked(court, "/**", "/issued/you"))
        }),
        Row::new(Denial::ArgumentsInvalid, "an argument is a word where the route wants a number", |court| {
            Box::pin(asked(court, "/**", "/sums?n=many"))
        }),
        // Both settings send no body to the server unless a route asks for it, and Istio's provider has one setting for all.
        Row::new(
            Denial::ArgumentsInvalid,
            "an argument of the body, which the proxy does not send",
            |court| Box::pin(unsent_body(court)),
        ),
    ]
}

async fn asked(court: &Court, granted: &str, asked: &str) -> Provoked {
    let content = WarrantSpec { path: granted.into(), ..hello() };
    court.provoke(court.world.agent.request(&content, "GET", asked)).await
}

async fn revoked(court: &Court) -> Provoked {
    let agent = &court.world.agent;
    let warrant = agent.warrant(&hello());
    let root = PresentedWarrant::parse(warrant.as_bytes()).unwrap().unverified_claims().unwrap();
    let txn = root[0].as_root().unwrap().txn();
    court.operate(&["revoke", "txn", txn, "--iss", "https://authority.demo"]).await;
    court.provoke(agent.present(&warrant, ClientRequest::new("GET", HOST, "/hello/you"))).await
}

async fn unlimited(court: &Court) -> Provoked {
    let content = WarrantSpec { uses: None, ..payment() };
    court.provoke(court.world.agent.request(&content, "POST", "/v1/payments/a-7")).await
}

async fn unsent_body(court: &Court) -> Provoked {
    let agent = &court.world.agent;
    let mut request = ClientRequest::new("POST", HOST, "/notes").with("content-type", "application/json");
    request.body = r#"{"amount":1}"#.into();
    let content = WarrantSpec { methods: vec!["POST".into()], path: "/notes".into(), ..hello() };
    court.provoke(agent.present(&agent.warrant(&content), request)).await
}
