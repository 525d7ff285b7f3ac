//! Reads `kind: Mesh`: the audience, the limits, who is trusted (issuers, attestors, callers, subjects, and keys for notes), and
//! what may be granted.

use std::collections::{BTreeMap, BTreeSet};

use warrant::{Issuer, PublicKey, SubjectPattern, Terms, Trust};

use super::attestors::{self, Attestor};
use super::caller_issuers::{self, CallerIssuer};
use super::grants::{self, GrantTerms};
use super::kind::{DocumentKind, open};
use super::subject_issuers::{self, PlacedSubjectIssuer};
use super::{scalars, stream_limit, times};
use crate::fault::{FileFaults, Placed};
use crate::strict::{Form, Members, Node, canonical, formed, list, members, natural};

/// The longest time for which one signed note may keep a bundle in force, in seconds.
const LONGEST_NOTE: u64 = 30 * 24 * 3600;

/// The longest lifetime that a mesh may allow its warrants, in seconds.
const LONGEST_LIFETIME: u64 = 24 * 3600;

#[derive(Debug)]
pub(crate) struct Mesh {
    pub(crate) terms: Terms,
    pub(crate) attestation_max_age: u64,
    /// How long any allowed stream may run, in seconds.
    pub(crate) max_stream: u64,
    pub(crate) burner: String,
    pub(crate) trust: Trust,
    pub(crate) attestors: Vec<Attestor>,
    pub(crate) callers: Vec<CallerIssuer>,
    pub(crate) subjects: Vec<PlacedSubjectIssuer>,
    pub(crate) grants: Vec<(Placed<String>, GrantTerms)>,
    pub(crate) notes: Notes,
    /// Who may sign the routes of teams over this base; `None` if they are signed with everything else.
    pub(crate) routes_by: Option<RoutesBy>,
}

/// The keys that may sign the routes of teams, and how many must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoutesBy {
    pub(crate) threshold: u32,
    pub(crate) keys: Vec<PublicKey>,
}

/// Online keys. They can sign only notes.
#[derive(Clone, Debug)]
pub struct Notes {
    pub keys: Vec<PublicKey>,
    pub max_age: u64,
}

pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Mesh> {
    let document = open(node, DocumentKind::Mesh, faults)?;
    let known = [
        "audience",
        "maxLifetime",
        "attestationMaxAge",
        "leeway",
        "maxStream",
        "burner",
        "issuers",
        "attestors",
        "callers",
        "subjects",
        "grants",
        "notes",
        "routesBy",
    ];
    let spec = members(document.members.need("spec", faults)?, &known, faults)?;
    let terms = terms(spec, faults);
    let attestation_max_age =
        spec.need("attestationMaxAge", faults).and_then(|node| times::duration(node, faults));
    let max_stream = match spec.get("maxStream") {
        Some(node) => stream_limit::read(node, faults).map(|limit| limit.value),
        None => Some(stream_limit::OF_A_MESH),
    };
    let burner = spec.need("burner", faults).and_then(|node| scalars::plain(node, faults));
    let trust = spec.need("issuers", faults).and_then(|node| trust(node, faults));
    let attestors = spec.get("attestors").map_or(Some(Vec::new()), |node| attestors::read(node, faults));
    let callers = spec.get("callers").map_or(Some(Vec::new()), |node| caller_issuers::read(node, faults));
    let subjects = spec.get("subjects").map_or(Some(Vec::new()), |node| subject_issuers::read(node, faults));
    let grants = spec.get("grants").map_or(Some(Vec::new()), |node| grants::read(node, faults));
    let notes = spec.need("notes", faults).and_then(|node| notes(node, faults));
    let routes_by = spec.get("routesBy").map_or(Some(None), |node| routes_by(node, faults).map(Some));
    let signs_routes = routes_by.iter().flatten().next();
    check_one_role(spec, trust.as_ref(), attestors.as_deref(), notes.as_ref(), signs_routes, faults);
    Some(Mesh {
        terms: terms?,
        attestation_max_age: attestation_max_age?,
        max_stream: max_stream?,
        burner: burner?,
        trust: trust?,
        attestors: attestors?,
        callers: callers?,
        subjects: subjects?,
        grants: grants?,
        notes: notes?,
        routes_by: routes_by?,
    })
}

