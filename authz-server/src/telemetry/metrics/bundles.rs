//! Metrics of the bundle in force and of the candidate; they are read when metrics are scraped.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::bundles::candidate::Candidate;
use crate::bundles::{BundleStatus, PolicyInForce};

#[derive(Debug)]
pub struct BundleFigures {
    pub policy: Arc<PolicyInForce>,
    pub status: Arc<BundleStatus>,
    pub candidate: Option<Arc<Candidate>>,
}

impl Collector for BundleFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut count = |name: &str, help: &str, value: u64| {
            let metric = ConstCounter::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        count("bundle_activations", "Bundles put in force since the start", self.status.activations())?;
        count(
            "bundle_complaints",
            "How often a bundle or note was refused for a new reason since the start",
            self.status.refused.times(),
        )?;
        if let Some(status) = self.candidate.as_ref().map(|candidate| candidate.status()) {
            count("candidate_judged", "Requests also judged by the candidate", status.judged)?;
            count(
                "candidate_passed_over",
                "Requests that the candidate did not judge because too many were waiting",
                status.passed_over,
            )?;
            count(
                "candidate_differing",
                "Requests for which the candidate gives another result",
                status.differing,
            )?;
        }
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: u64| {
            let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        gauge("bundle_version", "The version of the active bundle", None, self.policy.bundle().version())?;
        let routes = self.policy.bundle().routes_version().unwrap_or(0);
        gauge(
            "bundle_routes_version",
            "The version of the routes over the active base; 0 if everything is signed together",
            None,
            routes,
        )?;
        let until = self.policy.until().map_or(0, warrant::Seconds::get);
        gauge(
            "bundle_in_force_until",
            "Until when the bundle is in force, in Unix time; 0 without a note",
            Some(&Unit::Seconds),
            until,
        )?;
        let is_refusing = u64::from(self.status.refused.reason().is_some());
        gauge("bundle_refusing", "1 while the offered bundle is refused", None, is_refusing)
    }
}
