//! Burns what a permit costs: one use of every link that has a limit, and the proof; all or none. It is never given
//! back.

use ledger::entry;
use warrant::limits::PROOF_WINDOW_SECONDS;
use warrant::{Denial, Seconds};

use crate::facts::{BurnFor, BurnTable, BurnedItems, Full, NotBurned, Wanted};
use crate::record;
use policy::Bundle;
use policy::decision::{Denied, Permit};

/// Burns uses, if this server is the one that may. The bundle names that server.
#[derive(Debug)]
pub struct Burner {
    pub burns: BurnTable,
    /// The origin of this server's own log. Two servers with separate disks could allow a single use twice, so the
    /// bundle names one of them.
    pub origin: String,
    /// When burned uses were last lost (see `Folded`). An acknowledged use may be among them, so uses of warrants
    /// that were minted before cannot be counted, at this start and at every later one.
    pub burns_lost_at: Option<Seconds>,
}

/// What was burned for a permit. It is never given back, and it pays for a second judging of the same request.
#[derive(Debug)]
pub(super) struct Paid {
    pub(super) permit: Permit,
    pub(super) burned: BurnedItems,
}

impl Burner {
    /// Burns what a permit costs, `wanted`. If an earlier judging of the same request already burned as much, that pays for
    /// this one; if it burned anything else, the request is denied. `recorded` is the time of the last durable entry.
    pub(super) fn pay(
        &self,
        earlier: Option<Paid>,
        permit: &Permit,
        wanted: Wanted,
        bundle: &Bundle,
        recorded: Seconds,
        burn_for: BurnFor<'_>,
    ) -> Result<BurnedItems, Denied> {
        match earlier {
            None => self.burn(permit, wanted, bundle, recorded, burn_for),
            Some(earlier) if self.covers(&earlier.permit, permit, bundle) => Ok(earlier.burned),
            Some(_) => Err(Denied::on_route(Denial::GovernanceStale, permit.route())),
        }
    }

    fn burn(
        &self,
        permit: &Permit,
        wanted: Wanted,
        bundle: &Bundle,
        recorded: Seconds,
        burn_for: BurnFor<'_>,
    ) -> Result<BurnedItems, Denied> {
        if !wanted.is_empty() && !self.can_count(permit, bundle) {
            // A use that is known to be burned is a replay, even if this server does not count.
            let replayed = self.burns.burned_by(&wanted).map(|not| denied(&not, permit.route()));
            return Err(
                replayed.unwrap_or_else(|| Denied::on_route(Denial::StateUnavailable, permit.route()))
            );
        }
        let burned = self.burns.burn(wanted, recorded, burn_for);
        burned.map_err(|not| denied(&not, permit.route()))
    }

    /// Whether what was burned for an earlier permit of the same request pays for this one.
    fn covers(&self, earlier: &Permit, permit: &Permit, bundle: &Bundle) -> bool {
        let costs = !permit.burns().is_empty() || permit.proof().is_some();
        permit.costs_as_much_as(earlier) && (!costs || self.can_count(permit, bundle))
    }

    fn can_count(&self, permit: &Permit, bundle: &Bundle) -> bool {
        bundle.burner() == self.origin
            && self.burns_lost_at.is_none_or(|start| is_younger(permit, start, bundle))
    }
}

fn denied(not_burned: &NotBurned, route: &str) -> Denied {
    let (denial, detail) = match not_burned {
        NotBurned::Replayed { first: Some(first) } => (Denial::Replayed, format!("used by decision {first}")),
        NotBurned::Replayed { first: None } => (Denial::Replayed, "used by an earlier decision".to_owned()),
        NotBurned::Full(full) => {
            let what = match full {
                Full::Table => "this server",
                Full::ShareOfRoot => "the root of this warrant",
                Full::ShareOfSource => "the source of this request",
            };
            let detail = format!("{what} has no room for more uses and proofs until one of them expires");
            (Denial::StateUnavailable, detail)
        }
    };
    Denied { detail: Some(detail), ..Denied::on_route(denial, route) }
}

impl Paid {
    /// What was burned, as an entry with this chain says it.
    pub(super) fn recorded(&self, chain: &[entry::RecordedLink]) -> Vec<entry::Burned> {
        record::recorded_burns(self.burned.items(), self.permit.burns(), chain)
    }
}

/// True if neither the permit's uses nor its proof can have been burned before `start`. The whole second of the start
/// counts too. A root may have come from a machine whose clock is ahead of ours by as much as the mesh allows. A proof
/// holds as long as it is at most one window ahead of our own clock, whatever the mesh allows.
fn is_younger(permit: &Permit, start: Seconds, bundle: &Bundle) -> bool {
    let is_root_younger = permit.burns().is_empty() || permit.minted() > start.plus(bundle.terms().leeway);
    let newest_proof_then = start.plus(PROOF_WINDOW_SECONDS);
    let is_proof_younger =
        permit.proof().is_none_or(|id| id.forget_after > newest_proof_then.plus(PROOF_WINDOW_SECONDS));
    is_root_younger && is_proof_younger
}
