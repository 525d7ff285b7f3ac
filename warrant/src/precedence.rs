//! The order in which a chain is asked: one table. The first question that fails is the answer, and each is asked of
//! all links before the next is asked of any.

use crate::{
    chain::{Chain, Expect},
    claims::Claims,
    denial::Denial,
};

/// When a question can be answered.
#[derive(Clone, Copy)]
pub(crate) enum Question {
    /// From the header alone: `Presented::parse`.
    Form,
    /// From trust and keys: `Presented::signed_under`.
    Signatures,
    /// From claims that are believed: `Chain::check`. Whether nothing is wrong.
    Claims(fn(&Chain, &Expect<'_>) -> bool),
}

/// Everything that this crate asks of a chain, in order.
pub(crate) const ORDER: &[(Denial, Question)] = &[
    (Denial::RequestAmbiguous, Question::Form),
    (Denial::WarrantMissing, Question::Form),
    (Denial::WarrantMalformed, Question::Form),
    (Denial::IssuerUntrusted, Question::Signatures),
    (Denial::SignatureInvalid, Question::Signatures),
    (Denial::Expired, Question::Claims(is_unexpired)),
    (Denial::NotYetValid, Question::Claims(has_begun)),
    (Denial::LifetimeTooLong, Question::Claims(is_short_lived)),
    (Denial::AudienceMismatch, Question::Claims(is_for_this_mesh)),
    (
        Denial::LineageBroken,
        Question::Claims(|chain, _| chain.lineage_fault() != Some(Denial::LineageBroken)),
    ),
    (
        Denial::LineageWidened,
        Question::Claims(|chain, _| chain.lineage_fault() != Some(Denial::LineageWidened)),
    ),
    (
        Denial::LineageTooDeep,
        Question::Claims(|chain, _| chain.lineage_fault() != Some(Denial::LineageTooDeep)),
    ),
    (Denial::Revoked, Question::Claims(is_unrevoked)),
    (Denial::OutsideWarrant, Question::Claims(admits_target)),
];

fn is_unexpired(chain: &Chain, expect: &Expect<'_>) -> bool {
    chain.links().all(|link| expect.now < link.times.exp)
}

fn has_begun(chain: &Chain, expect: &Expect<'_>) -> bool {
    let latest = expect.now.plus(expect.terms.leeway);
    chain.links().all(|link| link.times.nbf <= latest && link.times.iat <= latest)
}

fn is_short_lived(chain: &Chain, expect: &Expect<'_>) -> bool {
    chain.links().all(|link| link.lifetime() <= expect.terms.max_lifetime)
}

fn is_for_this_mesh(chain: &Chain, expect: &Expect<'_>) -> bool {
    let names_it = |link: &Claims| link.aud.iter().any(|mesh| **mesh == *expect.terms.audience);
    chain.links().all(names_it) && chain.leaf().aud.len() == 1
}

fn is_unrevoked(chain: &Chain, expect: &Expect<'_>) -> bool {
    !chain.revocables().iter().any(|one| expect.revoked.is_revoked(one))
}

/// One detail of each link admits the target; the union over links would let a child reach around its parent.
fn admits_target(chain: &Chain, expect: &Expect<'_>) -> bool {
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
