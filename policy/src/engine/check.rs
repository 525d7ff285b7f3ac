//! What Cedar allows and we do not, and what we allow and warn of: one rule, one function.

use cedar_policy::Effect;

use super::est;
use super::policies::Written;
use crate::fault::{FileFaults, Place};
use crate::warning::Notice;

/// What was found in one text: gathered on its own thread, told on its file's page.
#[derive(Debug, Default)]
pub(crate) struct Report {
    faults: Vec<(Place, String, String)>,
    pub(crate) notices: Vec<Notice>,
    /// Each policy by name, where it was written.
    pub(crate) written: Vec<(Place, String)>,
}

impl Report {
    pub(super) fn fault(&mut self, at: Place, what: impl Into<String>, instead: impl Into<String>) {
        self.faults.push((at, what.into(), instead.into()));
    }

    /// What Cedar says of a place; it says it again for every action, and once is enough.
    pub(super) fn fault_once(&mut self, at: Place, what: String, instead: String) {
        if !self.faults.iter().any(|(told, ..)| *told == at) {
            self.fault(at, what, instead);
        }
    }

    pub(super) fn warn(
        &mut self,
        at: Place,
        name: &'static str,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) {
        self.notices.push(Notice::new(at, name, what, instead));
    }

    pub(super) fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn tell(&self, page: FileFaults<'_>) {
        for (at, what, instead) in &self.faults {
            page.fault(*at, what, instead);
        }
    }
}

/// Whose text it is, as far as the rules depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    Mesh,
    Route {
        name: &'a str,
        /// A delegated key may ask.
        has_keys: bool,
        /// Holder `proof` and use `any`: the warrant is all that a request brings.
        is_open: bool,
    },
}

pub(super) fn rules(policies: &[Written], whose: Whose<'_>, report: &mut Report) {
    for policy in policies {
        report.written.push((policy.at, policy.id.clone()));
        names_nothing_reserved(policy, report);
        cannot_be_stepped_out_of(policy, whose, report);
        has_its_effect(policy, whose, report);
        is_about_its_route(policy, whose, report);
        leaves_more_than_the_warrant(policy, whose, report);
        permits_on_some_ground(policy, report);
        forbids_on_some_ground(policy, report);
    }
}

fn names_nothing_reserved(policy: &Written, report: &mut Report) {
    if est::names_the_reserved(&policy.est) {
        report.fault(
            policy.at,
            "the member `-`, which stands only for an empty list",
            "name a group, a route or a posture that there is",
        );
    }
}

/// A holder steps out of a `forbid` on his name by delegating to himself: the key that he then is has none.
fn cannot_be_stepped_out_of(policy: &Written, whose: Whose<'_>, report: &mut Report) {
    let keys_may_ask = match whose {
        Whose::Mesh => true,
        Whose::Route { has_keys, .. } => has_keys,
    };
    if policy.effect == Effect::Forbid
        && keys_may_ask
        && est::names_the_principal(&policy.est)
        && !est::names_the_root(&policy.est)
    {
        report.fault(
            policy.at,
            "a forbid that names `principal` and not `context.warrant.root`, where a delegated key can ask",
            "forbid by `context.warrant.root` as well: a holder would step out of it by delegating to himself",
        );
    }
}

fn has_its_effect(policy: &Written, whose: Whose<'_>, report: &mut Report) {
    if matches!(whose, Whose::Mesh) && policy.effect != Effect::Forbid {
        report.fault(
            policy.at,
            "a mesh-wide policy that permits",
            "mesh-wide policies only forbid: write the permit into the route",
        );
    }
}

fn is_about_its_route(policy: &Written, whose: Whose<'_>, report: &mut Report) {
    let Whose::Route { name, .. } = whose else { return };
    if est::resource(&policy.est, name) == est::Resource::Other {
        report.fault(
            policy.at,
            "a resource that is neither open nor this route",
            format!("write `resource`, or `resource == Route::\"{name}\"`"),
        );
    }
}

fn leaves_more_than_the_warrant(policy: &Written, whose: Whose<'_>, report: &mut Report) {
    let Whose::Route { is_open: true, .. } = whose else { return };
    if is_a_bare_permit(policy) {
        report.fault(
            policy.at,
            "with `holder: proof` and `use: any` this permit leaves the warrant alone to decide",
            OPEN_INSTEAD,
        );
    }
}

pub(super) const OPEN_INSTEAD: &str = "name who may, write a condition, or require `use: once` or `limited`";

fn is_a_bare_permit(policy: &Written) -> bool {
    policy.effect == Effect::Permit && est::is_open_to_all(&policy.est) && !est::is_conditional(&policy.est)
}

fn permits_on_some_ground(policy: &Written, report: &mut Report) {
    if is_a_bare_permit(policy) {
        report.warn(
            policy.at,
            "open-permit",
            "a permit with neither a principal nor a condition",
            "write `callers: [any-holder]`, which says so aloud",
        );
    }
}

fn forbids_on_some_ground(policy: &Written, report: &mut Report) {
    let is_bare = est::is_open_to_all(&policy.est) && !est::is_conditional(&policy.est);
    if policy.effect == Effect::Forbid && is_bare {
        report.warn(
            policy.at,
            "unconditional-forbid",
            "a forbid that always holds",
            "take the route out, or write the condition",
        );
    }
}
