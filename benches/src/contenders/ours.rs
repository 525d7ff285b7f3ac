//! Portcullis as shipped, gate, server and seal, asked in different ways.

use hyper::body::Bytes;
use portcullis_tests::agent::{Agent, WarrantSpec};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::shipped::{Configuration, GATE, SEAL};
use portcullis_tests::world::HOST;
use std::path::Path;

use super::home::{
    TARGET, Terms, certificates, different, long_lived, of_caller, paced, proofs, requests, same, with_proof,
};
use super::{Choice, Contender, Supply, choice, directory, directory_in, measured};
use crate::load::Requests;

pub(super) const CHOICES: &[Choice] = &[
    choice!("mtls", "portcullis, holder `mtls`, a warrant seen before", mtls),
    choice!("mtls-no-filter", "the same without gate and seal", mtls_without_filter),
    choice!("proof", "portcullis, holder `proof`, a warrant seen before and a new proof", proof),
    choice!("no-filter", "the same without gate and seal", without_filter),
    choice!("limited", "holder `proof`, a warrant with many uses: each request burns one", limited),
    choice!("limited-no-filter", "the same without gate and seal", limited_without_filter),
    choice!("cold", "holder `proof`, warrants never seen before", cold),
    choice!("once", "holder `proof`, once-only warrants, which are never seen before", once),
    choice!(
        "once-leaf",
        "holder `proof`, a root seen before, and for each request a once-only leaf",
        once_leaf
    ),
    choice!("body", "holder `proof`, an argument from the body", body),
    choice!("tmpfs", "as `proof`, the ledger in memory (/dev/shm)", tmpfs),
    choice!("depth-1", "as `proof`, a chain of 1 link", depth::<1>, for_a_curve),
    choice!("depth-2", "as `proof`, a chain of 2 links", depth::<2>, for_a_curve),
    choice!("depth-4", "as `proof`, a chain of 4 links", depth::<4>, for_a_curve),
    choice!("depth-8", "as `proof`, a chain of 8 links", depth::<8>, for_a_curve),
    choice!("routes-10", "as `proof`, 10 routes", routes::<10>, for_a_curve),
    choice!("routes-1000", "as `proof`, 1,000 routes", routes::<1_000>, for_a_curve),
    choice!("routes-10000", "as `proof`, 10,000 routes", routes::<10_000>, for_a_curve),
];

async fn proof(name: &'static str) -> Option<Contender> {
    Some(start(name, Terms::PROOF, AS_SHIPPED, seen_before).await)
}

async fn without_filter(name: &'static str) -> Option<Contender> {
    Some(start(name, Terms::PROOF, WITHOUT_FILTER, seen_before).await)
}

/// As `proof`, with a change of Envoy's configuration.
pub(super) async fn proof_with(
    name: &'static str,
    change: impl FnOnce(Configuration) -> Configuration,
) -> Contender {
    start(name, Terms::PROOF, change, seen_before).await
}

fn seen_before(agent: Agent) -> Supply {
    let warrant = agent.warrant(&long_lived());
    proofs(agent, warrant)
}

async fn limited(name: &'static str) -> Option<Contender> {
    Some(start(name, Terms { uses: "limited", ..Terms::PROOF }, AS_SHIPPED, with_many_uses).await)
}

async fn limited_without_filter(name: &'static str) -> Option<Contender> {
    Some(start(name, Terms { uses: "limited", ..Terms::PROOF }, WITHOUT_FILTER, with_many_uses).await)
}

fn with_many_uses(agent: Agent) -> Supply {
    let warrant = agent.warrant(&WarrantSpec { uses: Some(i32::MAX.unsigned_abs()), ..long_lived() });
    proofs(agent, warrant)
}

async fn cold(name: &'static str) -> Option<Contender> {
    let supply = |agent: Agent| paced(different(move || with_proof(&agent, agent.warrant(&long_lived()))));
    Some(start(name, Terms::PROOF, AS_SHIPPED, supply).await)
}

async fn once(name: &'static str) -> Option<Contender> {
    let once_only = WarrantSpec { uses: Some(1), ..long_lived() };
    let supply = |agent: Agent| paced(different(move || with_proof(&agent, agent.warrant(&once_only))));
    Some(start(name, Terms { uses: "once", ..Terms::PROOF }, AS_SHIPPED, supply).await)
}

