//! A real istiod: two workloads with the sidecars that it made, STRICT mutual TLS, a gateway, a waypoint, and the installed server with
//! its own SVID.

use std::time::{Duration, Instant};

use portcullis_tests::certificates::Root;
use portcullis_tests::client::ClientRequest;
use portcullis_tests::mesh::Pod;
use portcullis_tests::upstream::Upstream;
use serde_json::{Value, json};

use crate::denials::{by_certificate, provoke_all, write_routes};
use crate::gateways::{self, INGRESS};
use crate::rotation::Rotation;
use crate::shop::{APP, CLIENT, HOST, Shop, workload};
use crate::traps;
use crate::watch::Watch;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the control planes: ./dev mesh"]
async fn a_guarded_sidecar_lets_warrants_pass_and_denies_the_rest_whatever_becomes_of_istiod() {
    let from = Instant::now();
    let (old, new) = (Root::new("the first authority"), Root::new("the next authority"));
    let mut shop = Shop::open_with(&old).await;
    let hosts = json!({HOST: [format!("{HOST}:80")]});
    shop.write_proxies(&json!([
        {"id": APP, "hosts": hosts, "strictMtls": true},
        {"id": INGRESS, "hosts": hosts},
    ]));
    write_routes(&shop);
    shop.sign();
    gateways::prepare(&shop);
    let mut guarded = gateways::guarded();
    guarded
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "app", "namespace": "shop", "kind": "sidecar", "selector": {"app": "app"}}));
    shop.install(&guarded);
    let server = shop.server().await;
    let (app, client) = tokio::join!(shop.pod("app"), shop.pod("client"));
    let upstream = Upstream::on(app.listen(8080));
    shop.until_allowed(&client).await;
    println!("the first request was allowed after {:?}", from.elapsed());

    let count = provoke_all(&shop, &server, &client).await;
    assert!(count >= 20);
    let mine = shop.send(&client, &by_certificate(&shop, CLIENT, "/mine/you")).await;
    assert_eq!(mine.status, 200, "{}", mine.text());
    println!("{count} denials after {:?}", from.elapsed());

    // Nobody reaches the workload around its sidecar by plain HTTP: the connection is closed.
    let around = ClientRequest::new("GET", HOST, "/hello/you");
    let stream = shop.cluster.node().connect(app.at(8080)).await.unwrap();
    assert!(around.send_over(stream).await.is_err(), "plain HTTP reached the workload");

    // Istio's authority is replaced as its documentation says: trust both, sign with the next, trust only the next.
    let pods = [&server, &app, &client];
    let mut rotation = Rotation::begin(&shop, &client);
    rotation.step(&shop, &old, &[&old, &new], &pods).await;
    let behind = gateways::show(&shop).await;
    println!("the gateway after {:?}", from.elapsed());
    gateways::show_waypoint(&shop).await;
    println!("the waypoint after {:?}", from.elapsed());
    rotation.until_renewed(&pods).await;
    rotation.step(&shop, &new, &[&old, &new], &pods).await;
    rotation.until_renewed(&pods).await;
    rotation.step(&shop, &new, &[&new], &pods).await;
    rotation.end(&server, &new, &upstream).await;
    println!("the authority was replaced after {:?}", from.elapsed());

    traps::try_all(&mut shop, &guarded, &client).await;
    println!("the traps after {:?}", from.elapsed());

    without_istiod(&mut shop, &client, &upstream).await;
    println!("istiod was away and came back after {:?}", from.elapsed());

    let (app, restarted) = restarted_without_istiod(&mut shop, app, &client).await;
    println!("the workload was restarted without istiod after {:?}", from.elapsed());

    let ledger = server.volume("data").join("ledger");
    tokio::join!(client.stop(), app.stop());
    server.stop().await;
    let decisions = shop.audit(&ledger, &[&upstream, &behind, &restarted]);
    assert_names_the_caller(&decisions);
    println!("{} decisions on record; the end after {:?}", decisions.len(), from.elapsed());
}

/// istiod ends without warning, and starts again. Sidecars go on as they are.
async fn without_istiod(shop: &mut Shop, client: &Pod, upstream: &Upstream) {
    let watch = Watch::of(shop, client);
    shop.istio().0.kill();
    tokio::time::sleep(Duration::from_secs(5)).await;
    resume(shop).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let seen = watch.end(upstream).await;
    println!("without istiod: {seen:?}");
    assert_eq!(seen.answers.len(), 1, "requests with a warrant were not all allowed: {seen:?}");
}

/// A workload whose pod starts while istiod is away has no filters. It has no listener either, so nothing reaches it until istiod is
/// back; and then it is guarded from the first request on.
async fn restarted_without_istiod(shop: &mut Shop, app: Pod, client: &Pod) -> (Pod, Upstream) {
    app.kill();
    // Without istiod a pod gets no sidecar, and is refused. This one was admitted before.
    let mut plan = workload("app");
    plan.unready = true;
    let admitted = plan.admit(&shop.cluster);
    shop.istio().0.kill();
    let refused = shop.cluster.try_apply(&workload("other").manifest.to_string());
    assert!(refused.is_err(), "a pod was admitted without its sidecar");
    let mut app = admitted.start().await;
    let upstream = Upstream::on(app.listen(8080));
    let bare = ClientRequest::new("GET", HOST, "/hello/unjudged");
    for _ in 0..20 {
        // From the node, so that no other proxy is in the way.
        if let Ok(stream) = shop.cluster.node().connect(app.at(8080)).await {
            let answer = bare.send_over(stream).await;
            assert!(answer.is_err(), "a workload without configuration answers: {answer:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    resume(shop).await;
    app.until_ready().await;
    shop.until_allowed(client).await;
    assert_eq!(shop.send(client, &bare).await.status, 401);
    (app, upstream)
}

/// The caller is on record by the SPIFFE ID of its certificate, also where a warrant alone would do.
fn assert_names_the_caller(decisions: &[Value]) {
    let allowed: Vec<&Value> = decisions
        .iter()
        .filter(|decision| decision["outcome"] == "allowed" && decision["proxy"] == APP)
        .collect();
    assert!(!allowed.is_empty());
    for decision in allowed {
        assert_eq!(decision["identity"], CLIENT, "{decision:#}");
    }
}

async fn resume(shop: &mut Shop) {
    let (istio, cluster) = shop.istio();
    istio.resume(cluster).await;
}
