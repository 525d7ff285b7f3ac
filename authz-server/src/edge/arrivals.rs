//! Gives each check its place as soon as its head has arrived. A check without a place is denied before it is decoded: when
//! proxies ask for more than this server can decide, a denial must cost little.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Request};
use prost::Message;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use warrant::Denial;

use super::answer;
use super::peer::Peer;
use super::proxy_identity::{NamedProxies, ProxyIdentity};
use crate::gateway::{Arrival, Gateway};

/// The call that Envoy makes for each request.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// A check whose body does not end within the deadline is answered this much later, so that the gateway's own answer comes
/// first.
const MARGIN: Duration = Duration::from_millis(50);

/// A check that finds no place is denied this much later. A denial at once would make room at the proxy for the next check
/// too many, and this server would do little but deny. Meanwhile the proxy refuses by itself what is too much.
const DENIED_AFTER: Duration = Duration::from_millis(100);

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Arrivals {
    pub gateway: Arc<Gateway>,
    pub proxies: NamedProxies,
}

/// The arrival of a check, for the one handler that takes it.
#[derive(Clone, Debug)]
pub struct Arrived(Arc<Mutex<Option<Arrival>>>);

pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl Arrivals {
    /// Answers a request of this peer. `handle` answers the checks that have a place, and everything that is not a check.
    pub(super) fn answer<F>(
        &self,
        peer: &Peer,
        mut request: Request<Incoming>,
        handle: impl FnOnce(Request<Incoming>) -> F,
    ) -> Answering
    where
        F: Future<Output = Result<Response, Infallible>> + Send + 'static,
    {
        // The interceptor denies a peer that the bundle does not name.
        let Ok(ProxyIdentity(proxy)) = self.proxies.identify(peer) else { return Box::pin(handle(request)) };
        if request.uri().path() != CHECK {
            return Box::pin(handle(request));
        }
        let gateway = Arc::clone(&self.gateway);
        match self.gateway.admission.enter(&proxy) {
            Ok(arrival) => {
                let end = arrival.after(self.gateway.deadline.saturating_add(MARGIN));
                request.extensions_mut().insert(Arrived(Arc::new(Mutex::new(Some(arrival)))));
                let handled = handle(request);
                // Without an end, a check whose body never ends would hold its place for ever.
                Box::pin(async move {
                    let answer = timeout_at(end, handled).await;
                    answer.unwrap_or_else(|_| Ok(deny(&gateway, Denial::DeadlineExceeded, &proxy)))
                })
            }
            Err(denial) => Box::pin(async move {
                let soon = Instant::now().checked_add(DENIED_AFTER);
                read_to_end(request.into_body(), gateway.deadline).await;
                if let Some(soon) = soon {
                    sleep_until(soon).await;
                }
                Ok(deny(&gateway, denial, &proxy))
            }),
        }
    }
}

/// Reads what still comes, and keeps none of it: an answer before the end of a request resets its stream, and HTTP/2 ends a
/// connection with many resets.
async fn read_to_end(mut body: Incoming, deadline: Duration) {
    let read = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = timeout(deadline, read).await;
}

fn deny(gateway: &Gateway, denial: Denial, proxy: &str) -> Response {
    let message = answer::check_response(&gateway.turn_away(denial, proxy)).encode_to_vec();
    // One message of gRPC: not compressed, its length, its bytes.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let framed = Bytes::from([&[0][..], &length, &message].concat());
    let trailers = HeaderMap::from_iter([(tonic::Status::GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(framed).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

impl Arrived {
    pub(super) fn take(&self) -> Option<Arrival> {
        // Only complete values are stored under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