/// A key has one role: what it signs for one purpose could be taken for something else.
fn check_one_role(
    spec: Members<'_>,
    trust: Option<&Trust>,
    attestors: Option<&[Attestor]>,
    notes: Option<&Notes>,
    routes_by: Option<&RoutesBy>,
    faults: FileFaults<'_>,
) {
    let issuers = trust.into_iter().flat_map(Trust::issuers).flat_map(|issuer| &issuer.keys);
    let attestors = attestors.into_iter().flatten().flat_map(|attestor| &attestor.keys);
    let notes = notes.into_iter().flat_map(|notes| &notes.keys);
    let all = issuers.map(|(_, key)| ("issuers", key));
    let routes_by = routes_by.into_iter().flat_map(|by| &by.keys);
    let all = all.chain(attestors.map(|(_, key)| ("attestors", key)));
    let all = all.chain(notes.map(|key| ("notes", key))).chain(routes_by.map(|key| ("routesBy", key)));
    let mut roles: BTreeMap<&PublicKey, &str> = BTreeMap::new();
    for (role, key) in all {
        let first = *roles.entry(key).or_insert(role);
        if first != role {
            faults.fault(
                spec.place(role),
                format!("the key {} is under `{first}` too", key.thumbprint()),
                "make another one with `portcullis key new --out <file>`: a key signs for one purpose only",
            );
        }
    }
}

fn terms(spec: Members<'_>, faults: FileFaults<'_>) -> Option<Terms> {
    let audience = spec.need("audience", faults).and_then(|node| scalars::plain(node, faults));
    let max_lifetime = spec.need("maxLifetime", faults).and_then(|node| max_lifetime(node, faults));
    let leeway = match spec.get("leeway") {
        Some(node) => times::duration(node, faults),
        None => Some(0),
    };
    let place = spec.place("leeway");
    // With a lifetime that has a fault of its own, the leeway is still checked.
    match Terms::new(audience.as_deref().unwrap_or("-"), max_lifetime.unwrap_or(1), leeway?) {
        Ok(terms) => (audience.is_some() && max_lifetime.is_some()).then_some(terms),
        Err(error) => {
            faults.fault(place, error.to_string(), "write at most `30s`, or leave the key out");
            None
        }
    }
}

fn max_lifetime(node: &Node, faults: FileFaults<'_>) -> Option<u64> {
    let lifetime = times::duration(node, faults)?;
    if lifetime > LONGEST_LIFETIME {
        faults.fault(
            node.at,
            format!("`maxLifetime` of the mesh is {lifetime} seconds"),
            "write at most `24h`: revocations are only kept a little longer",
        );
        return None;
    }
    Some(lifetime)
}

fn trust(node: &Node, faults: FileFaults<'_>) -> Option<Trust> {
    let issuers = read_all(list(node, faults)?, |node| issuer(node, faults))?;
    match Trust::new(issuers) {
        Ok(trust) => Some(trust),
        Err(error) => {
            faults.fault(
                node.at,
                error.to_string(),
                "give each holder one issuer, each issuer one entry, and each of its keys its own `kid`",
            );
            None
        }
    }
}

fn issuer(node: &Node, faults: FileFaults<'_>) -> Option<Issuer> {
    let spec = members(node, &["iss", "keys", "subjects", "starters"], faults)?;
    let iss = spec.need("iss", faults).and_then(|node| scalars::plain(node, faults));
    let keys = spec.need("keys", faults).and_then(|node| named_keys(node, faults));
    let subjects = spec.need("subjects", faults).and_then(|node| patterns(node, faults));
    let starters = match spec.get("starters") {
        Some(node) => {
            list(node, faults).and_then(|items| read_all(items, |node| scalars::plain(node, faults)))
        }
        None => Some(Vec::new()),
    };
    Some(Issuer { iss: iss?, keys: keys?, subjects: subjects?, starters: starters? })
}

fn notes(node: &Node, faults: FileFaults<'_>) -> Option<Notes> {
    let spec = members(node, &["keys", "maxAge"], faults)?;
    let keys = spec
        .need("keys", faults)
        .and_then(|node| read_all(list(node, faults)?, |node| signing_key(node, "notes", faults)));
    let max_age = spec.need("maxAge", faults).and_then(|node| {
        let age = times::duration(node, faults)?;
        if age > LONGEST_NOTE {
            faults.fault(
                node.at,
                format!("`maxAge` of a note is {age} seconds"),
                "the maximum is 720h: with a longer note a withdrawn bundle would stay in force too long",
            );
            return None;
        }
        Some(age)
    });
    Some(Notes { keys: keys?, max_age: max_age? })
}

