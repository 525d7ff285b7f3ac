//! A world whose API is on TLS, with callers by certificate and by token.

use portcullis_tests::api_document;
use portcullis_tests::certificates::{A_DAY, Root, put_roots};
use portcullis_tests::client::{ClientRequest, ClientResponse};
use portcullis_tests::server::Home;
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::tls_client::TlsClient;
use portcullis_tests::world::{Setup, World};
use serde_json::{Value, json};

use crate::bundles::Signers;

pub(super) struct TlsApi {
    pub(super) world: World,
    root: Root,
}

impl TlsApi {
    /// `callers` are the issuers of tokens in the bundle. Everybody may revoke.
    pub(super) async fn start(callers: Option<Value>) -> TlsApi {
        let all = "@id(\"all\") permit (principal, action == Action::\"revoke\", resource);";
        TlsApi::permitting(callers, all).await
    }

    /// The same with this policy for operators.
    pub(super) async fn permitting(callers: Option<Value>, operators: &str) -> TlsApi {
        let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
        let home = Home::init(directory.path(), &[]);
        let root = Root::new("callers");
        root.issue(&[], A_DAY).put(&home.file("keys"), "server");
        put_roots(&[&root], &home.file("clients.pem"));
        home.configure(|configuration| {
            configuration["listen"]["api"] = json!({
                "address": "127.0.0.1:0", "certificate": "keys/server.pem", "key": "keys/server.key",
                "clients": "clients.pem",
            });
        });
        let mut bundle = UnsignedBundle::of(&home).version(2);
        if let Some(callers) = callers {
            bundle = bundle.edit("mesh.json", |mesh| mesh["spec"]["callers"] = callers);
        }
        bundle.files.insert("operators.cedar".to_owned(), operators.into());
        bundle.files.remove("operators.test.json");
        Signers::of(&home).publish(&bundle);
        TlsApi { world: Setup::default().start_in(directory, home).await, root }
    }

    /// A client with a certificate for this workload.
    pub(super) fn workload(&self, id: &str) -> TlsClient {
        TlsClient::new(&self.root, Some(&self.root.issue(&[id], A_DAY)))
    }

    /// A client with a certificate that names nobody.
    pub(super) fn keyholder(&self) -> TlsClient {
        TlsClient::new(&self.root, Some(&self.root.issue(&[], A_DAY)))
    }

    /// A client without a certificate.
    pub(super) fn anybody(&self) -> TlsClient {
        TlsClient::new(&self.root, None)
    }

    /// Posts this to the API.
    pub(super) async fn post(
        &self,
        client: &TlsClient,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> ClientResponse {
        let host = format!("localhost:{}", self.world.server.api().port());
        let mut request =
            ClientRequest { body: body.to_string().into(), ..ClientRequest::new("POST", &host, path) };
        for (name, value) in headers {
            request = request.with(name, *value);
        }
        self.call(client, &request).await
    }

    /// Calls the API. The answer must be as the API's document says.
    pub(super) async fn call(&self, client: &TlsClient, request: &ClientRequest) -> ClientResponse {
        let stream = client.connect(self.world.server.api()).await.unwrap();
        let response = request.send_over(stream).await.unwrap();
        api_document::check(request, &response);
        response
    }

    /// Revokes a holder that nobody has heard of.
    pub(super) async fn revoke(
        &self,
        client: &TlsClient,
        headers: &[(&str, &str)],
        holder: &str,
    ) -> ClientResponse {
        let body = json!({"what": "sub", "value": holder, "reason": "a drill"});
        self.post(client, "/v1/revocations", headers, &body).await
    }
}
