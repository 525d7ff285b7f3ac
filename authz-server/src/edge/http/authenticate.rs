//! Finds out who makes a call before any handler sees it, with the issuers of the bundle that is active at that moment.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use policy::Bundle;
use tracing::warn;
use warrant::{Digest, Seconds};

use super::refused::Refused;
use crate::authority::callers::{Caller, Callers, ClientCertificate, Connection};
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::clock::Clock;
use crate::edge::peer::Peer;
use crate::facts::LiveFacts;
use crate::fetch::Fetcher;

/// Recognises callers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authenticator {
    live: LiveFacts,
    clock: Clock,
    fetcher: Fetcher,
    current: Arc<Mutex<Option<CallersOfBundle>>>,
}

/// The callers of the bundle with this digest.
type CallersOfBundle = (Digest, Arc<Callers>);

impl Authenticator {
    pub fn new(live: LiveFacts, clock: Clock, fetcher: Fetcher) -> Authenticator {
        Authenticator { live, clock, fetcher, current: Arc::default() }
    }

    /// Who makes this call, under the bundle that is active now.
    pub fn caller_of(
        &self,
        request: &Request,
    ) -> impl Future<Output = Result<Caller, ApiError>> + Send + use<> {
        let (connection, headers) =
            (connection(request.extensions().get::<Peer>()), request.headers().clone());
        let authenticator = self.clone();
        async move {
            let known = authenticator.live.now();
            let callers = authenticator.callers(known.bundle())?;
            let now = authenticator.clock.not_before(known.time());
            callers.authenticate(&connection, &headers, now).await
        }
    }

    fn callers(&self, bundle: &Bundle) -> Result<Arc<Callers>, ApiError> {
        // Only complete values are stored under this lock.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((digest, callers)) = current.as_ref()
            && *digest == bundle.digest()
        {
            return Ok(Arc::clone(callers));
        }
        let before = current.as_ref().map(|(_, callers)| &**callers);
        let made = Callers::new(bundle.callers().to_vec(), self.fetcher.clone(), before);
        let callers = Arc::new(made.map_err(|fault| unusable(&fault))?);
        *current = Some((bundle.digest(), Arc::clone(&callers)));
        Ok(callers)
    }
}

fn unusable(fault: &impl fmt::Display) -> ApiError {
    warn!("the `callers` of the active bundle cannot be used: {fault}");
    ApiError::new(ApiErrorCode::Unavailable, "the issuers of the active bundle cannot be used")
}

/// Gives the request its `Caller`, or refuses it.
pub(super) async fn authenticate(
    State(authenticator): State<Authenticator>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let caller = authenticator.caller_of(&request).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Without a peer nobody is recognised.
pub(super) fn connection(peer: Option<&Peer>) -> Connection {
    match peer {
        Some(Peer::Local) => Connection::Local,
        Some(Peer::Certificate(certificate)) => Connection::Certificate(ClientCertificate {
            spiffe_id: certificate.spiffe_id.clone(),
            digest: certificate.digest,
            not_after: Seconds::new(certificate.not_after),
            key: certificate.key,
        }),
        Some(Peer::Anonymous) | None => Connection::Anonymous,
    }
}
