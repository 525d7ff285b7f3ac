//! Looks for the candidate bundle, and takes it if it is signed and valid.

use std::sync::Arc;
use std::time::Duration;

use policy::{BundleRefusal, Expected, TrustKeys};
use tracing::{info, warn};

use super::Candidate;
use crate::bundles::SourceError;
use crate::bundles::keeper::{Offer, offer, open_bundle};
use crate::bundles::source::BundleSource;
use crate::clock::Clock;
use crate::config::BundlePlace;

#[derive(Debug)]
pub struct Watcher {
    source: BundleSource,
    trust: TrustKeys,
    audience: String,
    clock: Clock,
    candidate: Arc<Candidate>,
    /// The candidate's manifests, or those that were refused.
    last_seen: Option<Offer>,
    /// The manifest of a candidate that has no routes apart.
    whole: Option<Vec<u8>>,
}

impl Watcher {
    pub fn new(
        place: BundlePlace,
        trust: TrustKeys,
        audience: String,
        clock: Clock,
        candidate: Arc<Candidate>,
    ) -> Result<Watcher, SourceError> {
        let source = BundleSource::open(place)?;
        Ok(Watcher { source, trust, audience, clock, candidate, last_seen: None, whole: None })
    }

    pub fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// How often to look.
    pub fn interval(&self) -> Duration {
        self.source.interval()
    }

    /// Looks once at what is offered.
    pub fn look(&mut self) {
        let taken = match offer(&mut self.source, self.whole.as_deref()) {
            Ok(offer) if self.last_seen.as_ref() == Some(&offer) => return,
            Ok(offer) => self.take(offer),
            Err(refusal) => Err(refusal),
        };
        match taken {
            Ok(()) => drop(self.candidate.refused.clear()),
            Err(refusal) => {
                let why = refusal.to_string();
                if self.candidate.refused.raise(&why) {
                    warn!("the candidate bundle is refused: {why}");
                }
            }
        }
    }

    /// Takes a candidate if it is signed and valid. It may have any version, because it never comes into force.
    fn take(&mut self, offer: Offer) -> Result<(), BundleRefusal> {
        let expected = Expected {
            trust: &self.trust,
            audience: &self.audience,
            floor: None,
            min_version: 0,
            now: self.clock.now(),
        };
        let before = self.candidate.bundle();
        let opened = open_bundle(&mut self.source, &offer, &expected, before.as_deref());
        if opened.as_ref().map_or_else(BundleRefusal::is_final, |_| true) {
            let is_whole = opened.as_ref().is_ok_and(|opened| opened.bundle.routes_version().is_none());
            self.whole = is_whole.then(|| offer.manifest.clone());
            self.last_seen = Some(offer);
        }
        let bundle = opened?.bundle;
        info!(version = bundle.version(), routes = bundle.routes_version(), bundle = %bundle.digest(), "also judging with this candidate bundle");
        drop(self.candidate.replace(bundle));
        Ok(())
    }
}
