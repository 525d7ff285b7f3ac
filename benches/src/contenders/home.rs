//! Homes of servers that are measured: the sample's routes with longer times, so that a warrant lives through a run, and with the
//! changes that a contender is about. Also the requests for them.

use hyper::body::Bytes;
use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::certificates::{A_DAY, Root, put_roots};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::direct_check::{ProxyConnection, Source, framed};
use portcullis_tests::keys::TestKey;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::signed_bundles::{UnsignedBundle, put_note};
use portcullis_tests::tls_client::TlsClient;
use portcullis_tests::world::HOST;
use prost::Message;
use serde_json::json;
use std::path::{Path, PathBuf};

use super::{Supply, directory};
use crate::load::{ADDRESSES, NEW_ONES_A_SECOND, Requests};

pub(super) const TARGET: &str = "/hello/you";

/// The workload whose certificate clients show.
pub(super) const CALLER: &str = "spiffe://demo/ns/demo/sa/caller";

/// What differs between the homes of two contenders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) holder: &'static str,
    pub(super) uses: &'static str,
    /// How deep the chains are that the route takes.
    pub(super) max_depth: u64,
    /// Routes beside the one that is asked for.
    pub(super) other_routes: usize,
    /// Whether the route reads an argument from the body.
    pub(super) body: bool,
}

impl Terms {
    pub(super) const PROOF: Terms =
        Terms { holder: "proof", uses: "any", max_depth: 0, other_routes: 0, body: false };

    pub(super) const MTLS: Terms = Terms { holder: "mtls", ..Terms::PROOF };

    /// Makes a home directory.
    pub(super) fn home(self, directory: &Path) -> Home {
        let home = Home::init(directory, &[]);
        publish(&home, &self.bundle(&home));
        home
    }

    fn bundle(self, home: &Home) -> UnsignedBundle {
        let mut bundle = UnsignedBundle::of(home).version(2).edit("routes/demo/hello.json", |route| {
            let spec = &mut route["spec"];
            spec["require"] = json!({
                "holder": self.holder, "use": self.uses, "maxLifetime": "1h", "maxDepth": self.max_depth,
            });
            // Nobody reports outcomes here, so every allowed request counts as one that runs until its route ends it. The seal
            // compares whole seconds, so that one second may already be over.
            spec["maxStream"] = "5s".into();
            if self.holder == "mtls" {
                spec["callers"] = json!([CALLER]);
            } else if self.max_depth > 0 {
                // The holder of a delegated warrant is known only by its key, so the root's holder is asked for.
                spec.as_object_mut().expect("an object").remove("callers");
                spec["policy"] = "@id(\"of-the-agent\")\npermit (principal, action, resource)\nwhen { context.warrant.root in Group::\"demo-agents\" };\n".into();
            }
            if self.body {
                spec["match"][0]["methods"] = json!(["POST"]);
                spec["args"] = json!({"amount": {"from": "body:/amount", "type": "natural"}});
            }
        });
        for n in 0..self.other_routes {
            let terms = json!({
                "require": {"holder": "proof", "use": "any", "maxLifetime": "5m"}, "callers": ["agent:demo"],
            });
            bundle = bundle.with_route(&format!("route-{n}"), terms);
        }
        bundle
    }
}

/// Signs a bundle and puts it in force at the next start.
///
/// # Panics
/// When the home has no such keys.
pub fn publish(home: &Home, bundle: &UnsignedBundle) {
    let key = |name: &str| TestKey::read(&home.file(&format!("keys/{name}.jwk")));
    let (signed, place) = (bundle.signed(&[&key("bundle")]), home.file("bundle"));
    put_note(&signed.note(12 * 3600, &key("note")), &place);
    signed.put(&place);
}

/// A warrant that lives through a run.
pub(super) fn long_lived() -> WarrantSpec {
    WarrantSpec { lifetime: 3600, ..hello() }
}

pub(super) fn request() -> ClientRequest {
    ClientRequest::new("GET", HOST, TARGET)
}

