//! Figures of the bundle in force and of the candidate beside it, asked for when somebody looks.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::bundles::candidate::Candidate;
use crate::bundles::{BundleNews, PolicyInForce};

#[derive(Debug)]
pub struct BundleFigures {
    pub policy: Arc<PolicyInForce>,
    pub news: Arc<BundleNews>,
    pub candidate: Option<Arc<Candidate>>,
}

impl Collector for BundleFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut count = |name: &str, help: &str, value: u64| {
            let metric = ConstCounter::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        count("bundle_activations", "Bundles put in force since the start", self.news.activations())?;
        count(
            "bundle_complaints",
            "Bundles and notes found wanting since the start",
            self.news.refused.times(),
        )?;
        if let Some(status) = self.candidate.as_ref().map(|candidate| candidate.status()) {
            count("candidate_judged", "Requests judged by the candidate too", status.judged)?;
            count("candidate_passed_over", "Requests there was no time to judge twice", status.passed_over)?;
            count("candidate_differing", "Requests that the candidate judges otherwise", status.differing)?;
        }
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: u64| {
            let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        gauge("bundle_version", "The version that is active", None, self.policy.bundle().version())?;
        let until = self.policy.until().map_or(0, warrant::Seconds::get);
        gauge("bundle_in_force_until", "Since 1970; 0 without a note", Some(&Unit::Seconds), until)?;
        let is_refusing = u64::from(self.news.refused.reason().is_some());
        gauge("bundle_refusing", "1 while what is offered is not taken", None, is_refusing)
    }
}
