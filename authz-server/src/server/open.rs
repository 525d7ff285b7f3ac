//! Opens the ledger, folds the facts from it, opens a bundle that the ledger permits, and builds everything that
//! decides.

use std::sync::Arc;
use std::time::Instant;

use ledger::{Head, Ledger, Options};
use tokio::task::block_in_place;
use tracing::info;

use super::error::ServerError;
use super::listeners::Listeners;
use super::readiness;
use crate::authority::FactRecorder;
use crate::authority::governance::{Governance, HeardProxies, Source, StatementKeys};
use crate::authority::issuing::{AuthorityIdentity, AuthorityKeys, IssuerParts, WarrantIssuer, metadata};
use crate::authority::reading::Reading;
use crate::authority::receipts::ReceiptSigners;
use crate::bundles::Keeper;
use crate::bundles::candidate::{Candidate, Watcher};
use crate::clock::Clock;
use crate::config::{AuthorityConfig, BundleConfig, Config, LedgerConfig, LocalAddress, ProxiesAddress};
use crate::facts::{self, Amount, EndedDecisions, LiveFacts};
use crate::fetch::Fetcher;
use crate::gateway::{
    Admission, Burner, Gateway, Gatherer, JudgeOfForwards, ReadCertificates, ReceiptMint, Shadow,
    VerifiedChains,
};
use crate::history::History;
use crate::keys::{KeyRing, KeyRole, PrivateKey, Readers};
use crate::outcomes::Outcomes;
use crate::record::EarlierTerms;
use crate::recorder::Recorder;
use crate::telemetry::{BundleFigures, FactFigures, LedgerFigures, Metrics, Readiness, WitnessFigures};
use crate::witnesses::{WitnessedSize, Witnesses};

/// Everything that is open before the first listener.
#[derive(Debug)]
pub(super) struct OpenedServer {
    pub(super) listeners: Listeners,
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
    pub(super) running: JudgeOfForwards,
    pub(super) facts: FactRecorder,
    pub(super) history: History,
    pub(super) reading: Reading,
    pub(super) governance: Arc<Governance>,
    pub(super) heard: HeardProxies,
    /// The keys with which this server signs; somebody must read them again.
    pub(super) keys: KeyRing,
    /// The keys of `/v1/receipt-jwks.json`.
    pub(super) receipt_keys: Arc<ReceiptSigners>,
    /// `None` if this server issues no warrants.
    pub(super) authority: Option<WarrantIssuer>,
    pub(super) fetcher: Fetcher,
    pub(super) readiness: Arc<Readiness>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) figures: LedgerFigures,
}

/// Opens everything. The error is one line: what is wrong, where, and what to do.
pub(super) async fn open(config: Config, clock: Clock) -> Result<OpenedServer, ServerError> {
    let listeners = Listeners::of(&config.listen, &clock)?;
    let trust = config.bundle.trust.clone();
    let mut witnesses = Witnesses::of(&config.ledger.witnesses)?;
    let witnessed = witnesses.consult(&config.ledger.directory).await?;
    let places = facts::places_of(&config.environment);
    let recorded = block_in_place(|| {
        OpenedLedger::open(
            &config.ledger,
            witnessed,
            config.bundle,
            config.audience.clone(),
            &clock,
            places.clone(),
        )
    })?;
    let OpenedLedger { ledger, burner, keeper, live, ended, predecessors } = recorded;
    let (policy, status) = (keeper.policy(), keeper.status());
    let candidate = config.candidate.is_some().then(Arc::<Candidate>::default);
    let figures = LedgerFigures::new(ledger.clone());
    let of_bundles = BundleFigures {
        policy: Arc::clone(&policy),
        status: Arc::clone(&status),
        candidate: candidate.clone(),
    };
    let of_witnesses = WitnessFigures(witnesses.status().collect());
    let metrics = Metrics::new(figures.clone(), of_bundles).with_witnesses(of_witnesses);
    let metrics = Arc::new(metrics.with_facts(FactFigures(live.clone())));
    let admission = Admission::of(config.limits.decisions);
    let parts = readiness::parts(&ledger, &policy, status, &clock, &admission);
    let parts = readiness::with_forwards(parts, live.clone());
    let parts = readiness::with_tls(parts, &listeners);
    let readiness = Arc::new(readiness::with_witnesses(parts, &witnesses));
    let recorder =
        Recorder::new(ledger.clone(), config.ledger.digest_key, config.limits.denials, clock.clone());
    let gatherer = || Gatherer {
        clock: clock.clone(),
        live: live.clone(),
        chains: VerifiedChains::new(),
        certificates: ReadCertificates::default(),
        environment: config.environment.clone(),
    };
    let shadow = match (config.candidate, &candidate) {
        (Some(place), Some(candidate)) => {
            let watcher = Watcher::new(place, trust, config.audience, clock.clone(), Arc::clone(candidate))?;
            Some(Shadow::start(Arc::clone(candidate), watcher, gatherer())?)
        }
        (Some(_) | None, Some(_) | None) => None,
    };
    let is_certain = !matches!(config.listen.proxies, ProxiesAddress::Local(LocalAddress::Loopback(_)));
    let resource_page = config.authority.as_ref().map(|authority| metadata::resource_page(&authority.url));
    let keys = config.keys;
    let receipt_keys =
        ReceiptSigners::new(keys.lister(KeyRole::Receipt), clock.clone(), config.receipt_keys_kept);
    let receipt_keys = Arc::new(receipt_keys);
    let receipts = is_certain.then(|| Arc::new(ReceiptMint::new(Arc::clone(&receipt_keys), ledger.origin())));
    let gateway = Arc::new(Gateway {
        gatherer: gatherer(),
        burner,
        recorder: recorder.clone(),
        admission: admission.clone(),
        metrics: Arc::clone(&metrics),
        receipts,
        shadow,
        deadline: config.limits.deadline,
        resource_page: resource_page.clone(),
    });
    let outcomes = Arc::new(Outcomes::new(ended, recorder.clone(), Arc::clone(&metrics), clock.clone()));
    let facts = FactRecorder::new(ledger.clone(), live.clone(), clock.clone());
    let history = History::new(ledger.clone(), config.limits.history);
    let reading =
        Reading::new(ledger.clone(), history.clone(), facts.clone(), recorder.clone(), clock.clone());
    let running = JudgeOfForwards {
        live: live.clone(),
        ledger: ledger.clone(),
        clock: clock.clone(),
        environment: config.environment.clone(),
        metrics: Arc::clone(&metrics),
        readings: Arc::default(),
        earlier: EarlierTerms::default(),
    };
    // The first server of a log knows every proxy that holds a statement.
    let is_first = predecessors.is_empty() && ledger.recovery().start <= 1;
    let heard =
        if is_first { HeardProxies::default() } else { HeardProxies::after_another_server(clock.now()) };
    let fetcher = Fetcher::new().map_err(ServerError::Fetch)?;
    let authority = config.authority.map(|AuthorityConfig { iss, url }| {
        let own = AuthorityKeys::new(keys.finder(KeyRole::Authority));
        WarrantIssuer::new(IssuerParts {
            authority: AuthorityIdentity { iss, keys: own, url },
            ledger: ledger.clone(),
            live: live.clone(),
            clock: clock.clone(),
            fetcher: fetcher.clone(),
            places,
        })
    });
    let governance = Arc::new(Governance::new(Source {
        live,
        ledger: ledger.clone(),
        clock: clock.clone(),
        keys: StatementKeys::new(keys.lister(KeyRole::Statement), heard.clone()),
        predecessors,
        environment: config.environment,
        resource_page,
    }));
    Ok(OpenedServer {
        listeners,
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
        running,
        facts,
        history,
        reading,
        governance,
        heard,
        keys,
        receipt_keys,
        authority,
        fetcher,
        readiness,
        metrics,
        figures,
    })
}

