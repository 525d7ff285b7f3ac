//! The client against a witness that answers by a script; the tests check what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::post;
use ledger::note::cosign;
use ledger::{Ledger, Options, SigningKey, VerifyingKey};
use tokio::net::TcpListener;

use super::*;

/// The log has this many entries: its first, and its start.
const SIZE: u64 = 2;

type Script = Vec<(u16, &'static str, String)>;

/// Sends the checkpoint of a log with two entries to a witness with this script. Returns the result and the first
/// lines of each request.
async fn submitted(from: u64, script: impl FnOnce(&SignedCheckpoint) -> Script) -> (Submitted, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let options = || {
        Options::new(signing(1), Arc::new(|| 1_700_000_000_000), "test").interval(Duration::from_millis(1))
    };
    Ledger::init(&path, "shop", &options()).unwrap();
    let ledger = Ledger::open(&path, options()).unwrap();
    assert_eq!(ledger.publish().unwrap(), SIZE);
    let checkpoint = ledger.checkpoint().unwrap();

    let told = Arc::<Mutex<Vec<String>>>::default();
    let (asked, script) = (Arc::clone(&told), Arc::new(Mutex::new(VecDeque::from(script(&checkpoint)))));
    let answer = move |body: String| async move {
        let (question, note) = body.split_once("\n\n").unwrap();
        assert!(note.starts_with("shop/log/"), "{body}");
        asked.lock().unwrap().push(question.replace('\n', " "));
        let (status, kind, body) =
            script.lock().unwrap().pop_front().expect("more requests than the script has answers");
        (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, kind)], body)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/w/", listener.local_addr().unwrap());
    let router = Router::new().route("/w/add-checkpoint", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let client =
        WitnessClient { witness: Witness { url, key: witness_key() }, fetcher: Fetcher::new().unwrap() };
    let result = client.submit(&ledger.log(), &checkpoint, from, Duration::from_secs(5)).await;
    ledger.close();
    let told = told.lock().unwrap().clone();
    (result, told)
}

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn witness_key() -> VerifyingKey {
    VerifyingKey::of_witness("w", signing(2).public()).unwrap()
}

fn lines(checkpoint: &SignedCheckpoint, seed: u8) -> (u16, &'static str, String) {
    (200, "text/plain", cosign(checkpoint.checkpoint(), 7, &witness_key(), &signing(seed)))
}

fn holds(size: u64) -> (u16, &'static str, String) {
    (409, "text/x.tlog.size", format!("{size}\n"))
}

#[tokio::test]
async fn the_first_request_begins_at_size_0_with_an_empty_proof() {
    let (result, asked) = submitted(0, |checkpoint| vec![lines(checkpoint, 2)]).await;
    assert!(matches!(result, Submitted::Cosigned(_)), "{result:?}");
    assert_eq!(asked, ["old 0"]);
}

#[tokio::test]
async fn the_next_request_begins_at_the_size_that_the_witness_names_with_a_proof_from_there() {
    let (result, asked) = submitted(0, |checkpoint| vec![holds(1), lines(checkpoint, 2)]).await;
    assert!(matches!(result, Submitted::Cosigned(_)), "{result:?}");
    let [first, second] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(first, "old 0");
    assert!(second.starts_with("old 1 ") && second.split(' ').count() == 3, "one hash: {second}");
}

#[tokio::test]
async fn a_size_beyond_the_checkpoint_ends_the_requests() {
    let (result, asked) = submitted(0, |_| vec![holds(SIZE + 1)]).await;
    assert_eq!((result, asked.len()), (Submitted::Ahead(SIZE + 1), 1));
    let (result, asked) = submitted(SIZE + 1, |_| vec![]).await;
    assert_eq!((result, asked.len()), (Submitted::Ahead(SIZE + 1), 0));
}

#[tokio::test]
async fn a_refused_proof_and_another_root_at_the_same_size_are_both_forks() {
    let refused = || (422, "text/plain", String::new());
    assert_eq!(submitted(1, |_| vec![refused()]).await.0, Submitted::Forked(1));
    assert_eq!(submitted(0, |_| vec![holds(SIZE), holds(SIZE)]).await.0, Submitted::Forked(SIZE));
    let (result, _) = submitted(0, |_| vec![refused()]).await;
    assert!(matches!(result, Submitted::NotCosigned(_)), "every log continues the empty log: {result:?}");
}

#[tokio::test]
async fn an_answer_without_a_cosignature_is_reported_with_a_reason() {
    let reason = async |script: fn(&SignedCheckpoint) -> Script| match submitted(0, script).await.0 {
        Submitted::NotCosigned(why) => why,
        other @ (Submitted::Cosigned(_) | Submitted::Ahead(_) | Submitted::Forked(_)) => panic!("{other:?}"),
    };
    let by_another = reason(|checkpoint| vec![lines(checkpoint, 3)]).await;
    assert!(by_another.contains(&witness_key().to_string()), "{by_another}");
    assert!(reason(|_| vec![holds(0)]).await.contains("it refuses a proof from that size"));
    assert!(reason(|_| vec![holds(1), holds(2), holds(1)]).await.contains("another size at each request"));
    assert!(reason(|_| vec![(404, "text/plain", String::new())]).await.contains("log.vkey"));
    assert!(
        reason(|_| vec![(200, "text/plain", "x".repeat(70_000))]).await.contains("more than 65536 bytes")
    );
}
