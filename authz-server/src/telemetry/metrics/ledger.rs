//! The ledger's figures, asked for when somebody looks.

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

    /// Takes a look; returns whether it is time to warn that the disk fills up, and for how many days it will do.
    pub fn look(&self, now: u64) -> Option<FreeSpace> {
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

/// How much room there is.
#[derive(Clone, Copy, Debug)]
pub struct FreeSpace {
    /// 80 % are in use.
    pub is_scarce: bool,
    pub free: u64,
    /// At the pace of the last minute; `None` where nothing grows.
    pub days: Option<u64>,
}

/// The word for a refusal, and the figure that shows it.
const REFUSALS: [(&str, &str); 3] = [
    ("disk-full", "ledger_refusing_disk_full"),
    ("read-only", "ledger_refusing_read_only"),
    ("over-quota", "ledger_refusing_over_quota"),
];

impl Collector for LedgerFigures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let health = self.ledger.health();
        let pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut page = Page(encoder);
        page.count("ledger_entries", "Entries that are durable", None, health.size)?;
        page.count(
            "ledger_written",
            "Entries since the start, in bytes",
            Some(&Unit::Bytes),
            health.written,
        )?;
        page.gauge("ledger_published", "Entries that the last checkpoint covers", None, health.published)?;
        let waiting = u64::try_from(health.waiting).unwrap_or(u64::MAX);
        page.gauge("ledger_waiting", "Entries waiting to be written", None, waiting)?;
        let entries = pace.entries_a_second();
        page.gauge("ledger_entries_per_second", "Over the last minute", None, entries)?;
        let growth = pace.bytes_a_second();
        page.gauge("ledger_growth_per_second", "On disk, over the last minute", Some(&Unit::Bytes), growth)?;
        let refusing = health.refusing.as_ref().map_or("", RecordError::word);
        for (word, name) in REFUSALS {
            let is_it = u64::from(word == refusing);
            page.gauge(name, "1 while nothing can be recorded for this reason", None, is_it)?;
        }
        let Ok(usage) = self.ledger.usage() else { return Ok(()) };
        page.gauge("ledger_disk_total", "The ledger's file system", Some(&Unit::Bytes), usage.total)?;
        page.gauge("ledger_disk_free", "The ledger's file system", Some(&Unit::Bytes), usage.free)?;
        page.gauge("ledger_disk_is_high", "1 from 80 % in use on", None, u64::from(usage.is_high()))?;
        match usage.days_left(growth) {
            Some(days) => page.gauge("ledger_disk_days_left", "At this growth", None, days),
            None => Ok(()),
        }
    }
}

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn count(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let metric = ConstCounter::new(value);
        metric.encode(self.0.encode_descriptor(name, help, unit, metric.metric_type())?)
    }

    fn gauge(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        metric.encode(self.0.encode_descriptor(name, help, unit, metric.metric_type())?)
    }
}
