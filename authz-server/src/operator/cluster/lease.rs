//! One of several operators leads: the one that holds a Lease. Only the leader signs and writes statuses.
//!
//! It is written here, over the client: the runtime of the `kube` crates has no election, and the small crates for it compare the clocks
//! of two machines. Here, as in Kubernetes' own client, a Lease has run out when it did not change for its whole duration by the clock
//! of the one who waits. A leader that cannot renew stops leading before another one can begin. And what matters most does not depend
//! on the Lease at all: an update of what was signed fails if another operator has written since (`store`).

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{CallError, answered};
use crate::clock::Clock;
use crate::complaint::Complaint;

/// How long a Lease holds without being renewed.
const DURATION: Duration = Duration::from_secs(15);
/// A leader that has not renewed for this long leads no more.
const LEADS_FOR: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Until when this operator leads; `None` while it does not.
#[derive(Clone, Debug)]
pub struct Leadership(watch::Receiver<Option<Instant>>);

impl Leadership {
    pub fn new(until: watch::Receiver<Option<Instant>>) -> Leadership {
        Leadership(until)
    }

    pub fn leads(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Resolves when it may have changed.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What a Lease said when it was read last, and since when it says that.
#[derive(Clone, Debug, PartialEq)]
struct Observed {
    spec: LeaseSpec,
    since: Instant,
}

#[derive(Clone, Debug, PartialEq)]
enum Next {
    Create,
    /// It is this operator's own.
    Renew,
    /// It is nobody's, or it has run out.
    Take,
    Wait,
}

/// What to do about a Lease. `observed` is what it said before.
fn next(me: &str, lease: Option<&LeaseSpec>, observed: &mut Option<Observed>, now: Instant) -> Next {
    let Some(spec) = lease else {
        *observed = None;
        return Next::Create;
    };
    if observed.as_ref().is_none_or(|before| before.spec != *spec) {
        *observed = Some(Observed { spec: spec.clone(), since: now });
    }
    let since = observed.as_ref().map_or(now, |observed| observed.since);
    match spec.holder_identity.as_deref() {
        None | Some("") => Next::Take,
        Some(holder) if holder == me => Next::Renew,
        Some(_) => {
            let duration = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
            let duration = duration.map_or(DURATION, Duration::from_secs);
            if now.saturating_duration_since(since) > duration { Next::Take } else { Next::Wait }
        }
    }
}

/// Leads whenever it can, until `stopping`; then it gives the Lease back.
pub async fn keep_lease(
    client: Client,
    (namespace, name): (String, String),
    me: String,
    clock: Clock,
    leads: watch::Sender<Option<Instant>>,
    complaint: std::sync::Arc<Complaint>,
    mut stopping: watch::Receiver<bool>,
) {
    let api: Api<Lease> = Api::namespaced(client, &namespace);
    let mut observed = None;
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.wait_for(|stops| *stops) => break,
        }
        let begun = Instant::now();
        match look(&api, &name, &me, &clock, &mut observed).await {
            Ok(true) => {
                complaint.clear();
                if leads.borrow().is_none() {
                    info!(me, "this operator leads");
                }
                // From before the request: the Lease may have been renewed at any moment since.
                let until = begun.checked_add(LEADS_FOR);
                leads.send_replace(until);
            }
            Ok(false) => {
                complaint.clear();
                if leads.send_replace(None).is_some() {
                    warn!(me, "another operator leads");
                }
            }
            Err(error) => {
                let why = format!("cannot use the Lease {namespace}/{name}: {error}");
                if complaint.raise(&why) {
                    warn!("{why}");
                }
                if leads.borrow().is_some_and(|until| Instant::now() >= until) {
                    leads.send_replace(None);
                }
            }
        }
    }
    if leads.send_replace(None).is_some()
        && let Err(error) = give_back(&api, &name, &me).await
    {
        warn!("cannot give the Lease back: {error}; another operator leads in {} s", DURATION.as_secs());
    }
}

/// Whether this operator holds the Lease now.
async fn look(
    api: &Api<Lease>,
    name: &str,
    me: &str,
    clock: &Clock,
    observed: &mut Option<Observed>,
) -> Result<bool, CallError> {
    let lease = answered(api.get_opt(name)).await?;
    let spec = lease.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
    let next = next(me, spec.as_ref(), observed, Instant::now());
    let now = i64::try_from(clock.milliseconds()).ok().and_then(|now| Timestamp::from_millisecond(now).ok());
    let now = now.map(MicroTime);
    let before = spec.unwrap_or_default();
    let duration = i32::try_from(DURATION.as_secs()).ok();
    let held = |acquired: Option<MicroTime>, transitions: i32| LeaseSpec {
        holder_identity: Some(me.to_owned()),
        lease_duration_seconds: duration,
        acquire_time: acquired,
        renew_time: now.clone(),
        lease_transitions: Some(transitions),
        ..LeaseSpec::default()
    };
    let transitions = before.lease_transitions.unwrap_or(0);
    let spec = match next {
        Next::Wait => return Ok(false),
        Next::Renew => held(before.acquire_time.clone(), transitions),
        Next::Create => held(now.clone(), 0),
        Next::Take => held(now.clone(), transitions.saturating_add(1)),
    };
    let parameters = PostParams::default();
    let written = match lease {
        Some(lease) => {
            let lease = Lease { spec: Some(spec), ..lease };
            answered(api.replace(name, &parameters, &lease)).await
        }
        None => {
            let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
            answered(api.create(&parameters, &Lease { metadata, spec: Some(spec) })).await
        }
    };
    match written {
        Ok(_) => Ok(true),
        // Another operator was faster.
        Err(CallError { code: 409, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn give_back(api: &Api<Lease>, name: &str, me: &str) -> Result<(), CallError> {
    let Some(lease) = answered(api.get_opt(name)).await? else { return Ok(()) };
    let spec = lease.spec.clone().unwrap_or_default();
    if spec.holder_identity.as_deref() != Some(me) {
        return Ok(());
    }
    let spec = LeaseSpec { holder_identity: Some(String::new()), ..spec };
    let lease = Lease { spec: Some(spec), ..lease };
    answered(api.replace(name, &PostParams::default(), &lease)).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(by: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(by.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            ..LeaseSpec::default()
        }
    }

    #[tokio::test]
    async fn a_lease_is_taken_only_after_it_stood_still_for_its_duration() {
        let (begin, mut observed) = (Instant::now(), None);
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut say = |spec: Option<&LeaseSpec>, seconds| next("me", spec, &mut observed, at(seconds));
        assert_eq!(say(None, 0), Next::Create);
        // Its own time may be any time: only whether it changes counts.
        let (first, second) = (held("other", 0), held("other", 1));
        assert_eq!(say(Some(&first), 1), Next::Wait);
        assert_eq!(say(Some(&first), 16), Next::Wait);
        assert_eq!(say(Some(&second), 17), Next::Wait, "it was renewed");
        assert_eq!(say(Some(&second), 32), Next::Wait);
        assert_eq!(say(Some(&second), 33), Next::Take);
        assert_eq!(say(Some(&held("", 1)), 33), Next::Take);
        assert_eq!(say(Some(&held("me", 1)), 34), Next::Renew);
    }
}
