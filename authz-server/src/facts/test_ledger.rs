//! For tests: a ledger on disk whose time stands still until the test moves it, and its live facts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::{Head, Ledger, Options, SigningKey, VerifyingKey};
use tempfile::TempDir;

use super::{ForwardList, LiveFacts, Tables, follow};
use crate::bundles::PolicyInForce;
use crate::clock::Clock;
use crate::policy_fixture::NOW;

pub(crate) struct TestLedger {
    pub(crate) ledger: Ledger,
    /// The key that verifies its checkpoints.
    pub(crate) key: VerifyingKey,
    /// In milliseconds.
    pub(crate) now: Arc<AtomicU64>,
    /// The ledger is here, under the name `ledger`, as long as this value lives.
    pub(crate) directory: TempDir,
}

impl TestLedger {
    pub(crate) fn new() -> TestLedger {
        TestLedger::with(|options| options)
    }

    /// Opened with other options.
    pub(crate) fn with(change: impl FnOnce(Options) -> Options) -> TestLedger {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger");
        let now = Arc::new(AtomicU64::new(NOW * 1000));
        let options = || {
            let key = SigningKey::from_seed(&[9; 32]).unwrap();
            Options::new(key, Arc::new(time(&now)), "test")
        };
        let key = Ledger::init(&path, "shop", &options()).unwrap().key().clone();
        let ledger = Ledger::open(&path, change(options())).unwrap();
        TestLedger { ledger, key, now, directory }
    }

    /// A server's clock that shows the ledger's time.
    pub(crate) fn clock(&self) -> Clock {
        Clock::from_fn(time(&self.now))
    }
}

fn time(now: &Arc<AtomicU64>) -> impl Fn() -> u64 + Send + Sync + use<> {
    let now = Arc::clone(now);
    move || now.load(Ordering::Relaxed)
}

/// The live facts of a server with these environments that starts at the end of the ledger, with empty tables.
pub(crate) fn follow_from_here(
    ledger: &Ledger,
    running: ForwardList,
    policy: &Arc<PolicyInForce>,
    places: Vec<String>,
) -> LiveFacts {
    let head = Head { size: ledger.size(), root: ledger.root().1, time: ledger.time() };
    follow(ledger, head, Tables::default(), running, Arc::clone(policy), places).unwrap()
}
