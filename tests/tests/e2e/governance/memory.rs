//! How much memory a VM of the filters takes when 100,000 names are revoked.

use std::fs;

use portcullis_tests::condition::until;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::offline_ledger;
use portcullis_tests::operator::call_api;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::shipped::{GATE, SEAL};
use portcullis_tests::upstream::Upstream;
use serde_json::json;

use super::streaming;

const REVOCATIONS: usize = 100_000;
/// After so many changes the whole answer is shared anew: their answers are longer than what is kept of changes.
const CHANGES: usize = 100;
const A_VM: u64 = 16 * 1024 * 1024;
/// One of each worker, and one of the main thread. Envoy also keeps the one that it made them from, which holds nothing.
const VMS: usize = 3;

/// The sizes of the memories of all Wasm VMs of a process. V8 reserves address space behind each, so that no access needs a check
/// of its bounds; nothing else has that.
fn wasm_memories(envoy: &Envoy) -> Vec<u64> {
    let maps = fs::read_to_string(envoy.process.file_in_proc("maps")).expect("it runs");
    let mut memories = Vec::new();
    let mut before = (0, 0, "");
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').expect("a range of addresses");
        let (begin, end) = range.split_once('-').expect("a range of addresses");
        let [begin, end] = [begin, end].map(|address| u64::from_str_radix(address, 16).expect("an address"));
        let is_reserved = rest.starts_with("---p") && end - begin > 1 << 32;
        if is_reserved && before.1 == begin && before.2 == "rw-p" {
            memories.push(before.1 - before.0);
        }
        before = (begin, end, rest.split(' ').next().unwrap_or_default());
    }
    memories
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_100_000_revocations_a_vm_takes_at_most_16_mb() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    tokio::task::block_in_place(|| offline_ledger::fill(&home, REVOCATIONS, 0));
    let _server = Server::start(&home).await;
    let upstream = Upstream::start().await;
    let configuration = streaming(&home, upstream.address(), home.directory());
    let envoy = Envoy::start_with_workers(2, &configuration, directory.path()).await;
    envoy.until_governed().await;
    let until_held = async |count: usize| {
        until("the filters to hold the revocations", async || {
            let held = envoy.stat("wasmcustom.portcullis_statement_revocations").await?;
            (held == u64::try_from(count).unwrap()).then_some(())
        })
        .await;
    };
    until_held(REVOCATIONS).await;
    let at_first = wasm_memories(&envoy);
    for count in 1..=CHANGES {
        let revocation = json!({"what": "txn", "value": format!("t-{count}"), "iss": "https://authority.demo",
            "reason": "a measurement"});
        assert_eq!(call_api(&home, "POST", "/v1/revocations", &revocation).await.0, 201);
        until_held(REVOCATIONS + count).await;
    }
    let memories = wasm_memories(&envoy);
    println!("memories of the VMs: {at_first:?} bytes at first, {memories:?} after {CHANGES} changes");
    let holding = memories.iter().filter(|memory| **memory >= 16 * u64::try_from(REVOCATIONS).unwrap());
    assert_eq!(holding.count(), VMS, "each VM holds all revocations: {memories:?}");
    assert!(memories.iter().all(|memory| *memory <= A_VM), "{memories:?}");
    // The same Envoy without the filters shows what else they cost: V8 itself, and what the VMs share.
    let other = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let bare = Envoy::start_with_workers(2, &configuration.without(GATE).without(SEAL), other.path()).await;
    let all = envoy.process.own_resident_bytes().saturating_sub(bare.process.own_resident_bytes());
    println!("with the filters Envoy takes {all} bytes more");
    assert!(all <= A_VM * u64::try_from(VMS + 1).unwrap(), "{all} bytes");
}
