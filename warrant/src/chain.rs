//! A chain whose signatures hold. Its claims may be believed, and are checked for one request.

use crate::{
    Digest,
    arguments::Arguments,
    claims::{Claims, RootClaims},
    denial::Denial,
    key::PublicKey,
    lineage,
    precedence::{Check, ORDER},
    request::Target,
    revocation::{Revocable, RevocationKind, Revocations},
    time::Seconds,
    trust::{Terms, Trust},
};

/// The links from root to leaf, every signature verified. A chain can be cached and checked again; call
/// [`Chain::is_verified_by`] each time.
#[derive(Clone, Debug)]
pub struct Chain {
    links: Vec<Claims>,
    /// The digest of every link's signing input. Empty in a chain from a record.
    digests: Vec<Digest>,
    is_bound: bool,
    kid: Box<str>,
    root_key: PublicKey,
    lineage_fault: Option<Denial>,
    revocables: Vec<Revocable>,
}

/// The circumstances in which a chain must hold.
#[derive(Clone, Copy)]
pub struct ChainExpectations<'e> {
    /// The one clock value of the decision.
    pub now: Seconds,
    /// The mesh's terms.
    pub terms: &'e Terms,
    /// What was revoked.
    pub revoked: &'e dyn Revocations,
    /// The target of the request.
    pub target: &'e Target<'e>,
}

/// A chain that holds for a target. Only the action and the arguments are still to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Admitted<'a> {
    chain: &'a Chain,
    target: &'a Target<'a>,
}

/// The place of the root's holder in [`Chain::revocables`], and so in the marks of a stamp.
pub const HOLDER_OF_THE_ROOT: usize = 4;

/// One use of one link. The uses of all links in a chain are counted together, or none is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burn {
    /// The root's issuer.
    pub iss: String,
    /// The `jti`s from the root to this link, joined by `/`.
    pub path: String,
    /// How often it may be used.
    pub max: u32,
    /// The time until which the count must be kept.
    pub exp: Seconds,
}

impl Chain {
    /// A chain of links whose signatures were verified.
    pub(crate) fn verified(
        links: Vec<Claims>,
        digests: Vec<Digest>,
        kid: Box<str>,
        root_key: PublicKey,
    ) -> Self {
        let is_bound = lineage::is_bound(&links, &digests);
        Self::new(links, digests, is_bound, kid, root_key)
    }

    /// A chain of links whose signatures were verified once, according to a record.
    #[cfg(feature = "replay")]
    pub(crate) fn from_record(
        links: Vec<Claims>,
        is_bound: bool,
        kid: Box<str>,
        root_key: PublicKey,
    ) -> Self {
        Self::new(links, Vec::new(), is_bound, kid, root_key)
    }

    fn new(
        links: Vec<Claims>,
        digests: Vec<Digest>,
        is_bound: bool,
        kid: Box<str>,
        root_key: PublicKey,
    ) -> Self {
        let lineage_fault = lineage::first_fault(&links, is_bound);
        let revocables = revocables(&links, &root_key);
        Self { links, digests, is_bound, kid, root_key, lineage_fault, revocables }
    }

    /// The claims of every link, the root's first.
    pub fn links(&self) -> impl ExactSizeIterator<Item = &Claims> + DoubleEndedIterator + Clone {
        self.links.iter()
    }

