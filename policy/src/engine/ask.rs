//! What is asked of the policy: facts only, each of them proved before.

use std::collections::BTreeMap;

use warrant::Seconds;

use crate::arguments::Arguments;
use crate::documents::Posture;

/// Who is asking, as far as that is proved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Named by a certificate, or by the authority in a root.
    Agent(String),
    /// A delegated key, by its thumbprint: its holder's name is only its parent's word.
    Key(String),
}

#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub principal: &'a Principal,
    pub now: Seconds,
    /// What the route derives: the method, unless it says otherwise.
    pub action: &'a str,
    pub method: &'a str,
    /// Canonical.
    pub host: &'a str,
    /// Raw.
    pub path: &'a str,
    pub args: &'a Arguments,
    pub posture: Posture,
    /// Exactly the dimensions that the route names.
    pub environment: &'a BTreeMap<String, String>,
    /// Exactly the conditions that the route names.
    pub conditions: &'a BTreeMap<String, String>,
    pub warrant: Lineage<'a>,
}

/// What a policy may know of the lineage.
#[derive(Clone, Copy, Debug)]
pub struct Lineage<'a> {
    pub depth: u8,
    /// The authority that issued the root.
    pub issuer: &'a str,
    /// The root's `sub`.
    pub root: &'a str,
    /// The root's `ini`.
    pub started_by: Option<Starter<'a>>,
    pub attr: Attribution<'a>,
}

#[derive(Clone, Copy, Debug)]
pub struct Starter<'a> {
    pub iss: &'a str,
    pub sub: &'a str,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Attribution<'a> {
    pub run: Option<&'a str>,
    pub agent: Option<&'a str>,
    pub purpose: Option<&'a str>,
}
