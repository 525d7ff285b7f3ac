//! The parts that must be ready before this server can allow a request.

use std::sync::Arc;
use std::time::Instant;

use ledger::{Health, Ledger};
use tracing::{error, info};

use super::listeners::Listeners;
use crate::bundles::{BundleStatus, PolicyInForce};
use crate::clock::{Clock, Unreliable};
use crate::complaint::Complaint;
use crate::facts::LiveFacts;
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
            Err(format!("{stuck} (since {since}, in seconds since 1970)"))
        }
        None => Ok(()),
    };
    let time_is_reliable = {
        let (ledger, clock, complaint) = (ledger.clone(), clock.clone(), Complaint::default());
        move || reliable_time(&ledger, &clock, &complaint)
    };
    let with_refusal = move |text: String| match status.refused.reason() {
        Some(why) => format!("{text}; {why}"),
        None => text,
    };
    let stopping = move || if admission.is_closed() { Err("this server is stopping".into()) } else { Ok(()) };
    Readiness::default()
        .with_optional_remark("ledger", move || recording(&ledger.health()))
        .with("clock", time_is_reliable)
        .with_remark("bundle", move || {
            policy.readiness(clock.now()).map(&with_refusal).map_err(&with_refusal)
        })
        .with("keeper", looks)
        .with("admission", stopping)
}

/// What runs must be judged again, after a start and after a fact, before proxies get a statement.
pub(super) fn with_forwards(readiness: Readiness, live: LiveFacts) -> Readiness {
    readiness.with("forwards", move || {
        if live.forwards().judged().is_behind() {
            let running = live.forwards().counts().running;
            return Err(format!(
                "{running} requests that run are being judged again, and no statement is signed"
            ));
        }
        Ok(())
    })
}

/// Whether entries are recorded, and what is wrong while they still are.
fn recording(health: &Health) -> Result<Option<String>, String> {
    match (&health.refusing, &health.unpublished) {
        (Some(refused), _) => Err(refused.to_string()),
        (None, Some(refused)) => Ok(Some(format!(
            "entries are recorded, but not published, and soon every request will be denied: {refused}"
        ))),
        (None, None) => Ok(None),
    }
}

/// Whether the wall clock can be relied on. It is asked several times a second, so the log says at once when it cannot.
fn reliable_time(ledger: &Ledger, clock: &Clock, complaint: &Complaint) -> Result<(), String> {
    let last = ledger.time();
    let (what, why) = match clock.compared_with(last).unreliable {
        None => {
            if complaint.clear() {
                info!("the wall clock is relied on again");
            }
            return Ok(());
        }
        Some(Unreliable::Behind { until }) => (
            "behind",
            format!(
                "the wall clock is behind the last entry of the ledger, which has the time {} (seconds since 1970): \
                 every request is governance-inconsistent until the clock says {}. Set the clock if it \
                 is wrong; if it was ahead before, wait",
                last / 1000,
                until.get()
            ),
        ),
        Some(Unreliable::Set { for_another }) => (
            "set",
            format!(
                "the wall clock was set: every request is governance-inconsistent for another {for_another} s, or until \
                 the clock is set back. Set the clock if it is wrong; if it is right now, wait"
            ),
        ),
    };
    if complaint.raise(what) {
        error!("{why}");
    }
    Err(why)
}

/// The TLS of each listener that has it is a part of its own.
pub(super) fn with_tls(readiness: Readiness, listeners: &Listeners) -> Readiness {
    listeners.tls().fold(readiness, |readiness, (name, tls)| {
        readiness.with_optional_remark(format!("TLS of {name}"), move || tls.readiness())
    })
}

/// Each witness is a part of its own.
pub(super) fn with_witnesses(readiness: Readiness, witnesses: &Witnesses) -> Readiness {
    witnesses.status().fold(readiness, |readiness, status| {
        let name = format!("witness {}", status.name());
        readiness.with_remark(name, move || status.readiness())
    })
}
