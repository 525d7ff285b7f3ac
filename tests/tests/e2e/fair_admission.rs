//! One proxy asks for far more than the server decides at once, or does not end its requests. The others are decided all the
//! same, and the server stops.

use portcullis_tests::client::ClientRequest;
use portcullis_tests::direct_check::{ProxyConnection, Source, framed};
use portcullis_tests::server::{Home, Server};
use portcullis_tests::tls_client::TlsClient;
use portcullis_tests::world::HOST;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

use crate::proxies_over_tls::{PROXY, Secured};

/// The server decides this many at once.
const AT_ONCE: u32 = 16;
/// The proxy that asks for too much sends this many at once.
const FLOOD: usize = 200;
const QUIET: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_asks_for_little_is_decided_while_another_floods_the_server() {
    const FLOODING: &str = "spiffe://demo/ns/demo/sa/flooding";
    let secured = Secured::naming(&[PROXY, FLOODING]);
    secured
        .home
        .configure(|configuration| configuration["limits"] = serde_json::json!({"decisions": AT_ONCE}));
    let flooding = TlsClient::new(&secured.root, Some(&secured.certificate(FLOODING)));
    let quiet = TlsClient::new(&secured.root, Some(&secured.certificate(PROXY)));
    let server = Server::start(&secured.home).await;
    let check = || framed(Source::default(), &ClientRequest::new("GET", HOST, "/hello/you"));

    let to = server.proxies();
    let flood = ProxyConnection::over(flooding.connect(to).await.unwrap()).await;
    let (asked_enough, mut flooded) = (Arc::<AtomicBool>::default(), JoinSet::new());
    for _ in 0..FLOOD {
        let (mut flood, asked_enough) = (flood.clone(), asked_enough.clone());
        flooded.spawn(async move {
            let mut answers = Vec::new();
            while !asked_enough.load(Ordering::Relaxed) {
                answers.push(flood.ask(check()).await.unwrap());
            }
            answers
        });
    }
    let mut connection = ProxyConnection::over(quiet.connect(to).await.unwrap()).await;
    for _ in 0..QUIET {
        // Without a warrant nothing is allowed; but it is judged.
        assert_eq!(connection.ask(check()).await.as_deref(), Some("warrant-missing"));
    }
    asked_enough.store(true, Ordering::Relaxed);
    let mut answers = BTreeMap::<String, usize>::new();
    while let Some(codes) = flooded.join_next().await {
        codes.unwrap().into_iter().for_each(|code| *answers.entry(code).or_default() += 1);
    }
    println!("{answers:?}");
    assert!(answers["overloaded"] > 0 && answers["warrant-missing"] > 0, "{answers:?}");
    assert_eq!(answers.len(), 2, "{answers:?}");
}

/// More than the server admits at once.
const ENDLESS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_whose_body_never_ends_is_denied_at_the_deadline_and_does_not_keep_the_server_from_stopping()
{
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    home.configure(|configuration| configuration["limits"] = serde_json::json!({"decisions": AT_ONCE}));
    let mut server = Server::start(&home).await;
    let mut connection = ProxyConnection::to(&home.socket()).await;
    let mut endless = JoinSet::new();
    for _ in 0..ENDLESS {
        endless.spawn(connection.ask_without_end());
    }
    let mut answers = BTreeMap::<Option<String>, usize>::new();
    while let Some(code) = endless.join_next().await {
        *answers.entry(code.unwrap()).or_default() += 1;
    }
    let with_place = answers.get(&Some("deadline-exceeded".to_owned())).copied().unwrap_or_default();
    assert!(with_place > 4 && answers.contains_key(&Some("overloaded".to_owned())), "{answers:?}");
    assert_eq!(answers.len(), 2, "{answers:?}");
    let check = framed(Source::default(), &ClientRequest::new("GET", HOST, "/hello/you"));
    assert_eq!(connection.ask(check).await.as_deref(), Some("warrant-missing"), "the places are free again");

    // It stops while such checks are open.
    for _ in 0..ENDLESS {
        endless.spawn(connection.ask_without_end());
    }
    assert!(server.process.stop().await.success());
}
