//! Warrants that were delegated: a root, its children and their children, and a route that they are for.

use std::time::Instant;

use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::operator::call_api;
use portcullis_tests::shipped::Configuration;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::stream_kinds::StreamKind;
use portcullis_tests::world::{HOST, Setup, World};
use serde_json::json;

use super::stream_set::StreamSet;
use super::{ISSUER, jti, patient_home, streaming};
use crate::bundles::Signers;

pub(super) const ROUTE: &str = "family";

/// A world with a route for delegated warrants.
pub(super) async fn world(workers: u64) -> World {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = patient_home(&directory);
    // The holder of a delegated warrant is known by its key, so the policy asks who holds the root.
    let spec = json!({
        "require": {"holder": "proof", "use": "any", "maxLifetime": "5m", "maxDepth": 2},
        "maxStream": "10m",
        "policy": "@id(\"root\") permit (principal, action, resource) when { context.warrant.root == Agent::\"agent:demo\" };",
    });
    Signers::of(&home).publish(&UnsignedBundle::of(&home).version(2).with_route(ROUTE, spec));
    let change = |envoy: Configuration| envoy.for_many_streams().that_closes_late();
    Setup { workers, change, ..streaming() }.start_in(directory, home).await
}

/// The descendants of one root: children and grandchildren, each held by a key of its own.
pub(super) struct Family {
    root: String,
    holders: Vec<(Agent, String)>,
}

impl Family {
    pub(super) fn new(agent: &Agent) -> Family {
        let content = |lifetime| WarrantSpec {
            methods: vec!["GET".into(), "POST".into()],
            path: format!("/{ROUTE}/**"),
            max_depth: 2,
            lifetime,
            ..hello()
        };
        let root = agent.warrant(&content(300));
        let mut holders = Vec::new();
        for number in 1..=4 {
            let key = |generation: u8| TestKey::stranger(Algorithm::Ed25519, 10 * generation + number);
            let child = Agent { holder: key(1), ..agent.clone() };
            let warrant = agent.delegate(&root, &content(295), &child.holder);
            let grandchild = Agent { holder: key(2), ..agent.clone() };
            let delegated = child.delegate(&warrant, &content(290), &grandchild.holder);
            holders.extend([(child, warrant), (grandchild, delegated)]);
        }
        Family { root, holders }
    }

    /// Opens streams of all kinds. Each holder has some of each kind.
    pub(super) async fn open(&self, world: &World, count: usize) -> StreamSet {
        let present = |number: usize, request| {
            let (agent, warrant) = &self.holders[(number / StreamKind::ALL.len()) % self.holders.len()];
            agent.present(warrant, request)
        };
        StreamSet::open(world, None, &format!("/{ROUTE}"), count, present).await
    }

    pub(super) fn request(&self, world: &World) -> ClientRequest {
        world.agent.present(&self.root, ClientRequest::new("GET", HOST, &format!("/{ROUTE}/you")))
    }

    /// Revokes the root. Returns when the answer was here.
    pub(super) async fn revoke(&self, world: &World) -> Instant {
        let revocation =
            json!({"what": "path", "value": jti(&self.root), "iss": ISSUER, "reason": "a drill"});
        let (status, entry) = call_api(&world.home, "POST", "/v1/revocations", &revocation).await;
        let answered = Instant::now();
        assert_eq!(status, 201, "{entry}");
        answered
    }
}
