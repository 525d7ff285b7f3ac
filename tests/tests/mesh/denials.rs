//! Denials through a guarded sidecar, each as docs/denials.md says, and each on record. The table of all denials, with every way to
//! provoke them, is among the end-to-end tests; this one shows that nothing between a client and the server changes them.

use portcullis_tests::agent::{Agent, WarrantSpec};
use portcullis_tests::attestor::{Attestor, build};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::mesh::Pod;
use serde_json::{Value, json};
use warrant::{Denial, PresentedWarrant};

use crate::shop::{CLIENT, HOST, Shop, merge};

type Make = fn(&Shop) -> ClientRequest;

/// What is wrong with a request by itself.
const REQUESTS: &[(Denial, &str, Make)] = &[
    (Denial::WarrantMissing, "no warrant", |_| ClientRequest::new("GET", HOST, "/hello/you")),
    (Denial::WarrantMalformed, "a header of a link that is not JSON", |shop| {
        let warrant = shop.agent.warrant(&shop.warrant()).replacen("ey", "eY", 1);
        shop.agent.present(&warrant, ClientRequest::new("GET", HOST, "/hello/you"))
    }),
    (Denial::IssuerUntrusted, "a key that the bundle does not list", |shop| {
        shop.asking(&WarrantSpec { kid: "another".into(), ..shop.warrant() })
    }),
    (Denial::SignatureInvalid, "a key that is not the authority's", |shop| {
        let agent = Agent { authority: TestKey::stranger(Algorithm::Es256, 7), ..shop.agent.clone() };
        agent.present(&agent.warrant(&shop.warrant()), ClientRequest::new("GET", HOST, "/hello/you"))
    }),
    (Denial::Expired, "a warrant of yesterday", |shop| {
        shop.asking(&WarrantSpec { age: 86_400, ..shop.warrant() })
    }),
    (Denial::NotYetValid, "a warrant of tomorrow", |shop| {
        shop.asking(&WarrantSpec { age: -86_400, ..shop.warrant() })
    }),
    (Denial::LifetimeTooLong, "ten minutes, where the route allows five", |shop| {
        shop.asking(&WarrantSpec { lifetime: 600, ..shop.warrant() })
    }),
    (Denial::AudienceMismatch, "a warrant for another mesh", |shop| {
        shop.asking(&WarrantSpec { audience: "another".into(), ..shop.warrant() })
    }),
    (Denial::LineageTooDeep, "two delegations, where the route allows one", |shop| {
        let (child, chain) = delegated(shop);
        let key = TestKey::stranger(Algorithm::Ed25519, 10);
        let content = WarrantSpec { max_depth: 2, lifetime: 40, ..shop.warrant() };
        let chain = child.delegate(&chain, &content, &key);
        Agent { holder: key, ..child }.present(&chain, ClientRequest::new("GET", HOST, "/hello/you"))
    }),
    (Denial::LineageWidened, "a delegation to more than its parent has", |shop| {
        let (child, chain) = delegated(shop);
        let wider = Agent::forge(&chain, &shop.agent.holder, |claims| {
            claims["authorization_details"][0]["paths"][0] = "/**".into();
        });
        child.present(&wider, ClientRequest::new("GET", HOST, "/hello/you"))
    }),
    (Denial::OutsideWarrant, "a path that the warrant does not cover", |shop| {
        shop.asking(&WarrantSpec { path: "/other/**".into(), ..shop.warrant() })
    }),
    (Denial::NoRoutePolicy, "a path that no route matches", |shop| {
        shop.asking_for("/nowhere", &shop.everything())
    }),
    (Denial::RequestAmbiguous, "a segment of the path has a parameter", |shop| {
        shop.asking_for("/hello/you;v=1", &shop.everything())
    }),
    (Denial::TargetMismatch, "another name of the Service, which the bundle does not have", |shop| {
        let request = ClientRequest::new("GET", "app.shop", "/hello/you");
        shop.agent.present(&shop.agent.warrant(&shop.warrant()), request)
    }),
    (Denial::UseTooWide, "a root without a limit, where the route wants one use", |shop| {
        let content = WarrantSpec { methods: vec!["POST".into()], ..shop.everything() };
        let request = ClientRequest::new("POST", HOST, "/v1/payments/a-7");
        shop.agent.present(&shop.agent.warrant(&content), request)
    }),
    (Denial::NotIssued, "a root that the authority did not record", |shop| {
        shop.asking_for("/issued/you", &shop.everything())
    }),
    (Denial::ArgumentsInvalid, "a word where the route wants a number", |shop| {
        shop.asking_for("/sums?n=many", &shop.everything())
    }),
    (Denial::PolicyError, "a sum in the policy overflows", |shop| {
        shop.asking_for("/sums?n=2", &shop.everything())
    }),
    (Denial::ProofMissing, "no proof", |shop| {
        ClientRequest::new("GET", HOST, "/hello/you").with("warrant", shop.agent.warrant(&shop.warrant()))
    }),
    (Denial::ProofInvalid, "a proof by another key", |shop| {
        let thief = Agent { holder: TestKey::stranger(Algorithm::Es256, 7), ..shop.agent.clone() };
        let warrant = shop.agent.warrant(&shop.warrant());
        thief.present(&warrant, ClientRequest::new("GET", HOST, "/hello/you"))
    }),
    (Denial::PolicyDenied, "nothing permits this holder", |shop| {
        shop.asking(&WarrantSpec { holder: "agent:stranger".into(), ..shop.warrant() })
    }),
    (Denial::EnvironmentMismatch, "a route for another region", |shop| {
        shop.asking_for("/us/you", &shop.everything())
    }),
    (Denial::IdentityMismatch, "the warrant of another workload", |shop| {
        by_certificate(shop, "spiffe://cluster.local/ns/shop/sa/another", "/mine/you")
    }),
    (Denial::IdentityMismatch, "the client's own header names the holder's certificate", |shop| {
        let holder = "spiffe://cluster.local/ns/shop/sa/another";
        by_certificate(shop, holder, "/mine/you")
            .with("x-forwarded-client-cert", format!("By=spiffe://cluster.local/x;URI={holder}"))
    }),
    (Denial::AttestationMissing, "nobody has attested the workload", |shop| {
        let content = WarrantSpec { measurement: Some(build(1)), ..shop.everything() };
        let warrant = shop.agent.warrant(&WarrantSpec { holder: CLIENT.to_owned(), ..content });
        ClientRequest::new("GET", HOST, "/attested/you").with("warrant", warrant)
    }),
];

