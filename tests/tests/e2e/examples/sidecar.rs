//! A sidecar: who calls without a good certificate reaches nothing, not even the gate; and who calls with one is who it says.

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::certificates::{A_DAY, Root};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::tls_client::TlsClient;
use portcullis_tests::world::{Setup, World};
use serde_json::json;

use crate::bundles::Signers;
use crate::proxies_over_tls::{PROXY, Secured};

const CALLER: &str = "spiffe://demo/ns/demo/sa/caller";
const OTHER: &str = "spiffe://demo/ns/demo/sa/other";

/// A sidecar whose route asks for the certificate and for a proof of the warrant's holder.
async fn sidecar() -> (World, Root) {
    let secured = Secured::new();
    let bundle = UnsignedBundle::of(&secured.home).version(3).edit("routes/demo/hello.json", |hello| {
        hello["spec"]["require"]["holder"] = "both".into();
        hello["spec"]["callers"] = json!([CALLER]);
    });
    Signers::of(&secured.home).publish(&bundle);
    let (world, root, _) = secured.start_as(Setup::default()).await;
    (world, root)
}

/// A request with a warrant and a proof for the caller.
fn request(world: &World) -> ClientRequest {
    world.agent.request(&WarrantSpec { holder: CALLER.to_owned(), ..hello() }, "GET", "/hello/you")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_with_its_own_certificate_and_warrant_is_allowed_and_another_is_not() {
    let (world, root) = sidecar().await;
    let client = |names: &[&str]| TlsClient::new(&root, Some(&root.issue(names, A_DAY)));
    let ask = async |client: &TlsClient| {
        let request = request(&world);
        let response = world.send_as(client, &request).await;
        (response.status, response.code(), world.executions_of(&request))
    };
    assert_eq!(ask(&client(&[CALLER])).await, (200, None, 1));
    assert_eq!(ask(&client(&[OTHER])).await, (403, Some("identity-mismatch".into()), 0));
    assert_eq!(ask(&client(&[PROXY])).await, (403, Some("identity-mismatch".into()), 0));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_good_certificate_of_this_mesh_there_is_no_connection() {
    let (world, root) = sidecar().await;
    let stranger = Root::new("two");
    let issued = |names: &[&str], time| root.issue(names, time);
    let clients = [
        ("no certificate", None),
        ("another root's certificate", Some(stranger.issue(&[CALLER], A_DAY))),
        ("a certificate that ran out", Some(issued(&[CALLER], (-7200, -3600)))),
        ("another trust domain's workload", Some(issued(&["spiffe://elsewhere/ns/demo/sa/caller"], A_DAY))),
        ("a certificate without a URI", Some(issued(&[], A_DAY))),
    ];
    for (what, own) in &clients {
        let client = TlsClient::new(&root, own.as_ref());
        // With TLS 1.3 a client learns only from its first answer that its certificate was refused.
        let answer = async { request(&world).send_over(client.connect(world.envoy.address()).await?).await };
        assert!(answer.await.is_err(), "{what} was answered");
    }
    assert!(request(&world).send(world.envoy.address()).await.is_err(), "plain text was answered");
    assert!(world.upstream.executions().is_empty());
    // The same caller with its own certificate is allowed.
    let good = TlsClient::new(&root, Some(&root.issue(&[CALLER], A_DAY)));
    assert_eq!(world.send_as(&good, &request(&world)).await.status, 200);
    world.end().await;
}
