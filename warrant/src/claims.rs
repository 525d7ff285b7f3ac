//! The claims of a link. They were read from a link of good form; only a [`crate::Chain`] says whether they are true.

mod detail;
mod read;
mod strings;

pub use detail::Detail;
pub(crate) use detail::{is_narrower, is_subset};
#[cfg(any(feature = "mint", feature = "replay"))]
pub(crate) use read::read_details;
pub(crate) use read::{ReadMode, read};

use crate::{Digest, key::PublicKey, key::Thumbprint, time::Seconds};

/// The claims of one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub(crate) iss: Box<str>,
    pub(crate) sub: Box<str>,
    pub(crate) aud: Vec<Box<str>>,
    pub(crate) jti: Box<str>,
    pub(crate) times: Times,
    pub(crate) cnf: HolderKey,
    pub(crate) depth: u64,
    pub(crate) max_depth: u64,
    pub(crate) use_max: Option<u32>,
    pub(crate) env: Environment,
    pub(crate) att: Option<Vec<Box<str>>>,
    pub(crate) details: Vec<Detail>,
    pub(crate) kind: LinkKind,
}

/// The key of a link's holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderKey {
    /// The key that the link contains.
    Known(PublicKey),
    /// Only the thumbprint, in a chain from a record. It can verify nothing.
    ThumbprintOnly(Thumbprint),
}

/// When a link is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was minted.
    pub iat: Seconds,
    /// The first second at which it is valid.
    pub nbf: Seconds,
    /// The end: the link is valid before this second. Later than `nbf`.
    pub exp: Seconds,
}

/// Whether a link is a root or a delegation, with the claims that only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// The first link of a chain, signed by an authority.
    Root(Box<RootClaims>),
    /// A delegation.
    Delegation {
        /// The thumbprint of the key that must have signed it: its `iss`.
        signer: Thumbprint,
        /// The digest of its parent's signing input.
        parent: Digest,
    },
    /// A delegation from a record. The record only says whether its signer and parent were right.
    FromRecord,
}

impl HolderKey {
    /// The key's thumbprint.
    pub fn thumbprint(&self) -> Thumbprint {
        match self {
            Self::Known(key) => key.thumbprint(),
            Self::ThumbprintOnly(thumbprint) => *thumbprint,
        }
    }

    /// The key. `None` in a chain from a record.
    pub const fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::Known(key) => Some(key),
            Self::ThumbprintOnly(_) => None,
        }
    }
}

/// The claims that only a root has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootClaims {
    pub(crate) txn: Box<str>,
    pub(crate) ini: Option<Starter>,
    pub(crate) pol: Option<Box<str>>,
    pub(crate) dec: Option<Box<str>>,
    pub(crate) attr: Option<Attribution>,
}

/// The person or workload on whose behalf this runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starter {
    /// The issuer that knows the person or workload.
    pub iss: Box<str>,
    /// The person or workload.
    pub sub: Box<str>,
}

/// Short texts for people who read the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// The run that this execution belongs to.
    pub run: Option<Box<str>>,
    /// The agent's name for people.
    pub agent: Option<Box<str>>,
    /// The purpose.
    pub purpose: Option<Box<str>>,
}

/// Where a link may be used: for each dimension that it names, a set of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(pub(crate) Vec<(Box<str>, Vec<Box<str>>)>);

impl Environment {
    /// Each dimension with its values.
    pub fn dimensions(&self) -> impl Iterator<Item = (&str, &[Box<str>])> {
        self.0.iter().map(|(dimension, values)| (&**dimension, values.as_slice()))
    }

    /// The values of one dimension.
    pub fn get(&self, dimension: &str) -> Option<&[Box<str>]> {
        self.0.iter().find(|(own, _)| &**own == dimension).map(|(_, values)| values.as_slice())
    }

    /// Whether a server is inside. `value_of` gives the server's one value for a dimension.
    pub fn contains<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.dimensions().all(|(dimension, values)| {
            value_of(dimension).is_some_and(|value| values.iter().any(|allowed| &**allowed == value))
        })
    }
}

impl Claims {
    /// On a root, the authority's URL. On a delegation, the thumbprint URI of its parent's key.
    pub fn iss(&self) -> &str {
        &self.iss
    }

    /// The holder. On a delegation, only the delegating holder vouches for it.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The meshes for which it is valid.
    pub fn aud(&self) -> &[Box<str>] {
        &self.aud
    }

    /// Its `jti`. Revocations and uses are identified by the path of these ids.
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// When it is valid.
    pub const fn times(&self) -> Times {
        self.times
    }

    /// The end: the link is valid before this second.
    pub const fn exp(&self) -> Seconds {
        self.times.exp
    }

    /// How many seconds it is valid.
    pub const fn lifetime(&self) -> u64 {
        self.times.exp.get().saturating_sub(self.times.nbf.get())
    }

    /// The holder's key. It signs the next link and the proof.
    pub const fn cnf(&self) -> &HolderKey {
        &self.cnf
    }

    /// Its position in the chain, as the link claims it.
    pub const fn depth(&self) -> u64 {
        self.depth
    }

    /// The deepest position that a delegation below it may have.
    pub const fn max_depth(&self) -> u64 {
        self.max_depth
    }

    /// How often it may be used. `None` means no limit.
    pub const fn use_max(&self) -> Option<u32> {
        self.use_max
    }

    /// Where it may be used.
    pub const fn env(&self) -> &Environment {
        &self.env
    }

    /// The measurements that it is bound to. `None` means that it needs no attestation.
    pub fn att(&self) -> Option<&[Box<str>]> {
        self.att.as_deref()
    }

    /// What it allows: the union of these details.
    pub fn details(&self) -> &[Detail] {
        &self.details
    }

    /// Whether it is a root or a delegation.
    pub const fn kind(&self) -> &LinkKind {
        &self.kind
    }

    /// The claims that only a root has. `None` on a delegation.
    pub fn as_root(&self) -> Option<&RootClaims> {
        match &self.kind {
            LinkKind::Root(root) => Some(root),
            LinkKind::Delegation { .. } | LinkKind::FromRecord => None,
        }
    }
}

impl RootClaims {
    /// The lineage's name.
    pub fn txn(&self) -> &str {
        &self.txn
    }

    /// The person or workload on whose behalf it runs.
    pub const fn ini(&self) -> Option<&Starter> {
        self.ini.as_ref()
    }

    /// The digest of the bundle that was in force when it was issued.
    pub fn pol(&self) -> Option<&str> {
        self.pol.as_deref()
    }

    /// The decision by which it was issued.
    pub fn dec(&self) -> Option<&str> {
        self.dec.as_deref()
    }

    /// Texts for people who read the records.
    pub const fn attr(&self) -> Option<&Attribution> {
        self.attr.as_ref()
    }
}
