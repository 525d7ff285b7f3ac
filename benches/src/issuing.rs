//! What an issuance costs, and how long it takes: `POST /v1/token` over the socket of the API, each on record before it is answered.
//! Server and client share both cores.

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use portcullis_tests::authority::subject_token;
use portcullis_tests::condition::until;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::{UnsignedBundle, now};
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use warrant::Seconds;
use warrant::mint::{NewProof, Signer};

use crate::contenders::publish;
use crate::cores;
use crate::cpu_time::CpuTime;
use crate::options::Options;
use crate::results::{Figure, Results};
use crate::statistics::{Percentiles, Spread};

/// So many that nobody asks faster than one holder may.
const HOLDERS: usize = 128;
const CONNECTIONS: usize = 64;
/// Calls in a second, whether those before them were answered or not.
const A_SECOND: usize = 1_000;
const SECONDS: usize = 5;
/// Calls of a round in which each waits only for the one before it on its connection.
const AT_MOST: usize = 8_000;

/// One call, with a proof that is valid for half a minute.
#[derive(Clone, Debug)]
struct Call {
    proof: String,
    body: Bytes,
}

/// An agent that asks.
struct Holder {
    key: TestKey,
    token: String,
}

/// Measures both.
///
/// # Panics
/// When the server does not start, or refuses.
pub async fn measure(options: &Options, results: &mut Results) {
    cores::run_on_both();
    for round in 0..options.rounds().min(5) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = Home::init(directory.path(), &[]);
        let agents = |identities: &mut serde_json::Value| {
            let names: Vec<String> = (0..HOLDERS).map(|n| format!("agent:h{n}")).collect();
            identities["spec"]["groups"]["demo-agents"] = names.into();
        };
        publish(&home, &UnsignedBundle::of(&home).version(2).edit("identities.json", agents));
        let holders: Vec<Holder> = (0..HOLDERS).map(|n| Holder::of(&home, n)).collect();
        let server = Server::start(&home).await;
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(connect(&home).await);
        }
        let (paced, _) =
            ask(&mut connections, &calls(&holders, A_SECOND * SECONDS, round), Some(A_SECOND)).await;
        results.add(Figure::IssuanceP99, Percentiles::of(paced).p99 / 1e3);
        let fast = calls(&holders, AT_MOST, round + 100);
        let before = CpuTime::of(&server.process);
        let (_, took) = ask(&mut connections, &fast, None).await;
        let used = before.until(&CpuTime::of(&server.process));
        results.add(Figure::Issuances, AT_MOST as f64 / took.as_secs_f64());
        results.add(Figure::IssuanceCpu, used.as_secs_f64() * 1e6 / AT_MOST as f64);
    }
    cores::run_on(cores::LOAD);
    let figure = |figure| results.figure(figure).unwrap_or(Spread { median: 0.0, lowest: 0.0, highest: 0.0 });
    println!(
        "issuances: p99 {} ms at {A_SECOND} a second; at most {:.0} a second; {} µs of the server each",
        figure(Figure::IssuanceP99),
        figure(Figure::Issuances),
        figure(Figure::IssuanceCpu)
    );
}

impl Holder {
    fn of(home: &Home, number: usize) -> Holder {
        let key = TestKey::stranger(Algorithm::Es256, u8::try_from(number + 1).expect("few holders"));
        Holder { key, token: subject_token(home, &format!("h{number}")) }
    }

    fn call(&self, jti: String) -> Call {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("subject_token", &self.token),
            ("scope", "greetings"),
            ("cnf", &self.key.public_key().to_jwk_json()),
        ];
        let body = portcullis_tests::authority::form(&form);
        let proof = NewProof {
            jti,
            iat: Seconds::new(now()),
            method: "POST",
            authority: "localhost",
            path_and_query: "/v1/token",
            warrant_header: "",
            body: Some(body.as_bytes()),
        };
        Call { proof: proof.sign(&self.key).expect("a proof"), body: body.into() }
    }
}

/// The holders in turn.
fn calls(holders: &[Holder], count: usize, round: usize) -> Vec<Call> {
    (0..count).map(|n| holders[n % HOLDERS].call(format!("proof-{round:08}-{n:08}"))).collect()
}

async fn connect(home: &Home) -> SendRequest<Full<Bytes>> {
    let stream = until("the API to listen", async || UnixStream::connect(home.api()).await.ok()).await;
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    sender
}

/// Makes the calls over all connections in turn: at this rate, or each as soon as the one before it is answered. The time of a call
/// begins when it is due.
async fn ask(
    connections: &mut Vec<SendRequest<Full<Bytes>>>,
    calls: &[Call],
    a_second: Option<usize>,
) -> (Vec<Duration>, Duration) {
    let (began, mut asking) = (Instant::now(), JoinSet::new());
    let count = connections.len();
    for (place, mut connection) in connections.drain(..).enumerate() {
        let own: Vec<(usize, Call)> = calls.iter().cloned().enumerate().skip(place).step_by(count).collect();
        asking.spawn(async move {
            let mut times = Vec::new();
            for (number, call) in own {
                let due = match a_second {
                    Some(rate) => began + Duration::from_secs_f64(number as f64 / rate as f64),
                    None => Instant::now(),
                };
                tokio::time::sleep_until(due.into()).await;
                issue(&mut connection, call).await;
                times.push(due.elapsed());
            }
            (connection, times)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = asking.join_next().await {
        let (connection, times) = done.expect("no panic");
        connections.push(connection);
        all.extend(times);
    }
    (all, began.elapsed())
}

async fn issue(connection: &mut SendRequest<Full<Bytes>>, call: Call) {
    let request = Request::post("/v1/token")
        .header("host", "localhost")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("warrant-proof", call.proof)
        .body(Full::new(call.body))
        .expect("a request");
    connection.ready().await.expect("an open connection");
    let answer = connection.send_request(request).await.expect("an answer");
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    assert!(status == 200, "{status}: {}", String::from_utf8_lossy(&body));
}
