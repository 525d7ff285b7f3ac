//! A registry that serves one image, by the protocol that every registry speaks: the gate's module in an image as `docker build` makes it.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// The repository of the image.
const REPOSITORY: &str = "portcullis-gate";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The answers by path: content type and bytes.
type Pages = BTreeMap<String, (&'static str, Bytes)>;

/// A running registry. It ends with its owner.
#[derive(Debug)]
pub struct Registry {
    image: String,
    task: JoinHandle<()>,
}

impl Registry {
    /// Serves a module as an image, on a listener that clients know under this name.
    ///
    /// # Panics
    /// When the module cannot be packed.
    #[must_use]
    pub fn start(listener: TcpListener, known_as: &str, module: &Path) -> Registry {
        let mut pages = Pages::new();
        pages.insert("/v2/".to_owned(), ("application/json", Bytes::from_static(b"{}")));
        let layer = layer(module);
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer.0)]},
        });
        let config = Bytes::from(config.to_string());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(&config), "size": config.len()},
            "layers": [{"mediaType": LAYER, "digest": digest(&layer.1), "size": layer.1.len()}],
        });
        let manifest = Bytes::from(manifest.to_string());
        let image = format!("{known_as}/{REPOSITORY}@{}", digest(&manifest));
        for (folder, kind, content) in
            [("manifests", MANIFEST, manifest), ("blobs", CONFIG, config), ("blobs", LAYER, layer.1)]
        {
            pages.insert(format!("/v2/{REPOSITORY}/{folder}/{}", digest(&content)), (kind, content));
        }
        let task = tokio::spawn(serve(listener, Arc::new(pages)));
        Registry { image, task }
    }

    /// The image, pinned by its digest.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, pages: Arc<Pages>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let pages = pages.clone();
        let service = service_fn(move |request| {
            let response = answer(&pages, &request);
            async move { Ok::<_, Infallible>(response) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(pages: &Pages, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let (status, kind, body) = match pages.get(path) {
        Some((kind, body)) => (200, *kind, body.clone()),
        None => (404, "text/plain", Bytes::from_static(b"not here\n")),
    };
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .header("docker-content-digest", digest(&body))
        .body(Full::new(body))
        .expect("a valid response")
}

/// The layer with `plugin.wasm`, as a tar file, and packed.
fn layer(module: &Path) -> (Bytes, Bytes) {
    let run = |script: &str| {
        let output = Command::new("sh").args(["-c", script, "sh"]).arg(module).output();
        let output = output.expect("there is a shell");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        Bytes::from(output.stdout)
    };
    let tar =
        "tar --sort=name --owner=0 --group=0 --mtime=@0 --transform 's|.*|plugin.wasm|' -P -cf - \"$1\"";
    (run(tar), run(&format!("{tar} | gzip -n")))
}

fn digest(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
