//! Limits for the server's memory and for the size of the gate's module, and the disk that a decision takes.

use portcullis_tests::agent::{hello, payment};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::LedgerAuditor;
use portcullis_tests::programs;
use portcullis_tests::world::{HOST, World};
use serde_json::Value;
use std::fs;

const MEBIBYTE: u64 = 1 << 20;

#[tokio::test]
async fn the_server_idles_under_sixteen_megabytes_of_its_own() {
    let world = World::start().await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    let resident = world.server.process.own_resident_bytes();
    println!("resident after one request: {} KiB ({})", resident / 1024, programs::portcullis().display());
    assert!((MEBIBYTE..16 * MEBIBYTE).contains(&resident), "{resident} bytes");
    world.end().await;
}

/// The smallest and the largest entry, in bytes.
fn sizes(entries: &[Value]) -> (usize, usize) {
    let sizes = entries.iter().map(|entry| entry.to_string().len());
    (sizes.clone().min().expect("entries"), sizes.max().expect("entries"))
}

#[tokio::test]
async fn an_allow_and_its_outcome_take_the_disk_that_the_readme_says() {
    const ALLOWS: usize = 20;
    let world = World::start().await;
    let often = world.agent.warrant(&hello());
    for number in 0..ALLOWS / 2 {
        world.allows(&world.agent.present(&often, ClientRequest::new("GET", HOST, "/hello/you"))).await;
        let path = format!("/v1/payments/{number}");
        world.allows(&world.agent.request(&payment(), "POST", &path)).await;
    }
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let outcomes = until("the outcomes", async || {
        Some(auditor.of_kind("outcome/1")).filter(|outcomes| outcomes.len() >= ALLOWS)
    })
    .await;
    // An allow on a warrant that was presented before names the one that says its terms.
    let (again, first): (Vec<_>, Vec<_>) =
        auditor.decisions().into_iter().partition(|decision| decision["terms"].is_u64());
    assert_eq!((again.len(), first.len()), (ALLOWS / 2 - 1, ALLOWS / 2 + 1));
    let (first, again, outcome) = (sizes(&first), sizes(&again), sizes(&outcomes));
    println!("bytes of a first allow {first:?}, of a further one {again:?}, of an outcome {outcome:?}");

    let readme = fs::read_to_string(programs::repository().join("README.md")).unwrap();
    let said = |what: &str| -> usize {
        let (before, _) = readme.split_once(what).unwrap_or_else(|| panic!("`{what}` in the README"));
        before
            .rsplit(|byte: char| !byte.is_ascii_digit() && byte != ',')
            .next()
            .unwrap()
            .replace(',', "")
            .parse()
            .unwrap()
    };
    // What is said is the most that was measured, rounded up to the next 100 bytes.
    assert_eq!(said(" bytes for\nthe first allow"), first.1.next_multiple_of(100));
    assert_eq!(said(" bytes for a further allow"), again.1.next_multiple_of(100));
    assert_eq!(said(" bytes for an outcome"), outcome.1.next_multiple_of(100));
    world.end().await;
}

#[test]
fn the_gates_module_is_at_most_500_kilobytes() {
    let module = programs::module();
    let size = fs::metadata(&module).unwrap().len();
    println!("{}: {size} bytes", module.display());
    assert!((1..=500 * 1024).contains(&size), "{size} bytes");
}
