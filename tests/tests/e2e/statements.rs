//! The governance statement as a proxy's filter gets it: from the listener for proxies, by a poll that waits for changes.

use std::time::{Duration, Instant};

use portcullis_tests::agent::{Agent, hello};
use portcullis_tests::direct_check::{Source, check};
use portcullis_tests::offline_ledger;
use portcullis_tests::operator::{call_api, done};
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::now;
use portcullis_tests::statement_poller::StatementPoller;
use serde_json::json;
use warrant::{Mark, RevocationKind};

fn home() -> (tempfile::TempDir, Home) {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().expect("a temporary directory");
    let home = Home::init(directory.path(), &[]);
    (directory, home)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_reaches_a_waiting_poll_at_once_and_a_start_continues_the_numbers() {
    let (_directory, home) = home();
    let mut server = Server::start(&home).await;
    let mut poller = StatementPoller::of(&home).await;
    poller.poll(0).await;
    let first = poller.held().clone();
    let waits = Instant::now();
    let (_, ()) = tokio::join!(poller.poll(10_000), async {
        tokio::task::yield_now().await;
        done(&home, &["revoke", "txn", "t-1", "--iss", "https://authority.demo"]);
    });
    assert!(waits.elapsed() < Duration::from_secs(8), "it did not wait for the end of the poll");
    let mark = Mark::of(RevocationKind::Txn, "https://authority.demo", "t-1");
    assert!(poller.held().revocations().contains(&mark) && !first.revocations().contains(&mark));
    let steady = poller.poll(200).await;
    assert!(steady <= 2048, "{steady} bytes");
    let (before, listed) = (poller.held().clone(), done_list(&home).await);
    assert_eq!(listed["proxies"][0]["instance"], "00000000000000af");
    assert_eq!((&listed["proxies"][0]["id"], &listed["silent"]), (&json!("local"), &json!([])));
    assert!(listed["proxies"][0]["until"].as_u64().is_some_and(|until| until > now()));
    server.process.stop().await;
    let _again = Server::start(&home).await;
    let mut poller = StatementPoller::of(&home).await.holding(before.clone());
    poller.poll(10_000).await;
    assert!(poller.held().statement().n > before.statement().n, "after a start");
    assert_eq!(poller.held().content(), before.content());
}

/// The largest size of the log that a start would require, as the file says it.
fn handed_out(home: &Home) -> u64 {
    let file = std::fs::read_to_string(home.file("ledger/handed-out")).unwrap();
    let slots = file.split("portcullis handed-out v1\n").skip(1);
    // After the title: origin, turn and size.
    let sizes = slots.map(|slot| slot.lines().nth(2).expect("a size").parse::<u64>().expect("a number"));
    sizes.max().expect("two slots")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_tells_a_size_that_the_log_could_lose() {
    let (_directory, home) = home();
    let _server = Server::start(&home).await;
    let agent = Agent::at(&home);
    let mut poller = StatementPoller::of(&home).await;
    let mut sizes = Vec::new();
    // They take less than the second between two checkpoints, which raise it too.
    for _ in 0..20 {
        let request = agent.request(&hello(), "GET", "/hello/you");
        assert_eq!(check(&home.socket(), Source::default(), &request).await, None, "allowed");
        poller.poll(0).await;
        let told = poller.held().statement().seq;
        assert!(handed_out(&home) >= told, "{told} was told, and {} would do", handed_out(&home));
        sizes.push(told);
    }
    assert!(sizes.is_sorted_by(|before, after| before < after), "{sizes:?}");
}

async fn done_list(home: &Home) -> serde_json::Value {
    let (status, listed) = call_api(home, "GET", "/v1/proxies", &json!({})).await;
    assert_eq!(status, 200, "{listed}");
    listed
}

#[tokio::test(flavor = "multi_thread")]
async fn with_100_000_revocations_a_steady_poll_is_small_and_one_more_is_a_small_change() {
    let (_directory, home) = home();
    tokio::task::block_in_place(|| offline_ledger::fill(&home, 100_000, 0));
    let _server = Server::start(&home).await;
    let mut poller = StatementPoller::of(&home).await;
    let whole = poller.poll(0).await;
    assert_eq!(poller.held().revocations().len(), 100_000);
    assert!(whole > 1_600_000, "{whole} bytes");
    let steady = poller.poll(100).await;
    done(&home, &["revoke", "txn", "t-1", "--iss", "https://authority.demo"]);
    let delta = poller.poll(10_000).await;
    assert_eq!(poller.held().revocations().len(), 100_001);
    println!("whole {whole} bytes, steady {steady}, one more revocation {delta}");
    assert!(steady <= 2048 && delta <= 2048, "steady {steady}, delta {delta}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_read_strictly_and_nothing_else_of_http_is_on_this_listener() {
    let (_directory, home) = home();
    let _server = Server::start(&home).await;
    let mut poller = StatementPoller::of(&home).await;
    let good = poller.target(0);
    for other in ["/v1/statement".to_owned(), format!("{good}&more=1"), format!("{good}&rules=x")] {
        assert_eq!(poller.connection.get(&other).await.0, 400, "{other}");
    }
    for page in ["/v1/proxies", "/log/checkpoint", "/readyz"] {
        let (status, body) = poller.connection.get(page).await;
        assert!(status != 200 || body.is_empty(), "{page}: {status}");
    }
    poller.poll(0).await;
}
