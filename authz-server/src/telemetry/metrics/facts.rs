//! Metrics of the tables of facts, and of the forwards that run; they are read when metrics are scraped.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::facts::{ForwardCounts, LiveFacts, RUN_AT_MOST, TableSize};

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
            Ok::<(), fmt::Error>(())
        };
        gauge("facts", "Facts that this server keeps, by table", |size| size.facts)?;
        gauge(
            "facts_bound",
            "How many facts each table may keep; if a table other than issued is full, nothing is allowed",
            |size| size.bound,
        )?;
        let ForwardCounts { running, to_end } = self.0.forwards().counts();
        let all = [
            ("forwards_running", "Forwards that have no outcome and may still run", running),
            ("forwards_running_bound", "How many forwards of all proxies may run at once", RUN_AT_MOST),
            (
                "forwards_to_end",
                "Forwards that statements tell the proxies to end, until they have an outcome",
                to_end,
            ),
        ];
        for (name, help, count) in all {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX)).encode(gauge)?;
        }
        Ok(())
    }
}
