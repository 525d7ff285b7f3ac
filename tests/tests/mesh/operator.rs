//! Teams write routes as objects of Kubernetes, the installed operator signs them, and the server has them in force. One team's fault
//! opens nothing and holds nobody up. What the operator does with many objects, good and bad, is checked by `k8s/operator-check`.

use std::fs;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_tests::certificates::{A_DAY, Root};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::mesh::{NODE, Pod, PodPlan};
use portcullis_tests::upstream::Upstream;
use serde_json::{Value, json};

use crate::shop::{APP, HOST, SYSTEM, Shop, done};

/// The name by which the API server and servers reach the operator.
const OPERATOR: &str = "portcullis-operator.portcullis.svc";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the control planes: ./dev mesh"]
async fn routes_of_teams_are_objects_that_the_operator_signs_and_the_server_has_in_force() {
    let from = Instant::now();
    let shop = Shop::open().await;
    shop.cluster.namespace("books", &[]);
    shop.write_proxies(&json!([{"id": APP, "hosts": {HOST: [format!("{HOST}:80")]}, "strictMtls": true}]));
    sign_base(&shop);
    shop.install_with(&values(&shop));
    let operator = PodPlan::of_controller(&shop.cluster, SYSTEM, "deployment", "portcullis-operator")
        .start(&shop.cluster)
        .await;
    println!("the operator is ready after {:?}", from.elapsed());
    let server = PodPlan::of_controller(&shop.cluster, SYSTEM, "statefulset", "portcullis")
        .knowing(&format!("{OPERATOR}.cluster.local"), operator.address());
    let server = server.start(&shop.cluster).await;
    let (app, client) = tokio::join!(shop.pod("app"), shop.pod("client"));
    let upstream = Upstream::on(app.listen(8080));
    until("a request to be judged", async || {
        (shop.send(&client, &asking(&shop, "/shop/you")).await.code().as_deref() == Some("no-route-policy"))
            .then_some(())
    })
    .await;
    println!("requests are judged after {:?}", from.elapsed());

    // The API server asks the operator's pod, by its Service.
    let refused = shop.cluster.try_apply(&route("shop", "stolen", "/books/**", "agent:demo")).unwrap_err();
    assert!(refused.0.contains("denied the request") && refused.0.contains("ground"), "{}", refused.0);

    let applied = Instant::now();
    shop.cluster.apply(&route("shop", "greeting", "/shop/**", "agent:demo"));
    until("the route to be in force", async || {
        (shop.send(&client, &asking(&shop, "/shop/you")).await.status == 200).then_some(())
    })
    .await;
    println!("a new route is in force after {:?}", applied.elapsed());
    until("the status to say it", async || {
        condition(&shop, "shop", "greeting", "Accepted", "True").then_some(())
    })
    .await;

    one_fault_holds_nobody_up(&shop, &client).await;
    without_the_operator(&shop, operator, &client).await;

    let ledger = server.volume("data").join("ledger");
    tokio::join!(client.stop(), app.stop());
    server.stop().await;
    let decisions = shop.audit(&ledger, &[&upstream]);
    println!("{} decisions on record; the end after {:?}", decisions.len(), from.elapsed());
}

/// The webhook is gone, so a fault is only in the status. The team's last route stays, its new one is closed, and another team goes on.
async fn one_fault_holds_nobody_up(shop: &Shop, client: &Pod) {
    shop.cluster.kubectl(&[
        "delete",
        "validatingwebhookconfiguration",
        "--selector",
        "app.kubernetes.io/name=portcullis",
    ]);
    shop.cluster.apply(&route("shop", "greeting", "/shop/**", "no such name"));
    shop.cluster.apply(&route("shop", "closed", "/shop/closed/{any}", "no such name"));
    shop.cluster.apply(&route("books", "reading", "/books/**", "agent:demo"));
    until("another team's route to be in force", async || {
        (shop.send(client, &asking(shop, "/books/one")).await.status == 200).then_some(())
    })
    .await;
    for faulty in ["greeting", "closed"] {
        let what = format!("the status of {faulty} to say it");
        until(&what, async || condition(shop, "shop", faulty, "Accepted", "False").then_some(())).await;
    }
    assert_eq!(
        shop.send(client, &asking(shop, "/shop/you")).await.status,
        200,
        "the version that was signed last"
    );
    let closed = shop.send(client, &asking(shop, "/shop/closed/one")).await;
    assert_eq!(closed.status, 403, "what a faulty new route matches must be closed: {}", closed.text());
    assert_eq!(shop.send(client, &ClientRequest::new("GET", HOST, "/shop/you")).await.status, 401);
}

