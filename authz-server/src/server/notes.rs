//! Keeping the bundle in force: reading the note that somebody signed, or renewing our own.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};
use warrant::{AwsLcVerifier, Seconds};

use crate::clock::Clock;
use crate::config::BundleSource;
use crate::policy::{Note, disk};
use crate::policy_in_force::PolicyInForce;

const EVERY: Duration = Duration::from_secs(1);

/// Looks for a newer note, for as long as the server runs.
pub(super) async fn renew(source: BundleSource, policy: Arc<PolicyInForce>, clock: Clock) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        refresh(&source, &policy, clock.now());
    }
}

/// Takes the note in the bundle's directory where it prolongs; where we hold a note key, signs one when half of the
/// last one's time has passed.
pub(super) fn refresh(source: &BundleSource, policy: &PolicyInForce, now: Seconds) {
    let bundle = policy.bundle();
    let most = bundle.note_max_age();
    let half_way = policy.until().is_none_or(|end| end < now.plus(most / 2));
    if !half_way {
        return;
    }
    if let Some(key) = &source.note_key {
        let signed = Note::sign(&bundle, now, most, key).map_err(|e| e.to_string());
        let kept =
            signed.and_then(|note| disk::publish_note(&note, &source.directory).map_err(|e| e.to_string()));
        if let Err(e) = kept {
            warn!("the note could not be renewed: {e}");
        }
    }
    let read = disk::note(&source.directory)
        .and_then(|bytes| Note::open(&bytes)?.verify(&bundle, now, &AwsLcVerifier));
    match read {
        Ok(until) if Some(until.0) > policy.until() => {
            policy.renew(until);
            info!(bundle = %bundle.digest(), until = until.0.get(), "in force");
        }
        Ok(_) => {}
        // Said when it matters: while the old note still holds, a missing new one is no news.
        Err(refusal) if policy.until().is_none_or(|end| end <= now) => warn!("no note that holds: {refusal}"),
        Err(_) => {}
    }
}
