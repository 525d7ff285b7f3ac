//! Callers whose calls do not end: they hold nothing, and keep nobody from revoking.

use std::time::{Duration, Instant};

use portcullis_tests::agent::hello;
use portcullis_tests::condition::LONGEST_WAIT;
use portcullis_tests::operator::done;
use portcullis_tests::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const HEAD: &str = "POST /v1/revocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

/// Sends parts of a body until the server ends the call or the time is over. Returns what it answered.
async fn send_parts(world: &World, part: &str, pause: Duration) -> String {
    let mut stream = UnixStream::connect(world.home.api()).await.unwrap();
    stream.write_all(HEAD.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let (mut reading, mut writing) = stream.split();
    let write = async {
        let chunk = format!("{:x}\r\n{part}\r\n", part.len());
        while writing.write_all(chunk.as_bytes()).await.is_ok() {
            tokio::time::sleep(pause).await;
        }
        // The server reads no more. What it has answered can still be read.
        std::future::pending::<()>().await;
    };
    let read = async {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = reading.read(&mut piece).await {
            answer.extend_from_slice(&piece[..count]);
            // The end of the problem document.
            if answer.ends_with(b"}") {
                return;
            }
        }
    };
    let ended = tokio::time::timeout(LONGEST_WAIT, async {
        tokio::select! { () = write => {}, () = read => {} }
    });
    ended.await.expect("the server ends the call");
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_body_is_refused_when_it_is_too_long() {
    let world = World::start().await;
    let answer = send_parts(&world, &"x".repeat(8192), Duration::ZERO).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"too-large\""), "{answer}");
    done(&world.home, &["revoke", "sub", "agent:stranger"]);
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_body_is_refused_after_five_seconds_and_meanwhile_others_revoke() {
    let world = World::start().await;
    let slow = async {
        let from = Instant::now();
        let answer = send_parts(&world, "x", Duration::from_millis(100)).await;
        (answer, from.elapsed())
    };
    let others = async {
        for n in 0..10 {
            let from = Instant::now();
            done(&world.home, &["revoke", "sub", &format!("agent:stranger-{n}")]);
            world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
            assert!(from.elapsed() < Duration::from_secs(4), "{:?}", from.elapsed());
        }
    };
    let slow = async { tokio::join!(slow, others).0 };
    let (answer, took) = slow.await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"malformed\""), "{answer}");
    assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(15), "{took:?}");
    world.end().await;
}
