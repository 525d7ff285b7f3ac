//! The parts that must be ready before this server can allow a request.

use std::sync::Arc;
use std::time::Instant;

use ledger::Ledger;

use crate::bundles::{BundleStatus, PolicyInForce};
use crate::clock::Clock;
use crate::gateway::Admission;
use crate::telemetry::Readiness;
use crate::witnesses::Witnesses;

pub(super) fn parts(
    ledger: &Ledger,
    policy: &Arc<PolicyInForce>,
    status: Arc<BundleStatus>,
    clock: &Clock,
    admission: &Admission,
) -> Readiness {
    let (ledger, policy, clock, admission) =
        (ledger.clone(), Arc::clone(policy), clock.clone(), admission.clone());
    let (keeper, keeper_clock) = (Arc::clone(&status), clock.clone());
    let looks = move || match keeper.heartbeat.stuck(Instant::now()) {
        Some(stuck) => {
            let since = keeper_clock.now().get().saturating_sub(stuck.since.as_secs());
            Err(format!("{stuck} (since {since})"))
        }
        None => Ok(()),
    };
    let with_refusal = move |text: String| match status.refused.reason() {
        Some(why) => format!("{text}; {why}"),
        None => text,
    };
    let stopping = move || if admission.is_closed() { Err("this server is stopping".into()) } else { Ok(()) };
    Readiness::default()
        .with("ledger", move || ledger.health().refusing.map_or(Ok(()), |refused| Err(refused.to_string())))
        .with_remark("bundle", move || {
            policy.readiness(clock.now()).map(&with_refusal).map_err(&with_refusal)
        })
        .with("keeper", looks)
        .with("admission", stopping)
}

/// Each witness is a part of its own.
pub(super) fn with_witnesses(readiness: Readiness, witnesses: &Witnesses) -> Readiness {
    witnesses.status().fold(readiness, |readiness, status| {
        let name = format!("witness {}", status.name());
        readiness.with_remark(name, move || status.readiness())
    })
}
