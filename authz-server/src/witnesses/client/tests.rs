//! Against a witness that answers by a script, whatever it is asked; what it was asked is held against the script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::post;
use ledger::note::cosign;
use ledger::{Ledger, Options, SigningKey, VerifyingKey};
use tokio::net::TcpListener;

use super::*;

/// So many entries has the log: its first, and its start.
const SIZE: u64 = 2;

type Script = Vec<(u16, &'static str, String)>;

/// A log of two entries, and a witness with this script; what comes of client it, and the first lines of what was asked.
async fn shown(from: u64, script: impl FnOnce(&SignedCheckpoint) -> Script) -> (Submitted, Vec<String>) {
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
            script.lock().unwrap().pop_front().expect("asked more than the script has");
        (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, kind)], body)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/w/", listener.local_addr().unwrap());
    let router = Router::new().route("/w/add-checkpoint", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let client =
        WitnessClient { witness: Witness { url, key: witness_key() }, fetcher: Fetcher::new().unwrap() };
    let shown = client.submit(&ledger.log(), &checkpoint, from, Duration::from_secs(5)).await;
    ledger.close();
    let told = told.lock().unwrap().clone();
    (shown, told)
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
async fn the_first_contact_begins_at_nothing_with_an_empty_proof() {
    let (shown, asked) = shown(0, |checkpoint| vec![lines(checkpoint, 2)]).await;
    assert!(matches!(shown, Submitted::Cosigned(_)), "{shown:?}");
    assert_eq!(asked, ["old 0"]);
}

#[tokio::test]
async fn it_is_asked_again_from_the_size_that_it_names_and_with_the_proof_from_there() {
    let (shown, asked) = shown(0, |checkpoint| vec![holds(1), lines(checkpoint, 2)]).await;
    assert!(matches!(shown, Submitted::Cosigned(_)), "{shown:?}");
    let [first, second] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(first, "old 0");
    assert!(second.starts_with("old 1 ") && second.split(' ').count() == 3, "one hash: {second}");
}

#[tokio::test]
async fn a_size_beyond_the_checkpoint_is_no_question_any_more() {
    let (shown_it, asked) = shown(0, |_| vec![holds(SIZE + 1)]).await;
    assert_eq!((shown_it, asked.len()), (Submitted::Ahead(SIZE + 1), 1));
    let (shown_it, asked) = shown(SIZE + 1, |_| vec![]).await;
    assert_eq!((shown_it, asked.len()), (Submitted::Ahead(SIZE + 1), 0));
}

#[tokio::test]
async fn another_history_is_told_from_a_proof_that_is_refused_and_from_another_root_at_the_same_size() {
    let refused = || (422, "text/plain", String::new());
    assert_eq!(shown(1, |_| vec![refused()]).await.0, Submitted::Forked(1));
    assert_eq!(shown(0, |_| vec![holds(SIZE), holds(SIZE)]).await.0, Submitted::Forked(SIZE));
    let (shown, _) = shown(0, |_| vec![refused()]).await;
    assert!(matches!(shown, Submitted::NotCosigned(_)), "nothing is before an empty log: {shown:?}");
}

#[tokio::test]
async fn what_is_no_answer_is_silence_with_a_reason() {
    let silent = async |script: fn(&SignedCheckpoint) -> Script| match shown(0, script).await.0 {
        Submitted::NotCosigned(why) => why,
        other @ (Submitted::Cosigned(_) | Submitted::Ahead(_) | Submitted::Forked(_)) => panic!("{other:?}"),
    };
    let by_another = silent(|checkpoint| vec![lines(checkpoint, 3)]).await;
    assert!(by_another.contains(&witness_key().to_string()), "{by_another}");
    assert!(silent(|_| vec![holds(0)]).await.contains("which it names itself"));
    assert!(silent(|_| vec![holds(1), holds(2), holds(1)]).await.contains("another size each time"));
    assert!(silent(|_| vec![(404, "text/plain", String::new())]).await.contains("log.vkey"));
    assert!(
        silent(|_| vec![(200, "text/plain", "x".repeat(70_000))]).await.contains("more than 65536 bytes")
    );
}
