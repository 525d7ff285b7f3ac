//! Which proxy is asking: its identity comes from its connection to this server, never from the request. A peer that the
//! active bundle does not name is refused, at every request anew: a proxy that is taken out is out at its next one.

use std::fmt;
use std::sync::Arc;

use tonic::Status;
use tonic::service::Interceptor;

use super::peer::{Peer, PeerCertificate};
use crate::bundles::PolicyInForce;
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// A proxy, as the bundle names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyIdentity(pub String);

/// The identity of a peer on a Unix socket or loopback.
const LOCAL: &str = "local";

/// Why a peer is not one of the bundle's proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAProxy {
    NoCertificate,
    /// The certificate's only URI is not a SPIFFE ID.
    NoSpiffeId,
    RunOut,
    NotNamed,
}

impl NotAProxy {
    pub fn label(self) -> &'static str {
        match self {
            NotAProxy::NoCertificate => "no-certificate",
            NotAProxy::NoSpiffeId => "no-spiffe-id",
            NotAProxy::RunOut => "run-out",
            NotAProxy::NotNamed => "not-named",
        }
    }
}

impl fmt::Display for NotAProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAProxy::NoCertificate => "the peer showed no certificate",
            NotAProxy::NoSpiffeId => {
                "the certificate's names do not hold exactly one URI that is a SPIFFE ID"
            }
            NotAProxy::RunOut => "the certificate has run out",
            NotAProxy::NotNamed => {
                "the active bundle does not name this proxy: add its SPIFFE ID to proxies.yaml"
            }
        })
    }
}

/// The proxies of the bundle that is active at the moment of each question.
#[derive(Clone, Debug)]
pub struct NamedProxies {
    pub policy: Arc<PolicyInForce>,
    pub clock: Clock,
}

impl NamedProxies {
    pub fn identify(&self, peer: &Peer) -> Result<ProxyIdentity, NotAProxy> {
        match peer {
            Peer::Local => Ok(ProxyIdentity(LOCAL.to_owned())),
            Peer::Anonymous => Err(NotAProxy::NoCertificate),
            Peer::Certificate(certificate) => {
                let now = self.clock.now().get();
                identify(certificate, now, |id| self.policy.bundle().proxy(id).is_some())
            }
        }
    }
}

fn identify(
    certificate: &PeerCertificate,
    now: u64,
    is_named: impl Fn(&str) -> bool,
) -> Result<ProxyIdentity, NotAProxy> {
    let Some(id) = &certificate.spiffe_id else { return Err(NotAProxy::NoSpiffeId) };
    if now > certificate.not_after {
        return Err(NotAProxy::RunOut);
    }
    if is_named(id) { Ok(ProxyIdentity(id.clone())) } else { Err(NotAProxy::NotNamed) }
}

/// Marks each call with the proxy that makes it. A call of anybody else ends with `PERMISSION_DENIED`, which Envoy takes as
/// an error: it forwards nothing.
#[derive(Clone, Debug)]
pub struct AdmitProxy {
    pub proxies: NamedProxies,
    pub metrics: Arc<Metrics>,
}

impl AdmitProxy {
    /// The proxy that this peer is; a peer that is none is counted.
    pub fn identify(&self, peer: &Peer) -> Result<ProxyIdentity, NotAProxy> {
        self.proxies.identify(peer).inspect_err(|why| self.metrics.count_refused_proxy(why.label()))
    }
}

impl Interceptor for AdmitProxy {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        // Every connection has a peer. Without one nobody is admitted.
        let peer = request.extensions().get::<Peer>().unwrap_or(&Peer::Anonymous);
        let identity = self.identify(peer).map_err(|why| Status::permission_denied(why.to_string()))?;
        request.extensions_mut().insert(identity);
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_named_spiffe_id_in_its_time_is_a_proxy() {
        let certificate = |id: Option<&str>| PeerCertificate {
            spiffe_id: id.map(str::to_owned),
            digest: warrant::Digest::of(b"a certificate"),
            thumbprint: String::new(),
            key: None,
            not_after: 100,
        };
        let (named, other) = (Some("spiffe://shop/edge"), Some("spiffe://shop/other"));
        let identify = |id, now| identify(&certificate(id), now, |id| Some(id) == named);
        assert_eq!(identify(named, 100), Ok(ProxyIdentity("spiffe://shop/edge".into())));
        assert_eq!(identify(named, 101), Err(NotAProxy::RunOut));
        assert_eq!(identify(other, 100), Err(NotAProxy::NotNamed));
        assert_eq!(identify(None, 100), Err(NotAProxy::NoSpiffeId));
    }
}
