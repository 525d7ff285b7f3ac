//! A chain from a record, so that a decision can be judged again without any token.
//!
//! Nothing is verified here: only the record says that the signatures held. So the result has a type of its own. The
//! judge can read it like a chain, and nobody can present it.

use crate::{
    chain::Chain,
    claims::{
        Attribution, Claims, Detail, Environment, HolderKey, LinkKind, ReadMode, RootClaims, Starter, Times,
        read_details,
    },
    json::{JsonReader, Parsed},
    key::Thumbprint,
    trust::Trust,
};

/// The parts of a link that a record keeps.
#[derive(Clone, Debug, Default)]
pub struct LinkFromRecord {
    /// Its issuer.
    pub iss: String,
    /// The holder.
    pub sub: String,
    /// The meshes for which it is valid.
    pub aud: Vec<String>,
    /// Its name.
    pub jti: String,
    /// Its `iat`, `nbf` and `exp`, in seconds.
    pub times: [u64; 3],
    /// The thumbprint of the holder's key.
    pub cnf: String,
    /// Its position in the chain, as the link claims it.
    pub depth: u64,
    /// The deepest position that a delegation below it may have.
    pub max_depth: u64,
    /// How often it may be used.
    pub use_max: Option<u32>,
    /// Where it may be used.
    pub env: Vec<(String, Vec<String>)>,
    /// The measurements that it is bound to.
    pub att: Option<Vec<String>>,
    /// Its `authorization_details` as JSON.
    pub details: Vec<u8>,
    /// Only of a root: the lineage's name, and the issuer and name of the person or workload on whose behalf it runs.
    pub root: Option<(String, Option<(String, String)>)>,
    /// Only of a root: the texts `run`, `agent` and `purpose`.
    pub attr: Option<[Option<String>; 3]>,
}

/// A chain that was verified according to a record. It can be judged. It cannot be turned into a warrant.
#[derive(Clone, Debug)]
pub struct ChainFromRecord(Chain);

impl ChainFromRecord {
    /// The chain of these links, the root first. `is_bound` says whether each link named the one before it. `trust` is
    /// what was trusted at that time, and has the root's key. `None` when such a chain could not have been verified.
    pub fn of(links: Vec<LinkFromRecord>, is_bound: bool, kid: &str, trust: &Trust) -> Option<Self> {
        let claims: Vec<Claims> = links.into_iter().map(claims).collect::<Option<_>>()?;
        let root = claims.first()?;
        let only_the_first_is_a_root = claims.iter().skip(1).all(|link| link.as_root().is_none());
        let starter =
            root.as_root().filter(|_| only_the_first_is_a_root)?.ini.as_ref().map(|starter| &*starter.iss);
        let key = *trust.key_for(&root.iss, kid, &root.sub, starter).ok()?;
        Some(Self(Chain::from_record(claims, is_bound, kid.into(), key)))
    }
}

/// For the judge only: it reads claims, and verifies nothing.
impl std::ops::Deref for ChainFromRecord {
    type Target = Chain;

    fn deref(&self) -> &Chain {
        &self.0
    }
}

fn claims(link: LinkFromRecord) -> Option<Claims> {
    let [iat, nbf, exp] = link.times.map(crate::time::Seconds::new);
    let kind = match link.root {
        None => LinkKind::FromRecord,
        Some((txn, ini)) => {
            let ini = ini.map(|(iss, sub)| Starter { iss: iss.into(), sub: sub.into() });
            let attr = link.attr.map(|texts| {
                let [run, agent, purpose] = texts.map(|text| text.map(String::into_boxed_str));
                Attribution { run, agent, purpose }
            });
            LinkKind::Root(Box::new(RootClaims { txn: txn.into(), ini, pol: None, dec: None, attr }))
        }
    };
    Some(Claims {
        iss: link.iss.into(),
        sub: link.sub.into(),
        aud: boxed(link.aud),
        jti: link.jti.into(),
        times: Times { iat, nbf, exp },
        cnf: HolderKey::ThumbprintOnly(Thumbprint::parse(&link.cnf)?),
        depth: link.depth,
        max_depth: link.max_depth,
        use_max: link.use_max,
        env: Environment(link.env.into_iter().map(|(name, set)| (name.into(), boxed(set))).collect()),
        att: link.att.map(boxed),
        details: details(&link.details).ok()?,
        kind,
    })
}

/// Reads details with the reader that also reads them from a token.
fn details(json: &[u8]) -> Parsed<Vec<Detail>> {
    let mut reader = JsonReader::new(json)?;
    let read = read_details(&mut reader, ReadMode::Keep)?;
    reader.end().map(|()| read)
}

fn boxed(texts: Vec<String>) -> Vec<Box<str>> {
    texts.into_iter().map(String::into_boxed_str).collect()
}
