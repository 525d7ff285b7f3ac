//! A client that speaks TLS with a proxy, with or without a certificate of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::certificates::{Issued, Root};

/// The settings of a client.
#[derive(Clone)]
pub struct TlsClient(TlsConnector);

impl TlsClient {
    /// Trusts this root, and shows this certificate.
    ///
    /// # Panics
    /// When one of them cannot be used.
    #[must_use]
    pub fn new(trusted: &Root, own: Option<&Issued>) -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).expect("PEM")).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some(own) => {
                let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).expect("PEM")];
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("PEM");
                config.with_client_auth_cert(chain, key).expect("a certificate with its key")
            }
        };
        TlsClient(TlsConnector::from(Arc::new(config)))
    }

    /// Connects to `localhost` at this address.
    ///
    /// # Errors
    /// When the server refuses the connection, or the client the server.
    pub async fn connect(&self, to: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(to).await?;
        // Without this the last part of a small request waits for the acknowledgement of the one before, which is delayed.
        stream.set_nodelay(true)?;
        self.connect_over(stream).await
    }

    /// Speaks TLS over this connection to `localhost`.
    ///
    /// # Errors
    /// When the server refuses the connection, or the client the server.
    ///
    /// # Panics
    /// Never: the name is valid.
    pub async fn connect_over(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.0.connect(ServerName::try_from("localhost").expect("a name"), stream).await
    }
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsClient")
    }
}