pub(super) fn requests() -> Requests {
    Requests {
        method: "GET",
        authority: HOST.to_owned(),
        target: TARGET.to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
        status: 200,
        a_second: None,
    }
}

/// The same headers every time.
pub(super) fn same(headers: Vec<(&'static str, String)>) -> Supply {
    Box::new(move |_| Requests { headers: vec![headers.clone()], ..requests() })
}

/// Different headers every time.
pub(super) fn different(headers: impl Fn() -> Vec<(&'static str, String)> + 'static) -> Supply {
    Box::new(move |count| Requests {
        headers: std::iter::repeat_with(&headers).take(count).collect(),
        ..requests()
    })
}

/// As many in a second as the gate lets so many addresses verify. Those who know no such bound get as many, so that all are equally
/// busy.
pub(super) fn paced(supply: Supply) -> Supply {
    Box::new(move |count| Requests { a_second: Some(NEW_ONES_A_SECOND * ADDRESSES), ..supply(count) })
}

/// One warrant, and a new proof for each request: a proof is valid once, and for half a minute.
pub(super) fn proofs(agent: Agent, warrant: String) -> Supply {
    different(move || with_proof(&agent, warrant.clone()))
}

/// A warrant, and a new proof of it.
pub(super) fn with_proof(agent: &Agent, warrant: String) -> Vec<(&'static str, String)> {
    let proof = agent.proof(&warrant, &request());
    vec![("warrant", warrant), ("warrant-proof", proof)]
}

/// Requests with a warrant and a proof, for those who read neither: headers of the same size cost all of them the same.
pub(super) fn unread(directory: &Path) -> Supply {
    let agent = Agent::at(&Home::init(directory, &[]));
    let warrant = agent.warrant(&long_lived());
    same(with_proof(&agent, warrant))
}

/// The files of a listener that asks clients for certificates, and a client that has one.
pub(super) fn certificates(directory: &Path) -> (PathBuf, TlsClient, String) {
    let (root, files) = (Root::new("one"), directory.join("listener"));
    std::fs::create_dir(&files).expect("a new directory");
    root.issue(&[], A_DAY).put(&files, "server");
    put_roots(&[&root], &files.join("roots.pem"));
    let own = root.issue(&[CALLER], A_DAY);
    (files, TlsClient::new(&root, Some(&own)), own.certificate)
}

/// The bytes of our own allow for a request with a warrant and a proof.
///
/// # Panics
/// When it is denied.
pub(super) async fn answer_to_proof() -> Vec<u8> {
    let directory = directory();
    let home = Terms::PROOF.home(directory.path());
    let agent = Agent::at(&home);
    let check = || framed(Source::default(), &agent.present(&agent.warrant(&long_lived()), request()));
    answer(&home, &check).await
}

/// The same for a request with a warrant and a client's certificate.
///
/// # Panics
/// When it is denied.
pub(super) async fn answer_to_mtls() -> Vec<u8> {
    let directory = directory();
    let home = Terms::MTLS.home(directory.path());
    let (agent, (_, _, certificate)) = (Agent::at(&home), certificates(directory.path()));
    let source = Source { principal: CALLER, certificate: &certificate, service: CALLER };
    let check = || framed(source, &request().with("warrant", agent.warrant(&of_caller())));
    answer(&home, &check).await
}

/// A warrant of the workload with the certificate.
pub(super) fn of_caller() -> WarrantSpec {
    WarrantSpec { holder: CALLER.to_owned(), ..long_lived() }
}

async fn answer(home: &Home, check: &dyn Fn() -> Bytes) -> Vec<u8> {
    let _server = Server::start(home).await;
    let allowed = until("the server to allow", async || {
        let answer = ProxyConnection::to(&home.socket()).await.pass_on(check()).await;
        let read = envoy_types::pb::envoy::service::auth::v3::CheckResponse::decode(answer.clone());
        read.expect("an answer").dynamic_metadata.is_some().then_some(answer)
    });
    allowed.await.to_vec()
}
