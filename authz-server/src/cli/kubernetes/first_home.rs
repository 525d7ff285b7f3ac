//! A home directory on which no server ran yet: its configuration, its keys, its signed bundle and its first ledger, checked. A home
//! directory that a cluster could not start with is refused here, and every fault of its configuration is reported at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ledger::{FirstLedger, NotFirst, OpenError};
use warrant::AwsLcVerifier;

use super::server_keys::{self, ServerKeys};
use crate::bundles::directory;
use crate::cli::init::home;
use crate::cli::out::Failure;
use crate::clock::Clock;
use crate::config::{self, AuthorityConfig, BundlePlace, Config, DecisionLimits, Witness};
use crate::fetch::is_loopback;
use crate::server;
use policy::{
    Bundle, BundleRefusal, CallerKeys, Expected, MANIFEST, NOTE, Parcel, ROUTES_MANIFEST, ROUTES_NOTE,
    TrustKeys,
};

/// What the two files are made from.
pub(super) struct FirstHome {
    pub(super) keys: ServerKeys,
    pub(super) ledger: FirstLedger,
    pub(super) bundle: Bundle,
    /// Every file of the signed bundle, by its path in the directory of bundles: those that were verified, and the notes.
    pub(super) bundle_files: BTreeMap<String, Vec<u8>>,
    pub(super) settings: Settings,
    /// What the home directory says and the chart has no value for.
    pub(super) not_taken: Vec<String>,
}

/// The parts of the configuration that are values of the chart.
pub(super) struct Settings {
    pub(super) audience: String,
    pub(super) trust: TrustKeys,
    pub(super) min_version: u64,
    pub(super) authority: Option<AuthorityConfig>,
    pub(super) receipt_set_seconds: u64,
    pub(super) limits: DecisionLimits,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) witnesses: Vec<Witness>,
    pub(super) candidate_url: Option<String>,
}

impl FirstHome {
    pub(super) fn read(home: &Path, clock: &Clock) -> Result<FirstHome, Failure> {
        let path = home::configuration(home);
        let config = config::load(&path).map_err(|faults| Failure::all(&faults))?;
        let options = server::ledger_options(&config.ledger.key, clock).map_err(Failure::new)?;
        // From here on no server starts on it.
        let ledger =
            FirstLedger::lock(&config.ledger.directory, &options).map_err(|why| not_first(&why, home))?;
        let place = bundle_directory(&config, &path)?;
        let expected = Expected {
            trust: &config.bundle.trust,
            audience: &config.audience,
            floor: None,
            min_version: config.bundle.min_version,
            now: clock.now(),
        };
        let refused = |refusal: BundleRefusal| {
            Failure::new(format!(
                "the signed bundle in {} is refused: {refusal}; {}",
                place.display(),
                cure(&refusal, home)
            ))
        };
        let parcel = directory::parcel(place).map_err(refused)?;
        let bundle = policy::open(&parcel, &expected, &AwsLcVerifier).map_err(refused)?;
        check_fits(&bundle, &ledger, home)?;
        let bundle_files = bundle_files(&parcel, &bundle, place).map_err(refused)?;
        let not_taken = not_taken(&config);
        let (keys, settings) = take(config, &path, home, &bundle)?;
        Ok(FirstHome { keys, ledger, bundle, bundle_files, settings, not_taken })
    }

    /// The trust domains of the proxies that have a SPIFFE ID. There is at least one.
    pub(super) fn trust_domains(&self) -> BTreeSet<&str> {
        self.bundle.proxies().filter_map(|proxy| proxy.strip_prefix("spiffe://")?.split('/').next()).collect()
    }

