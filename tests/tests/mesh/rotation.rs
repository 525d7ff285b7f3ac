//! The authority behind all identities of an Istio mesh is replaced while clients go on.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use portcullis_tests::certificates::Root;
use portcullis_tests::condition::until_within;
use portcullis_tests::mesh::{Istio, Pod};
use portcullis_tests::upstream::Upstream;

use crate::shop::Shop;
use crate::watch::Watch;

/// What an agent logs when it has a new certificate.
const RENEWED: &str = "generated new workload certificate";

/// A replacement that is under way, and what its clients see.
pub(crate) struct Rotation {
    watch: Watch,
    /// How many certificates each pod had at the last step.
    certificates: Mutex<BTreeMap<String, usize>>,
}

impl Rotation {
    pub(crate) fn begin(shop: &Shop, client: &Pod) -> Rotation {
        Rotation { watch: Watch::of(shop, client), certificates: Mutex::default() }
    }

    /// Gives istiod another authority, or other roots. A kubelet shows the roots to the agents.
    pub(crate) fn step(&self, shop: &Shop, authority: &Root, trusted: &[&Root], pods: &mut [&mut Pod]) {
        Istio::give(&shop.cluster, authority, trusted);
        let counts = pods.iter_mut().map(|pod| (pod.address().to_owned(), certificates(pod)));
        *self.certificates.lock().unwrap() = counts.collect();
    }

    /// Waits until each pod has a new certificate, and a later one, so that none was asked for before the last step.
    pub(crate) async fn until_renewed(&self, pods: &mut [&mut Pod]) {
        let before = self.certificates.lock().unwrap().clone();
        until_within(Duration::from_secs(90), "each pod to have a new certificate", async || {
            pods.iter_mut()
                .all(|pod| {
                    pod.refresh_volumes();
                    certificates(pod) > before[pod.address()]
                })
                .then_some(())
        })
        .await;
    }

    /// Asserts that the server's own certificate is of the next authority, and that all requests with a warrant passed.
    pub(crate) async fn end(self, server: &Pod, next: &Root, upstream: &Upstream) {
        let roots = fs::read_to_string(server.volume("svid").join("root-cert.pem")).unwrap();
        assert!(roots.contains(next.pem().trim()), "the agent has not the next root: {roots}");
        let seen = self.watch.end(upstream).await;
        println!("while the authority was replaced: {seen:?}");
        assert_eq!(seen.answers.len(), 1, "requests with a warrant were not all allowed: {seen:?}");
    }
}

fn certificates(pod: &mut Pod) -> usize {
    pod.container("istio-proxy").log().matches(RENEWED).count()
}
