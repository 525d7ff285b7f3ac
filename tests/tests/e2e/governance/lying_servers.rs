//! What an Envoy gets instead of a governance statement. It takes none of it: everything is denied when its statement has run out,
//! its streams end, and it goes on with the first honest answer. Each lie is told to an Envoy of its own, all at the same time, and
//! the world's own Envoy goes on beside them.

use std::time::Instant;

use portcullis_tests::client::EndedStream;
use portcullis_tests::condition::{until, until_within};
use portcullis_tests::operator::done;
use portcullis_tests::statement_relay::Lie;
use portcullis_tests::world::World;
use tokio::task::JoinHandle;

use super::{LATE_AT_MOST, RECOVERED, Relayed, STATEMENT, request, send};
use crate::seal::{ISSUER, two_workers, until_open};

/// A lie, the codes of denials when the statement has run out, and what Envoy's log says.
type Row = (Lie, &'static [&'static str], &'static str);

const STALE: &[&str] = &["governance-stale"];
/// A lie by a pinned key contradicts what is held. Only the VM that fetches knows that, so only that one says so.
const CONTRADICTED: &[&str] = &["governance-stale", "governance-inconsistent"];

const ROWS: [Row; 6] = [
    (Lie::Old, CONTRADICTED, "of the statement went back from"),
    (Lie::Forged, STALE, "the statement's signature does not hold"),
    (Lie::ClonedLog, CONTRADICTED, "there are two statements with `seq`"),
    (Lie::FromTheFuture, CONTRADICTED, "correct the clock of the server or the proxy"),
    (Lie::Garbage, STALE, "the server's answer is malformed"),
    (Lie::SlowDrip, STALE, "the server does not answer"),
];

/// An Envoy that is lied to, with streams that run.
struct Deceived {
    row: Row,
    relayed: Relayed,
    /// One with an answer that goes on, and one without.
    streams: Vec<JoinHandle<EndedStream>>,
}

impl Deceived {
    async fn start(world: &World, row: Row) -> Deceived {
        Deceived { row, relayed: Relayed::start(world, |file| file).await, streams: Vec::new() }
    }

    fn start_streams(&mut self, world: &World) {
        let address = self.relayed.envoy.address();
        for path in ["/hello/stream", "/hello/silence"] {
            let request = request(world, path);
            self.streams.push(tokio::spawn(async move { request.stream(address).await }));
        }
    }

    /// Waits until everything is denied, with a code of this row.
    async fn until_denied(&self, world: &World, began: Instant) {
        let (lie, codes, why) = self.row;
        let left = (STATEMENT + LATE_AT_MOST).saturating_sub(began.elapsed());
        until_within(left, &format!("everything to be denied under {lie:?}"), async || {
            let answer = send(world, &self.relayed.envoy).await;
            let code = answer.code();
            assert!(answer.status == 200 || is_one_of(codes, code.as_deref()), "{lie:?}: {}", answer.text());
            (answer.status == 503).then_some(())
        })
        .await;
        println!("{lie:?}: everything was denied {:?} after the first lie", began.elapsed());
        assert!(self.relayed.relay.lies() > 0, "{lie:?} was not told");
        let log = self.relayed.envoy.process.log();
        let said = log.lines().filter(|line| line.contains(why)).count();
        assert!((1..=2).contains(&said), "{lie:?} was refused for another reason, or said too often:\n{log}");
        println!("{lie:?}: {} polls, {said} lines in the log", self.relayed.relay.lies());
    }

    /// Asserts that the streams were ended, and why.
    async fn streams_have_ended(&mut self) {
        let (lie, codes, _) = self.row;
        let [running, silent] = std::mem::take(&mut self.streams).try_into().expect("two streams");
        let running = running.await.unwrap();
        assert!(running.broke_off && running.response.is_some_and(|answer| answer.status == 200), "{lie:?}");
        let answer = silent.await.unwrap().response.expect("it is answered");
        assert!(answer.status == 503 && is_one_of(codes, answer.code().as_deref()), "{lie:?}");
        let mut ended = 0;
        for code in codes {
            let name = format!("wasmcustom.portcullis_seal_ended_{}", code.replace('-', "_"));
            ended += self.relayed.envoy.stat(&name).await.unwrap_or_default();
        }
        assert_eq!(ended, 2, "{lie:?}");
    }
}

fn is_one_of(codes: &[&str], code: Option<&str>) -> bool {
    code.is_some_and(|code| codes.contains(&code))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_said_instead_of_a_statement_everything_is_denied_until_the_server_speaks_again() {
    let world = two_workers().await;
    let mut deceived = Vec::new();
    for row in ROWS {
        deceived.push(Deceived::start(&world, row).await);
    }
    let address = world.envoy.address();
    let other = request(&world, "/hello/stream");
    let other = tokio::spawn(async move { other.stream(address).await });
    deceived.iter_mut().for_each(|envoy| envoy.start_streams(&world));
    until_open(&world, 1 + 2 * ROWS.len()).await;
    // With a newer statement, the first one is old.
    done(&world.home, &["revoke", "txn", "t", "--iss", ISSUER]);
    for envoy in &deceived {
        until("a second statement", async || (envoy.relayed.relay.honest_answers() >= 2).then_some(())).await;
    }
    let began = Instant::now();
    deceived.iter().for_each(|envoy| envoy.relayed.relay.lie(envoy.row.0));
    for envoy in &deceived {
        assert_eq!(send(&world, &envoy.relayed.envoy).await.status, 200, "its statement still holds");
    }
    for envoy in &deceived {
        envoy.until_denied(&world, began).await;
    }
    until_open(&world, 1).await;
    for envoy in &mut deceived {
        envoy.streams_have_ended().await;
    }
    assert!(!other.is_finished(), "the world's own Envoy hears the server");
    world.allows(&request(&world, "/hello/you")).await;
    for Deceived { row: (lie, ..), relayed: Relayed { envoy, relay, .. }, .. } in &deceived {
        let began = Instant::now();
        relay.be_honest();
        until("requests to be allowed again", async || {
            (send(&world, envoy).await.status == 200).then_some(())
        })
        .await;
        println!("{lie:?}: allowed {:?} after the server spoke again", began.elapsed());
        assert!(began.elapsed() < RECOVERED + LATE_AT_MOST, "{lie:?}: {:?}", began.elapsed());
    }
    other.abort();
    // They would go on asking a server that is stopped.
    drop(deceived);
    world.end().await;
}
