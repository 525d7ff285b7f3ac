//! Metrics of the tables of facts; they are read when metrics are scraped.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::facts::{LiveFacts, TableSize};

#[derive(Debug)]
pub struct FactFigures(pub LiveFacts);

impl Collector for FactFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sizes = self.0.now().tables().sizes();
        let mut gauge = |name, help, of: fn(&TableSize) -> usize| {
            let mut all = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for size in &sizes {
                let value = i64::try_from(of(size)).unwrap_or(i64::MAX);
                ConstGauge::new(value).encode(all.encode_family(&[("table", size.name)])?)?;
            }
            Ok(())
        };
        gauge("facts", "Facts that this server keeps, by table", |size| size.facts)?;
        gauge(
            "facts_bound",
            "How many facts each table may keep; if a table other than issued is full, nothing is allowed",
            |size| size.bound,
        )
    }
}
