//! The authority behind all identities of an Istio mesh is replaced while clients go on.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use portcullis_tests::certificates::Root;
use portcullis_tests::condition::{until, until_within};
use portcullis_tests::mesh::{Istio, Pod};
use portcullis_tests::upstream::Upstream;

use crate::shop::{SYSTEM, Shop};
use crate::watch::Watch;

/// What an agent logs when it has a new certificate.
const RENEWED: &str = "generated new workload certificate";

/// A replacement that is under way, and what its clients see.
pub(crate) struct Rotation {
    watch: Watch,
    /// How many certificates each pod had at the last step.
    certificates: BTreeMap<String, usize>,
}

impl Rotation {
    pub(crate) fn begin(shop: &Shop, client: &Pod) -> Rotation {
        Rotation { watch: Watch::of(shop, client), certificates: BTreeMap::new() }
    }

    /// Gives istiod another authority, or other roots, and shows the roots to the agents, as a kubelet does.
    pub(crate) async fn step(&mut self, shop: &Shop, authority: &Root, trusted: &[&Root], pods: &[&Pod]) {
        Istio::give(&shop.cluster, authority, trusted);
        // istiod reads them a tenth of a second later. Where only the authority changes, nothing in the cluster shows it; a certificate of
        // the old one must not count as new.
        tokio::time::sleep(Duration::from_millis(500)).await;
        until("istiod to give the roots to namespaces", async || {
            ["shop", SYSTEM].iter().all(|namespace| has_roots(shop, namespace, trusted)).then_some(())
        })
        .await;
        for pod in pods {
            pod.refresh_volumes();
        }
        self.certificates = pods.iter().map(|pod| (pod.address().to_owned(), certificates(pod))).collect();
    }

    /// Waits until each pod has a certificate that is newer than the last step.
    pub(crate) async fn until_renewed(&self, pods: &[&Pod]) {
        until_within(Duration::from_secs(90), "each pod to have a new certificate", async || {
            pods.iter().all(|pod| certificates(pod) > self.certificates[pod.address()]).then_some(())
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

/// Whether workloads of this namespace are told to trust these roots and no other.
fn has_roots(shop: &Shop, namespace: &str, trusted: &[&Root]) -> bool {
    let map = shop.cluster.get(namespace, "configmap", "istio-ca-root-cert");
    let roots = map["data"]["root-cert.pem"].as_str().unwrap();
    roots.matches("BEGIN CERTIFICATE").count() == trusted.len()
        && trusted.iter().all(|root| roots.contains(root.pem().trim()))
}

fn certificates(pod: &Pod) -> usize {
    pod.container("istio-proxy").log().matches(RENEWED).count()
}
