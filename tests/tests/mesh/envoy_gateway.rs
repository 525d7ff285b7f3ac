//! Envoy Gateway: a guarded Gateway with a route, and a second route that is added later and forgotten. The server and the gateway have
//! certificates in Secrets, as cert-manager writes them.

use std::time::{Duration, Instant};

use portcullis_tests::certificates::{A_DAY, Issued, Root};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::mesh::{EnvoyGateway, NODE};
use portcullis_tests::upstream::Upstream;
use serde_json::json;
use warrant::Denial;

use crate::outside::OutsideClient;
use crate::shop::{HOST, SYSTEM, Shop};

const SERVER: &str = "spiffe://shop/ns/portcullis/sa/portcullis";
const GATEWAY: &str = "spiffe://shop/ns/edge/sa/edge";
/// The port of the Gateway's listener.
const PORT: u16 = 8888;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the control planes: ./dev mesh"]
async fn a_guarded_gateway_lets_warrants_pass_and_denies_the_rest_and_what_was_forgotten() {
    let from = Instant::now();
    let shop = Shop::open_without_istio().await;
    let gateway = EnvoyGateway::start(&shop.cluster);
    let client = OutsideClient { shop: &shop, gateway: format!("{NODE}:{PORT}").parse().unwrap() };
    shop.write_proxies(&json!([{"id": GATEWAY, "hosts": {HOST: [format!("{HOST}:80")]}}]));
    shop.sign();
    let upstream = Upstream::on(shop.cluster.node().listen(8090));
    make_certificates(&shop);
    shop.cluster.apply(&OBJECTS.replace("$NODE", NODE));
    shop.cluster.apply(&route("app", HOST));
    until("the gateway to answer", async || (client.send(&bare()).await? == (200, None)).then_some(())).await;
    println!("Envoy Gateway answers after {:?}", from.elapsed());

    let values = json!({
        "server": {"spiffeId": SERVER},
        "identity": {"kind": "files", "files": {"secretName": "portcullis-tls"}},
        "envoyGateway": {"guarded": [
            {"name": "edge", "namespace": "edge", "gateway": "edge", "listeners": ["http"], "serverRoots": "portcullis-roots"},
        ]},
    });
    shop.install_with(&values);
    let server = shop.server().await;
    println!("the server is ready after {:?}", from.elapsed());
    until("a request to be judged", async || {
        let said = client.send(&shop.good()).await?;
        (said == (200, None) && upstream.executions().last()?.decision().is_some()).then_some(())
    })
    .await;
    let first = upstream.executions().iter().position(|one| one.decision().is_some()).unwrap();
    println!("requests are judged after {:?}", from.elapsed());

    client.denied(&bare(), Denial::WarrantMissing).await;
    let again = shop.good();
    assert_eq!(client.send(&again).await, Some((200, None)));
    client.denied(&again, Denial::Replayed).await;
    client.denied(&shop.asking_for("/nowhere", &shop.everything()), Denial::NoRoutePolicy).await;
    a_forgotten_route(&client).await;
    a_policy_on_a_route(&client).await;
    without_the_patch(&client).await;

    // The server ends: everything is denied, and nothing waits for long.
    let ledger = server.volume("data").join("ledger");
    server.stop().await;
    until("every request to be denied", async || (client.send(&shop.good()).await?.0 == 503).then_some(()))
        .await;
    drop(gateway);
    let decisions = shop.audit_after(&ledger, &upstream, first);
    println!("{} decisions on record; the end after {:?}", decisions.len(), from.elapsed());
}

/// A route that somebody adds later. Nobody has written a policy for it.
async fn a_forgotten_route(client: &OutsideClient<'_>) {
    client.shop.cluster.apply(&route("later", "later.example"));
    let later = ClientRequest::new("GET", "later.example", "/anything");
    until("the later route to be there", async || (client.send(&later).await?.0 != 404).then_some(())).await;
    client.denied(&later, Denial::TargetMismatch).await;
}

/// A policy for one route takes the place of the Gateway's, and with it the question to the server. The seal denies what has no stamp.
async fn a_policy_on_a_route(client: &OutsideClient<'_>) {
    let shop = client.shop;
    shop.cluster.apply(
        "
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: own, namespace: edge}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: app}]
  cors: {allowOrigins: ['https://shop.example'], allowMethods: [GET]}
