//! The candidate's thread: looks for the candidate, and judges by it what was judged already.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use tracing::{info, warn};

use super::keeper::opened;
use super::source::Source;
use super::start;
use crate::candidate::Candidate;
use crate::clock::Clock;
use crate::config::BundlePlace;
use crate::gateway::{Gatherer, Second};
use crate::policy::{self, Expected, Refusal, TrustKeys};

#[derive(Debug)]
pub(in crate::server) struct Shadowing {
    source: Source,
    trust: TrustKeys,
    audience: String,
    clock: Clock,
    candidate: Arc<Candidate>,
    /// The candidate's manifest, or one that was refused.
    looked_at: Vec<u8>,
}

impl Shadowing {
    pub(in crate::server) fn new(
        place: BundlePlace,
        trust: TrustKeys,
        audience: String,
        clock: Clock,
        candidate: Arc<Candidate>,
    ) -> Result<Shadowing, String> {
        let source = Source::open(place)?;
        Ok(Shadowing { source, trust, audience, clock, candidate, looked_at: Vec::new() })
    }

    /// Judges for as long as somebody can ask.
    pub(in crate::server) fn run(
        mut self,
        gatherer: Gatherer,
        waiting: Receiver<Second>,
    ) -> Result<(), String> {
        start("candidate", move || {
            policy::this_thread_is_deep();
            let mut next = Instant::now();
            loop {
                if Instant::now() >= next {
                    self.look();
                    next = Instant::now().checked_add(self.source.every()).unwrap_or(next);
                }
                match waiting.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Ok(second) => {
                        if let Some(difference) = second.judge(&gatherer, &self.candidate) {
                            info!("{difference}");
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })
    }

    fn look(&mut self) {
        let complaint = match self.source.manifest() {
            Ok(manifest) if manifest == self.looked_at => return,
            Ok(manifest) => self.take(manifest).err(),
            Err(refusal) => Some(refusal),
        };
        let complaint = complaint.map(|refusal| refusal.to_string());
        if self.candidate.complain(complaint.clone())
            && let Some(why) = complaint
        {
            warn!("the candidate is refused: {why}");
        }
    }

    /// A candidate is signed and sound, and may have any version: it is not going to be in force.
    fn take(&mut self, manifest: Vec<u8>) -> Result<(), Refusal> {
        let expected =
            Expected { trust: &self.trust, audience: &self.audience, floor: None, now: self.clock.now() };
        let before = self.candidate.bundle();
        let opened = opened(&mut self.source, &manifest, &expected, before.as_deref());
        if opened.as_ref().map_or_else(Refusal::is_final, |_| true) {
            self.looked_at = manifest;
        }
        let bundle = opened?;
        info!(version = bundle.version(), bundle = %bundle.digest(), "judging by a candidate, beside");
        drop(self.candidate.replace(Arc::new(bundle)));
        Ok(())
    }
}
