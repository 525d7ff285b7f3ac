//! `kind: Mesh`: the audience, the caps, and whom the mesh believes.

use warrant::{Issuer, PublicKey, SubjectPattern, Terms, Trust};

use super::kind::{Kind, open};
use super::words;
use crate::fault::{Page, Place, Placed};
use crate::strict::{Members, Node, canonical, list, members, string, texts};

/// A signed note may keep a bundle in force no longer than this at a time.
const LONGEST_NOTE: u64 = 30 * 24 * 3600;

#[derive(Debug)]
pub(crate) struct Mesh {
    pub(crate) terms: Terms,
    pub(crate) attestation_max_age: u64,
    pub(crate) burner: String,
    pub(crate) trust: Trust,
    pub(crate) attestors: Vec<Attestor>,
    pub(crate) notes: Notes,
}

/// Who may state things about workloads and environments.
#[derive(Clone, Debug)]
pub struct Attestor {
    pub iss: String,
    pub keys: Vec<(String, PublicKey)>,
    /// Certificates (base64 of their DER) to which an `x5c` chain may lead.
    pub anchors: Vec<String>,
    pub about: Vec<SubjectPattern>,
}

/// Online keys, good for notes only.
#[derive(Clone, Debug)]
pub struct Notes {
    pub keys: Vec<PublicKey>,
    pub max_age: u64,
}

pub(crate) fn read(node: &Node, page: Page<'_>) -> Option<Mesh> {
    let document = open(node, Kind::Mesh, page)?;
    let known =
        ["audience", "maxLifetime", "attestationMaxAge", "leeway", "burner", "issuers", "attestors", "notes"];
    let spec = members(document.members.need("spec", page)?, &known, page)?;
    let terms = terms(spec, page);
    let attestation_max_age =
        spec.need("attestationMaxAge", page).and_then(|node| words::duration(node, page));
    let burner = spec.need("burner", page).and_then(|node| plain(node, page));
    let trust = spec.need("issuers", page).and_then(|node| trust(node, page));
    let attestors = match spec.get("attestors") {
        Some(node) => all(list(node, page)?, |node| attestor(node, page)),
        None => Some(Vec::new()),
    };
    let notes = spec.need("notes", page).and_then(|node| notes(node, page));
    Some(Mesh {
        terms: terms?,
        attestation_max_age: attestation_max_age?,
        burner: burner?,
        trust: trust?,
        attestors: attestors?,
        notes: notes?,
    })
}

fn terms(spec: Members<'_>, page: Page<'_>) -> Option<Terms> {
    let audience = spec.need("audience", page).and_then(|node| plain(node, page));
    let max_lifetime = spec.need("maxLifetime", page).and_then(|node| words::duration(node, page));
    let leeway = match spec.get("leeway") {
        Some(node) => words::duration(node, page),
        None => Some(0),
    };
    match Terms::new(audience?, max_lifetime?, leeway?) {
        Ok(terms) => Some(terms),
        Err(error) => {
            page.fault(
                spec.place("leeway"),
                error.to_string(),
                "leeway is at most 30s, and maxLifetime is not nothing",
            );
            None
        }
    }
}

fn trust(node: &Node, page: Page<'_>) -> Option<Trust> {
    let issuers = all(list(node, page)?, |node| issuer(node, page))?;
    match Trust::new(issuers) {
        Ok(trust) => Some(trust),
        Err(error) => {
            page.fault(
                node.at,
                error.to_string(),
                "let each subject be vouched for by one issuer, and each `kid` name one key",
            );
            None
        }
    }
}

fn issuer(node: &Node, page: Page<'_>) -> Option<Issuer> {
    let spec = members(node, &["iss", "keys", "subjects", "starters"], page)?;
    let iss = spec.need("iss", page).and_then(|node| plain(node, page));
    let keys = spec.need("keys", page).and_then(|node| named_keys(node, page));
    let subjects = spec.need("subjects", page).and_then(|node| patterns(node, page));
    let starters = match spec.get("starters") {
        Some(node) => texts(node, page).map(|list| list.into_iter().map(|text| text.value).collect()),
        None => Some(Vec::new()),
    };
    Some(Issuer { iss: iss?, keys: keys?, subjects: subjects?, starters: starters? })
}

