//! The certificates that a peer sent in its handshake, and whether they still admit it.

use std::time::Duration;

use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use warrant::Digest;
use warrant::Seconds;

use crate::edge::peer::{Peer, PeerCertificate};
use crate::keys::{Certificate, CertificateError};

/// A verified chain, the peer's own certificate first; empty if it sent none.
#[derive(Clone, Debug)]
pub struct PeerChain {
    chain: Vec<CertificateDer<'static>>,
    peer: Peer,
}

impl PeerChain {
    /// Reads the chain of a finished handshake.
    pub(super) fn read(chain: &[CertificateDer<'_>]) -> Result<PeerChain, CertificateError> {
        let read = chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
        let peer = match read.first().zip(chain.first()) {
            None => Peer::Anonymous,
            Some((own, der)) => Peer::Certificate(PeerCertificate {
                spiffe_id: own.spiffe_id().map(str::to_owned),
                digest: Digest::of(der),
                thumbprint: own.thumbprint.clone(),
                key: own.key,
                not_after: read.iter().map(|one| one.not_after).min().unwrap_or(0),
            }),
        };
        Ok(PeerChain { chain: chain.iter().map(|der| der.clone().into_owned()).collect(), peer })
    }

    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.chain.is_empty()
    }

    pub(super) fn is_verified_by(&self, verifier: &dyn ClientCertVerifier, now: Seconds) -> bool {
        let Some((own, between)) = self.chain.split_first() else { return !verifier.client_auth_mandatory() };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now.get()));
        verifier.verify_client_cert(own, between, now).is_ok()
    }
}
