//! Auditing a log from outside: nothing is believed but the verification key that the auditor brought along.
//!
//! Every entry is read, every tile made again from the entries and compared, and what the entries say is held against
//! what the log promises: times that never run back, and no allow behind a fact that concerned it. Runs on all cores and
//! in memory that does not grow with the log.

mod order;
mod unit;
mod upper;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::fault::ReadError;
use crate::merkle::Hash;
use crate::note::{SignedCheckpoint, VerifyingKey};
use crate::resource::Resource;
use crate::tree::{Source, Tree};
use order::Order;
use unit::{Unit, read_unit};
use upper::Upper;

/// How many faults are named one by one.
const FAULTS_AT_MOST: usize = 100;

/// Units of work that are read before the order among their entries is checked: bounds memory.
const UNITS_A_THREAD: usize = 4;

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which file or entry.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The log's name.
    pub origin: String,
    /// The size that was audited.
    pub size: u64,
    /// How many bytes of entries.
    pub bytes: u64,
    /// How many entries of each kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// How many allows were held against the revocations before them.
    pub allows: u64,
    /// The witnesses that cosigned.
    pub witnesses: Vec<String>,
    /// What does not hold; at most a hundred are named.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Whether everything holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty() && self.size > 0
    }

    fn fault(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.faults.len() < FAULTS_AT_MOST {
            self.faults.push(Fault { place: place.into(), what: what.into() });
        }
    }
}

/// How an audit is made.
#[derive(Clone, Copy)]
pub struct Auditor<'a> {
    /// The log's key, from wherever the auditor trusts; never from the log.
    pub log: &'a VerifyingKey,
    /// Witnesses whose lines must hold where they are.
    pub witnesses: &'a [VerifyingKey],
    /// A checkpoint that the auditor has from before: the log must continue it.
    pub previous: Option<&'a [u8]>,
    /// How many threads; 0 for one a core.
    pub threads: usize,
    /// Told how many of how many entries are done.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

impl std::fmt::Debug for Auditor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auditor").field("log", &self.log.name()).finish_non_exhaustive()
    }
}

impl Auditor<'_> {
    /// Audits a published log whole. An error means that it could not be read; whether it holds is in the report.
    pub fn audit(&self, source: &dyn Source) -> Result<Report, ReadError> {
        let mut report = Report { origin: self.log.name().to_owned(), ..Report::default() };
        let name = source.name(Resource::Checkpoint).display().to_string();
        let Some(note) = source.get(Resource::Checkpoint)? else {
            return Err(ReadError::Corrupt(
                source.name(Resource::Checkpoint),
                "the checkpoint is missing".to_owned(),
            ));
        };
        let signed = match SignedCheckpoint::parse(&note, self.log, self.witnesses) {
            Ok(signed) => signed,
            Err(fault) => {
                report.fault(name, fault.to_string());
                return Ok(report);
            }
        };
        report.size = signed.checkpoint().size;
        report.witnesses = signed.cosigners().iter().map(|cosigned| cosigned.witness.clone()).collect();
        if report.size == 0 {
            report.fault(name, "a log without entries is never signed");
            return Ok(report);
        }
        self.entries(source, &mut report)?;
        let tree = Tree::new(source, report.size);
        match tree.root() {
            Ok(root) if root == signed.checkpoint().root => {}
            Ok(_) => report.fault(name, "the entries do not make the root that it names"),
            Err(error) => report.fault(name, error.to_string()),
        }
        self.continues(&tree, &mut report);
        source.partials(&mut |resource, bytes| stray(&tree, resource, bytes, &mut report))?;
        Ok(report)
    }

    /// Whether the log continues the checkpoint that the auditor had before.
    fn continues(&self, tree: &Tree<'_>, report: &mut Report) {
        let Some(note) = self.previous else { return };
        let what = match SignedCheckpoint::parse(note, self.log, self.witnesses) {
            Err(fault) => fault.to_string(),
            Ok(signed) => {
                let old = signed.checkpoint();
                match tree.edge(old.size) {
                    _ if old.size > report.size => {
                        format!("it names {} entries, the log has {}", old.size, report.size)
                    }
                    Ok(edge) if edge.root() == old.root => return,
                    Ok(_) => format!("the log had another root at size {}: it was rewritten", old.size),
                    Err(error) => error.to_string(),
                }
            }
        };
        report.fault("the previous checkpoint", what);
    }

    /// Reads everything, a wave of units at a time: in parallel within it, in order from wave to wave.
    fn entries(&self, source: &dyn Source, report: &mut Report) -> Result<(), ReadError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = if self.threads == 0 { cores } else { self.threads };
        let wave = threads.saturating_mul(UNITS_A_THREAD);
        let mut upper = Upper::new(source, report.size);
        let mut order = Order::new(self.log);
        let mut first = 0;
        while first < unit::count(report.size) {
            let units = self.wave(source, report.size, first, wave, threads)?;
            for unit in units {
                report.bytes = report.bytes.saturating_add(unit.bytes);
                for (kind, count) in unit.kinds {
                    let sum = report.kinds.entry(kind).or_default();
                    *sum = sum.saturating_add(count);
                }
                for (place, what) in unit.faults {
                    report.fault(place, what);
                }
                for tile in unit.tiles {
                    upper.add(tile, report)?;
                }
                order.follow(unit.records, report);
            }
            first = first.saturating_add(u64::try_from(wave).unwrap_or(u64::MAX));
            (self.progress)(unit::end(first, report.size), report.size);
        }
        upper.finish(report)
    }

    fn wave(
        &self,
        source: &dyn Source,
        size: u64,
        first: u64,
        count: usize,
        threads: usize,
    ) -> Result<Vec<Unit>, ReadError> {
        let next = AtomicUsize::new(0);
        let done: Mutex<BTreeMap<usize, Result<Unit, ReadError>>> = Mutex::default();
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let number = u64::try_from(place).ok().and_then(|place| first.checked_add(place));
                let Some(number) = number.filter(|number| place < count && *number < unit::count(size))
                else {
                    return;
                };
                let unit = read_unit(source, size, number);
                done.lock().unwrap_or_else(PoisonError::into_inner).insert(place, unit);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
    }
}

/// A partial file that the present checkpoint does not need; older ones may, so it must be what it was.
fn stray(tree: &Tree<'_>, resource: Resource, bytes: &[u8], report: &mut Report) {
    let held = match resource {
        Resource::Checkpoint => return,
        Resource::Hashes { level, index, width } => {
            tree.tile(level, index).map(|tile| tile.get(..usize::from(width)).map(<[Hash]>::concat))
        }
        Resource::Entries { index, width } => {
            tree.bundle(index).map(|bundle| bundle.prefix(usize::from(width)))
        }
    };
    if !matches!(&held, Ok(Some(whole)) if whole == bytes) {
        report.fault(resource.path(), "a partial file that is not the beginning of its full one");
    }
}
