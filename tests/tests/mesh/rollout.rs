//! A service that is already live is guarded, step by step as docs/istio.md says, and freed again, while clients go on asking. From the
//! first judged request on, none reaches the workload without a decision, until somebody takes the guard away on purpose.

use std::time::{Duration, Instant};

use portcullis_tests::client::{ClientRequest, EndedStream};
use portcullis_tests::condition::until;
use portcullis_tests::mesh::Pod;
use portcullis_tests::upstream::Upstream;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::shop::{APP, HOST, SYSTEM, Shop, service};
use crate::watch::Watch;

const OBSERVED: &str = "ungoverned: {reason: adopting it, until: \"2099-01-01T00:00:00Z\", observe: true}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the control planes: ./dev mesh"]
async fn a_live_service_is_observed_guarded_upgraded_rolled_back_and_freed_and_never_open_in_between() {
    let from = Instant::now();
    let shop = Shop::open().await;
    shop.write_proxies(&json!([{"id": APP, "hosts": {HOST: [format!("{HOST}:80")]}, "strictMtls": true}]));
    shop.edit(
        "routes/demo/hello.yaml",
        "callers: [\"agent:demo\"]",
        &format!("callers: [\"agent:demo\"]\n  {OBSERVED}"),
    );
    shop.edit("teams.yaml", "ground:", "platform: true\n    ground:");
    shop.sign();
    let (app, client) = tokio::join!(shop.pod("app"), shop.pod("client"));
    let upstream = Upstream::on(app.listen(8080));
    until("the live service to answer", async || {
        (shop.send(&client, &bare()).await.status == 200).then_some(())
    })
    .await;

    // The server first, then the filters: a filter without a server denies.
    let guarded =
        json!([{"name": "app", "namespace": "shop", "kind": "sidecar", "selector": {"app": "app"}}]);
    shop.install(&json!([]));
    let server = shop.server().await;
    let older = begin_stream(&client, &upstream).await;
    let guarded_from = Instant::now();
    observe(&shop, &client, &upstream, &guarded).await;
    println!("observed after {:?}", from.elapsed());

    shop.edit("routes/demo/hello.yaml", OBSERVED, "");
    shop.sign();
    shop.put_bundle(&server);
    until("requests without a warrant to be denied", async || {
        (shop.send(&client, &bare()).await.code().as_deref() == Some("warrant-missing")).then_some(())
    })
    .await;
    println!("governed after {:?}", from.elapsed());
    let ledger = server.volume("data").join("ledger");
    let before = upstream.executions().len();

    let watch = Watch::of(&shop, &client);
    shop.helm("upgrade", &json!({"istio": {"guarded": guarded}, "server": {"logLevel": "debug"}}));
    let server = replace(&shop, server, &client).await;
    let seen = watch.end(&upstream).await;
    println!("an upgrade: {seen:?}");

    let watch = Watch::of(&shop, &client);
    shop.cluster.helm(&["rollback", "portcullis", "--namespace", SYSTEM]).unwrap();
    let server = replace(&shop, server, &client).await;
    println!("a rollback: {:?}", watch.end(&upstream).await);

    // Istio gives old connections `drainDuration`, 45 seconds. docs/istio.md says so.
    let ended = older.await.unwrap();
    println!("a stream from before the filters ended {:?} after they were there", ended.at - guarded_from);
    assert!(ended.broke_off && upstream.open_streams() == 0, "{ended:?}");

    let watch = Watch::of(&shop, &client);
    shop.cluster.helm(&["uninstall", "portcullis", "--namespace", SYSTEM]).unwrap();
    server.stop().await;
    until("every request to be denied", async || {
        (shop.send(&client, &shop.good()).await.code().as_deref() == Some("governance-stale")).then_some(())
    })
    .await;
    println!("a removal: {:?}", watch.end(&upstream).await);
    let decisions = shop.audit_after(&ledger, &upstream, before);
    println!("{} decisions on record", decisions.len());

    // The second command, as Helm prints it.
    shop.cluster.kubectl(&[
        "delete",
        "envoyfilters.networking.istio.io,authorizationpolicies.security.istio.io",
        "--all-namespaces",
        "--selector",
        FILTERS,
    ]);
    until("the freed service to answer", async || {
        (shop.send(&client, &bare()).await.status == 200).then_some(())
    })
    .await;
    println!("the end after {:?}", from.elapsed());
}

const FILTERS: &str = "app.kubernetes.io/instance=portcullis,portcullis.dev/server-namespace=portcullis,portcullis.dev/part=filter";

/// The filters come to a service that is live. Its clients, who know nothing of warrants, go on: what they do is judged and recorded.
async fn observe(shop: &Shop, client: &Pod, upstream: &Upstream, guarded: &Value) {
    shop.upgrade(guarded);
    let from = Instant::now();
    let mut denied = 0;
    until("requests to be observed", async || {
        let answer = shop.send(client, &bare()).await;
        denied += usize::from(answer.status != 200);
        upstream.executions().last().is_some_and(|one| one.decision().is_some()).then_some(())
    })
    .await;
    println!("the filters came after {:?}, and {denied} requests were denied until then", from.elapsed());
    let judged = upstream.executions().iter().position(|one| one.decision().is_some()).unwrap();
    for _ in 0..50 {
        assert_eq!(shop.send(client, &bare()).await.status, 200, "an observed request was denied");
    }
    let after = upstream.executions().split_off(judged);
    assert!(
        after.len() > 50 && after.iter().all(|one| one.decision().is_some()),
        "an unjudged request passed"
    );
}

/// A stream through a connection that is open before the filters come. No decision is made about it, and it goes on when they are there.
async fn begin_stream(client: &Pod, upstream: &Upstream) -> JoinHandle<EndedStream> {
    let connection = client.network().connect(service()).await.unwrap();
    let stream = ClientRequest::new("GET", HOST, "/hello/live/stream");
    let stream = tokio::spawn(async move { stream.stream_over(connection).await });
    until("the stream to run", async || (upstream.open_streams() == 1).then_some(())).await;
    stream
}

fn bare() -> ClientRequest {
    ClientRequest::new("GET", HOST, "/hello/live")
}

/// The controller of a StatefulSet ends the pod and makes another. Clients go on for a second with the new one.
async fn replace(shop: &Shop, server: Pod, client: &Pod) -> Pod {
    server.stop().await;
    let server = shop.server().await;
    shop.until_allowed(client).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    server
}