/// The server goes on with what it has.
async fn without_the_operator(shop: &Shop, operator: Pod, client: &Pod) {
    operator.stop().await;
    for _ in 0..20 {
        assert_eq!(shop.send(client, &asking(shop, "/shop/you")).await.status, 200);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// A base with two teams without routes, and the operator's key under `routesBy`.
fn sign_base(shop: &Shop) {
    let key = shop.home.file("routes.jwk");
    let key = key.to_str().unwrap();
    done(&["key", "new", "--alg", "ed25519", "--out", key]);
    let public = done(&["key", "show", key]);
    let by = format!("  routesBy: {{threshold: 1, keys: [{}]}}\n  notes:", public.trim());
    shop.edit("mesh.yaml", "  notes:", &by);
    fs::remove_dir_all(shop.home.file("policy/routes")).unwrap();
    fs::remove_file(shop.home.file("policy/operators.test.yaml")).unwrap();
    let teams = json!({
        "platform": {"platform": true},
        "shop": {"ground": [{"host": HOST, "prefix": "/shop"}]},
        "books": {"ground": [{"host": HOST, "prefix": "/books"}]},
    });
    let document = json!({"apiVersion": "portcullis.dev/v1alpha1", "kind": "Teams", "spec": teams});
    shop.write("teams.yaml", &document.to_string());
    shop.sign();
    // The first routes, which are none: the files for the cluster are made of a bundle with which a server could start.
    let home = shop.home.directory().to_str().unwrap();
    done(&["policy", "sign", "--routes", "--home", home, "--key", key]);
}

/// The values of the chart, after the operator's three Secrets are made.
fn values(shop: &Shop) -> Value {
    let root = Root::new("webhooks");
    let webhook = root.issue_for(OPERATOR, A_DAY);
    shop.make_secret(
        "portcullis-webhook-tls",
        &json!({"tls.crt": webhook.certificate, "tls.key": webhook.key}),
    );
    shop.make_secret(
        "portcullis-routes",
        &json!({"routes.jwk": fs::read_to_string(shop.home.file("routes.jwk")).unwrap()}),
    );
    shop.make_base_secret();
    json!({
        "operator": {
            "enabled": true,
            "webhook": {"secretName": "portcullis-webhook-tls", "caBundle": STANDARD.encode(root.pem())},
            "networkPolicy": {"apiServer": [{"ipBlock": {"cidr": format!("{NODE}/32")}}]},
        },
        "istio": {"guarded": [{"name": "app", "namespace": "shop", "kind": "sidecar", "selector": {"app": "app"}}]},
    })
}

fn route(namespace: &str, name: &str, path: &str, caller: &str) -> String {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "GovernedRoute", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "match": [{"hosts": [HOST], "methods": ["GET"], "paths": [path]}],
            "require": {"holder": "proof", "use": "any", "maxLifetime": "5m"},
            "callers": [caller],
        },
    })
    .to_string()
}

fn condition(shop: &Shop, namespace: &str, name: &str, kind: &str, status: &str) -> bool {
    let object = shop.cluster.get(namespace, "groute", name);
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|one| {
        one["type"] == kind
            && one["status"] == status
            && one["observedGeneration"] == object["metadata"]["generation"]
    })
}

/// A request for this path with a warrant for everything on the host.
fn asking(shop: &Shop, path: &str) -> ClientRequest {
    shop.asking_for(path, &shop.everything())
}
