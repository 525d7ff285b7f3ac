//! Burn: one use of every link that carries a limit, and the proof; all or none. What is burned is never given back.

use ledger::entry;
use warrant::limits::PROOF_WINDOW_SECONDS;
use warrant::{Denial, Seconds};

use crate::facts::{Burned, Unspent, Uses};
use crate::record;
use policy::Bundle;
use policy::decision::{Denied, Permit};

/// The one place where uses are counted, and whether it is this one.
#[derive(Debug)]
pub struct Burner {
    pub uses: Uses,
    /// This server's own log. Two servers on their own disks must not make once twice, so the bundle names one.
    pub origin: String,
    /// When a start last had to cut off what a crash had left half-written. An acknowledged use may have been in it, so
    /// nothing minted before can be counted, at this start and at every later one.
    pub forgot: Option<Seconds>,
}

/// What was spent for a permit. It is never given back, and pays for a second judging of the same request.
#[derive(Debug)]
pub(super) struct Paid {
    pub(super) permit: Permit,
    pub(super) burned: Burned,
}

impl Burner {
    /// Burns what a permit costs. What an earlier judging of the same request spent pays for this one, or for nothing.
    pub(super) fn pay(
        &self,
        earlier: Option<Paid>,
        permit: &Permit,
        bundle: &Bundle,
        now: Seconds,
        decision: &str,
    ) -> Result<Burned, Denied> {
        match earlier {
            None => self.burn(permit, bundle, now, decision),
            Some(earlier) if self.covers(&earlier.permit, permit, bundle) => Ok(earlier.burned),
            Some(_) => Err(Denied::on_route(Denial::GovernanceStale, permit.route())),
        }
    }

    fn burn(&self, permit: &Permit, bundle: &Bundle, now: Seconds, decision: &str) -> Result<Burned, Denied> {
        let (burns, proof) = (permit.burns(), permit.proof());
        let replayed = |first: String| Denied {
            detail: Some(format!("used by decision {first}")),
            ..Denied::on_route(Denial::Replayed, permit.route())
        };
        let unavailable = || Denied::on_route(Denial::StateUnavailable, permit.route());
        let spends = !burns.is_empty() || proof.is_some();
        if spends && !self.can_count(permit, bundle) {
            // What is known to be gone is gone, whoever counts.
            return Err(self.uses.taken_by(burns, proof).map_or_else(unavailable, replayed));
        }
        self.uses.spend(burns, proof, now, decision).map_err(|unspent| match unspent {
            Unspent::Replayed { first } => replayed(first),
            Unspent::Full => unavailable(),
        })
    }

    /// Whether what was spent for an earlier permit of the same request pays for this one.
    fn covers(&self, earlier: &Permit, permit: &Permit, bundle: &Bundle) -> bool {
        let spends = !permit.burns().is_empty() || permit.proof().is_some();
        permit.costs_as_much_as(earlier) && (!spends || self.can_count(permit, bundle))
    }

    fn can_count(&self, permit: &Permit, bundle: &Bundle) -> bool {
        bundle.burner() == self.origin && self.forgot.is_none_or(|start| is_younger(permit, start, bundle))
    }
}

impl Paid {
    pub(super) fn spent(&self) -> Vec<entry::RecordedBurn> {
        record::burned(&self.burned, self.permit.burns())
    }
}

/// Whether nothing that this permit spends can have been spent before that start. A clock elsewhere may be ahead of ours
/// by as much as the mesh allows, and the whole second of the start counts too.
fn is_younger(permit: &Permit, start: Seconds, bundle: &Bundle) -> bool {
    let after = start.plus(bundle.terms().leeway);
    let is_root_younger = permit.burns().is_empty() || permit.minted() > after;
    let is_proof_younger = permit.proof().is_none_or(|id| id.forget_after > after.plus(PROOF_WINDOW_SECONDS));
    is_root_younger && is_proof_younger
}
