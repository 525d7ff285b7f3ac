//! Envoy's external authorization API (`envoy.service.auth.v3.Authorization/Check`): a check in, an answer out.
//!
//! A check is translated into the gateway's request, byte by byte and without judgement. What a client can choose (its
//! headers) and what Envoy knows for itself (request line, peer certificate) stay apart.

use std::sync::Arc;

use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer as Source};
use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use tonic::{Request, Response, Status};
use warrant::Denial;

use super::arrivals::Arrived;
use super::proxy_identity::ProxyIdentity;
use super::{address, answer};
use crate::gateway::{ClientPeer, Gateway, IncomingBody, IncomingHttp, IncomingRequest};

/// The service that Envoy calls once for each request.
#[derive(Clone, Debug)]
pub struct ExtAuthz {
    gateway: Arc<Gateway>,
}

impl ExtAuthz {
    pub fn new(gateway: Arc<Gateway>) -> ExtAuthz {
        ExtAuthz { gateway }
    }
}

#[tonic::async_trait]
impl Authorization for ExtAuthz {
    /// It always answers, and never with a gRPC error: a denial is a result, with evidence.
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let proxy = request.extensions().get::<ProxyIdentity>().cloned();
        let arrival = request.extensions().get::<Arrived>().and_then(Arrived::take);
        let incoming = incoming(proxy, request.into_inner());
        let answer = match arrival {
            Some(arrival) => self.gateway.decide(incoming, arrival).await,
            // Every check on the listener for proxies has one.
            None => self.gateway.turn_away(Denial::Internal, incoming.source()),
        };
        Ok(Response::new(answer::check_response(&answer)))
    }
}

fn incoming(proxy: Option<ProxyIdentity>, check: CheckRequest) -> IncomingRequest {
    let attributes = check.attributes.unwrap_or_default();
    let client_address =
        attributes.source.as_ref().and_then(|source| address::host(source.address.as_ref()?));
    // A client can choose the service; it is not read.
    let Source { principal, certificate, .. } = attributes.source.unwrap_or_default();
    IncomingRequest {
        proxy: proxy.map(|ProxyIdentity(id)| id),
        client: ClientPeer { principal, certificate },
        client_address,
        http: attributes.request.and_then(|request| request.http).map(http),
    }
}

fn http(mut request: HttpRequest) -> IncomingHttp {
    let (body, are_raw) = (take_body(&mut request), request.header_map.is_some());
    let headers = match request.header_map {
        // Byte for byte, one entry for each header line.
        Some(map) => map.headers.into_iter().map(|h| (h.key, raw_or_text(h.raw_value, h.value))).collect(),
        // Merged: a header that was sent twice is joined with a comma. Where that matters, the comma is looked for.
        None => request.headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect(),
    };
    IncomingHttp {
        method: request.method,
        scheme: request.scheme,
        authority: request.host.into_bytes(),
        path: request.path.into_bytes(),
        headers,
        are_raw,
        body,
    }
}

/// The body, if the proxy is configured to send it. Envoy says in a header of its own whether it is complete; a
/// client that sends that header gets a denial.
fn take_body(request: &mut HttpRequest) -> IncomingBody {
    if is_partial(request) {
        IncomingBody::Partial
    } else if !request.body.is_empty() {
        IncomingBody::Text
    } else if request.raw_body.is_empty() {
        IncomingBody::Absent
    } else {
        IncomingBody::Whole(std::mem::take(&mut request.raw_body))
    }
}

fn is_partial(request: &HttpRequest) -> bool {
    const PARTIAL: &str = "x-envoy-auth-partial-body";
    let raw = request.header_map.iter().flat_map(|map| &map.headers);
    raw.filter(|header| header.key == PARTIAL)
        .any(|header| header.raw_value != b"false" && header.value != "false")
        || request.headers.get(PARTIAL).is_some_and(|value| value != "false")
}

fn raw_or_text(raw: Vec<u8>, text: String) -> Vec<u8> {
    if raw.is_empty() { text.into_bytes() } else { raw }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
    use envoy_types::pb::envoy::service::auth::v3::AttributeContext;

    fn header(key: &str, raw: &[u8]) -> HeaderValue {
        HeaderValue { key: key.into(), value: String::new(), raw_value: raw.to_vec() }
    }

    #[test]
    fn raw_headers_arrive_byte_by_byte_and_a_repeated_header_arrives_twice() {
        let headers = vec![header("warrant", b"a"), header("warrant", b"\xff")];
        let request = HttpRequest { header_map: Some(HeaderMap { headers }), ..HttpRequest::default() };
        let expected = vec![("warrant".to_owned(), b"a".to_vec()), ("warrant".to_owned(), b"\xff".to_vec())];
        assert_eq!(http(request).headers, expected);
    }

    #[test]
    fn a_body_as_text_is_not_the_body() {
        let body = |raw_body: &[u8], body: &str| {
            let (raw_body, body) = (raw_body.to_vec(), body.to_owned());
            http(HttpRequest { raw_body, body, ..HttpRequest::default() }).body
        };
        assert_eq!(body(b"{}", "").whole(), Some(&b"{}"[..]));
        for other in [body(b"", ""), body(b"", "{}"), body(b"{}", "{}")] {
            assert_eq!(other.whole(), None, "{other:?}");
        }
    }

    #[test]
    fn a_check_without_http_attributes_stays_without() {
        assert!(incoming(None, CheckRequest::default()).http.is_none());
    }

    #[test]
    fn the_service_and_the_headers_name_no_client() {
        let service = Source { service: "spiffe://shop/ns/shop/sa/payer".into(), ..Source::default() };
        let attributes = AttributeContext { source: Some(service), ..AttributeContext::default() };
        let found = incoming(None, CheckRequest { attributes: Some(attributes) });
        assert_eq!(found.client, ClientPeer::default());
    }
}
