//! Looks for the candidate bundle, and takes it if it is signed and valid.

use std::sync::Arc;
use std::time::Duration;

use policy::{BundleRefusal, Expected, TrustKeys};
use tracing::{info, warn};

use super::Candidate;
use crate::bundles::SourceError;
use crate::bundles::keeper::open_bundle;
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
    /// The candidate's manifest, or one that was refused.
    last_seen: Vec<u8>,
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
        Ok(Watcher { source, trust, audience, clock, candidate, last_seen: Vec::new() })
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
        let taken = match self.source.manifest() {
            Ok(manifest) if manifest == self.last_seen => return,
            Ok(manifest) => self.take(manifest),
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
    fn take(&mut self, manifest: Vec<u8>) -> Result<(), BundleRefusal> {
        let expected =
            Expected { trust: &self.trust, audience: &self.audience, floor: None, now: self.clock.now() };
        let before = self.candidate.bundle();
        let opened = open_bundle(&mut self.source, &manifest, &expected, before.as_deref());
        if opened.as_ref().map_or_else(BundleRefusal::is_final, |_| true) {
            self.last_seen = manifest;
        }
        let bundle = opened?.bundle;
        info!(version = bundle.version(), bundle = %bundle.digest(), "also judging with this candidate bundle");
        drop(self.candidate.replace(bundle));
        Ok(())
    }
}
