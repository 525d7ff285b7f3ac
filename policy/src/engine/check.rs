//! Our own rules for policies that Cedar accepts: one function for each fault or warning.

use cedar_policy::Effect;

use super::est;
use super::message::Message;
use super::policies::Written;
use crate::fault::{FileFaults, Place};
use crate::warning::Notice;

/// Faults and warnings of one text. They are collected on a worker thread, and reported later with the file's
/// name.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    faults: Vec<(Place, String, String)>,
    pub(crate) notices: Vec<Notice>,
    /// The name of each policy, with the place where it was written.
    pub(crate) written: Vec<(Place, String)>,
}

impl Findings {
    pub(super) fn fault(&mut self, at: Place, what: impl Into<String>, instead: impl Into<String>) {
        self.faults.push((at, what.into(), instead.into()));
    }

    /// Adds a fault that Cedar reports: one for each place.
    pub(super) fn fault_once(&mut self, at: Place, message: Message) {
        if !self.faults.iter().any(|(known, ..)| *known == at) {
            self.fault(at, message.what, message.instead);
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

    pub(super) fn has_no_faults(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn report_faults(&self, page: FileFaults<'_>) {
        for (at, what, instead) in &self.faults {
            page.fault(*at, what, instead);
        }
    }
}

/// Which text the policies are from, as far as the rules depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) enum TextOf<'a> {
    Mesh,
    Operators,
    Issuance,
    Route {
        name: &'a str,
        /// Whether a delegated key may be the caller.
        has_keys: bool,
        /// Holder `proof` and use `any`: a request brings nothing but a warrant.
        is_open: bool,
    },
}

pub(super) fn check_rules(policies: &[Written], text: TextOf<'_>, findings: &mut Findings) {
    for policy in policies {
        findings.written.push((policy.at, policy.id.clone()));
        check_reserved_name(policy, findings);
        check_forbid_reaches_the_root(policy, text, findings);
        check_effect(policy, text, findings);
        check_resource(policy, text, findings);
        check_open_route(policy, text, findings);
        warn_of_open_permit(policy, text, findings);
        warn_of_unconditional_forbid(policy, text, findings);
    }
}

fn check_reserved_name(policy: &Written, findings: &mut Findings) {
    if est::names_the_reserved(&policy.est) {
        findings.fault(
            policy.at,
            "the name `-`, which is reserved for an empty list",
            "name a group, a route or a posture that exists",
        );
    }
}

/// A holder can avoid a `forbid` on their name by delegating to a key of their own: a delegated key has no
/// name.
fn check_forbid_reaches_the_root(policy: &Written, text: TextOf<'_>, findings: &mut Findings) {
    let keys_may_ask = match text {
        TextOf::Mesh => true,
        TextOf::Operators | TextOf::Issuance => false,
        TextOf::Route { has_keys, .. } => has_keys,
    };
    if policy.effect == Effect::Forbid
        && keys_may_ask
        && est::names_the_principal(&policy.est)
        && !est::names_the_root(&policy.est)
    {
        findings.fault(
            policy.at,
            "a forbid that names `principal` but not `context.warrant.root`, although a delegated key can be the principal",
            "forbid by `context.warrant.root` too: otherwise a holder avoids the forbid by delegating to another key",
        );
    }
}

fn check_effect(policy: &Written, text: TextOf<'_>, findings: &mut Findings) {
    if matches!(text, TextOf::Mesh) && policy.effect != Effect::Forbid {
        findings.fault(
            policy.at,
            "a mesh-wide policy that permits",
            "mesh-wide policies can only forbid: write the permit in the route",
        );
    }
}

fn check_resource(policy: &Written, text: TextOf<'_>, findings: &mut Findings) {
    let TextOf::Route { name, .. } = text else { return };
    if est::resource(&policy.est, name) == est::ResourceScope::Other {
        findings.fault(
            policy.at,
            "a `resource` that is limited to something other than this route",
            format!("write `resource`, or `resource == Route::\"{name}\"`"),
        );
    }
}

fn check_open_route(policy: &Written, text: TextOf<'_>, findings: &mut Findings) {
    let TextOf::Route { is_open: true, .. } = text else { return };
    if is_a_bare_permit(policy) {
        findings.fault(
            policy.at,
            "with `holder: proof` and `use: any`, this permit allows every holder of a valid warrant",
            OPEN_INSTEAD,
        );
    }
}

pub(super) const OPEN_INSTEAD: &str = "name who is allowed, write a condition on `principal` or `context`, or require `use: once` or `use: limited`";

fn is_a_bare_permit(policy: &Written) -> bool {
    policy.effect == Effect::Permit && est::is_open_to_all(&policy.est) && !est::is_conditional(&policy.est)
}

fn warn_of_open_permit(policy: &Written, text: TextOf<'_>, findings: &mut Findings) {
    let instead = match text {
        TextOf::Mesh | TextOf::Route { .. } => "if every holder may call, write `callers: [any-holder]`",
        TextOf::Issuance => "name who may have it, like `principal in Group::\"<name>\"`: every holder could",
        TextOf::Operators => {
            "name who may, like `principal in Group::\"<name>\"`: every caller of the API could"
        }
    };
    if is_a_bare_permit(policy) {
        findings.warn(
            policy.at,
            "open-permit",
            "a permit with neither a principal nor a condition that reads `principal` or `context`",
            instead,
        );
    }
}

/// An operators' policy may forbid an action to everybody, and one of the authority may stop all issuing.
fn warn_of_unconditional_forbid(policy: &Written, text: TextOf<'_>, findings: &mut Findings) {
    if matches!(text, TextOf::Operators | TextOf::Issuance) {
        return;
    }
    let is_bare = est::is_open_to_all(&policy.est) && !est::is_conditional(&policy.est);
    if policy.effect == Effect::Forbid && is_bare {
        findings.warn(
            policy.at,
            "unconditional-forbid",
            "a forbid without a condition that reads `principal` or `context`",
            "remove the route, or write such a condition",
        );
    }
}
