//! The keys that a server in a cluster has, and the keys that must never be there.
//!
//! [`ServerKeys`] has a field for each key of the first kind, and none for the second: the trust keys, which sign bundles, the keys of
//! attestors, and those that stand in for an identity provider or an agent. A configuration could still name the file of one of these in
//! the place of another, so each key is compared with them too.

use std::collections::BTreeMap;
use std::path::Path;

use warrant::PublicKey;
use warrant::mint::Signer;

use crate::cli::out::Failure;
use crate::keys::{self, DigestKey, KeyRing, KeyRole, NamedKey, PrivateKey};
use policy::{Bundle, TrustKeys};

/// The private keys of a server. The chart copies no other file from its Secret.
pub(super) struct ServerKeys {
    ledger: PrivateKey,
    digest: DigestKey,
    statement: PrivateKey,
    receipt: PrivateKey,
    note: Option<PrivateKey>,
    authority: Option<PrivateKey>,
    read_log: Option<String>,
}

/// What the configuration holds.
pub(super) struct Source<'a> {
    pub(super) ring: &'a KeyRing,
    pub(super) ledger: PrivateKey,
    pub(super) digest: DigestKey,
    pub(super) note: Option<PrivateKey>,
    pub(super) token_file: Option<&'a Path>,
}

impl ServerKeys {
    /// Every fault is reported at once.
    pub(super) fn take(source: Source<'_>, kept_out: &KeptOut) -> Result<ServerKeys, Vec<String>> {
        let mut faults = Vec::new();
        let statement = of_role(source.ring, KeyRole::Statement, &mut faults);
        let receipt = of_role(source.ring, KeyRole::Receipt, &mut faults);
        let has_authority = source.ring.place(KeyRole::Authority).is_some();
        let authority =
            has_authority.then(|| of_role(source.ring, KeyRole::Authority, &mut faults)).flatten();
        let read_log = source.token_file.map(keys::read_token_text).transpose();
        let read_log = read_log.map_err(|error| faults.push(error.to_string())).unwrap_or_default();
        let (Some(statement), Some(receipt)) = (statement, receipt) else { return Err(faults) };
        let (ledger, digest, note) = (source.ledger, source.digest, source.note);
        let keys = ServerKeys { ledger, digest, statement, receipt, note, authority, read_log };
        for (member, key) in keys.signing() {
            faults.extend(kept_out.name_of(key.public_key()).map(|name| {
                format!("`{member}` is {name}, which must never be in a cluster: make another key for it with `portcullis key new`")
            }));
        }
        if faults.is_empty() { Ok(keys) } else { Err(faults) }
    }

    /// Each key that signs, with the place in the configuration that names it.
    fn signing(&self) -> impl Iterator<Item = (&'static str, &PrivateKey)> {
        let always = [
            ("ledger.key", &self.ledger),
            (KeyRole::Statement.member(), &self.statement),
            (KeyRole::Receipt.member(), &self.receipt),
        ];
        let note = self.note.as_ref().map(|key| ("bundle.noteKey", key));
        let authority = self.authority.as_ref().map(|key| (KeyRole::Authority.member(), key));
        always.into_iter().chain(note).chain(authority)
    }

    /// The files of the Secret, under the names by which the chart copies them.
    pub(super) fn files(&self) -> BTreeMap<&'static str, Vec<u8>> {
        let ServerKeys { ledger, digest, statement, receipt, note, authority, read_log } = self;
        let file = |jwk: String| format!("{jwk}\n").into_bytes();
        let mut files = BTreeMap::from([
            ("ledger.jwk", file(ledger.to_jwk())),
            ("digest.jwk", file(digest.to_jwk())),
            ("statement.jwk", file(statement.to_jwk())),
            ("receipt.jwk", file(receipt.to_jwk())),
        ]);
        files.extend(note.as_ref().map(|key| ("note.jwk", file(key.to_jwk()))));
        files.extend(authority.as_ref().map(|key| ("authority.jwk", file(key.to_jwk()))));
        files.extend(read_log.as_ref().map(|token| ("read-log.token", token.clone().into_bytes())));
        files
    }

    /// The public half of the key for statements, which the filters pin.
    pub(super) fn statement(&self) -> NamedKey {
        let key = *self.statement.public_key();
        let kid = self.statement.kid().map_or_else(|| key.thumbprint().to_string(), str::to_owned);
        NamedKey { kid, key }
    }

    pub(super) fn sign_notes(&self) -> bool {
        self.note.is_some()
    }

    pub(super) fn have_read_log_token(&self) -> bool {
        self.read_log.is_some()
    }
}

/// The only key of a role, from its file.
fn of_role(ring: &KeyRing, role: KeyRole, faults: &mut Vec<String>) -> Option<PrivateKey> {
    let place = ring.place(role)?;
    let member = role.member();
    if let Some(socket) = place.socket() {
        faults.push(format!(
            "`{member}` is in another process, at {}: the chart has no place for it, so name the file of a key",
            socket.display()
        ));
        return None;
    }
    if let Some(next) = ring.of(role).get(1) {
        faults.push(format!(
            "`{member}` has a next key, {}: a first server has one, so move the other file away",
            place.beside(&next.kid)
        ));
        return None;
    }
    keys::read(place.file()).map_err(|error| faults.push(error.to_string())).ok()
}

/// The public halves of keys that must never be in a cluster, each with what it is.
pub(super) struct KeptOut(Vec<(String, PublicKey)>);

impl KeptOut {
    /// Those that the trust and the bundle name, and those in the home directory. A key that was moved off this machine is not there.
    pub(super) fn of(home: &Path, trust: &TrustKeys, bundle: &Bundle) -> Result<KeptOut, Failure> {
        let mut keys: Vec<(String, PublicKey)> = Vec::new();
        let signers = trust.keys.iter().chain(&bundle.next_trust().keys);
        keys.extend(signers.map(|key| ("a key that signs bundles".to_owned(), *key)));
        let of_routes = bundle.base().routes_by().into_iter().flat_map(|by| &by.keys);
        keys.extend(of_routes.map(|key| ("a key that signs the routes of teams".to_owned(), *key)));
        for attestor in bundle.attestors() {
            keys.extend(
                attestor
                    .keys
                    .iter()
                    .map(|(_, key)| (format!("a key of the attestor {}", attestor.iss), *key)),
            );
        }
        for name in ["keys/bundle.jwk", "keys/attestor.jwk", "keys/idp.jwk", "agent.jwk"] {
            let path = home.join(name);
            if path.exists() {
                let key = keys::read_one_public(&path).map_err(Failure::new)?.key;
                keys.push((path.display().to_string(), key));
            }
        }
        Ok(KeptOut(keys))
    }

    fn name_of(&self, key: &PublicKey) -> Option<&str> {
        self.0.iter().find(|(_, kept_out)| kept_out == key).map(|(name, _)| name.as_str())
    }
}