/// The routes that these denials need, beside those of `init`.
pub(crate) fn write_routes(shop: &Shop) {
    let route = |name: &str, path: &str, require: Value, further: Value| {
        let mut required = json!({"holder": "proof", "use": "any", "maxLifetime": "5m"});
        merge(&mut required, &require);
        let mut spec = json!({
            "match": [{"hosts": [HOST], "methods": ["GET"], "paths": [path]}], "require": required,
        });
        merge(&mut spec, &further);
        shop.write_route(name, &spec);
    };
    let agent = || json!({"callers": ["agent:demo"]});
    route("issued", "/issued/**", json!({"issued": true}), agent());
    route("elsewhere", "/us/**", json!({"environment": {"region": ["us-1"]}}), agent());
    let window = json!({"conditions": [{"name": "change-window", "equals": "open", "maxAge": "5m"}]});
    route("window", "/window/**", window, agent());
    route("mine", "/mine/**", json!({"holder": "mtls"}), json!({"callers": [CLIENT]}));
    let attested = json!({"holder": "mtls", "attestation": {"maxAge": "1m"}});
    route("attested", "/attested/**", attested, json!({"callers": ["any-holder"]}));
    shop.write("routes/demo/sums.yaml", &SUMS.replace("HOST", HOST));
    shop.edit("routes/demo/hello.yaml", "maxLifetime: 5m", "maxLifetime: 5m\n    maxDepth: 1");
    shop.edit("mesh.yaml", "spiffe://demo/**", "spiffe://cluster.local/**");
}

