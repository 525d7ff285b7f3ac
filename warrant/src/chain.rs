//! A chain whose signatures hold: what it says may be believed, and is asked about one request.

use crate::{
    Digest,
    arguments::Arguments,
    claims::{Claims, Root},
    denial::Denial,
    key::PublicKey,
    lineage,
    precedence::{ORDER, Question},
    request::Target,
    revocation::{Revocable, RevocationKind, Revocations},
    time::Seconds,
    trust::{Terms, Trust},
};

/// Root to leaf, every signature good. It can be kept and asked again; its root's key is asked for anew each time.
#[derive(Clone, Debug)]
pub struct Chain {
    links: Vec<Claims>,
    /// Of every link's signing input; none in a chain out of a record.
    digests: Vec<Digest>,
    is_bound: bool,
    kid: Box<str>,
    root_key: PublicKey,
    lineage_fault: Option<Denial>,
    revocables: Vec<Revocable>,
}

/// What a chain is asked about.
#[derive(Clone, Copy)]
pub struct Expect<'e> {
    /// The one clock value of the decision.
    pub now: Seconds,
    /// The mesh's terms.
    pub terms: &'e Terms,
    /// Whoever knows what was revoked.
    pub revoked: &'e dyn Revocations,
    /// What the request is for.
    pub target: &'e Target<'e>,
}

/// A chain that holds for a target. Only what the route reads from the request is still to be asked.
#[derive(Clone, Copy, Debug)]
pub struct Admitted<'a> {
    chain: &'a Chain,
    target: &'a Target<'a>,
}

/// One use of one link, to be counted with those of all others or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burn {
    /// The root's issuer.
    pub iss: String,
    /// The `jti`s from the root to this link, joined by `/`.
    pub path: String,
    /// How often it may be used.
    pub max: u32,
    /// Until when the count must be kept.
    pub exp: Seconds,
}

impl Chain {
    /// Of links whose signatures were verified.
    pub(crate) fn verified(
        links: Vec<Claims>,
        digests: Vec<Digest>,
        kid: Box<str>,
        root_key: PublicKey,
    ) -> Self {
        let is_bound = lineage::is_bound(&links, &digests);
        Self::new(links, digests, is_bound, kid, root_key)
    }

    /// Of links whose signatures were verified once, as a record says.
    #[cfg(feature = "replay")]
    pub(crate) fn recalled(links: Vec<Claims>, is_bound: bool, kid: Box<str>, root_key: PublicKey) -> Self {
        Self::new(links, Vec::new(), is_bound, kid, root_key)
    }

    fn new(
        links: Vec<Claims>,
        digests: Vec<Digest>,
        is_bound: bool,
        kid: Box<str>,
        root_key: PublicKey,
    ) -> Self {
        let lineage_fault = lineage::fault(&links, is_bound);
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
        reason = "a chain is only made by `Presented::signed_under`, which parsed a root, or of one that was"
    )]
    pub fn root(&self) -> &Claims {
        &self.links[0]
    }

    /// The leaf's claims, which are the root's where nothing was delegated.
    pub fn leaf(&self) -> &Claims {
        self.links.last().unwrap_or_else(|| self.root())
    }

    /// What only the root says.
    #[expect(
        clippy::unreachable,
        reason = "the first link was read as a root, which is what makes its claims a root's"
    )]
    pub fn origin(&self) -> &Root {
        match self.root().as_root() {
            Some(root) => root,
            None => unreachable!(),
        }
    }

    /// How many delegations there are.
    pub fn depth(&self) -> usize {
        self.links.len().saturating_sub(1)
    }

    /// The name of the key that signed the root.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The digest of every link's signing input, the root's first; none of a chain out of a record.
    pub fn digests(&self) -> impl ExactSizeIterator<Item = Digest> + '_ {
        self.digests.iter().copied()
    }

    /// The joined `jti`s from the root to the leaf.
    pub fn path(&self) -> String {
        paths(&self.links).pop().unwrap_or_default()
    }

    /// The first moment at which the chain no longer holds.
    pub fn expires(&self) -> Seconds {
        self.links().map(Claims::exp).min().unwrap_or_default()
    }

    /// Whether the trusted key of the root is still the one that it was verified with, and may still vouch for it. To
    /// be asked on every use of a chain that was kept, so that taking a key away works at once.
    ///
    /// # Errors
    /// [`Denial::IssuerUntrusted`].
    pub fn is_still_trusted(&self, trust: &Trust) -> Result<(), Denial> {
        let starter = self.origin().ini().map(|starter| &*starter.iss);
        let key = trust.key_for(self.root().iss(), &self.kid, self.root().sub(), starter)?;
        if *key == self.root_key { Ok(()) } else { Err(Denial::IssuerUntrusted) }
    }

    /// Asks for time, audience, lineage, revocation and scope, in the order of precedence.
    ///
    /// # Errors
    /// The first of them that fails.
    pub fn check<'a>(&'a self, expect: &Expect<'a>) -> Result<Admitted<'a>, Denial> {
        for (denial, question) in ORDER {
            match question {
                Question::Claims(holds) if !holds(self, expect) => return Err(*denial),
                Question::Claims(_) | Question::Form | Question::Signatures => {}
            }
        }
        Ok(Admitted { chain: self, target: expect.target })
    }

    /// The uses that one execution burns: one of every link that carries a limit.
    pub fn burns(&self) -> Vec<Burn> {
        let limited = self.links.iter().zip(paths(&self.links)).filter_map(|(link, path)| {
            let max = link.use_max?;
            Some(Burn { iss: self.root().iss().to_owned(), path, max, exp: link.exp() })
        });
        limited.collect()
    }

    /// Whether every link may be used where this server is, given the one value that it has for a dimension.
    ///
    /// # Errors
    /// [`Denial::EnvironmentMismatch`].
    pub fn is_in_environment<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> Result<(), Denial> {
        let holds = self.links().all(|link| link.env.holds(&value_of));
        if holds { Ok(()) } else { Err(Denial::EnvironmentMismatch) }
    }

    /// Whether any link is bound to an attestation.
    pub fn is_bound_to_attestation(&self) -> bool {
        self.links().any(|link| link.att.is_some())
    }

    /// Whether every link that is bound to an attestation is bound to this measurement too.
    pub fn admits_measurement(&self, measurement: &str) -> bool {
        self.links().filter_map(Claims::att).all(|set| set.iter().any(|allowed| &**allowed == measurement))
    }

    /// Everything by which this chain could be revoked.
    pub fn revocables(&self) -> &[Revocable] {
        &self.revocables
    }

    /// Whether each link names the one before it, by its digest and its holder's key.
    pub const fn is_bound(&self) -> bool {
        self.is_bound
    }

    pub(crate) const fn lineage_fault(&self) -> Option<Denial> {
        self.lineage_fault
    }
}

impl Admitted<'_> {
    /// Asks for the action and the arguments that the route read. In every link a detail that admits the target must
    /// admit them too: what passed for the one goes on to the other, and details are never mixed.
    ///
    /// # Errors
    /// [`Denial::OutsideWarrant`].
    pub fn arguments(&self, action: &str, arguments: &Arguments) -> Result<(), Denial> {
        let admitted = self.chain.links().all(|link| {
            let mut details = link.details.iter();
            details.any(|detail| detail.admits_target(self.target) && detail.admits_call(action, arguments))
        });
        if admitted { Ok(()) } else { Err(Denial::OutsideWarrant) }
    }
}

impl std::fmt::Debug for Expect<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expect")
            .field("now", &self.now)
            .field("terms", &self.terms)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// For each link the `jti`s that lead to it.
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
