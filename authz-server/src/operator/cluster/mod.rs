//! The operator's side of the Kubernetes API: it lists and watches GovernedRoutes, writes their status, and keeps a Lease and a
//! ConfigMap. It decides nothing about routes.

mod governed_route;
mod lease;
mod status;
mod store;
mod watch;

use std::time::Duration;

pub use lease::{Leadership, keep_lease};
pub use status::write_statuses;
pub use store::{StateStore, StoreError, StoredState};
pub use watch::{WatchedRoutes, list_once, watch};

/// No call of the API may take longer. Watches have a limit of their own.
const CALL_WITHIN: Duration = Duration::from_secs(10);

/// One line for the person who reads the log, from an error of the client.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    super::verdict::cut(&text, 1024)
}

/// Waits for an answer of the API, but not for ever.
async fn answered<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, CallError> {
    match tokio::time::timeout(CALL_WITHIN, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => {
            Err(CallError { code: status.code, what: super::verdict::cut(&status.message, 1024) })
        }
        Ok(Err(error)) => Err(CallError { code: 0, what: told(&error) }),
        Err(_) => Err(CallError { code: 0, what: format!("no answer within {CALL_WITHIN:?}") }),
    }
}

/// Why a call failed.
#[derive(Clone, Debug)]
pub struct CallError {
    /// The HTTP status; 0 without an answer.
    code: u16,
    what: String,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for CallError {}
