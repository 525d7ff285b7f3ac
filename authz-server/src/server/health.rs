//! The gRPC health service, for load balancers: the same answer as `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::edge::ext_authz::ExtAuthz;
use crate::telemetry::Readiness;

const EVERY: Duration = Duration::from_millis(250);

/// Keeps the health status current while the server runs: for the service by its name, and for the server as a whole.
pub(super) async fn report(reporter: HealthReporter, readiness: Arc<Readiness>) {
    let service = <AuthorizationServer<ExtAuthz> as tonic::server::NamedService>::NAME;
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let ready = readiness.report().ready;
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in [service, ""] {
            reporter.set_service_status(name, status).await;
        }
    }
}