    /// The root's claims.
    #[expect(
        clippy::indexing_slicing,
        reason = "a chain is only made by `PresentedWarrant::verify`, which parsed a root, or from a record of such a chain"
    )]
    pub fn root(&self) -> &Claims {
        &self.links[0]
    }

    /// The leaf's claims. Without a delegation, the leaf is the root.
    pub fn leaf(&self) -> &Claims {
        self.links.last().unwrap_or_else(|| self.root())
    }

    /// The claims that only the root has.
    #[expect(clippy::unreachable, reason = "the first link was read as a root")]
    pub fn root_claims(&self) -> &RootClaims {
        match self.root().as_root() {
            Some(root) => root,
            None => unreachable!(),
        }
    }

    /// The number of delegations.
    pub fn depth(&self) -> usize {
        self.links.len().saturating_sub(1)
    }

    /// The `kid` of the key that signed the root.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The authority's key, which verified the root.
    pub const fn authority_key(&self) -> &PublicKey {
        &self.root_key
    }

    /// The digest of every link's signing input, the root's first. Empty for a chain from a record.
    pub fn digests(&self) -> impl ExactSizeIterator<Item = Digest> + '_ {
        self.digests.iter().copied()
    }

    /// The `jti`s from the root to the leaf, joined by `/`.
    pub fn path(&self) -> String {
        paths(&self.links).pop().unwrap_or_default()
    }

    /// The end of the chain: it is valid before this second.
    pub fn expires(&self) -> Seconds {
        self.links().map(Claims::exp).min().unwrap_or_default()
    }

    /// Whether the key that verified the root is still the one that its names lead to. Ask on every use of a cached
    /// chain, so that removing a key takes effect at once. If the names lead to another key now, the cached result says
    /// nothing: verify the signatures again, so that the answer does not depend on what was cached.
    ///
    /// # Errors
    /// [`Denial::IssuerUntrusted`] if the names lead to no key for this holder and starter.
    pub fn is_verified_by(&self, trust: &Trust) -> Result<bool, Denial> {
        let starter = self.root_claims().ini().map(|starter| &*starter.iss);
        let key = trust.key_for(self.root().iss(), &self.kid, self.root().sub(), starter)?;
        Ok(*key == self.root_key)
    }

    /// Checks time, audience, lineage, revocation and scope, in the order of precedence.
    ///
    /// # Errors
    /// The first of them that fails.
    pub fn check<'a>(&'a self, expect: &ChainExpectations<'a>) -> Result<Admitted<'a>, Denial> {
        for (denial, check) in ORDER {
            match check {
                Check::Claims(holds) if !holds(self, expect) => return Err(*denial),
                Check::Claims(_) | Check::Form | Check::Signatures => {}
            }
        }
        Ok(Admitted { chain: self, target: expect.target })
    }

    /// The uses that one execution burns: one use of every link that has a limit.
    pub fn burns(&self) -> Vec<Burn> {
        let limited = self.links.iter().zip(paths(&self.links)).filter_map(|(link, path)| {
            let max = link.use_max?;
            Some(Burn { iss: self.root().iss().to_owned(), path, max, exp: link.exp() })
        });
        limited.collect()
    }

    /// Checks that every link may be used where this server is. `value_of` gives the server's one value for a
    /// dimension.
    ///
    /// # Errors
    /// [`Denial::EnvironmentMismatch`].
    pub fn check_environment<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> Result<(), Denial> {
        let is_inside = self.links().all(|link| link.env.contains(&value_of));
        if is_inside { Ok(()) } else { Err(Denial::EnvironmentMismatch) }
    }

    /// Whether any link is bound to an attestation.
    pub fn is_bound_to_attestation(&self) -> bool {
        self.links().any(|link| link.att.is_some())
    }

    /// Whether every link that is bound to an attestation allows this measurement.
    pub fn admits_measurement(&self, measurement: &str) -> bool {
        self.links().filter_map(Claims::att).all(|set| set.iter().any(|allowed| &**allowed == measurement))
    }

    /// Everything by which this chain could be revoked: the authority's key, the lineage, and for each link its path, its
    /// holder's key and its holder.
    pub fn revocables(&self) -> &[Revocable] {
        &self.revocables
    }

    /// Whether each link names the link before it, by that link's digest and its holder's key.
    pub const fn is_bound(&self) -> bool {
        self.is_bound
    }

    pub(crate) const fn lineage_fault(&self) -> Option<Denial> {
        self.lineage_fault
    }
}

impl Admitted<'_> {
    /// Checks the action and the arguments that the route read. In every link, one detail must allow both the target
    /// and this call: details are never mixed.
    ///
    /// # Errors
    /// [`Denial::OutsideWarrant`].
    pub fn check_call(&self, action: &str, arguments: &Arguments) -> Result<(), Denial> {
        let admitted = self.chain.links().all(|link| {
            let mut details = link.details.iter();
            details.any(|detail| detail.admits_target(self.target) && detail.admits_call(action, arguments))
        });
        if admitted { Ok(()) } else { Err(Denial::OutsideWarrant) }
    }
}

impl std::fmt::Debug for ChainExpectations<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainExpectations")
            .field("now", &self.now)
            .field("terms", &self.terms)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// For each link, the `jti`s from the root to it.
fn paths(links: &[Claims]) -> Vec<String> {
    let mut path = String::new();
    let joined = links.iter().map(|link| {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(link.jti());
        path.clone()
    });
    joined.collect()
}

fn revocables(links: &[Claims], root_key: &PublicKey) -> Vec<Revocable> {
    let Some(root) = links.first() else { return Vec::new() };
    let of = |kind, value: &str| Revocable::new(kind, root.iss(), value);
    let mut all = vec![of(RevocationKind::Key, &root_key.thumbprint().to_string())];
    all.extend(root.as_root().map(|root| of(RevocationKind::Txn, root.txn())));
    for (link, path) in links.iter().zip(paths(links)) {
        all.push(of(RevocationKind::Path, &path));
        all.push(of(RevocationKind::Key, &link.cnf.thumbprint().to_string()));
        all.push(of(RevocationKind::Sub, link.sub()));
    }
    all
}
