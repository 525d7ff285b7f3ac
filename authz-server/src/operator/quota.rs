//! How much the objects of one namespace, and all together, may be: one place for every quota. All of it is below what a server takes
//! and what the operator can keep, so no team can stop the routes of all others by filling what they share.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use policy::authoring::RouteDocuments;

use super::verdict::Refusal;

/// What all documents may be together. A server takes twice as much.
const BYTES_OF_CLUSTER: usize = 64 * 1024 * 1024;
/// What they may be together, compressed, with their part of the manifest. It must fit into one ConfigMap, as base64.
const KEPT_OF_CLUSTER: usize = 680 * 1024;
/// All test cases run in each build.
const CASES_OF_CLUSTER: usize = 20_000;
/// What a namespace may have for each route that it may have.
const BYTES_OF_ROUTE: usize = 32 * 1024;
const KEPT_OF_ROUTE: usize = 512;
const CASES_OF_ROUTE: usize = 20;
/// A namespace that may have few routes may still have this much.
const LEAST_ROUTES: usize = 64;
/// The name of a document and its digest in the manifest, compressed.
const IN_MANIFEST: usize = 80;

/// How many routes there may be. What they may be in bytes and in tests follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub of_namespace: usize,
    pub of_cluster: usize,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota { of_namespace: 100, of_cluster: 5000 }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Routes,
    /// Bytes of documents.
    Bytes,
    /// Bytes of documents, compressed.
    Kept,
    Cases,
}

/// How much something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    routes: usize,
    bytes: usize,
    kept: usize,
    cases: usize,
}

impl Weight {
    /// A route of which nothing else is known.
    pub const ONE_ROUTE: Weight = Weight { routes: 1, bytes: 0, kept: 0, cases: 0 };

    /// The same for another version of a route that is counted already.
    #[must_use]
    pub fn of_a_change(self) -> Weight {
        Weight { routes: 0, ..self }
    }

    const fn of(self, counted: Counted) -> usize {
        match counted {
            Counted::Routes => self.routes,
            Counted::Bytes => self.bytes,
            Counted::Kept => self.kept,
            Counted::Cases => self.cases,
        }
    }

    #[must_use]
    fn plus(self, other: Weight) -> Weight {
        Weight {
            routes: self.routes.saturating_add(other.routes),
            bytes: self.bytes.saturating_add(other.bytes),
            kept: self.kept.saturating_add(other.kept),
            cases: self.cases.saturating_add(other.cases),
        }
    }

    #[must_use]
    fn minus(self, other: Weight) -> Weight {
        Weight {
            routes: self.routes.saturating_sub(other.routes),
            bytes: self.bytes.saturating_sub(other.bytes),
            kept: self.kept.saturating_sub(other.kept),
            cases: self.cases.saturating_sub(other.cases),
        }
    }
}

/// Weighs documents one after the other. What one has in common with those before it takes less room, as it does where they are kept.
#[derive(Debug)]
pub struct Scales(DeflateEncoder<std::io::Sink>);

impl Default for Scales {
    fn default() -> Scales {
        Scales(DeflateEncoder::new(std::io::sink(), Compression::fast()))
    }
}

impl Scales {
    pub fn weigh(&mut self, documents: &RouteDocuments) -> Weight {
        let files = documents.files();
        let before = self.0.total_out();
        for bytes in files.values() {
            // Writing into a sink cannot fail.
            let _ = self.0.write_all(bytes);
        }
        let _ = self.0.flush();
        let packed = usize::try_from(self.0.total_out().saturating_sub(before)).unwrap_or(usize::MAX);
        Weight {
            routes: 1,
            bytes: files.values().map(Vec::len).sum(),
            kept: packed.saturating_add(files.len().saturating_mul(IN_MANIFEST)),
            cases: documents.cases(),
        }
    }
}

/// How much there is until now.
#[derive(Clone, Debug)]
pub struct Tally {
    quota: Quota,
    namespaces: BTreeMap<String, Weight>,
    all: Weight,
}

impl Tally {
    pub fn new(quota: Quota) -> Tally {
        Tally { quota, namespaces: BTreeMap::new(), all: Weight::default() }
    }

    /// Counts what is there already, whatever the quota is.
    pub fn count(&mut self, namespace: &str, weight: Weight) {
        let own = self.namespaces.entry(namespace.to_owned()).or_default();
        *own = own.plus(weight);
        self.all = self.all.plus(weight);
    }

    pub fn remove(&mut self, namespace: &str, weight: Weight) {
        let own = self.namespaces.entry(namespace.to_owned()).or_default();
        *own = own.minus(weight);
        self.all = self.all.minus(weight);
    }

    /// Counts what is new, if there is place for it.
    pub fn admit(&mut self, namespace: &str, weight: Weight) -> Result<(), Refusal> {
        let own = self.namespaces.get(namespace).copied().unwrap_or_default().plus(weight);
        let all = self.all.plus(weight);
        for counted in [Counted::Routes, Counted::Bytes, Counted::Kept, Counted::Cases] {
            // What adds nothing takes no place.
            if weight.of(counted) == 0 {
                continue;
            }
            for (sum, of_cluster) in [(own, false), (all, true)] {
                let most = self.quota.most(counted, of_cluster);
                if sum.of(counted) > most {
                    return Err(Refusal::OverQuota { counted, most, of_cluster });
                }
            }
        }
        self.count(namespace, weight);
        Ok(())
    }
}

impl Quota {
    fn most(self, counted: Counted, of_cluster: bool) -> usize {
        let for_each = self.of_namespace.max(LEAST_ROUTES);
        let (of_route, of_all) = match counted {
            Counted::Routes if of_cluster => return self.of_cluster,
            Counted::Routes => return self.of_namespace,
            Counted::Bytes => (BYTES_OF_ROUTE, BYTES_OF_CLUSTER),
            Counted::Kept => (KEPT_OF_ROUTE, KEPT_OF_CLUSTER),
            Counted::Cases => (CASES_OF_ROUTE, CASES_OF_CLUSTER),
        };
        if of_cluster { of_all } else { for_each.saturating_mul(of_route).min(of_all) }
    }
}
