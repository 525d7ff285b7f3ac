//! TLS for a listener: its files, read again whenever they change, and what they say about a peer's certificate.
//!
//! A connection takes the configuration that is current when it begins. So a new certificate needs no restart and closes no
//! connection, and roots that no longer admit a peer close that peer's connections only.

mod peer_admission;
mod peer_chain;
mod reload;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::time_provider::TimeProvider;
use tokio_rustls::rustls::{self, ServerConfig, version};
use tokio_rustls::server::TlsStream;
use warrant::Digest;

use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::keys::{Certificate, TlsFileError, TlsFiles, TlsMaterial, provider};

pub use peer_admission::PeerAdmission;
pub use peer_chain::PeerChain;
pub use reload::keep_current;

/// From the opening of a connection to the end of its handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// A certificate that runs out within this time should have been replaced.
const RENEWED_BEFORE_SECONDS: u64 = 3600;
/// One with a short life should be replaced in the last part of it: an agent renews it halfway through.
const RENEWED_IN_LAST: u64 = 4;

/// Which protocols a listener offers, in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    Http1,
    Http2,
    Http2AndHttp1,
}

/// The TLS of one listener.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    offered: Offered,
    clock: Clock,
    current: RwLock<Arc<Current>>,
    /// Files that cannot be used; the last good ones stay in force.
    refused: Complaint,
}

/// What the files said when they were last good.
#[derive(Debug)]
struct Current {
    digest: Digest,
    certificate: Certificate,
    server: Arc<ServerConfig>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    crls_until: Option<u64>,
}

impl Tls {
    pub fn open(files: TlsFiles, offered: Offered, clock: Clock) -> Result<Tls, Vec<TlsFileError>> {
        let contents = files.read()?;
        let current = Current::of(contents.parse()?, contents.digest(), offered, &clock);
        let current = current.map_err(|e| vec![e])?;
        Ok(Tls {
            files,
            offered,
            clock,
            current: RwLock::new(Arc::new(current)),
            refused: Complaint::default(),
        })
    }

    /// Speaks TLS with a new client.
    pub async fn accept<S>(&self, stream: S) -> Result<(TlsStream<S>, PeerChain), String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let current = self.current();
        let handshake = TlsAcceptor::from(Arc::clone(&current.server)).accept(stream);
        let stream = tokio::time::timeout(HANDSHAKE_WITHIN, handshake).await;
        let stream = stream.map_err(|_| "the TLS handshake took too long".to_owned())?;
        let stream = stream.map_err(|e| format!("the TLS handshake failed: {e}"))?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = PeerChain::read(chain).map_err(|e| format!("the client's certificate {e}"))?;
        Ok((stream, chain))
    }

    /// Whether a client with these certificates could connect now.
    pub fn admits(&self, chain: &PeerChain) -> bool {
        match &self.current().clients {
            Some(verifier) => chain.is_verified_by(&**verifier, self.clock.now()),
            // Clients are not asked for a certificate now. One from the time when they were asked does not count.
            None => chain.is_anonymous(),
        }
    }

    /// Whether the certificate will hold for long enough, and the files are good: what is wrong, or worth knowing.
    pub fn readiness(&self) -> Result<Option<String>, String> {
        let current = self.current();
        let certificate = &current.certificate;
        let now = self.clock.now().get();
        let life = certificate.not_after.saturating_sub(certificate.not_before);
        let renewed_before = RENEWED_BEFORE_SECONDS.min(life / RENEWED_IN_LAST);
        let refused = self.refused.reason();
        let file = self.files.certificate.display();
        let until = certificate.not_after;
        let what = if now < certificate.not_before {
            format!("the certificate in {file} is valid only from {} on", certificate.not_before)
        } else if now > until {
            format!("the certificate in {file} ran out at {until}; put a new one there")
        } else if until.saturating_sub(now) < renewed_before {
            format!("the certificate in {file} runs out at {until}; put a new one there")
        } else if let Some(until) = current.crls_until.filter(|until| now > *until) {
            format!(
                "a CRL ran out at {until}, so clients' certificates are refused; put a newer one in its file"
            )
        } else {
            return Ok(refused);
        };
        Err(match refused {
            Some(refused) => format!("{what}; {refused}"),
            None => what,
        })
    }

    /// Differs whenever other files are in force.
    fn digest(&self) -> Digest {
        self.current().digest
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Current {
    fn of(
        material: TlsMaterial,
        digest: Digest,
        offered: Offered,
        clock: &Clock,
    ) -> Result<Current, TlsFileError> {
        let TlsMaterial { identity, certificate, clients, crls_until } = material;
        let clock = Arc::new(ClockOfTls(clock.clone()));
        let builder = ServerConfig::builder_with_details(provider(), clock)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(TlsFileError::library)?;
        let builder = match &clients {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let resolver: Arc<dyn ResolvesServerCert> = Arc::new(SingleCertAndKey::from(identity));
        let mut server = builder.with_cert_resolver(resolver);
        server.alpn_protocols = offered.names();
        // A resumed session would bring a certificate that was verified by older roots.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Current { digest, certificate, server: Arc::new(server), clients, crls_until })
    }
}

impl Offered {
    fn names(self) -> Vec<Vec<u8>> {
        match self {
            Offered::Http1 => vec![b"http/1.1".to_vec()],
            Offered::Http2 => vec![b"h2".to_vec()],
            Offered::Http2AndHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

/// The server's one clock, for the library.
#[derive(Debug)]
struct ClockOfTls(Clock);

impl TimeProvider for ClockOfTls {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.milliseconds())))
    }
}

/// Whether this connection speaks HTTP/2.
pub fn speaks_http2<S>(stream: &TlsStream<S>) -> bool {
    let connection: &rustls::ServerConnection = stream.get_ref().1;
    connection.alpn_protocol() == Some(b"h2")
}
