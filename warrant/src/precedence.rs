//! The order in which a chain is checked, as one table. The first check that fails is the answer. Each check covers all
//! links before the next check starts.

use crate::{
    chain::{Chain, ChainExpectations},
    claims::Claims,
    denial::Denial,
};

/// The step that makes a check.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// `PresentedWarrant::parse`, from the header alone.
    Form,
    /// `PresentedWarrant::verify`, from trust and keys.
    Signatures,
    /// `Chain::check`, from verified claims. The function returns whether the chain passes.
    Claims(fn(&Chain, &ChainExpectations<'_>) -> bool),
}

/// Everything that this crate checks in a chain, in order.
pub(crate) const ORDER: &[(Denial, Check)] = &[
    (Denial::RequestAmbiguous, Check::Form),
    (Denial::WarrantMissing, Check::Form),
    (Denial::WarrantMalformed, Check::Form),
    (Denial::IssuerUntrusted, Check::Signatures),
    (Denial::SignatureInvalid, Check::Signatures),
    (Denial::Expired, Check::Claims(is_unexpired)),
    (Denial::NotYetValid, Check::Claims(has_begun)),
    (Denial::LifetimeTooLong, Check::Claims(is_short_lived)),
    (Denial::AudienceMismatch, Check::Claims(is_for_this_mesh)),
    (Denial::LineageBroken, Check::Claims(|chain, _| chain.lineage_fault() != Some(Denial::LineageBroken))),
    (Denial::LineageWidened, Check::Claims(|chain, _| chain.lineage_fault() != Some(Denial::LineageWidened))),
    (Denial::LineageTooDeep, Check::Claims(|chain, _| chain.lineage_fault() != Some(Denial::LineageTooDeep))),
    (Denial::Revoked, Check::Claims(is_unrevoked)),
    (Denial::OutsideWarrant, Check::Claims(admits_target)),
];

fn is_unexpired(chain: &Chain, expect: &ChainExpectations<'_>) -> bool {
    chain.links().all(|link| expect.now < link.times.exp)
}

fn has_begun(chain: &Chain, expect: &ChainExpectations<'_>) -> bool {
    let latest = expect.now.plus(expect.terms.leeway);
    chain.links().all(|link| link.times.nbf <= latest && link.times.iat <= latest)
}

fn is_short_lived(chain: &Chain, expect: &ChainExpectations<'_>) -> bool {
    chain.links().all(|link| link.lifetime() <= expect.terms.max_lifetime)
}

fn is_for_this_mesh(chain: &Chain, expect: &ChainExpectations<'_>) -> bool {
    let names_it = |link: &Claims| link.aud.iter().any(|mesh| **mesh == *expect.terms.audience);
    chain.links().all(names_it) && chain.leaf().aud.len() == 1
}

fn is_unrevoked(chain: &Chain, expect: &ChainExpectations<'_>) -> bool {
    !chain.revocables().iter().any(|one| expect.revoked.is_revoked(one))
}

/// In each link, one detail allows the target. A union over links would let a child go beyond its parent.
fn admits_target(chain: &Chain, expect: &ChainExpectations<'_>) -> bool {
    chain.links().all(|link| link.details.iter().any(|detail| detail.admits_target(expect.target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_closed_list() {
        assert!(ORDER.is_sorted_by(|(one, _), (two, _)| one < two));
    }
}
