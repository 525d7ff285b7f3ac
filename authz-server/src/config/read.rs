//! Reads a configuration from its text and reports every fault. It uses the file system only to read keys and to
//! check that directories exist.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use warrant::Algorithm;
use warrant::mint::Signer;

use warrant::Digest;

use super::{
    AuthorityConfig, BundleConfig, BundlePlace, Config, DecisionLimits, LedgerConfig, listen, witnesses,
};
use crate::keys::{self, KeyFileError, KeyPlace, KeyRing, KeyRole, NamedSigner, PrivateKey, Readers};
use policy::TrustKeys;
use policy::fault::{Fault, Faults, FileFaults};
use policy::public_key;
use policy::strict::{self, MapKey, Members, Node, NodeValue, entries, list, members, natural, string};

const LIMITS: [&str; 4] = ["deadlineMilliseconds", "decisions", "denialsPerSecond", "historyEntries"];
const DEADLINE_MS: i64 = 500;
/// The ledger refuses a forward that is recorded later than this after its clock.
const LONGEST_DEADLINE_MS: i64 = ledger::FORWARD_RECORDED_WITHIN_SECONDS.cast_signed() * 1000;
/// Twice as many only make each answer take twice as long: a core decides some thousand requests a second.
const DECISIONS: i64 = 512;
const DENIALS: i64 = 500;
/// The index over so many entries takes at most 224 MB, and usually half of it.
const HISTORY_ENTRIES: i64 = 1_000_000;

/// A set of keys that is fetched for each receipt costs more than its verification; a longer time only makes a rotation longer.
const RECEIPT_SET_SECONDS: i64 = 300;
const NEW_KEY: &str = "make one with `portcullis key new --out FILE`";

/// The first key of a role, and where it is.
type FirstKey = (KeyRole, KeyPlace, NamedSigner);

/// The configuration in `bytes`, or everything that is wrong with it.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Config, Vec<Fault>> {
    let faults = Faults::new();
    let reader =
        ConfigReader { page: faults.in_file(path), directory: path.parent().unwrap_or(Path::new(".")) };
    let config = strict::yaml(bytes, reader.page).and_then(|tree| reader.config(&tree));
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        Some(_) | None => Err(faults.into_sorted()),
    }
}

/// Reads the parts of a configuration. The operator's has some of the same parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConfigReader<'a> {
    pub(crate) page: FileFaults<'a>,
    /// The configuration's own directory: relative paths start here.
    pub(crate) directory: &'a Path,
}

