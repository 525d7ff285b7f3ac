//! A chain out of a record, so that a decision can be judged again without any token.
//!
//! Nothing here was verified: that the signatures held is what the record says. So what comes out is a type of its own,
//! which a judge can read like a chain and nobody can present.

use crate::{
    chain::Chain,
    claims::{
        Attribution, Claims, Detail, Environment, Holder, Place, Reading, Root, Starter, Times, read_details,
    },
    json::{Malformed, Reader},
    key::Thumbprint,
    trust::Trust,
};

/// What a record keeps of a link.
#[derive(Clone, Debug, Default)]
pub struct LinkOnRecord {
    /// Who issued it.
    pub iss: String,
    /// The holder.
    pub sub: String,
    /// The meshes.
    pub aud: Vec<String>,
    /// Its name.
    pub jti: String,
    /// When it was minted, from when it holds, from when no longer: in seconds.
    pub times: [u64; 3],
    /// The thumbprint of the holder's key.
    pub cnf: String,
    /// Its position as it says.
    pub depth: u64,
    /// The deepest position.
    pub max_depth: u64,
    /// How often it may be used.
    pub use_max: Option<u32>,
    /// Where it may be used.
    pub env: Vec<(String, Vec<String>)>,
    /// The measurements that it is bound to.
    pub att: Option<Vec<String>>,
    /// Its `authorization_details` as JSON.
    pub details: Vec<u8>,
    /// What only a root says: its lineage's name, and on whose behalf it runs.
    pub root: Option<(String, Option<(String, String)>)>,
    /// What a root says for those who read records: run, agent, purpose.
    pub attr: Option<[Option<String>; 3]>,
}

/// A chain that a record says was verified. It can be judged; there is no way from it to a warrant.
#[derive(Clone, Debug)]
pub struct Recalled(Chain);

impl Recalled {
    /// The chain of these links, the root's first. `is_bound` is whether each named the one before it; the root's key
    /// is looked up where it was trusted then. `None` when this is no record of a chain that could have been verified.
    pub fn of(links: Vec<LinkOnRecord>, is_bound: bool, kid: &str, trust: &Trust) -> Option<Self> {
        let claims: Vec<Claims> = links.into_iter().map(claims).collect::<Option<_>>()?;
        let root = claims.first()?;
        let only_the_first = claims.iter().skip(1).all(|link| link.as_root().is_none());
        let starter = root.as_root().filter(|_| only_the_first)?.ini.as_ref().map(|starter| &*starter.iss);
        let key = *trust.key_for(&root.iss, kid, &root.sub, starter).ok()?;
        Some(Self(Chain::recalled(claims, is_bound, kid.into(), key)))
    }
}

/// For the judge alone: it reads claims, and verifies nothing.
impl std::ops::Deref for Recalled {
    type Target = Chain;

    fn deref(&self) -> &Chain {
        &self.0
    }
}

fn claims(link: LinkOnRecord) -> Option<Claims> {
    let [iat, nbf, exp] = link.times.map(crate::time::Seconds::new);
    let place = match link.root {
        None => Place::Recalled,
        Some((txn, ini)) => {
            let ini = ini.map(|(iss, sub)| Starter { iss: iss.into(), sub: sub.into() });
            let attr = link.attr.map(|texts| {
                let [run, agent, purpose] = texts.map(|text| text.map(String::into_boxed_str));
                Attribution { run, agent, purpose }
            });
            Place::Root(Box::new(Root { txn: txn.into(), ini, pol: None, dec: None, attr }))
        }
    };
    Some(Claims {
        iss: link.iss.into(),
        sub: link.sub.into(),
        aud: boxed(link.aud),
        jti: link.jti.into(),
        times: Times { iat, nbf, exp },
        cnf: Holder::Named(Thumbprint::parse(&link.cnf)?),
        depth: link.depth,
        max_depth: link.max_depth,
        use_max: link.use_max,
        env: Environment(link.env.into_iter().map(|(name, set)| (name.into(), boxed(set))).collect()),
        att: link.att.map(boxed),
        details: details(&link.details).ok()?,
        place,
    })
}

/// By the same reader as those of a token.
fn details(json: &[u8]) -> Result<Vec<Detail>, Malformed> {
    let mut reader = Reader::new(json)?;
    let read = read_details(&mut reader, Reading::Keep)?;
    reader.end().map(|()| read)
}

fn boxed(texts: Vec<String>) -> Vec<Box<str>> {
    texts.into_iter().map(String::into_boxed_str).collect()
}
