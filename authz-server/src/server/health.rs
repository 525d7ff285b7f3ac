//! gRPC health, as those ask who balance load: the same answer as `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::edge::ext_authz::ExtAuthz;
use crate::telemetry::Readiness;

const EVERY: Duration = Duration::from_millis(250);

/// Tells it for as long as the server runs: for the service by its name, and for the server as a whole.
pub(super) async fn tell(reporter: HealthReporter, readiness: Arc<Readiness>) {
    let service = <AuthorizationServer<ExtAuthz> as tonic::server::NamedService>::NAME;
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let ready = readiness.detail().ready;
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in [service, ""] {
            reporter.set_service_status(name, status).await;
        }
    }
}