/// A policy is a block of its own, so that faults have a line.
const SUMS: &str = r#"
apiVersion: portcullis.dev/v1alpha1
kind: GovernedRoute
metadata: {name: sums}
spec:
  match: [{hosts: [HOST], methods: [GET], paths: [/sums]}]
  require: {holder: proof, use: any, maxLifetime: 5m}
  args: {"n": {from: "query:n", type: long}}
  policy: |
    @id("sum") permit (principal, action, resource) when { context.args.n * 9223372036854775807 > 0 };
"#;

/// Provokes every denial of the table, and those that need something to happen.
pub(crate) async fn provoke_all(shop: &Shop, server: &Pod, client: &Pod) -> usize {
    for (denial, how, make) in REQUESTS {
        provoke(shop, client, *denial, how, make(shop)).await;
    }
    let again = shop.good();
    assert_eq!(shop.send(client, &again).await.status, 200);
    provoke(shop, client, Denial::Replayed, "the same request once more", again).await;

    let window = |shop: &Shop| shop.asking_for("/window/you", &shop.everything());
    provoke(shop, client, Denial::ConditionUnmet, "nobody says that the window is open", window(shop)).await;
    let socket = server.volume("run").join("api.sock");
    let statement = Attestor::of(&shop.home).condition("change-window", "open", 0);
    let body = serde_json::to_vec(&json!({"statement": statement})).unwrap().into();
    let open = ClientRequest { body, ..ClientRequest::new("POST", "localhost", "/v1/conditions") };
    assert_eq!(open.send_to_socket(&socket).await.unwrap().status, 201);
    assert_eq!(shop.send(client, &window(shop)).await.status, 200);

    let warrant = shop.agent.warrant(&shop.warrant());
    let root = PresentedWarrant::parse(warrant.as_bytes()).unwrap().unverified_claims().unwrap();
    let txn = root[0].as_root().unwrap().txn();
    shop.operate(server, &["revoke", "txn", txn, "--iss", "https://authority.demo"]);
    let request = shop.agent.present(&warrant, ClientRequest::new("GET", HOST, "/hello/you"));
    provoke(shop, client, Denial::Revoked, "an operator revokes the lineage", request).await;

    shop.operate(server, &["halt", "--route", "hello"]);
    provoke(shop, client, Denial::Halted, "an operator halts the route", shop.good()).await;
    shop.operate(server, &["resume", "--route", "hello"]);
    assert_eq!(shop.send(client, &shop.good()).await.status, 200);
    REQUESTS.len() + 4
}

async fn provoke(shop: &Shop, client: &Pod, denial: Denial, how: &str, request: ClientRequest) {
    let answer = shop.send(client, &request).await;
    let said = (answer.status, answer.code());
    assert_eq!(said, (denial.status(), Some(denial.code().to_owned())), "{how}: {}", answer.text());
    assert_eq!(answer.headers["warrant-denial"], denial.code(), "{how}");
}

/// A request that shows a warrant for this workload and no proof.
pub(crate) fn by_certificate(shop: &Shop, holder: &str, path: &str) -> ClientRequest {
    let warrant = shop.agent.warrant(&WarrantSpec { holder: holder.to_owned(), ..shop.everything() });
    ClientRequest::new("GET", HOST, path).with("warrant", warrant)
}

/// Another holder, and a delegation to him.
fn delegated(shop: &Shop) -> (Agent, String) {
    let content = WarrantSpec { max_depth: 2, ..shop.warrant() };
    let key = TestKey::stranger(Algorithm::Es256, 9);
    let narrower = WarrantSpec { lifetime: 50, ..content.clone() };
    let chain = shop.agent.delegate(&shop.agent.warrant(&content), &narrower, &key);
    (Agent { holder: key, ..shop.agent.clone() }, chain)
}
