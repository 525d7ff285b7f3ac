//! From the text of a configuration to its value, gathering faults. Knows the file system only to read keys and to
//! see that folders are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use warrant::Algorithm;
use warrant::mint::Signer;

use warrant::Digest;

use super::{BundlePlace, BundleSource, Config, Keys, LedgerHome, Limits, Listen, LocalAddress, witnesses};
use crate::keys::{self, KeyFileError, PrivateKey, Readers};
use policy::TrustKeys;
use policy::fault::{Fault, Faults, FileFaults};
use policy::public_key;
use policy::strict::{self, MapKey, Members, Node, entries, list, members, natural, string};

const DEADLINE_MS: i64 = 500;
const DECISIONS: i64 = 1024;
const DENIALS: i64 = 500;

/// The configuration in `bytes`, or everything that is wrong with it.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Config, Vec<Fault>> {
    let faults = Faults::new();
    let reader = Reader { page: faults.in_file(path), home: path.parent().unwrap_or(Path::new(".")) };
    let config = strict::yaml(bytes, reader.page).and_then(|tree| reader.config(&tree));
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        Some(_) | None => Err(faults.into_sorted()),
    }
}

struct Reader<'a> {
    page: FileFaults<'a>,
    home: &'a Path,
}

impl Reader<'_> {
    /// Every part is read before any is missed: the first fault must not hide the second.
    fn config(&self, tree: &Node) -> Option<Config> {
        let top = members(
            tree,
            &["audience", "listen", "bundle", "candidate", "ledger", "keys", "limits", "environment"],
            self.page,
        )?;
        let audience = top.need("audience", self.page).and_then(|node| string(node, self.page));
        let listen = top.need("listen", self.page).and_then(|node| self.listen(node));
        let bundle = top.need("bundle", self.page).and_then(|node| self.bundle(node));
        let candidate = self.candidate(top.get("candidate"));
        let ledger = top.need("ledger", self.page).and_then(|node| self.ledger(node));
        let keys = top.need("keys", self.page).and_then(|node| self.keys(node));
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
            limits: limits?,
            environment: environment?,
        })
    }

    fn listen(&self, node: &Node) -> Option<Listen> {
        let part = members(node, &["extAuthz", "http"], self.page)?;
        let ext_authz = self.address(&part, "extAuthz");
        let http = self.address(&part, "http");
        Some(Listen { ext_authz: ext_authz?, http: http? })
    }

    fn address(&self, part: &Members<'_>, name: &str) -> Option<LocalAddress> {
        let node = part.need(name, self.page)?;
        match LocalAddress::parse(string(node, self.page)?) {
            Ok(LocalAddress::Unix(path)) => Some(LocalAddress::Unix(self.home.join(path))),
            Ok(LocalAddress::Loopback(address)) => Some(LocalAddress::Loopback(address)),
            Err(what) => {
                self.page.fault(
                    node.at,
                    what,
                    "write unix:PATH, or a loopback address and port such as 127.0.0.1:9191",
                );
                None
            }
        }
    }

    fn bundle(&self, node: &Node) -> Option<BundleSource> {
        let part = members(node, &["directory", "url", "trust", "noteKey"], self.page)?;
        let place = self.place(node, &part);
        let trust = part.need("trust", self.page).and_then(|node| self.trust(node));
        let note_key = match part.get("noteKey") {
            Some(node) => Some(self.key(node, Algorithm::Ed25519)?),
            None => None,
        };
        Some(BundleSource { place: place?, trust: trust?, note_key })
    }

    fn candidate(&self, node: Option<&Node>) -> Option<Option<BundlePlace>> {
        let Some(node) = node else { return Some(None) };
        let part = members(node, &["directory", "url"], self.page)?;
        self.place(node, &part).map(Some)
    }

    fn place(&self, node: &Node, part: &Members<'_>) -> Option<BundlePlace> {
        match (part.get("directory"), part.get("url")) {
            (Some(_), None) => self.directory(part, "directory").map(BundlePlace::Directory),
            (None, Some(url)) => self.url(url).map(BundlePlace::Url),
            (Some(_), Some(_)) | (None, None) => {
                self.page.fault(
                    node.at,
                    "a bundle lies in one place",
                    "write `directory: PATH` or `url: https://…`, one of them",
                );
                None
            }
        }
    }

    fn url(&self, node: &Node) -> Option<String> {
        let text = string(node, self.page)?;
        let uri = text.parse::<hyper::Uri>().ok();
        let is_one = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        if !is_one {
            self.page.fault(
                node.at,
                format!("`{text}` is no address of a folder"),
                "write https://HOST/PATH, without a query",
            );
        }
        is_one.then(|| text.to_owned())
    }

    fn trust(&self, node: &Node) -> Option<TrustKeys> {
        let part = members(node, &["threshold", "keys"], self.page)?;
        let keys = part.need("keys", self.page).and_then(|node| list(node, self.page));
        let keys =
            keys.map(|nodes| nodes.iter().filter_map(|node| public_key(node, self.page)).collect::<Vec<_>>());
        let most = i64::try_from(keys.as_ref().map_or(1, Vec::len)).unwrap_or(i64::MAX);
        let threshold =
            part.need("threshold", self.page).and_then(|node| natural(node, 1, most.max(1), self.page));
        match TrustKeys::new(u32::try_from(threshold?).ok()?, keys?) {
            Ok(trust) => Some(trust),
            Err(e) => {
                self.page.fault(
                    node.at,
                    e.to_string(),
                    "list different Ed25519 keys, and a threshold that they can reach",
                );
                None
            }
        }
    }

    fn ledger(&self, node: &Node) -> Option<LedgerHome> {
        let part = members(node, &["directory", "key", "digestKey", "readers", "witnesses"], self.page)?;
        let directory = self.directory(&part, "directory");
        let key = part.need("key", self.page).and_then(|node| self.key(node, Algorithm::Ed25519));
        let digest_key =
            part.need("digestKey", self.page).and_then(|node| self.key_file(node, keys::read_digest));
        let readers = match part.get("readers") {
            Some(node) => self.readers(node),
            None => Some(Readers::default()),
        };
        let witnesses = match part.get("witnesses") {
            Some(node) => witnesses::read(node, self.page),
            None => Some(Vec::new()),
        };
        Some(LedgerHome {
            directory: directory?,
            key: key?,
            digest_key: digest_key?,
            readers: readers?,
            witnesses: witnesses?,
        })
    }

    /// Tokens by their digests, or by a file that holds one.
    fn readers(&self, node: &Node) -> Option<Readers> {
        let part = members(node, &["tokens", "tokenFile"], self.page)?;
        let digests = match part.get("tokens") {
            Some(node) => {
                let nodes = list(node, self.page)?;
                let read: Vec<Digest> = nodes.iter().filter_map(|node| self.token_digest(node)).collect();
                (read.len() == nodes.len()).then_some(read)
            }
            None => Some(Vec::new()),
        };
        let file = match part.get("tokenFile") {
            Some(node) => self.secret_file(
                node,
                keys::read_token,
                "`openssl rand -hex 32 >FILE; chmod 600 FILE` makes one",
            ),
            None => Some(Readers::default()),
        };
        Some(Readers::of_digests(digests?).and(file?))
    }

    fn token_digest(&self, node: &Node) -> Option<Digest> {
        let digest = Digest::parse(string(node, self.page)?);
        if digest.is_none() {
            self.page.fault(
                node.at,
                "not the digest of a token",
                "write `sha256:` and the 64 hexadecimal digits of `printf %s TOKEN | sha256sum`; never the token",
            );
        }
        digest
    }

    fn keys(&self, node: &Node) -> Option<Keys> {
        let part = members(node, &["statement", "receipt"], self.page)?;
        let statement = part.need("statement", self.page).and_then(|node| self.key(node, Algorithm::Es256));
        let receipt = part.need("receipt", self.page).and_then(|node| self.key(node, Algorithm::Es256));
        Some(Keys { statement: statement?, receipt: receipt? })
    }

    fn limits(&self, node: Option<&Node>) -> Option<Limits> {
        let part = match node {
            Some(node) => {
                Some(members(node, &["deadlineMilliseconds", "decisions", "denialsPerSecond"], self.page)?)
            }
            None => None,
        };
        let number = |name: &str, default: i64, most: i64| match part.and_then(|part| part.get(name)) {
            Some(node) => natural(node, 1, most, self.page),
            None => Some(default),
        };
        let deadline = number("deadlineMilliseconds", DEADLINE_MS, 60_000);
        let decisions = number("decisions", DECISIONS, 1_000_000);
        let denials = number("denialsPerSecond", DENIALS, 1_000_000);
        let deadline = Duration::from_millis(u64::try_from(deadline?).ok()?);
        let (decisions, denials) = (u32::try_from(decisions?).ok()?, u32::try_from(denials?).ok()?);
        Some(Limits { deadline, decisions, denials })
    }

    fn environment(&self, node: Option<&Node>) -> Option<BTreeMap<String, String>> {
        let Some(node) = node else { return Some(BTreeMap::new()) };
        let value = |(key, node): &(MapKey, Node)| {
            let value = string(node, self.page)?;
            let both = [key.text.as_str(), value].iter().all(|text| is_dimension(text));
            if !both {
                self.page.fault(
                    node.at,
                    format!("the dimension {:?} with the value {value:?} can be named by no warrant", key.text),
                    "write names and values of 1 to 256 printable ASCII characters, without quotes and backslashes",
                );
            }
            both.then(|| (key.text.clone(), value.to_owned()))
        };
        // All are looked at before one is missed.
        entries(node, self.page)?.iter().map(value).collect::<Vec<_>>().into_iter().collect()
    }

    fn directory(&self, part: &Members<'_>, name: &str) -> Option<PathBuf> {
        let node = part.need(name, self.page)?;
        let path = self.home.join(string(node, self.page)?);
        match std::fs::read_dir(&path) {
            Ok(_) => Some(path),
            Err(e) => {
                let what = format!("the folder {} cannot be read: {e}", path.display());
                self.page.fault(
                    node.at,
                    what,
                    "`portcullis init` makes it; name it relative to this file, readable by this user",
                );
                None
            }
        }
    }

    fn key(&self, node: &Node, algorithm: Algorithm) -> Option<PrivateKey> {
        let key = self.key_file(node, keys::read)?;
        let found = key.public_key().alg();
        if found == algorithm {
            return Some(key);
        }
        let (found, wanted) = (found.name(), algorithm.name());
        self.page.fault(
            node.at,
            format!("this is a key for {found}, and {wanted} is signed with it"),
            format!("`portcullis key new --alg {wanted} --out FILE` makes one"),
        );
        None
    }

    fn key_file<K>(&self, node: &Node, read: impl Fn(&Path) -> Result<K, KeyFileError>) -> Option<K> {
        self.secret_file(node, read, "`portcullis key new --out FILE` makes one")
    }

    fn secret_file<K>(
        &self,
        node: &Node,
        read: impl Fn(&Path) -> Result<K, KeyFileError>,
        instead: &str,
    ) -> Option<K> {
        let path = self.home.join(string(node, self.page)?);
        match read(&path) {
            Ok(key) => Some(key),
            Err(e) => {
                self.page.fault(node.at, e.to_string(), instead);
                None
            }
        }
    }
}

/// What a warrant can say of an environment.
fn is_dimension(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    (1..=256).contains(&text.len()) && text.bytes().all(plain)
}