    /// The hosts to which the server connects by itself: those of the candidate, of the witnesses, and of the key sets that the bundle names
    /// by URL. The keys of subjects are only fetched to issue warrants.
    pub(super) fn hosts_outside(&self) -> BTreeSet<String> {
        let settings = &self.settings;
        let subjects =
            self.bundle.subjects().filter(|_| settings.authority.is_some()).map(|issuer| &issuer.keys);
        let key_sets =
            self.bundle.callers().iter().map(|issuer| &issuer.keys).chain(subjects).filter_map(|keys| {
                match keys {
                    CallerKeys::JwksUri(url) => Some(url),
                    CallerKeys::Jwks(_) => None,
                }
            });
        let witnesses = settings.witnesses.iter().map(|witness| &witness.url);
        settings
            .candidate_url
            .iter()
            .chain(witnesses)
            .chain(key_sets)
            .filter_map(|url| host_of(url))
            .collect()
    }
}

/// A ledger that served has facts, and the age check of the chart could not tell. What to do depends on why it served.
fn not_first(why: &NotFirst, home: &Path) -> Failure {
    let cure = match why {
        NotFirst::Served { .. } => format!(
            "if it served only for a trial, make another home directory (`portcullis init NEW --kubernetes …`), copy your routes from {0}/policy, and sign; \
             if its record counts, stop the server and copy {0}/ledger and {0}/bundle to the volume of the pod yourself: a Secret with this ledger, \
             unpacked a second time, would allow uses again and forget what was revoked",
            home.display()
        ),
        NotFirst::Unusable(OpenError::Locked(_)) => {
            "and a ledger that served is not a first one: make another home directory for the cluster"
                .to_owned()
        }
        NotFirst::Unusable(
            OpenError::Io(..)
            | OpenError::NoLedger(_)
            | OpenError::Marked(..)
            | OpenError::WrongKey(_)
            | OpenError::Corrupt(..)
            | OpenError::EntriesMissing { .. },
        )
        | NotFirst::Foreign(_) => return Failure::new(why),
    };
    Failure::new(format!("{why}; {cure}"))
}

/// How a person gets a bundle that is not refused.
fn cure(refusal: &BundleRefusal, home: &Path) -> String {
    let home = home.display();
    if let BundleRefusal::Unreadable { file, .. } = refusal
        && file == ROUTES_MANIFEST
    {
        return format!(
            "the base is there, and a server starts with routes over it: sign the first ones (of teams that have none yet, too) with the key              that the base names under `routesBy`: `portcullis policy sign --routes --home {home} --key FILE`"
        );
    }
    format!("sign a valid one with `portcullis policy sign --home {home}`")
}

fn bundle_directory<'a>(config: &'a Config, path: &Path) -> Result<&'a Path, Failure> {
    match &config.bundle.place {
        BundlePlace::Directory(place) => Ok(place),
        BundlePlace::Url(url) => Err(Failure::new(format!(
            "{}: `bundle.url` is {url}, and the first bundle of a cluster comes from a directory: name it in `bundle.directory`, \
             and {url} as `server.bundle.url` in values of your own",
            path.display()
        ))),
    }
}

/// A server with this bundle and this ledger would deny everything.
fn check_fits(bundle: &Bundle, ledger: &FirstLedger, home: &Path) -> Result<(), Failure> {
    let documents = home.join("policy");
    let documents = documents.display();
    let mut faults = Vec::new();
    if bundle.burner() != ledger.origin() {
        faults.push(format!(
            "the signed bundle counts uses in the ledger {}, and this ledger is {}: write `burner: \"{}\"` into {documents}/mesh.yaml, and sign",
            bundle.burner(),
            ledger.origin(),
            ledger.origin()
        ));
    }
    if !bundle.proxies().any(|proxy| proxy.starts_with("spiffe://")) {
        faults.push(format!(
            "no proxy of the signed bundle has a SPIFFE ID, and in a cluster proxies show one: name each in {documents}/proxies.yaml, \
             like spiffe://cluster.local/ns/shop/sa/pay, and sign"
        ));
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::all(&faults)) }
}

