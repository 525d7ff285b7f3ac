//! The story: what is tried, and what must come of it.

use portcullis_tests::agent::{Grant, hello, payment};
use portcullis_tests::client::Ask;
use portcullis_tests::condition::until;
use portcullis_tests::court::Court;
use portcullis_tests::world::World;

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// The denial's code; None where the answer names none.
    pub(crate) code: Option<String>,
    pub(crate) reached_upstream: bool,
}

/// One row: what was tried, what came of it, and what should have.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) tried: &'static str,
    pub(crate) came: Outcome,
    expected: Outcome,
}

impl Row {
    pub(crate) fn is_as_expected(&self) -> bool {
        self.came == self.expected
    }
}

fn allowed() -> Outcome {
    Outcome { status: 200, code: None, reached_upstream: true }
}

fn denied(status: u16, code: &str) -> Outcome {
    Outcome { status, code: Some(code.to_owned()), reached_upstream: false }
}

/// Tells it, in this world, under this authority.
pub(crate) async fn tell(world: &mut World, host: &str) -> Vec<Row> {
    let get = |grant: Grant| {
        let agent = &world.agent;
        agent.presents(&agent.warrant(&grant), Ask::new("GET", host, "/hello/you"))
    };
    let agent = world.agent.clone();
    let warrant = agent.warrant(&hello());
    let to_another_route = agent.presents(&warrant, Ask::new("POST", host, "/v1/payments/42"));
    let stolen = Ask::new("GET", host, "/hello/you").with("warrant", warrant.clone());
    let tampered = agent.presents(&tampered(&warrant), Ask::new("GET", host, "/hello/you"));
    let once = agent.warrant(&payment());
    let pay = || agent.presents(&once, Ask::new("POST", host, "/v1/payments/42"));

    let mut rows = Vec::new();
    for (tried, ask, expected) in [
        ("a warrant, and the proof that it is mine", get(hello()), allowed()),
        ("no warrant", Ask::new("GET", host, "/hello/you"), denied(401, "warrant-missing")),
        ("one byte of it changed", tampered, denied(401, "signature-invalid")),
        ("expired yesterday", get(Grant { age: 86_400, ..hello() }), denied(401, "expired")),
        (
            "made for another mesh",
            get(Grant { audience: "elsewhere".into(), ..hello() }),
            denied(403, "audience-mismatch"),
        ),
        ("used on another route", to_another_route, denied(403, "outside-warrant")),
        ("stolen: the warrant without its holder's key", stolen, denied(401, "proof-missing")),
        ("one payment, with a warrant for one", pay(), allowed()),
        ("the same payment again", pay(), denied(403, "replayed")),
    ] {
        rows.push(Row { tried, came: attempt(world, &ask).await, expected });
    }

    world.court.program.kill();
    // Envoy itself says no, so no code is to be had.
    let expected = Outcome { status: 503, code: None, reached_upstream: false };
    let ask = agent.presents(&agent.warrant(&hello()), Ask::new("GET", host, "/hello/you"));
    rows.push(Row { tried: "the server killed", came: attempt(world, &ask).await, expected });

    world.court = Court::start(&world.home).await;
    let came = until("the restarted server to be asked", async || {
        let ask = agent.presents(&agent.warrant(&hello()), Ask::new("GET", host, "/hello/you"));
        let came = attempt(world, &ask).await;
        (came.status != 503).then_some(came)
    })
    .await;
    rows.push(Row { tried: "the server started again", came, expected: allowed() });
    rows
}

async fn attempt(world: &World, ask: &Ask) -> Outcome {
    let answer = world.send(ask).await;
    Outcome { status: answer.status, code: answer.code(), reached_upstream: world.executions_of(ask) > 0 }
}

/// The same warrant with one character of its signature exchanged for another.
fn tampered(warrant: &str) -> String {
    let (signed, signature) = warrant.rsplit_once('.').expect("a warrant has a signature");
    let first = if signature.starts_with('A') { "B" } else { "A" };
    format!("{signed}.{first}{}", signature.get(1..).expect("a signature is longer than that"))
}
