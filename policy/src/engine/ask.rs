//! The question that Cedar is asked: only facts that were proved before.

use std::collections::BTreeMap;

use warrant::{Attribution, Seconds, Starter};

use crate::arguments::Arguments;
use crate::documents::Posture;

/// The caller, as far as it is proved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Named by a certificate, or by the authority in a root warrant.
    Agent(String),
    /// A delegated key, by its thumbprint. Only its parent gives its holder a name, and that proves nothing.
    Key(String),
}

#[derive(Clone, Copy, Debug)]
pub struct PolicyQuery<'a> {
    pub principal: &'a Principal,
    pub now: Seconds,
    /// The action that the route derives: the method, unless the route says otherwise.
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

/// What a policy may know about the lineage.
#[derive(Clone, Copy, Debug)]
pub struct Lineage<'a> {
    pub depth: u8,
    /// The authority that issued the root.
    pub issuer: &'a str,
    /// The root's `sub`.
    pub root: &'a str,
    /// The root's `ini`.
    pub started_by: Option<&'a Starter>,
    /// The root's `attr`.
    pub attr: Option<&'a Attribution>,
}