fn attestor(node: &Node, page: Page<'_>) -> Option<Attestor> {
    let spec = members(node, &["iss", "keys", "anchors", "about"], page)?;
    if spec.get("keys").is_none() && spec.get("anchors").is_none() {
        page.fault(
            spec.at,
            "an attestor with neither `keys` nor `anchors`",
            "write the keys that sign its statements, or the anchors that their chains lead to",
        );
        return None;
    }
    let iss = spec.need("iss", page).and_then(|node| plain(node, page));
    let keys = spec.get("keys").map_or(Some(Vec::new()), |node| named_keys(node, page));
    let anchors = spec.get("anchors").map_or(Some(Vec::new()), |node| texts(node, page));
    let about = spec.need("about", page).and_then(|node| patterns(node, page));
    Some(Attestor {
        iss: iss?,
        keys: keys?,
        anchors: anchors?.into_iter().map(|text| text.value).collect(),
        about: about?,
    })
}

fn notes(node: &Node, page: Page<'_>) -> Option<Notes> {
    let spec = members(node, &["keys", "maxAge"], page)?;
    let keys = spec.need("keys", page).and_then(|node| all(list(node, page)?, |node| note_key(node, page)));
    let max_age = spec.need("maxAge", page).and_then(|node| {
        let age = words::duration(node, page)?;
        if age > LONGEST_NOTE {
            page.fault(
                node.at,
                format!("a note that holds for {age} seconds"),
                "at most 720h: past it a withdrawn bundle would still be in force",
            );
            return None;
        }
        Some(age)
    });
    Some(Notes { keys: keys?, max_age: max_age? })
}

fn note_key(node: &Node, page: Page<'_>) -> Option<PublicKey> {
    let key = public_key(node, page)?;
    if key.alg() != warrant::Algorithm::Ed25519 {
        page.fault(
            node.at,
            "a note key that is not Ed25519",
            "make one with `portcullis key new --alg Ed25519`",
        );
        return None;
    }
    Some(key)
}

fn named_keys(node: &Node, page: Page<'_>) -> Option<Vec<(String, PublicKey)>> {
    all(list(node, page)?, |node| {
        let spec = members(node, &["kid", "kty", "crv", "x", "y", "alg"], page)?;
        let node_of_kid = spec.need("kid", page)?;
        let kid = string(node_of_kid, page)?;
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if !(1..=64).contains(&kid.len()) || !kid.bytes().all(inside) {
            page.fault(
                node_of_kid.at,
                format!("`{kid}` is no key name"),
                "use 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`",
            );
            return None;
        }
        Some((kid.to_owned(), public_key(node, page)?))
    })
}

/// A public JWK, its `kid` aside: which members it has and whether they make a key is the law's to say.
pub fn public_key(node: &Node, page: Page<'_>) -> Option<PublicKey> {
    let mut jwk = node.clone();
    if let crate::strict::Value::Map(members) = &mut jwk.value {
        members.retain(|(key, _)| key.text != "kid");
    }
    match PublicKey::from_jwk(canonical::of(&jwk).as_bytes()) {
        Ok(key) => Some(key),
        Err(error) => {
            page.fault(
                node.at,
                format!("this is no public key: {error}"),
                "write the public JWK that `portcullis key show` prints, with `alg`",
            );
            None
        }
    }
}

/// Patterns of subjects or identities.
pub(crate) fn patterns(node: &Node, page: Page<'_>) -> Option<Vec<SubjectPattern>> {
    let written: Vec<Placed<String>> = texts(node, page)?;
    let read: Vec<_> = written.iter().filter_map(|text| pattern(text.at, &text.value, page)).collect();
    (read.len() == written.len()).then_some(read)
}

fn pattern(at: Place, text: &str, page: Page<'_>) -> Option<SubjectPattern> {
    let read = SubjectPattern::parse(text);
    if read.is_none() {
        page.fault(
            at,
            format!("`{text}` is no pattern of identities"),
            "write it whole, or end it in `/**` or `:*`; a `*` elsewhere would match more than it says",
        );
    }
    read
}

fn plain(node: &Node, page: Page<'_>) -> Option<String> {
    let text = string(node, page)?;
    if !words::is_plain(text) {
        page.fault(
            node.at,
            "a text that no warrant could carry",
            "use 1 to 256 printable ASCII characters, neither `\"` nor `\\`",
        );
        return None;
    }
    Some(text.to_owned())
}

/// Reads every item, so that each fault is told, and gives them only when all are good.
pub(crate) fn all<T>(items: &[Node], read: impl Fn(&Node) -> Option<T>) -> Option<Vec<T>> {
    let good: Vec<_> = items.iter().filter_map(read).collect();
    (good.len() == items.len()).then_some(good)
}