fn routes_by(node: &Node, faults: FileFaults<'_>) -> Option<RoutesBy> {
    let spec = members(node, &["threshold", "keys"], faults)?;
    let keys = spec
        .need("keys", faults)
        .and_then(|node| read_all(list(node, faults)?, |node| signing_key(node, "routes", faults)));
    let threshold = spec.need("threshold", faults).and_then(|node| natural(node, 1, 64, faults));
    let (keys, threshold) = (keys?, threshold?);
    let distinct: BTreeSet<_> = keys.iter().collect();
    if distinct.len() != keys.len() {
        faults.fault(spec.place("keys"), "a key occurs twice", "write each key once: it counts once");
        return None;
    }
    let threshold = u32::try_from(threshold).ok()?;
    if usize::try_from(threshold).is_ok_and(|threshold| threshold > keys.len()) {
        faults.fault(
            spec.place("threshold"),
            format!("{threshold} keys must sign, but only {} are listed", keys.len()),
            "write a smaller number, or list more keys",
        );
        return None;
    }
    Some(RoutesBy { threshold, keys })
}

fn signing_key(node: &Node, what: &str, faults: FileFaults<'_>) -> Option<PublicKey> {
    let key = public_key(node, faults)?;
    if key.alg() != warrant::Algorithm::Ed25519 {
        faults.fault(
            node.at,
            format!("the key for {what} is not an Ed25519 key"),
            "make one with `portcullis key new --alg ed25519 --out <file>`, and write what `portcullis key show <file>` prints",
        );
        return None;
    }
    Some(key)
}

pub(super) fn named_keys(node: &Node, faults: FileFaults<'_>) -> Option<Vec<(String, PublicKey)>> {
    read_all(list(node, faults)?, |node| {
        let before = faults.count();
        let spec = members(node, &["kid", "kty", "crv", "x", "y", "alg"], faults)?;
        let has_unknown_keys = faults.count() != before;
        let form = Form { what: "a valid `kid`", instead: "use 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`" };
        let kid = spec
            .need("kid", faults)
            .and_then(|node| formed(node, form, faults, |text| is_kid(text).then(|| text.to_owned())));
        // Without the key that was misspelt it is not a public key either.
        let key = if has_unknown_keys { None } else { public_key(node, faults) };
        Some((kid?, key?))
    })
}

fn is_kid(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(inside)
}

/// A public JWK without its `kid`. `warrant` decides whether its members are a valid key.
pub fn public_key(node: &Node, faults: FileFaults<'_>) -> Option<PublicKey> {
    let mut jwk = node.clone();
    if let crate::strict::NodeValue::Map(members) = &mut jwk.value {
        members.retain(|(key, _)| key.text != "kid");
    }
    match PublicKey::from_jwk(canonical::of(&jwk).as_bytes()) {
        Ok(key) => Some(key),
        Err(error) => {
            faults.fault(
                node.at,
                format!("this is not a valid public key: {error}"),
                "write the public JWK that `portcullis key show <file>` prints",
            );
            None
        }
    }
}

/// The patterns of subjects or identities, if all can be read.
pub(crate) fn patterns(node: &Node, faults: FileFaults<'_>) -> Option<Vec<SubjectPattern>> {
    read_all(list(node, faults)?, |node| pattern(node, faults))
}

pub(super) fn pattern(node: &Node, faults: FileFaults<'_>) -> Option<SubjectPattern> {
    let form = Form {
        what: "a valid pattern of identities",
        instead: "write the full identity, or end it with `/**` or `:*`; a `*` is not allowed elsewhere",
    };
    formed(node, form, faults, SubjectPattern::parse)
}

/// Reads every item, so that every fault is found. Returns them only if all are valid.
pub(crate) fn read_all<T>(items: &[Node], read: impl Fn(&Node) -> Option<T>) -> Option<Vec<T>> {
    let good: Vec<_> = items.iter().filter_map(read).collect();
    (good.len() == items.len()).then_some(good)
}
