//! Metrics of the witnesses; they are read when metrics are scraped.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::witnesses::WitnessStatus;

#[derive(Debug)]
pub struct WitnessFigures(pub Vec<Arc<WitnessStatus>>);

impl Collector for WitnessFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let help = "Entries covered by the last checkpoint that the witness cosigned since the start";
        let mut all = encoder.encode_descriptor("witness_cosigned", help, None, MetricType::Gauge)?;
        for witness in &self.0 {
            let size = i64::try_from(witness.size()).unwrap_or(i64::MAX);
            ConstGauge::new(size).encode(all.encode_family(&[("witness", witness.name())])?)?;
        }
        Ok(())
    }
}
