//! The ways in which Istio is known to open what its user believes closed, each tried against the installed product: requests
//! without a warrant stay denied. Where a proxy goes on with what it had, it can be seen, and the test looks where an operator would.

use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::mesh::{NODE, Pod};
use portcullis_tests::upstream::Upstream;
use serde_json::{Value, json};
use std::time::Duration;

use crate::shop::{HOST, Shop};

/// A policy of Istio's own that never matches does not open anything: the product does not rest on it.
const NEVER_MATCHES: &[(&str, &str)] = &[
    (
        "rules that are empty",
        "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: never, namespace: shop}
spec: {selector: {matchLabels: {app: app}}, action: CUSTOM, provider: {name: nobody}, rules: []}
",
    ),
    (
        "the principal of a token, where nothing reads tokens",
        "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: never, namespace: shop}
spec:
  selector: {matchLabels: {app: app}}
  action: CUSTOM
  provider: {name: nobody}
  rules: [{from: [{source: {requestPrincipals: ['*']}}]}]
",
    ),
];

/// A key set without keys, which Envoy refuses together with the whole listener.
const NO_KEYS: &str = "
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: no-keys, namespace: shop}
spec:
  selector: {matchLabels: {app: APP}}
  jwtRules: [{issuer: 'https://idp.example', jwks: '{\"keys\":[]}'}]
";

/// Tries all of them on a guarded workload, and leaves the mesh as it was.
pub(crate) async fn try_all(shop: &mut Shop, guarded: &Value, client: &Pod) {
    for (what, policy) in NEVER_MATCHES {
        shop.cluster.apply(policy);
        until_pushed(shop, "app.shop").await;
        assert_closed(shop, client, what).await;
        shop.cluster.kubectl(&["--namespace", "shop", "delete", "authorizationpolicy", "never"]);
    }
    a_refused_listener(shop, client).await;
    a_guard_that_comes_too_late(shop, guarded, client).await;
    a_module_that_is_not_there(shop, guarded, client).await;
}

/// The proxy goes on with the listener that it has, which is guarded.
async fn a_refused_listener(shop: &Shop, client: &Pod) {
    shop.cluster.apply(&NO_KEYS.replace("APP", "app"));
    until_listeners_are(shop, "app.shop", "ERROR").await;
    assert_closed(shop, client, "a listener that the proxy refuses").await;
    shop.cluster.kubectl(&["--namespace", "shop", "delete", "requestauthentication", "no-keys"]);
    until_pushed(shop, "app.shop").await;
    assert_closed(shop, client, "after it").await;
}

/// **Open**: a workload whose proxy already refuses its listener does not get a guard either, and one whose agent still fetches the
/// module has none yet. docs/istio.md says so, and that `istioctl` shows it.
async fn a_guard_that_comes_too_late(shop: &mut Shop, guarded: &Value, client: &Pod) {
    let back = shop.pod("back").await;
    let upstream = Upstream::on(back.listen(8080));
    shop.cluster.apply(&NO_KEYS.replace("APP", "back"));
    until_listeners_are(shop, "back.shop", "ERROR").await;
    let mut more = guarded.clone();
    let entry = json!({"name": "back", "namespace": "shop", "kind": "sidecar", "selector": {"app": "back"}});
    more.as_array_mut().unwrap().push(entry);
    shop.upgrade(&more);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(status_of(shop, "back.shop", "LDS"), "ERROR", "an operator would not see it");
    assert!(is_open(client, &upstream).await, "docs/istio.md says that it is open");
    take_away_from_back(shop, guarded);

    let registry = shop.cluster.node().listen(5001);
    let image = shop.module.split_once('/').unwrap().1.to_owned();
    let good = std::mem::replace(&mut shop.module, format!("{NODE}:5001/{image}"));
    shop.cluster.kubectl(&["--namespace", "shop", "delete", "requestauthentication", "no-keys"]);
    until_pushed(shop, "back.shop").await;
    // Only this one entry is for the other registry.
    shop.upgrade(&json!([more.as_array().unwrap().last().unwrap()]));
    until("the agent to fetch the module", async || {
        (status_of(shop, "back.shop", "ECDS") == "STALE").then_some(())
    })
    .await;
    assert!(is_open(client, &upstream).await, "docs/istio.md says that it is open");
    drop(registry);
    shop.module = good;
    shop.upgrade(&more);
    until("the guard to be there", async || (!is_open(client, &upstream).await).then_some(())).await;
    until_pushed(shop, "back.shop").await;
    take_away_from_back(shop, guarded);
    back.kill();
}