async fn once_leaf(name: &'static str) -> Option<Contender> {
    let supply = |agent: Agent| {
        let root = agent.warrant(&WarrantSpec { max_depth: 1, ..long_lived() });
        let leaf = WarrantSpec { uses: Some(1), lifetime: 300, max_depth: 1, ..long_lived() };
        // The holder narrows its own warrant.
        paced(different(move || with_proof(&agent, agent.delegate(&root, &leaf, &agent.holder))))
    };
    Some(start(name, Terms { max_depth: 1, ..Terms::PROOF }, AS_SHIPPED, supply).await)
}

async fn depth<const LINKS: u64>(name: &'static str) -> Option<Contender> {
    let deepest = LINKS - 1;
    let supply = move |agent: Agent| {
        let mut warrant = agent.warrant(&WarrantSpec { max_depth: deepest, ..long_lived() });
        for link in 1..LINKS {
            // Each inside the one before.
            let narrower = WarrantSpec { lifetime: 3600 - 60 * link, max_depth: deepest, ..long_lived() };
            warrant = agent.delegate(&warrant, &narrower, &agent.holder);
        }
        proofs(agent, warrant)
    };
    // All take chains of eight, so that only the chain differs.
    Some(start(name, Terms { max_depth: 7, ..Terms::PROOF }, AS_SHIPPED, supply).await)
}

async fn routes<const COUNT: usize>(name: &'static str) -> Option<Contender> {
    // Three are the sample's own.
    Some(start(name, Terms { other_routes: COUNT - 3, ..Terms::PROOF }, AS_SHIPPED, seen_before).await)
}

async fn body(name: &'static str) -> Option<Contender> {
    let supply = |agent: Agent| -> Supply {
        let warrant = agent.warrant(&WarrantSpec { methods: vec!["POST".to_owned()], ..long_lived() });
        let body = Bytes::from_static(br#"{"amount":10,"currency":"EUR"}"#);
        Box::new(move |count| {
            let request = ClientRequest { body: body.clone(), ..ClientRequest::new("POST", HOST, TARGET) };
            let headers = || {
                let proof = agent.proof(&warrant, &request);
                let kind = "application/json".to_owned();
                vec![("warrant", warrant.clone()), ("warrant-proof", proof), ("content-type", kind)]
            };
            let headers = std::iter::repeat_with(headers).take(count).collect();
            Requests { method: "POST", headers, body: body.clone(), ..requests() }
        })
    };
    let change = |shipped: Configuration| shipped.sending_bodies(64 << 10);
    Some(start(name, Terms { body: true, ..Terms::PROOF }, change, supply).await)
}

async fn tmpfs(name: &'static str) -> Option<Contender> {
    let place = Path::new("/dev/shm");
    if !place.is_dir() {
        return None;
    }
    Some(start_in(directory_in(place), name, Terms::PROOF, AS_SHIPPED, seen_before).await)
}

async fn mtls(name: &'static str) -> Option<Contender> {
    Some(start_mtls(name, AS_SHIPPED).await)
}

async fn mtls_without_filter(name: &'static str) -> Option<Contender> {
    Some(start_mtls(name, WITHOUT_FILTER).await)
}

async fn start_mtls(name: &'static str, change: fn(Configuration) -> Configuration) -> Contender {
    let directory = directory();
    let (files, client, _) = certificates(directory.path());
    let change = move |shipped: Configuration| change(shipped).asking_clients_for_certificates(&files);
    let supply = |agent: Agent| same(vec![("warrant", agent.warrant(&of_caller()))]);
    start_in(directory, name, Terms::MTLS, change, supply).await.over_tls(client)
}

const AS_SHIPPED: fn(Configuration) -> Configuration = |shipped| shipped;
/// Without the filter in its two positions: the difference to the whole is what they cost.
const WITHOUT_FILTER: fn(Configuration) -> Configuration = |shipped| shipped.without(GATE).without(SEAL);

async fn start(
    name: &'static str,
    terms: Terms,
    change: impl FnOnce(Configuration) -> Configuration,
    supply: impl FnOnce(Agent) -> Supply,
) -> Contender {
    start_in(directory(), name, terms, change, supply).await
}

async fn start_in(
    directory: tempfile::TempDir,
    name: &'static str,
    terms: Terms,
    change: impl FnOnce(Configuration) -> Configuration,
    supply: impl FnOnce(Agent) -> Supply,
) -> Contender {
    let home: Home = terms.home(directory.path());
    let server = Server::start(&home).await;
    let configuration = measured().filters_at(home.directory()).server_at_socket(&home.socket());
    let envoy = Envoy::start(&change(configuration), directory.path()).await;
    envoy.until_governed().await;
    let supply = supply(Agent::at(&home));
    Contender::new(name, envoy, supply, directory).asking(server.process).with_wasm()
}