impl ConfigReader<'_> {
    /// Every part is read before a missing one ends the reading: the first fault must not hide the second.
    fn config(&self, tree: &Node) -> Option<Config> {
        let top = members(
            tree,
            &[
                "audience",
                "listen",
                "bundle",
                "candidate",
                "ledger",
                "keys",
                "authority",
                "limits",
                "environment",
            ],
            self.page,
        )?;
        let audience = top.need("audience", self.page).and_then(|node| string(node, self.page));
        let listen =
            top.need("listen", self.page).and_then(|node| listen::read(node, self.page, self.directory));
        let bundle = top.need("bundle", self.page).and_then(|node| self.bundle(node));
        let candidate = self.candidate(top.get("candidate"));
        let ledger = top.need("ledger", self.page).and_then(|node| self.ledger(node));
        let keys = top.need("keys", self.page).and_then(|node| self.keys(node));
        let (keys, receipt_keys_kept) = keys.unzip();
        let authority = top.get("authority").map_or(Some(None), |node| self.authority(node).map(Some));
        let (authority, authority_key) = authority.map(Option::unzip).unzip();
        let keys = self.key_ring(&top, bundle.as_ref(), ledger.as_ref(), keys, authority_key.flatten());
        let limits = self.limits(top.get("limits"));
        let environment = self.environment(top.get("environment"));
        let audience = audience?.to_owned();
        Some(Config {
            audience,
            listen: listen?,
            bundle: bundle?,
            candidate: candidate?,
            ledger: ledger?,
            keys: keys?,
            receipt_keys_kept: receipt_keys_kept?,
            authority: authority?,
            limits: limits?,
            environment: environment?,
        })
    }

    fn bundle(&self, node: &Node) -> Option<BundleConfig> {
        let part = members(node, &["directory", "url", "trust", "noteKey"], self.page)?;
        let place = self.place(node, &part);
        let trust = part.need("trust", self.page).and_then(|node| self.trust(node));
        let note_key = match part.get("noteKey") {
            Some(node) => Some(self.key(node, Algorithm::Ed25519)?),
            None => None,
        };
        let (trust, min_version) = trust?;
        Some(BundleConfig { place: place?, trust, min_version, note_key })
    }

    fn candidate(&self, node: Option<&Node>) -> Option<Option<BundlePlace>> {
        let Some(node) = node else { return Some(None) };
        let part = members(node, &["directory", "url"], self.page)?;
        self.place(node, &part).map(Some)
    }

    /// A directory or a URL.
    pub(crate) fn place(&self, node: &Node, part: &Members<'_>) -> Option<BundlePlace> {
        match (part.get("directory"), part.get("url")) {
            (Some(_), None) => self.existing_directory(part, "directory").map(BundlePlace::Directory),
            (None, Some(url)) => self.url(url).map(BundlePlace::Url),
            (Some(_), Some(_)) | (None, None) => {
                self.page.fault(
                    node.at,
                    "expected exactly one of `directory` and `url`",
                    "write either `directory: PATH` or `url: https://…`",
                );
                None
            }
        }
    }

    fn url(&self, node: &Node) -> Option<String> {
        let text = string(node, self.page)?;
        let uri = text.parse::<hyper::Uri>().ok();
        let is_valid = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        if !is_valid {
            self.page.fault(
                node.at,
                format!("`{text}` is not a valid URL of a directory"),
                "write https://HOST/PATH, without a query",
            );
        }
        is_valid.then(|| text.to_owned())
    }

    /// Who may sign bundles, and the least version that a server takes as its first.
    pub(crate) fn trust(&self, node: &Node) -> Option<(TrustKeys, u64)> {
        let part = members(node, &["threshold", "keys", "minVersion"], self.page)?;
        let min_version = match part.get("minVersion") {
            Some(node) => natural(node, 0, i64::MAX, self.page),
            None => Some(0),
        };
        let keys = part.need("keys", self.page).and_then(|node| list(node, self.page));
        let keys =
            keys.map(|nodes| nodes.iter().filter_map(|node| public_key(node, self.page)).collect::<Vec<_>>());
        let most = i64::try_from(keys.as_ref().map_or(1, Vec::len)).unwrap_or(i64::MAX);
        let threshold =
            part.need("threshold", self.page).and_then(|node| natural(node, 1, most.max(1), self.page));
        match TrustKeys::new(u32::try_from(threshold?).ok()?, keys?) {
            Ok(trust) => Some((trust, u64::try_from(min_version?).ok()?)),
            Err(e) => {
                self.page.fault(
                    node.at,
                    e.to_string(),
                    "list different Ed25519 keys, and a threshold that is not greater than their number",
                );
                None
            }
        }
    }

    fn ledger(&self, node: &Node) -> Option<LedgerConfig> {
        let part = members(node, &["directory", "key", "digestKey", "readers", "witnesses"], self.page)?;
        let directory = self.ledger_directory(&part);
        let key = part.need("key", self.page).and_then(|node| self.key(node, Algorithm::Ed25519));
        let digest_key =
            part.need("digestKey", self.page).and_then(|node| self.key_file(node, keys::read_digest));
        let readers = match part.get("readers") {
            Some(node) => self.readers(node),
            None => Some((Readers::default(), None)),
        };
        let witnesses = match part.get("witnesses") {
            Some(node) => witnesses::read(node, self.page),
            None => Some(Vec::new()),
        };
        let (readers, token_file) = readers?;
        Some(LedgerConfig {
            directory: directory?,
            key: key?,
            digest_key: digest_key?,
            readers,
            token_file,
            witnesses: witnesses?,
        })
    }

    /// Reads tokens by their digests, or from a file that holds one token. That file is returned too.
    fn readers(&self, node: &Node) -> Option<(Readers, Option<PathBuf>)> {
        let part = members(node, &["tokens", "tokenFile"], self.page)?;
        let digests = match part.get("tokens") {
            Some(node) => {
                let nodes = list(node, self.page)?;
                let read: Vec<Digest> = nodes.iter().filter_map(|node| self.token_digest(node)).collect();
                (read.len() == nodes.len()).then_some(read)
            }
            None => Some(Vec::new()),
        };
        let (path, file) = match part.get("tokenFile") {
            Some(node) => (
                Some(self.directory.join(string(node, self.page)?)),
                self.secret_file(
                    node,
                    keys::read_token,
                    "make one with `openssl rand -hex 32 >FILE; chmod 600 FILE`",
                ),
            ),
            None => (None, Some(Readers::default())),
        };
        Some((Readers::of_digests(digests?).and(file?), path))
    }

    fn token_digest(&self, node: &Node) -> Option<Digest> {
        let digest = Digest::parse(string(node, self.page)?);
        if digest.is_none() {
            self.page.fault(
                node.at,
                "this is not the digest of a token",
                "write `sha256:` and the 64 hexadecimal digits of `printf %s TOKEN | sha256sum`; never the token",
            );
        }
        digest
    }

    fn keys(&self, node: &Node) -> Option<([FirstKey; 2], u64)> {
        let part = members(node, &["statement", "receipt", "receiptSetSeconds"], self.page)?;
        let kept = match part.get("receiptSetSeconds") {
            Some(node) => natural(node, 1, 86_400, self.page),
            None => Some(RECEIPT_SET_SECONDS),
        };
        let key = |name, role| part.need(name, self.page).and_then(|node| self.first_key(node, role));
        let (statement, receipt) = (key("statement", KeyRole::Statement), key("receipt", KeyRole::Receipt));
        Some(([statement?, receipt?], u64::try_from(kept?).ok()?))
    }

    /// A key of this role, and where those that come after it are.
    fn first_key(&self, node: &Node, role: KeyRole) -> Option<FirstKey> {
        let place = self.key_place(node)?;
        let key = match place.read() {
            Ok(key) => key,
            Err(error) => {
                self.page.fault(node.at, error.to_string(), NEW_KEY);
                return None;
            }
        };
        if role.may_have(&key) {
            return Some((role, place, key));
        }
        self.other_algorithm(node, key.public_key().alg(), Algorithm::Es256);
        None
    }

    /// A file, or a socket behind which another process has the key.
    fn key_place(&self, node: &Node) -> Option<KeyPlace> {
        if !matches!(node.value, NodeValue::Map(_)) {
            return Some(KeyPlace::File(self.directory.join(string(node, self.page)?)));
        }
        let part = members(node, &["socket", "public"], self.page)?;
        let path = |name| Some(self.directory.join(string(part.need(name, self.page)?, self.page)?));
        let (socket, public) = (path("socket"), path("public"));
        Some(KeyPlace::Signer { socket: socket?, public: public? })
    }

    fn authority(&self, node: &Node) -> Option<(AuthorityConfig, FirstKey)> {
        let part = members(node, &["iss", "key", "url"], self.page)?;
        let iss = part.need("iss", self.page).and_then(|node| string(node, self.page));
        let url = part.need("url", self.page).and_then(|node| self.base_url(node));
        let at = part.need("key", self.page);
        let key = at.and_then(|node| self.first_key(node, KeyRole::Authority));
        if let (Some(node), Some((_, _, key))) = (at, &key)
            && !key.has_own_name()
        {
            self.page.fault(
                node.at,
                "the key of the authority has no name",
                "make it with `portcullis key new --kid a1 --out FILE`, and list it under `issuers` of mesh.yaml",
            );
        }
        Some((AuthorityConfig { iss: iss?.to_owned(), url: url? }, key?))
    }

    /// A URL without a path, below which an API is.
    pub(crate) fn base_url(&self, node: &Node) -> Option<String> {
        let text = string(node, self.page)?;
        let uri = text.parse::<hyper::Uri>().ok();
        let is_base = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
                && matches!(uri.path(), "" | "/")
                && uri.query().is_none()
        });
        if !is_base {
            self.page.fault(
                node.at,
                format!("`{text}` is not the URL of an API"),
                "write `https://HOST`, with `:PORT` if clients send it, and without a path",
            );
        }
        is_base.then(|| text.trim_end_matches('/').to_owned())
    }

    /// All keys that can be replaced. A key signs for one purpose only: what it signs for one could be taken for something else.
    fn key_ring(
        &self,
        top: &Members<'_>,
        bundle: Option<&BundleConfig>,
        ledger: Option<&LedgerConfig>,
        keys: Option<[FirstKey; 2]>,
        authority: Option<FirstKey>,
    ) -> Option<KeyRing> {
        let is_complete = keys.is_some();
        let others = [
            ("ledger.key", ledger.map(|ledger| &ledger.key)),
            ("bundle.noteKey", bundle.and_then(|bundle| bundle.note_key.as_ref())),
        ];
        let others = others.into_iter().filter_map(|(name, key)| Some((name, *key?.public_key())));
        let firsts: Vec<FirstKey> = keys.into_iter().flatten().chain(authority).collect();
        let mut sockets: Vec<(KeyRole, &Path)> =
            firsts.iter().filter_map(|(role, place, _)| Some((*role, place.socket()?))).collect();
        while let Some((role, socket)) = sockets.pop() {
            if let Some((other, _)) = sockets.iter().find(|(_, other)| *other == socket) {
                self.page.fault(
                    top.at,
                    format!("`{}` and `{}` have the same socket", other.member(), role.member()),
                    "start a process of its own for each: `portcullis signer` signs for one role only",
                );
            }
        }
        let (ring, faults) = KeyRing::new(firsts, others.collect());
        for fault in faults.iter().filter(|fault| fault.forbids_start()) {
            let instead = "make another one with `portcullis key new --out FILE`: a key signs for one purpose only, and two are \
                           valid at once while one replaces the other";
            self.page.fault(top.at, fault.to_string(), instead);
        }
        is_complete.then_some(ring)
    }

    fn limits(&self, node: Option<&Node>) -> Option<DecisionLimits> {
        let part = match node {
            Some(node) => Some(members(node, &LIMITS, self.page)?),
            None => None,
        };
        let number = |name: &str, default: i64, most: i64| match part.and_then(|part| part.get(name)) {
            Some(node) => natural(node, 1, most, self.page),
            None => Some(default),
        };
        let deadline = number("deadlineMilliseconds", DEADLINE_MS, LONGEST_DEADLINE_MS);
        let decisions = number("decisions", DECISIONS, 1_000_000);
        let denials = number("denialsPerSecond", DENIALS, 1_000_000);
        let history = number("historyEntries", HISTORY_ENTRIES, 100_000_000);
        let deadline = Duration::from_millis(u64::try_from(deadline?).ok()?);
        let (decisions, denials) = (u32::try_from(decisions?).ok()?, u32::try_from(denials?).ok()?);
        Some(DecisionLimits { deadline, decisions, denials, history: u64::try_from(history?).ok()? })
    }

    fn environment(&self, node: Option<&Node>) -> Option<BTreeMap<String, String>> {
        let Some(node) = node else { return Some(BTreeMap::new()) };
        let value = |(key, node): &(MapKey, Node)| {
            let value = string(node, self.page)?;
            let both = [key.text.as_str(), value].iter().all(|text| is_dimension(text));
            if !both {
                self.page.fault(
                    node.at,
                    format!("no warrant can name the dimension {:?} with the value {value:?}", key.text),
                    "write names and values of 1 to 256 printable ASCII characters, without quotes and backslashes",
                );
            }
            both.then(|| (key.text.clone(), value.to_owned()))
        };
        // All are read before a fault in one ends the reading.
        entries(node, self.page)?.iter().map(value).collect::<Vec<_>>().into_iter().collect()
    }

    /// The directory of the ledger may be missing: a restore from a backup that was cut short leaves it under other names. What
    /// opens the ledger says what to do.
    fn ledger_directory(&self, part: &Members<'_>) -> Option<PathBuf> {
        let path = self.directory.join(string(part.need("directory", self.page)?, self.page)?);
        if path.exists() { self.existing_directory(part, "directory") } else { Some(path) }
    }

    fn existing_directory(&self, part: &Members<'_>, name: &str) -> Option<PathBuf> {
        let node = part.need(name, self.page)?;
        let path = self.directory.join(string(node, self.page)?);
        match std::fs::read_dir(&path) {
            Ok(_) => Some(path),
            Err(e) => {
                let what = format!("the directory {} cannot be read: {e}", path.display());
                self.page.fault(
                    node.at,
                    what,
                    "make it with `portcullis init`; name it relative to this file, and make it readable for this user",
                );
                None
            }
        }
    }

    /// A private key in a file.
    pub(crate) fn key(&self, node: &Node, algorithm: Algorithm) -> Option<PrivateKey> {
        let key = self.key_file(node, keys::read)?;
        let found = key.public_key().alg();
        if found == algorithm {
            return Some(key);
        }
        self.other_algorithm(node, found, algorithm);
        None
    }

    fn other_algorithm(&self, node: &Node, found: Algorithm, wanted: Algorithm) {
        let (found, wanted) = (found.name(), wanted.name());
        self.page.fault(
            node.at,
            format!("expected a key for {wanted}, found a key for {found}"),
            format!("make one with `portcullis key new --alg {wanted} --out FILE`"),
        );
    }

    fn key_file<K>(&self, node: &Node, read: impl Fn(&Path) -> Result<K, KeyFileError>) -> Option<K> {
        self.secret_file(node, read, NEW_KEY)
    }

    fn secret_file<K>(
        &self,
        node: &Node,
        read: impl Fn(&Path) -> Result<K, KeyFileError>,
        instead: &str,
    ) -> Option<K> {
        let path = self.directory.join(string(node, self.page)?);
        match read(&path) {
            Ok(key) => Some(key),
            Err(e) => {
                self.page.fault(node.at, e.to_string(), instead);
                None
            }
        }
    }
}

/// Whether a warrant can name this dimension or value.
fn is_dimension(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    (1..=256).contains(&text.len()) && text.bytes().all(plain)
}
