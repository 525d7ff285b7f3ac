//! What people see of a running operator: its metrics.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds in seconds: a few routes are built in milliseconds, thousands in seconds.
const SECONDS: [f64; 8] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

type Number = Gauge<u64, AtomicU64>;

/// The figures of an operator. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Figures {
    registry: Arc<Registry>,
    pub objects: Number,
    pub refused: Number,
    pub leads: Number,
    pub base_version: Number,
    pub base_refused: Number,
    pub routes_version: Number,
    pub note_until: Number,
    pub builds: Histogram,
    pub signed: Counter,
    pub failures: Counter,
    pub statuses: Counter,
    admissions: Family<Admission, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Admission {
    result: &'static str,
}

impl Default for Figures {
    fn default() -> Figures {
        let mut registry = Registry::with_prefix("portcullis_operator");
        let mut gauge = |name: &str, help: &str| {
            let gauge = Number::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let objects = gauge("objects", "GovernedRoutes in the cluster");
        let refused = gauge("objects_refused", "GovernedRoutes that are not accepted as they are now");
        let leads = gauge("leads", "1 if this operator signs and writes statuses");
        let base_version = gauge("base_version", "The version of the base that is used; 0 without one");
        let base_refused = gauge("base_refused", "1 if what is in the place of the base cannot be used");
        let routes_version =
            gauge("routes_version", "The version of the routes that are published; 0 without any");
        let note_until =
            gauge("note_until_seconds", "Until when the note about them holds, in Unix time; 0 without one");
        let builds = Histogram::new(SECONDS);
        registry.register("build_seconds", "Time to build all routes", builds.clone());
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let signed = counter("signed", "Versions that were signed and published");
        let failures = counter("failures", "Builds or signatures that failed as a whole");
        let statuses = counter("statuses_written", "Statuses of objects that were written");
        let admissions = Family::<Admission, Counter>::default();
        registry.register(
            "admissions",
            "Objects that the webhook was asked about, by result",
            admissions.clone(),
        );
        Figures {
            registry: Arc::new(registry),
            objects,
            refused,
            leads,
            base_version,
            base_refused,
            routes_version,
            note_until,
            builds,
            signed,
            failures,
            statuses,
            admissions,
        }
    }
}

impl Figures {
    pub fn count_admission(&self, result: &'static str) {
        self.admissions.get_or_create(&Admission { result }).inc();
    }

    /// The metrics as they are now.
    pub fn exposition(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
