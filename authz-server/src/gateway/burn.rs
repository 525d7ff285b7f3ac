//! Burn: one use of every link that carries a limit, and the proof; all or none. What is burned is never given back.

use warrant::{Denial, Seconds};

use crate::decision::{Denied, Permit};
use crate::facts::{Burned, Replayed, Uses};
use crate::policy::Bundle;

/// The one place where uses are counted, and whether it is this one.
#[derive(Debug)]
pub struct Burner {
    pub uses: Uses,
    /// This server's own log. Two servers on their own disks must not make once twice, so the bundle names one.
    pub origin: String,
    /// Where the last start had to cut off what a crash left half-written, when that was: an acknowledged use may have
    /// been in it, so nothing minted before can be counted.
    pub forgetful_until: Option<Seconds>,
}

impl Burner {
    pub fn burn(
        &self,
        permit: &Permit,
        bundle: &Bundle,
        now: Seconds,
        decision: &str,
    ) -> Result<Burned, Denied> {
        let spends = !permit.burns().is_empty() || permit.proof().is_some();
        if spends && !self.can_count(permit, bundle) {
            return Err(Denied::on_route(Denial::StateUnavailable, permit.route()));
        }
        self.uses.spend(permit.burns(), permit.proof(), now, decision).map_err(|Replayed { first }| Denied {
            detail: Some(format!("used by decision {first}")),
            ..Denied::on_route(Denial::Replayed, permit.route())
        })
    }

    /// Whether what was spent for an earlier permit of the same request pays for this one.
    pub fn covers(&self, earlier: &Permit, permit: &Permit, bundle: &Bundle) -> bool {
        let spends = !permit.burns().is_empty() || permit.proof().is_some();
        permit.costs_as_much_as(earlier) && (!spends || self.can_count(permit, bundle))
    }

    fn can_count(&self, permit: &Permit, bundle: &Bundle) -> bool {
        let remembers = self.forgetful_until.is_none_or(|start| permit.minted() >= start);
        bundle.burner() == self.origin && remembers
    }
}
