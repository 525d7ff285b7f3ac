//! Reads `callers` of the mesh: the issuers whose tokens the API accepts.
//!
//! Only the form of keys is checked here. The server that verifies tokens decides which keys it can use.

use super::mesh::read_all;
use super::scalars;
use crate::fault::{FileFaults, Place};
use crate::strict::{Form, Members, Node, canonical, formed, list, members, string};

/// An issuer whose tokens name callers of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIssuer {
    pub iss: String,
    /// The one audience of its tokens for this mesh.
    pub audience: String,
    pub keys: CallerKeys,
    /// The claim that holds the caller's groups.
    pub groups: Option<String>,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerKeys {
    /// A JWK set, as JSON.
    Jwks(String),
    /// The https URL of a JWK set.
    JwksUri(String),
}

pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Vec<CallerIssuer>> {
    let items = list(node, faults)?;
    let read = read_all(items, |node| Some((node.at, issuer(node, faults)?)))?;
    check_are_different(&read, faults);
    Some(read.into_iter().map(|(_, issuer)| issuer).collect())
}

/// A token of one issuer and audience serves one use.
fn check_are_different(issuers: &[(Place, CallerIssuer)], faults: FileFaults<'_>) {
    for (position, (at, issuer)) in issuers.iter().enumerate() {
        let is_same =
            |(_, other): &(Place, CallerIssuer)| other.iss == issuer.iss && other.audience == issuer.audience;
        if issuers.iter().take(position).any(is_same) {
            faults.fault(
                *at,
                format!(
                    "a second entry for the issuer `{}` and the audience `{}`",
                    issuer.iss, issuer.audience
                ),
                "keep one of them",
            );
        }
    }
}

fn issuer(node: &Node, faults: FileFaults<'_>) -> Option<CallerIssuer> {
    let spec = members(node, &["iss", "audience", "jwks", "jwksUri", "groups"], faults)?;
    let iss = spec.need("iss", faults).and_then(|node| issuer_name(node, faults));
    let audience = spec.need("audience", faults).and_then(|node| scalars::plain(node, faults));
    let keys = keys(spec, faults);
    let groups = spec.get("groups").map_or(Some(None), |node| scalars::plain(node, faults).map(Some));
    Some(CallerIssuer { iss: iss?, audience: audience?, keys: keys?, groups: groups? })
}

/// The `iss` of tokens.
pub(super) fn issuer_name(node: &Node, faults: FileFaults<'_>) -> Option<String> {
    let form = Form {
        what: "a valid issuer of tokens",
        instead: "write the `iss` of its tokens; it cannot contain `|`, which separates it from a caller's name",
    };
    let is_issuer = |text: &str| scalars::is_plain(text) && !text.contains('|');
    formed(node, form, faults, |text| is_issuer(text).then(|| text.to_owned()))
}

/// The keys of an issuer of tokens: a set of them, or the URL of one.
pub(super) fn keys(spec: Members<'_>, faults: FileFaults<'_>) -> Option<CallerKeys> {
    match (spec.get("jwks"), spec.get("jwksUri")) {
        (Some(set), None) => key_set(set, faults).map(CallerKeys::Jwks),
        (None, Some(url)) => {
            let form = Form {
                what: "a URL that begins with `https://`",
                instead: "write the https URL at which the issuer publishes its keys",
            };
            formed(url, form, faults, |text| is_https(text).then(|| CallerKeys::JwksUri(text.to_owned())))
        }
        (Some(_), Some(_)) => {
            faults.fault(spec.at, "both `jwks` and `jwksUri`", "keep one of them");
            None
        }
        (None, None) => {
            if !spec.misspells("jwks") && !spec.misspells("jwksUri") {
                faults.fault(
                    spec.at,
                    "neither `jwks` nor `jwksUri`",
                    "write the issuer's keys, or the https URL at which it publishes them",
                );
            }
            None
        }
    }
}

/// An https URL with a host, and without a user, a password or a fragment.
fn is_https(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    scalars::is_plain(text) && !host.is_empty() && !rest.contains(['@', '#', ' '])
}

/// A JWK set, in canonical form.
fn key_set(node: &Node, faults: FileFaults<'_>) -> Option<String> {
    let keys = list(members(node, &["keys"], faults)?.need("keys", faults)?, faults)?;
    let names = read_all(keys, |node| Some((node.at, key(node, faults)?)))?;
    for (position, (at, name)) in names.iter().enumerate() {
        if names.iter().take(position).any(|(_, earlier)| earlier == name) {
            faults.fault(*at, format!("a second key is called `{name}`"), "give each key its own `kid`");
            return None;
        }
    }
    Some(canonical::of(node))
}

/// The name of a public key. Members for a private half are unknown here.
fn key(node: &Node, faults: FileFaults<'_>) -> Option<String> {
    let before = faults.count();
    let spec = members(node, KEY_MEMBERS, faults)?;
    if faults.count() != before {
        return None;
    }
    let parts: &[&str] =
        scalars::one_of(spec.need("kty", faults)?, &[("RSA", RSA), ("EC", EC), ("OKP", OKP)], faults)?;
    for part in parts {
        string(spec.need(part, faults)?, faults)?;
    }
    string(spec.need("kid", faults)?, faults).map(str::to_owned)
}

const KEY_MEMBERS: &[&str] =
    &["kid", "kty", "alg", "use", "key_ops", "n", "e", "crv", "x", "y", "x5c", "x5t", "x5t#S256"];
const RSA: &[&str] = &["n", "e"];
const EC: &[&str] = &["crv", "x", "y"];
const OKP: &[&str] = &["crv", "x"];
