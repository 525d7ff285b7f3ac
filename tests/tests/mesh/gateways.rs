//! An Istio gateway in front of a workload that has no guard of its own, and a waypoint as istiod configures it.

use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::mesh::PodPlan;
use portcullis_tests::upstream::Upstream;
use serde_json::{Value, json};
use warrant::Denial;

use crate::outside::OutsideClient;
use crate::shop::{HOST, Shop};

/// The identity of the gateway.
pub(crate) const INGRESS: &str = "spiffe://cluster.local/ns/istio-ingress/sa/ingress";

/// The gateway's part of the values.
pub(crate) fn guarded() -> Value {
    json!([
        {"name": "ingress", "namespace": "istio-ingress", "kind": "gateway", "selector": {"istio": "ingress"}},
        {"name": "waypoint", "namespace": "shop", "kind": "waypoint", "targetRefs": [
            {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint"},
        ]},
    ])
}

/// What must be there before the product is installed.
pub(crate) fn prepare(shop: &Shop) {
    shop.cluster.namespace("istio-ingress", &["istio-injection=enabled"]);
    shop.cluster.account("istio-ingress", "ingress");
    shop.cluster.account("shop", "back");
    shop.cluster.apply(OBJECTS);
}

const OBJECTS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop, labels: {istio.io/waypoint-for: service}}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
---
apiVersion: v1
kind: Service
metadata: {name: back, namespace: shop, labels: {istio.io/use-waypoint: waypoint}}
spec: {clusterIP: 10.96.0.81, selector: {app: back}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ingress, namespace: istio-ingress}
spec:
  selector: {istio: ingress}
  servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: istio-ingress}
spec:
  hosts: [app.shop.svc.cluster.local]
  gateways: [ingress]
  http: [{route: [{destination: {host: back.shop.svc.cluster.local}}]}]
";

/// A route that somebody adds later, for a host and paths of which no policy says anything.
const LATER: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: later, namespace: istio-ingress}
spec:
  hosts: [later.example]
  gateways: [ingress]
  http:
    - retries: {attempts: 3, retryOn: 5xx}
      timeout: 5s
      route: [{destination: {host: back.shop.svc.cluster.local}}]
";

/// Requests through the gateway: judged, denied, and denied for a route that was added later and forgotten.
pub(crate) async fn show(shop: &Shop) -> Upstream {
    let ingress = gateway().start(&shop.cluster);
    let (ingress, back) = tokio::join!(ingress, shop.pod("back"));
    let upstream = Upstream::on(back.listen(8080));
    let client = OutsideClient { shop, gateway: ingress.at(8080) };
    until("a request to be allowed through the gateway", async || {
        (client.send(&shop.good()).await?.0 == 200).then_some(())
    })
    .await;
    client.denied(&ClientRequest::new("GET", HOST, "/hello/you"), Denial::WarrantMissing).await;
    let again = shop.good();
    assert_eq!(client.send(&again).await.unwrap().0, 200);
    client.denied(&again, Denial::Replayed).await;

    shop.cluster.apply(LATER);
    let later = ClientRequest::new("GET", "later.example", "/anything");
    // Before it is there, the gateway itself answers 404.
    until("the later route to be there", async || (client.send(&later).await?.0 != 404).then_some(())).await;
    client.denied(&later, Denial::TargetMismatch).await;
    let warrant = shop.agent.warrant(&shop.warrant());
    client.denied(&shop.agent.present(&warrant, later), Denial::TargetMismatch).await;
    assert!(upstream.executions().iter().all(|one| one.decision().is_some()));
    ingress.kill();
    back.kill();
    upstream
}

fn gateway() -> PodPlan {
    PodPlan::of(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "ingress",
            "namespace": "istio-ingress",
            "labels": {"istio": "ingress", "sidecar.istio.io/inject": "true"},
            "annotations": {"inject.istio.io/templates": "gateway"},
        },
        "spec": {"serviceAccountName": "ingress", "containers": [{"name": "istio-proxy", "image": "auto"}]},
    }))
}

/// A waypoint as istiod configures it. It is not asked anything: the Envoy at hand has none of Istio's own filters, without which it
/// takes no configuration of a waypoint.
pub(crate) async fn show_waypoint(shop: &Shop) {
    let made = until("istiod to make the waypoint", async || {
        shop.cluster.try_kubectl(&["--namespace", "shop", "get", "deployment", "waypoint"]).ok()
    });
    made.await;
    let mut plan = PodPlan::of_controller(&shop.cluster, "shop", "deployment", "waypoint");
    plan.unready = true;
    let waypoint = plan.start(&shop.cluster).await;
    let dump = until("istiod to configure the waypoint", async || {
        let dump = shop.sent_to("waypoint-0.shop").await?;
        dump.contains("portcullis.seal").then_some(dump)
    })
    .await;
    waypoint.kill();
    let chains = inbound_chains(&dump);
    // One for the Service, and one for clients that dial the pod's address.
    assert!(chains.len() >= 2, "{chains:?}");
    for chain in chains {
        assert_guarded(&chain);
    }
}

/// The HTTP filters of each chain of a waypoint through which requests come.
fn inbound_chains(dump: &str) -> Vec<Vec<String>> {
    let dump: Value = serde_json::from_str(dump).unwrap();
    let configs = dump["configs"].as_array().unwrap();
    let listeners = configs.iter().flat_map(|one| one["dynamicListeners"].as_array().into_iter().flatten());
    let inbound = listeners
        .map(|listener| &listener["activeState"]["listener"])
        .find(|listener| listener["name"] == "main_internal")
        .expect("a waypoint has it");
    let chains = inbound["filterChains"].as_array().unwrap().iter();
    let filters = chains.flat_map(|chain| chain["filters"].as_array().unwrap());
    let lists = filters.filter_map(|filter| filter["typedConfig"]["httpFilters"].as_array());
    let name = |filter: &Value| filter["name"].as_str().unwrap().to_owned();
    lists.map(|filters| filters.iter().map(name).collect()).collect()
}

/// The gate first; the question, the seal and the router last; and one question.
fn assert_guarded(chain: &[String]) {
    let question = "envoy.filters.http.ext_authz";
    assert_eq!(chain[0], "portcullis.gate", "{chain:?}");
    assert_eq!(
        chain[chain.len() - 3..],
        [question, "portcullis.seal", "envoy.filters.http.router"],
        "{chain:?}"
    );
    assert_eq!(chain.iter().filter(|name| *name == question).count(), 1, "{chain:?}");
}