/// The chart keeps what denies, so this takes a second command.
fn take_away_from_back(shop: &Shop, guarded: &Value) {
    shop.upgrade(guarded);
    for kind in ["envoyfilter", "authorizationpolicy"] {
        shop.cluster.kubectl(&["--namespace", "shop", "delete", kind, "portcullis-back"]);
    }
}

/// Whether a request without a warrant reaches the workload `back`.
async fn is_open(client: &Pod, upstream: &Upstream) -> bool {
    let before = upstream.executions().len();
    let request = ClientRequest::new("GET", "back.shop.svc.cluster.local", "/anything");
    let answer = client.send("10.96.0.81:80".parse().unwrap(), &request).await.unwrap();
    let is_open = answer.status == 200;
    assert_eq!(upstream.executions().len() > before, is_open, "{}", answer.text());
    is_open
}

/// What `istioctl proxy-status` says of one type for a proxy.
fn status_of(shop: &Shop, proxy: &str, column: &str) -> String {
    let table = shop.istioctl(&["proxy-status", "--verbosity", "1", "--namespace", "shop"]);
    let mut lines = table.out.lines();
    let position = cells(lines.next().unwrap_or_default()).position(|cell| cell == column);
    let line = lines.find(|line| line.starts_with(proxy)).unwrap_or_else(|| panic!("{proxy}: {table:?}"));
    let cell = cells(line).nth(position.expect("a column")).expect("a cell");
    // Behind it is when that was.
    cell.split(" (").next().unwrap().to_owned()
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty())
}

/// Istio's agent cannot fetch the module, and puts a filter in its place that denies everything.
async fn a_module_that_is_not_there(shop: &mut Shop, guarded: &Value, client: &Pod) {
    let good = shop.module.clone();
    let (repository, _) = good.split_once('@').unwrap();
    shop.module = format!("{repository}@sha256:{}", "0".repeat(64));
    shop.upgrade(guarded);
    until("the proxy to deny everything", async || {
        (shop.send(client, &shop.good()).await.status == 403).then_some(())
    })
    .await;
    let bare = shop.send(client, &ClientRequest::new("GET", HOST, "/hello/you")).await;
    assert_eq!(bare.status, 403, "{}", bare.text());
    shop.module = good;
    shop.upgrade(guarded);
    shop.until_allowed(client).await;
}

async fn assert_closed(shop: &Shop, client: &Pod, what: &str) {
    let answer = shop.send(client, &ClientRequest::new("GET", HOST, "/hello/you")).await;
    assert_eq!(answer.status, 401, "{what}: {} {}", answer.status, answer.text());
    let allowed = shop.send(client, &shop.good()).await;
    assert_eq!(allowed.status, 200, "{what}: {}", allowed.text());
}

/// Waits until a proxy has taken what istiod made of the last change.
async fn until_pushed(shop: &Shop, proxy: &str) {
    // istiod collects changes for a tenth of a second before it sends them.
    tokio::time::sleep(Duration::from_millis(500)).await;
    until_listeners_are(shop, proxy, "SYNCED").await;
}

/// Waits until `istioctl` says this of the listeners of a proxy.
async fn until_listeners_are(shop: &Shop, proxy: &str, status: &str) {
    until(&format!("the listeners of {proxy} to be {status}"), async || {
        (status_of(shop, proxy, "LDS") == status).then_some(())
    })
    .await;
}
