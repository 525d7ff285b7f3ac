//! Metrics of the ledger; they are read when metrics are scraped.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ::ledger::{Ledger, RecordError};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::Pace;

/// A ledger, and how fast it grows.
#[derive(Clone, Debug)]
pub struct LedgerFigures {
    ledger: Ledger,
    pace: Arc<Mutex<Pace>>,
}

impl LedgerFigures {
    pub fn new(ledger: Ledger) -> LedgerFigures {
        LedgerFigures { ledger, pace: Arc::default() }
    }

    /// Takes a sample at this time, and returns the free space; `None` if it cannot be read.
    pub fn sample(&self, now: u64) -> Option<FreeSpace> {
        let health = self.ledger.health();
        let bytes_a_second = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.note(now, health.size, health.written);
            pace.bytes_a_second()
        };
        let usage = self.ledger.usage().ok()?;
        Some(FreeSpace {
            is_scarce: usage.is_high(),
            free: usage.free,
            days: usage.days_left(bytes_a_second),
        })
    }
}

/// The free space on the ledger's disk.
#[derive(Clone, Copy, Debug)]
pub struct FreeSpace {
    /// At least 80 % are in use.
    pub is_scarce: bool,
    pub free: u64,
    /// Days until the disk is full, at the growth of the last minute; `None` if nothing grows.
    pub days: Option<u64>,
}

/// The word for a refusal, and the metric that shows it.
const REFUSALS: [(&str, &str); 3] = [
    ("disk-full", "ledger_refusing_disk_full"),
    ("read-only", "ledger_refusing_read_only"),
    ("over-quota", "ledger_refusing_over_quota"),
];

impl Collector for LedgerFigures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let health = self.ledger.health();
        let pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut figures = FigureEncoder(encoder);
        figures.count("ledger_entries", "Durable entries", None, health.size)?;
        figures.count(
            "ledger_written",
            "Bytes of entries written since the start",
            Some(&Unit::Bytes),
            health.written,
        )?;
        figures.gauge(
            "ledger_published",
            "Entries that the last checkpoint covers",
            None,
            health.published,
        )?;
        let waiting = u64::try_from(health.waiting).unwrap_or(u64::MAX);
        figures.gauge("ledger_waiting", "Entries waiting to be written", None, waiting)?;
        let entries = pace.entries_a_second();
        figures.gauge(
            "ledger_entries_per_second",
            "Durable entries per second over the last minute",
            None,
            entries,
        )?;
        let growth = pace.bytes_a_second();
        figures.gauge(
            "ledger_growth_per_second",
            "Growth on disk per second over the last minute",
            Some(&Unit::Bytes),
            growth,
        )?;
        let refusing = health.refusing.as_ref().map_or("", RecordError::word);
        for (word, name) in REFUSALS {
            let is_it = u64::from(word == refusing);
            figures.gauge(name, "1 while nothing can be recorded for this reason", None, is_it)?;
        }
        figures.gauge(
            "ledger_unpublished",
            "1 while entries are recorded but cannot be published",
            None,
            u64::from(health.unpublished.is_some()),
        )?;
        let Ok(usage) = self.ledger.usage() else { return Ok(()) };
        figures.gauge(
            "ledger_disk_total",
            "Size of the ledger's file system",
            Some(&Unit::Bytes),
            usage.total,
        )?;
        figures.gauge(
            "ledger_disk_free",
            "Free space on the ledger's file system",
            Some(&Unit::Bytes),
            usage.free,
        )?;
        figures.gauge(
            "ledger_disk_is_high",
            "1 while at least 80 % of the ledger's file system are in use",
            None,
            u64::from(usage.is_high()),
        )?;
        match usage.days_left(growth) {
            Some(days) => figures.gauge(
                "ledger_disk_days_left",
                "Days until the ledger's file system is full at the current growth",
                None,
                days,
            ),
            None => Ok(()),
        }
    }
}

struct FigureEncoder<'a>(DescriptorEncoder<'a>);

impl FigureEncoder<'_> {
    fn count(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let metric = ConstCounter::new(value);
        metric.encode(self.0.encode_descriptor(name, help, unit, metric.metric_type())?)
    }

    fn gauge(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        metric.encode(self.0.encode_descriptor(name, help, unit, metric.metric_type())?)
    }
}
