//! Opening: the ledger, what is folded from it, the bundle that it allows, and everything that decides.

use std::path::Path;
use std::sync::Arc;

use ledger::entry::Posture;
use ledger::{Ledger, Options};
use tokio::task::block_in_place;

use super::readiness;
use crate::bundles::candidate::{Candidate, Watcher};
use crate::bundles::{Keeper, PolicyInForce};
use crate::clock::Clock;
use crate::config::{BundleSource, Config, LedgerHome, Listen};
use crate::facts::{self, Ended};
use crate::gateway::{Admission, Burner, Gateway, Gatherer, Shadow, Verified};
use crate::keys::{PrivateKey, Readers};
use crate::outcomes::Outcomes;
use crate::recorder::Recorder;
use crate::telemetry::{BundleFigures, LedgerFigures, Metrics, Readiness, WitnessFigures};
use crate::witnesses::{Counted, Witnesses};

/// Everything that is open before the first listener is.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) listen: Listen,
    pub(super) clock: Clock,
    pub(super) ledger: Ledger,
    pub(super) readers: Readers,
    pub(super) keeper: Keeper,
    pub(super) candidate: Option<Arc<Candidate>>,
    pub(super) witnesses: Witnesses,
    pub(super) gateway: Arc<Gateway>,
    pub(super) admission: Admission,
    pub(super) recorder: Recorder,
    pub(super) outcomes: Arc<Outcomes>,
    pub(super) readiness: Arc<Readiness>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) figures: LedgerFigures,
}

/// Opens it all. The error is one line: what is wrong, where, and what to do.
pub(super) async fn open(config: Config, clock: Clock) -> Result<Opened, String> {
    let trust = config.bundle.trust.clone();
    let mut witnesses = Witnesses::of(&config.ledger.witnesses)?;
    let counted = witnesses.consult(&config.ledger.directory).await?;
    let recorded = block_in_place(|| {
        Recorded::open(&config.ledger, counted, config.bundle, config.audience.clone(), &clock)
    })?;
    let Recorded { ledger, burner, keeper, stance, ended } = recorded;
    let (policy, news) = (keeper.policy(), keeper.news());
    let candidate = config.candidate.is_some().then(Arc::<Candidate>::default);
    let figures = LedgerFigures::new(ledger.clone());
    let of_bundles =
        BundleFigures { policy: Arc::clone(&policy), news: Arc::clone(&news), candidate: candidate.clone() };
    let of_witnesses = WitnessFigures(witnesses.news().collect());
    let metrics = Arc::new(Metrics::new(figures.clone(), of_bundles).with_witnesses(of_witnesses));
    let admission = Admission::of(config.limits.decisions);
    let parts = readiness::parts(&ledger, &policy, news, &clock, &admission);
    let readiness = Arc::new(readiness::with_witnesses(parts, &witnesses));
    let recorder =
        Recorder::new(ledger.clone(), config.ledger.digest_key, config.limits.denials, clock.clone());
    let gatherer = || Gatherer {
        clock: clock.clone(),
        policy: Arc::<PolicyInForce>::clone(&policy),
        ledger: ledger.clone(),
        verified: Verified::new(),
        environment: config.environment.clone(),
        stance,
    };
    let shadow = match (config.candidate, &candidate) {
        (Some(place), Some(candidate)) => {
            let watcher = Watcher::new(place, trust, config.audience, clock.clone(), Arc::clone(candidate))?;
            Some(Shadow::start(Arc::clone(candidate), watcher, gatherer())?)
        }
        (Some(_) | None, Some(_) | None) => None,
    };
    let gateway = Arc::new(Gateway {
        gatherer: gatherer(),
        burner,
        recorder: recorder.clone(),
        admission: admission.clone(),
        metrics: Arc::clone(&metrics),
        shadow,
        deadline: config.limits.deadline,
    });
    let outcomes = Arc::new(Outcomes::new(ended, recorder.clone(), Arc::clone(&metrics)));
    Ok(Opened {
        listen: config.listen,
        clock,
        ledger,
        readers: config.ledger.readers,
        keeper,
        candidate,
        witnesses,
        gateway,
        admission,
        recorder,
        outcomes,
        readiness,
        metrics,
        figures,
    })
}

/// The ledger, and what stands in it.
struct Recorded {
    ledger: Ledger,
    burner: Burner,
    keeper: Keeper,
    stance: Posture,
    ended: Ended,
}

impl Recorded {
    fn open(
        home: &LedgerHome,
        counted: Vec<Counted>,
        bundle: BundleSource,
        audience: String,
        clock: &Clock,
    ) -> Result<Recorded, String> {
        let ledger = open_ledger(&home.directory, home, &counted, clock)?;
        let (folded, _) = facts::fold(&ledger, clock.now()).map_err(|e| e.to_string())?;
        let before = folded.activation.as_ref();
        let keeper = Keeper::open(bundle, audience, ledger.clone(), before, clock.clone())?;
        let burner = Burner { uses: folded.uses, origin: ledger.origin().to_owned(), forgot: folded.forgot };
        let stance = folded.stance.unwrap_or(Posture::Normal);
        Ok(Recorded { ledger, burner, keeper, stance, ended: folded.ended })
    }
}

fn open_ledger(
    directory: &Path,
    home: &LedgerHome,
    counted: &[Counted],
    clock: &Clock,
) -> Result<Ledger, String> {
    let witnesses = home.witnesses.iter().map(|witness| witness.key.clone()).collect();
    let options = ledger_options(&home.key, clock)?.witnesses(witnesses);
    let options = counted.iter().fold(options, |options, Counted { by, size }| options.must_reach(by, *size));
    Ledger::open(directory, options).map_err(|e| e.to_string())
}

/// How this server opens a ledger, and how `init` makes one.
pub fn ledger_options(key: &PrivateKey, clock: &Clock) -> Result<Options, String> {
    let key = ledger::SigningKey::from_seed(key.secret()).ok_or("the ledger's key is no Ed25519 key")?;
    Ok(Options::new(key, clock.clone().into(), env!("CARGO_PKG_VERSION")))
}