",
    );
    until("the policy to be in force", async || condition(shop, "own", "Accepted").then_some(())).await;
    // A listener is updated after the status says so.
    for _ in 0..30 {
        let said = client.send(&bare()).await.expect("the gateway answers");
        assert!(said.0 == 401 || said.0 == 403, "a request without a warrant: {said:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(condition(shop, "portcullis-edge", "Overridden"), "an operator would not see it");
    shop.cluster.kubectl(&["--namespace", "edge", "delete", "securitypolicies.gateway.envoyproxy.io", "own"]);
    until_judged(client).await;
}

/// Without the patch the question comes first and is not the gate's, and routes deny.
async fn without_the_patch(client: &OutsideClient<'_>) {
    let shop = client.shop;
    let kind = "envoypatchpolicies.gateway.envoyproxy.io";
    let kept = shop.cluster.get("edge", kind, "portcullis-edge");
    shop.cluster.kubectl(&["--namespace", "edge", "delete", kind, "portcullis-edge"]);
    for _ in 0..30 {
        let said = client.send(&bare()).await.expect("the gateway answers");
        assert!(said.0 >= 400, "a request without a warrant: {said:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut again = kept;
    for member in ["resourceVersion", "uid", "managedFields", "creationTimestamp", "generation"] {
        again["metadata"].as_object_mut().unwrap().remove(member);
    }
    again.as_object_mut().unwrap().remove("status");
    shop.cluster.apply(&again.to_string());
    until_judged(client).await;
}

async fn until_judged(client: &OutsideClient<'_>) {
    until("requests to be judged again", async || {
        (client.send(&client.shop.good()).await? == (200, None)).then_some(())
    })
    .await;
    client.denied(&bare(), Denial::WarrantMissing).await;
}

/// Whether a SecurityPolicy's status has this condition.
fn condition(shop: &Shop, policy: &str, condition: &str) -> bool {
    let object = shop.cluster.get("edge", "securitypolicies.gateway.envoyproxy.io", policy);
    let ancestors = object["status"]["ancestors"].as_array().into_iter().flatten();
    let mut conditions = ancestors.flat_map(|one| one["conditions"].as_array().unwrap());
    conditions.any(|one| one["type"] == condition && one["status"] == "True")
}

/// An HTTPRoute of the guarded Gateway.
fn route(name: &str, host: &str) -> String {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name, "namespace": "edge"},
        "spec": {
            "parentRefs": [{"name": "edge"}],
            "hostnames": [host],
            "rules": [{"backendRefs": [{"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "app"}]}],
        },
    })
    .to_string()
}

fn bare() -> ClientRequest {
    ClientRequest::new("GET", HOST, "/hello/live")
}

/// The certificates of the server and of the gateway, and the roots by which each knows the other.
fn make_certificates(shop: &Shop) {
    let root = Root::new("the mesh");
    let secret = |namespace: &str, name: &str, issued: &Issued| {
        shop.cluster.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": name, "namespace": namespace},
            "stringData": {"tls.crt": issued.certificate, "tls.key": issued.key, "ca.crt": root.pem()},
        }).to_string());
    };
    shop.cluster.namespace("edge", &[]);
    secret(SYSTEM, "portcullis-tls", &root.issue(&[SERVER], A_DAY));
    secret("edge", "edge-tls", &root.issue(&[GATEWAY], A_DAY));
    shop.cluster.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "portcullis-roots", "namespace": SYSTEM},
        "data": {"ca.crt": root.pem()},
    }).to_string());
}

const OBJECTS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec:
  controllerName: gateway.envoyproxy.io/gatewayclass-controller
  parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: host, namespace: edge}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: host, namespace: edge}
spec:
  provider: {type: Host, host: {envoyVersion: '1.40.0'}}
  backendTLS: {clientCertificateRef: {kind: Secret, name: edge-tls}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: edge}
spec: {gatewayClassName: eg, listeners: [{name: http, port: 8888, protocol: HTTP}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: app, namespace: edge}
spec: {endpoints: [{ip: {address: $NODE, port: 8090}}]}
";