/// Only what was verified, and the notes, which the server verifies: nothing that somebody put beside it.
fn bundle_files(
    parcel: &Parcel,
    bundle: &Bundle,
    place: &Path,
) -> Result<BTreeMap<String, Vec<u8>>, policy::BundleRefusal> {
    let mut files: BTreeMap<String, Vec<u8>> =
        parcel.paths(bundle.version()).into_iter().map(|(path, bytes)| (path, bytes.to_vec())).collect();
    files.insert(MANIFEST.to_owned(), parcel.manifest.clone());
    if place.join(NOTE).exists() {
        files.insert(NOTE.to_owned(), directory::note(place)?);
    }
    if let Some(routes) = &parcel.routes {
        files.extend(routes.paths()?.into_iter().map(|(path, bytes)| (path, bytes.to_vec())));
        files.insert(ROUTES_MANIFEST.to_owned(), routes.manifest.clone());
        if place.join(ROUTES_NOTE).exists() {
            files.insert(ROUTES_NOTE.to_owned(), directory::routes_note(place)?);
        }
    }
    Ok(files)
}

fn not_taken(config: &Config) -> Vec<String> {
    let mut what = Vec::new();
    if config.ledger.readers.count() > usize::from(config.ledger.token_file.is_some()) {
        what.push(
            "`ledger.readers.tokens`: in the cluster only the token of `tokenFile` reads the record"
                .to_owned(),
        );
    }
    if let Some(BundlePlace::Directory(place)) = &config.candidate {
        what.push(format!(
            "`candidate.directory` {}: serve it at a URL, and set server.candidate.url",
            place.display()
        ));
    }
    what
}

fn take(
    config: Config,
    path: &Path,
    home: &Path,
    bundle: &Bundle,
) -> Result<(ServerKeys, Settings), Failure> {
    let mut faults = Vec::new();
    if let Some(authority) = &config.authority
        && is_of_this_machine(&authority.url)
    {
        faults.push(format!(
            "{}: `authority.url` is {}, which no agent in a cluster can call: write the URL of the API there, like \
             https://portcullis-api.portcullis.svc.cluster.local:8443, or remove `authority`, and the server issues no warrants",
            path.display(),
            authority.url
        ));
    }
    if let Some(BundlePlace::Url(url)) = &config.candidate
        && !url.starts_with("https://")
    {
        faults.push(format!(
            "{}: `candidate.url` is {url}, and the chart takes only https://: serve it so, or remove `candidate`",
            path.display()
        ));
    }
    for witness in config.ledger.witnesses.iter().filter(|witness| !witness.url.starts_with("https://")) {
        faults.push(format!(
            "{}: the witness {} is on this machine, which no server in a cluster can call: write its https:// URL into `ledger.witnesses`",
            path.display(),
            witness.url
        ));
    }
    let settings = Settings {
        audience: config.audience.clone(),
        trust: config.bundle.trust.clone(),
        min_version: config.bundle.min_version,
        authority: config.authority,
        receipt_set_seconds: config.receipt_keys_kept,
        limits: config.limits,
        environment: config.environment,
        witnesses: config.ledger.witnesses,
        candidate_url: match config.candidate {
            Some(BundlePlace::Url(url)) => Some(url),
            Some(BundlePlace::Directory(_)) | None => None,
        },
    };
    let source = server_keys::Source {
        ring: &config.keys,
        ledger: config.ledger.key,
        digest: config.ledger.digest_key,
        note: config.bundle.note_key,
        token_file: config.ledger.token_file.as_deref(),
    };
    let kept_out = server_keys::KeptOut::of(home, &settings.trust, bundle)?;
    match ServerKeys::take(source, &kept_out) {
        Ok(keys) if faults.is_empty() => Ok((keys, settings)),
        Ok(_) => Err(Failure::all(&faults)),
        Err(more) => {
            faults.extend(more);
            Err(Failure::all(&faults))
        }
    }
}

/// Whether a URL leads to the machine of the client itself.
fn is_of_this_machine(url: &str) -> bool {
    let host = host_of(url).unwrap_or_default();
    host == "localhost" || host.ends_with(".localhost") || is_loopback(&host)
}

fn host_of(url: &str) -> Option<String> {
    url.parse::<hyper::Uri>().ok()?.host().map(str::to_owned)
}
