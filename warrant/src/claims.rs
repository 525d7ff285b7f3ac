//! What a link says. Values of these types were read from a link of good form; whether they are true, only a
//! [`crate::Chain`] can say.

mod detail;
mod lists;
mod read;

pub use detail::Detail;
pub(crate) use detail::{is_narrower, is_subset};
#[cfg(feature = "replay")]
pub(crate) use read::read_details;
pub(crate) use read::{Reading, read};

use crate::{Digest, key::PublicKey, key::Thumbprint, time::Seconds};

/// The claims of one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub(crate) iss: Box<str>,
    pub(crate) sub: Box<str>,
    pub(crate) aud: Vec<Box<str>>,
    pub(crate) jti: Box<str>,
    pub(crate) times: Times,
    pub(crate) cnf: Holder,
    pub(crate) depth: u64,
    pub(crate) max_depth: u64,
    pub(crate) use_max: Option<u32>,
    pub(crate) env: Environment,
    pub(crate) att: Option<Vec<Box<str>>>,
    pub(crate) details: Vec<Detail>,
    pub(crate) place: Place,
}

/// The holder's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The key, as the link has it.
    Key(PublicKey),
    /// Only its name: in a chain out of a record, under which nothing can be verified.
    Named(Thumbprint),
}

/// When a link holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was minted.
    pub iat: Seconds,
    /// From when it holds.
    pub nbf: Seconds,
    /// From when it no longer holds; after `nbf`.
    pub exp: Seconds,
}

/// What only a root says, or only a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first of a chain, by an authority.
    Root(Box<Root>),
    /// A delegation: the key that must have signed it, and the digest of its parent's signing input.
    Link {
        /// The thumbprint that its `iss` names.
        signer: Thumbprint,
        /// The digest of its parent's signing input.
        parent: Digest,
    },
    /// A delegation out of a record, which says of the two only whether they held.
    Recalled,
}

impl Holder {
    /// The key's name.
    pub fn thumbprint(&self) -> Thumbprint {
        match self {
            Self::Key(key) => key.thumbprint(),
            Self::Named(name) => *name,
        }
    }

    /// The key; `None` out of a record.
    pub const fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::Key(key) => Some(key),
            Self::Named(_) => None,
        }
    }
}

/// What only a root says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Root {
    pub(crate) txn: Box<str>,
    pub(crate) ini: Option<Starter>,
    pub(crate) pol: Option<Box<str>>,
    pub(crate) dec: Option<Box<str>>,
    pub(crate) attr: Option<Attribution>,
}

/// On whose behalf this runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starter {
    /// Who knows the person or workload.
    pub iss: Box<str>,
    /// The person or workload.
    pub sub: Box<str>,
}

/// Short texts for those who read records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// The run that this execution belongs to.
    pub run: Option<Box<str>>,
    /// The agent, as people call it.
    pub agent: Option<Box<str>>,
    /// What it is for.
    pub purpose: Option<Box<str>>,
}

/// The environments that a link may be used in: for each dimension that it names, a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(pub(crate) Vec<(Box<str>, Vec<Box<str>>)>);

impl Environment {
    /// Each dimension with its set.
    pub fn dimensions(&self) -> impl Iterator<Item = (&str, &[Box<str>])> {
        self.0.iter().map(|(dimension, values)| (&**dimension, values.as_slice()))
    }

    /// The set of one dimension.
    pub fn get(&self, dimension: &str) -> Option<&[Box<str>]> {
        self.0.iter().find(|(own, _)| &**own == dimension).map(|(_, values)| values.as_slice())
    }

    /// Whether a server is inside, given the one value that it has for a dimension.
    pub fn holds<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.dimensions().all(|(dimension, values)| {
            value_of(dimension).is_some_and(|value| values.iter().any(|allowed| &**allowed == value))
        })
    }
}

impl Claims {
    /// A root's: the authority's URL. A link's: the thumbprint URI of its parent's key.
    pub fn iss(&self) -> &str {
        &self.iss
    }

    /// The holder; on a link only what its parent says.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The meshes that it is for.
    pub fn aud(&self) -> &[Box<str>] {
        &self.aud
    }

    /// Its name; revocation and use are counted by the path of these.
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// When it holds.
    pub const fn times(&self) -> Times {
        self.times
    }

    /// From when it no longer holds.
    pub const fn exp(&self) -> Seconds {
        self.times.exp
    }

    /// How long it holds.
    pub const fn lifetime(&self) -> u64 {
        self.times.exp.get().saturating_sub(self.times.nbf.get())
    }

    /// The holder's key, which signs the next link and the proof.
    pub const fn cnf(&self) -> &Holder {
        &self.cnf
    }

    /// Its position as it says.
    pub const fn depth(&self) -> u64 {
        self.depth
    }

    /// The deepest position that a delegation of it may have.
    pub const fn max_depth(&self) -> u64 {
        self.max_depth
    }

    /// How often it may be used; `None` is as often as its time allows.
    pub const fn use_max(&self) -> Option<u32> {
        self.use_max
    }

    /// Where it may be used.
    pub const fn env(&self) -> &Environment {
        &self.env
    }

    /// The measurements that it is bound to; `None` is no attestation at all.
    pub fn att(&self) -> Option<&[Box<str>]> {
        self.att.as_deref()
    }

    /// What may be done: the union of these.
    pub fn details(&self) -> &[Detail] {
        &self.details
    }

    /// What only a root says, or only a link.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// What only a root says.
    pub fn as_root(&self) -> Option<&Root> {
        match &self.place {
            Place::Root(root) => Some(root),
            Place::Link { .. } | Place::Recalled => None,
        }
    }
}

impl Root {
    /// The lineage's name.
    pub fn txn(&self) -> &str {
        &self.txn
    }

    /// On whose behalf it runs.
    pub const fn ini(&self) -> Option<&Starter> {
        self.ini.as_ref()
    }

    /// The digest of the bundle under which it was issued.
    pub fn pol(&self) -> Option<&str> {
        self.pol.as_deref()
    }

    /// The decision by which it was issued.
    pub fn dec(&self) -> Option<&str> {
        self.dec.as_deref()
    }

    /// Texts for those who read records.
    pub const fn attr(&self) -> Option<&Attribution> {
        self.attr.as_ref()
    }
}
