//! When a link is within its parent: proved from the two links alone, without any request.

use crate::{
    Digest,
    claims::{Claims, LinkKind, is_narrower, is_subset},
    denial::Denial,
};

/// One dimension on which a link must be within its parent.
#[derive(Clone, Copy, Debug)]
pub struct Dimension {
    /// Its name: the name of the claim.
    pub name: &'static str,
    is_within: fn(&Claims, &Claims) -> bool,
}

/// Every dimension. A link that drops a constraint of its parent is wider, on any of them.
pub const DIMENSIONS: &[Dimension] = &[
    Dimension { name: "authorization_details", is_within: details },
    Dimension { name: "use", is_within: uses },
    Dimension { name: "time", is_within: time },
    Dimension { name: "max_depth", is_within: max_depth },
    Dimension { name: "aud", is_within: audience },
    Dimension { name: "env", is_within: environment },
    Dimension { name: "att", is_within: attestation },
];

impl Claims {
    /// Checks that these claims are within `parent`'s on every dimension.
    ///
    /// # Errors
    /// The first dimension on which they are wider.
    pub fn check_within(&self, parent: &Self) -> Result<(), Dimension> {
        DIMENSIONS
            .iter()
            .find(|dimension| !(dimension.is_within)(self, parent))
            .map_or(Ok(()), |widened| Err(*widened))
    }
}

/// Whether each link names the link before it, by that link's digest and its holder's key.
pub(crate) fn is_bound(links: &[Claims], digests: &[Digest]) -> bool {
    let parents = links.iter().zip(digests);
    parents.zip(links.iter().skip(1)).all(|((parent, digest), child)| follows(child, parent, *digest))
}

/// The first fault of a lineage, in the order of precedence. It does not depend on the request or the time.
pub(crate) fn first_fault(links: &[Claims], is_bound: bool) -> Option<Denial> {
    let mut pairs = links.iter().zip(links.iter().skip(1));
    let depths_are_right = links.iter().zip(0..).all(|(claims, position)| claims.depth == position);
    if !depths_are_right || !is_bound {
        Some(Denial::LineageBroken)
    } else if !pairs.all(|(parent, child)| child.check_within(parent).is_ok()) {
        Some(Denial::LineageWidened)
    } else if !links.iter().all(|claims| claims.depth <= claims.max_depth) {
        Some(Denial::LineageTooDeep)
    } else {
        None
    }
}

fn follows(child: &Claims, parent: &Claims, digest_of_parent: Digest) -> bool {
    match &child.kind {
        LinkKind::Root(_) | LinkKind::FromRecord => false,
        LinkKind::Delegation { signer, parent: named } => {
            *named == digest_of_parent && *signer == parent.cnf.thumbprint()
        }
    }
}

/// Each detail of the child is within one detail of the parent, never within several together.
fn details(child: &Claims, parent: &Claims) -> bool {
    child.details.iter().all(|own| parent.details.iter().any(|wider| own.is_within(wider)))
}

/// A limit may be added or lowered, but not raised or dropped.
fn uses(child: &Claims, parent: &Claims) -> bool {
    parent.use_max.is_none_or(|most| child.use_max.is_some_and(|own| own <= most))
}

/// The child's time window is inside the parent's, and the child was not minted before the parent.
fn time(child: &Claims, parent: &Claims) -> bool {
    let (own, wider) = (child.times, parent.times);
    own.nbf >= wider.nbf && own.exp <= wider.exp && own.iat >= wider.iat
}

fn max_depth(child: &Claims, parent: &Claims) -> bool {
    child.max_depth <= parent.max_depth
}

fn audience(child: &Claims, parent: &Claims) -> bool {
    is_subset(&child.aud, &parent.aud)
}

/// The child keeps every dimension of the parent, and adds no value to it.
fn environment(child: &Claims, parent: &Claims) -> bool {
    parent.env.dimensions().all(|(name, wider)| is_narrower(child.env.get(name), Some(wider)))
}

fn attestation(child: &Claims, parent: &Claims) -> bool {
    is_narrower(child.att(), parent.att())
}