/// The open ledger, and what was folded from it.
struct OpenedLedger {
    ledger: Ledger,
    burner: Burner,
    keeper: Keeper,
    live: LiveFacts,
    ended: EndedDecisions,
    /// The names of all logs that this one continues, the oldest first.
    predecessors: Vec<String>,
}

impl OpenedLedger {
    fn open(
        config: &LedgerConfig,
        witnessed: Vec<WitnessedSize>,
        bundle: BundleConfig,
        audience: String,
        clock: &Clock,
        places: Vec<String>,
    ) -> Result<OpenedLedger, ServerError> {
        let ledger = open_ledger(config, &witnessed, clock)?;
        let began = Instant::now();
        let (mut folded, Amount { entries, bytes }) = facts::fold(&ledger)?;
        info!(as_of = folded.own.as_of, entries, bytes, took = ?began.elapsed(), "folded the facts from the ledger");
        let before = folded.tables.activation.as_ref().map(|activation| &activation.fact);
        let keeper = Keeper::open(bundle, audience, ledger.clone(), before, clock.clone())?;
        // The keeper may have recorded an activation. Nobody else writes yet.
        folded.fold_on(ledger.read(folded.own.as_of)?)?;
        let (size, root) = ledger.root();
        let head = Head { size, root, time: ledger.time() };
        let live = facts::follow(&ledger, head, folded.tables, folded.own.running, keeper.policy(), places)?;
        let burner = Burner {
            burns: folded.burns,
            origin: ledger.origin().to_owned(),
            burns_lost_at: folded.own.burns_lost_at,
        };
        let predecessors = folded.own.after_restore.map_or_else(Vec::new, |begun| begun.predecessors);
        Ok(OpenedLedger { ledger, burner, keeper, live, ended: folded.own.ended, predecessors })
    }
}

fn open_ledger(
    config: &LedgerConfig,
    witnessed: &[WitnessedSize],
    clock: &Clock,
) -> Result<Ledger, ServerError> {
    let witnesses = config.witnesses.iter().map(|witness| witness.key.clone()).collect();
    let options = ledger_options(&config.key, clock)?.witnesses(witnesses);
    let options =
        witnessed.iter().fold(options, |options, WitnessedSize { by, size }| options.must_reach(by, *size));
    Ok(Ledger::open(&config.directory, options)?)
}

/// The options with which this server opens a ledger and `init` makes one.
pub fn ledger_options(key: &PrivateKey, clock: &Clock) -> Result<Options, ServerError> {
    let key = ledger::SigningKey::from_seed(key.secret()).ok_or(ServerError::LedgerKey)?;
    Ok(Options::new(key, clock.clone().into(), env!("CARGO_PKG_VERSION")))
}
