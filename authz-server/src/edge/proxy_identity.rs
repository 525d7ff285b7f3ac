//! Which proxy is asking: its identity comes from its connection to this server, never from the request.

use tonic::service::Interceptor;

/// The peer of a connection, as the bundle names its proxies. A peer on a local socket is `local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyIdentity(pub String);

/// Marks each call with its peer. Today every listener is local, so every peer is `local`; a listener with mutual TLS
/// will put its client's SPIFFE ID here.
#[derive(Clone, Copy, Debug)]
pub struct NameProxy;

impl Interceptor for NameProxy {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        request.extensions_mut().insert(ProxyIdentity("local".to_owned()));
        Ok(request)
    }
}
