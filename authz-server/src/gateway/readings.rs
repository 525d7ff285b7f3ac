//! How the routes of the last bundles read requests. What a route read from a request stands on record; after a change of the
//! route it counts only if the route would read the same.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::entry::{Decision, RecordedBundle};
use policy::{Bundle, Route};
use warrant::Digest;

/// How many bundles are remembered. Of a request that was allowed under an older one nobody knows how it was read.
const BUNDLES: usize = 16;

/// For each bundle its digest, and how each of its routes reads, by its name. The last one is the newest.
#[derive(Debug, Default)]
pub struct Readings(Mutex<Vec<(Digest, HashMap<String, Digest>)>>);

impl Readings {
    /// Remembers this bundle. It costs nothing while the same bundle is in force.
    pub fn note(&self, bundle: &Bundle) {
        let mut all = self.all();
        if all.last().is_some_and(|(newest, _)| *newest == bundle.digest()) {
            return;
        }
        let readings =
            bundle.routes().iter().map(|route| (route.name().to_owned(), route.reading())).collect();
        all.retain(|(older, _)| *older != bundle.digest());
        if all.len() == BUNDLES {
            all.remove(0);
        }
        all.push((bundle.digest(), readings));
    }

    /// Whether this route of this bundle, which was noted, reads requests as that one did under which the decision was made.
    pub(super) fn are_same(&self, decision: &Decision, route: &Route, bundle: &Bundle) -> bool {
        let Some(RecordedBundle { digest: then, .. }) = &decision.bundle else { return false };
        let Some(name) = &decision.verdict.route else { return false };
        if *then == bundle.digest() {
            return name == route.name();
        }
        let all = self.all();
        let reading = |bundle: &Digest, route: &str| {
            all.iter().find(|(digest, _)| digest == bundle).and_then(|(_, of)| of.get(route))
        };
        let read_then = reading(then, name);
        read_then.is_some() && read_then == reading(&bundle.digest(), route.name())
    }

    fn all(&self) -> MutexGuard<'_, Vec<(Digest, HashMap<String, Digest>)>> {
        // Only complete values are stored under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
