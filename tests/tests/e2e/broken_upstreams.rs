//! One decision is one attempt: whatever an upstream does with a request, the proxy does not send it again, the use stays
//! burned, and the outcome on record says what happened.

use std::time::Duration;

use portcullis_tests::agent::payment;
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::raw;
use portcullis_tests::raw_upstream::{Behaviour, End, GOOD, RawUpstream};
use portcullis_tests::shipped::{CONNECTION_MANAGER, Configuration};
use portcullis_tests::world::{HOST, Setup, World};
use serde_json::{Value, json};

/// What an upstream does, and what the client and the record say then.
struct Case {
    name: &'static str,
    behaviour: Behaviour,
    status: u16,
    /// How the outcome's `termination` begins.
    termination: &'static str,
}

const fn case(
    name: &'static str,
    writes: &'static [u8],
    end: End,
    status: u16,
    termination: &'static str,
) -> Case {
    Case { name, behaviour: Behaviour { reads: true, writes, end }, status, termination }
}

const BROKEN_OFF: &str = "upstream_reset_before_response_started";
const BROKEN_OFF_LATE: &str = "upstream_reset_after_response_started";

const CASES: &[Case] = &[
    Case { name: "good", behaviour: GOOD, status: 200, termination: "" },
    Case {
        name: "closes-at-once",
        behaviour: Behaviour { reads: false, writes: b"", end: End::Close },
        status: 503,
        termination: BROKEN_OFF,
    },
    Case {
        name: "resets-at-once",
        behaviour: Behaviour { reads: false, writes: b"", end: End::Reset },
        status: 503,
        termination: BROKEN_OFF,
    },
    case("closes-after-the-request", b"", End::Close, 503, BROKEN_OFF),
    case("resets-after-the-request", b"", End::Reset, 503, BROKEN_OFF),
    case("closes-in-the-status-line", b"HTTP/1.1 20", End::Close, 502, BROKEN_OFF),
    case("closes-in-the-headers", b"HTTP/1.1 200 OK\r\ncontent-le", End::Close, 502, BROKEN_OFF),
    case("resets-in-the-headers", b"HTTP/1.1 200 OK\r\ncontent-le", End::Reset, 502, BROKEN_OFF),
    case(
        "closes-in-the-body",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        End::Close,
        200,
        BROKEN_OFF_LATE,
    ),
    case(
        "closes-in-a-chunk",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nabc",
        End::Close,
        200,
        BROKEN_OFF_LATE,
    ),
    case("never-answers", b"", End::StayOpen, 504, "response_timeout"),
    case("stops-in-the-headers", b"HTTP/1.1 200 OK\r\ncontent-le", End::StayOpen, 504, "response_timeout"),
    case("garbage", b"\0\xff\x01 no HTTP at all\r\n\r\n", End::Close, 502, BROKEN_OFF),
    case("a-wrong-version", b"HTTP/7.1 200 OK\r\ncontent-length: 0\r\n\r\n", End::Close, 200, ""),
    case(
        "two-lengths",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        End::Close,
        502,
        BROKEN_OFF,
    ),
    case("500", b"HTTP/1.1 500 E\r\ncontent-length: 0\r\nretry-after: 0\r\n\r\n", End::Close, 500, ""),
    case("502", b"HTTP/1.1 502 E\r\ncontent-length: 0\r\nretry-after: 0\r\n\r\n", End::Close, 502, ""),
    case(
        "503",
        b"HTTP/1.1 503 E\r\ncontent-length: 0\r\nretry-after: 0\r\nx-envoy-overloaded: true\r\n\r\n",
        End::Close,
        503,
        "",
    ),
    case("504", b"HTTP/1.1 504 E\r\ncontent-length: 0\r\n\r\n", End::Close, 504, ""),
    case(
        "429",
        b"HTTP/1.1 429 E\r\ncontent-length: 0\r\nx-envoy-ratelimited: true\r\n\r\n",
        End::Close,
        429,
        "",
    ),
    case("409", b"HTTP/1.1 409 E\r\ncontent-length: 0\r\n\r\n", End::Close, 409, ""),
    case(
        "a-redirect-to-itself",
        b"HTTP/1.1 307 E\r\nlocation: http://localhost:10000/v1/payments/again\r\ncontent-length: 0\r\n\r\n",
        End::Close,
        307,
        "",
    ),
    case(
        "an-early-hint-and-an-end",
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
        End::Close,
        503,
        BROKEN_OFF_LATE,
    ),
    case(
        "a-change-of-protocols",
        b"HTTP/1.1 101 E\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        End::Close,
        101,
        "",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_fails_gets_one_attempt_for_each_decision_and_the_outcome_is_on_record() {
    let mut upstream = RawUpstream::start().await;
    let setup =
        Setup { change: with_a_short_timeout, upstream_at: Some(upstream.address()), ..Setup::default() };
    let world = setup.start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());

    for Case { name, behaviour, status, .. } in CASES {
        upstream.behave(*behaviour);
        let before = (upstream.connections(), upstream.arrivals().len());
        attempt(&world, name, *status).await;
        assert_eq!(upstream.connections(), before.0 + 1, "{name}: attempts");
        let arrived = upstream.arrivals().len() - before.1;
        assert_eq!(arrived, usize::from(behaviour.reads), "{name}: requests that reached the upstream");
    }
    let connections = upstream.connections();
    upstream.refuse_connections().await;
    attempt(&world, "refuses-the-connection", 503).await;
    assert_eq!(upstream.connections(), connections);

    let outcomes = until("every outcome to be on record", async || {
        Some(auditor.of_kind("outcome/1")).filter(|outcomes| outcomes.len() > CASES.len())
    })
    .await;
    assert_eq!(outcomes.len(), CASES.len() + 1, "one for each allow");
    let decisions = auditor.decisions();
    for Case { name, status, termination, behaviour } in CASES {
        let outcome = outcome_of(name, &decisions, &outcomes);
        assert_eq!(outcome["status"], *status, "{name}: {outcome}");
        assert_eq!(
            (&outcome["attempts"], &outcome["repeat"]),
            (&json!(1), &json!(false)),
            "{name}: {outcome}"
        );
        // An upstream that does not read may end the connection before or after the proxy writes to it.
        assert!(outcome["reached"] == true || !behaviour.reads, "{name}: {outcome}");
        let ended = outcome["termination"].as_str().unwrap();
        assert!(
            if termination.is_empty() { ended.is_empty() } else { ended.starts_with(termination) },
            "{name}: {outcome}"
        );
    }
    let refused = outcome_of("refuses-the-connection", &decisions, &outcomes);
    assert_eq!((&refused["status"], &refused["reached"]), (&json!(503), &json!(false)), "{refused}");
    assert!(refused["termination"].as_str().unwrap().starts_with(BROKEN_OFF), "{refused}");
    assert_eq!(auditor.of_kind("ungoverned/1"), Vec::<Value>::new());
    println!("{} broken upstreams, one attempt each: {} outcomes on record", CASES.len(), outcomes.len());
    world.end().await;
}

/// Sends a payment that asks the proxy in every way to retry, and then shows that its use is burned.
async fn attempt(world: &World, name: &str, status: u16) {
    let warrant = world.agent.warrant(&payment());
    let request = || {
        let request = ClientRequest::new("POST", HOST, &format!("/v1/payments/{name}"))
            .with("x-envoy-retry-on", "5xx,gateway-error,reset,connect-failure,retriable-4xx,refused-stream,retriable-status-codes,retriable-headers,reset-before-request")
            .with("x-envoy-retry-grpc-on", "unavailable,internal")
            .with("x-envoy-retriable-status-codes", "409,429,500,502,503,504")
            .with("x-envoy-max-retries", "5")
            .with("x-envoy-hedge-on-per-try-timeout", "true")
            .with("x-envoy-upstream-rq-per-try-timeout-ms", "20")
            .with("x-envoy-upstream-rq-timeout-ms", "10000");
        raw::bytes_of(&world.agent.present(&warrant, request))
    };
    let answers = world.send_raw(&request(), 1).await;
    assert_eq!(answers.statuses().last(), Some(&status), "{name}: {answers:?}");
    let again = world.send_raw(&request(), 1).await;
    let codes: Vec<_> = again.responses.iter().map(portcullis_tests::client::ClientResponse::code).collect();
    assert_eq!(codes, [Some("replayed".to_owned())], "{name}: a failed attempt uses the warrant");
}

fn outcome_of<'a>(name: &str, decisions: &[Value], outcomes: &'a [Value]) -> &'a Value {
    let path = format!("/v1/payments/{name}");
    let decision =
        decisions.iter().find(|one| one["request"]["path"] == *path && one["outcome"] == "allowed");
    let id = &decision.unwrap_or_else(|| panic!("{name}: no allow"))["id"];
    outcomes.iter().find(|one| one["id"] == *id).unwrap_or_else(|| panic!("{name}: no outcome"))
}

fn with_a_short_timeout(shipped: Configuration) -> Configuration {
    const TIMEOUT: Duration = Duration::from_millis(500);
    let route = format!("{CONNECTION_MANAGER}/route_config/virtual_hosts/0/routes/0/route/timeout");
    shipped.set(&route, format!("{}s", TIMEOUT.as_secs_f64()).into())
}
