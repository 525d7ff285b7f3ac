//! A system outside the mesh that speaks TLS: it knows nothing of Portcullis. It decrypts, and hands each connection to an
//! upstream, which remembers what was executed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificates::Issued;
use crate::upstream::Upstream;

/// A running external system. It ends with its owner.
#[derive(Debug)]
pub struct ExternalSystem {
    address: SocketAddr,
    pub upstream: Upstream,
    connections: Arc<AtomicUsize>,
    names: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl ExternalSystem {
    /// Listens on a free port, and shows this certificate.
    ///
    /// # Panics
    /// When the certificate cannot be used.
    pub async fn start(certificate: &Issued) -> ExternalSystem {
        let chain = vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).expect("PEM")];
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("PEM");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate with its key");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let upstream = Upstream::start().await;
        let (connections, names) = (Arc::<AtomicUsize>::default(), Arc::default());
        let serving = serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            upstream.address(),
            Arc::clone(&connections),
            Arc::clone(&names),
        );
        ExternalSystem { address, upstream, connections, names, task: tokio::spawn(serving) }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often somebody connected, with or without a handshake after it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The names that clients asked for in their handshakes.
    ///
    /// # Panics
    /// When a connection panicked.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }
}

impl Drop for ExternalSystem {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    upstream: SocketAddr,
    connections: Arc<AtomicUsize>,
    names: Arc<Mutex<Vec<String>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::Relaxed);
        let (acceptor, names) = (acceptor.clone(), Arc::clone(&names));
        tokio::spawn(async move {
            // A client that refuses the certificate ends the handshake.
            let Ok(mut outside) = acceptor.accept(stream).await else { return };
            names.lock().unwrap().push(outside.get_ref().1.server_name().unwrap_or_default().to_owned());
            let mut inside = TcpStream::connect(upstream).await.expect("the upstream listens");
            // However it ends, it ends.
            let _ = copy_bidirectional(&mut outside, &mut inside).await;
        });
    }
}
