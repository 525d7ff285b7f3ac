//! What the root contexts of one VM share. A filter that is configured anew is another root context of the same VM, and the old one
//! lives on until its last stream has ended.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::{Rc, Weak},
};

use warrant::statement::{DecisionKey, FilterConfig};

use crate::{envoy::EnvoyHost, governance::Governance, verifier::HostVerifier};

pub(super) type HostedGovernance = Governance<HostVerifier<EnvoyHost>>;

thread_local! {
    static ALL: RefCell<Vec<Weak<HostedGovernance>>> = RefCell::default();
    /// The decisions whose streams run, of all seals.
    static RUNNING: RefCell<HashMap<DecisionKey, u32>> = RefCell::default();
}

/// Notes that the stream of a decision begins. Returns false if one runs already.
pub(super) fn begin(decision: DecisionKey) -> bool {
    RUNNING.with(|running| {
        running.try_borrow_mut().is_ok_and(|mut running| running.insert(decision, 1).is_none())
    })
}

/// Notes that the stream of a decision has ended.
pub(super) fn end(decision: DecisionKey) {
    RUNNING.with(|running| {
        if let Ok(mut running) = running.try_borrow_mut() {
            running.remove(&decision);
        }
    });
}

/// The governance with these pins: that of another filter with the same, or a new one that begins with what another holds.
pub(super) fn governance(config: &FilterConfig) -> Rc<HostedGovernance> {
    ALL.with(|all| {
        let Ok(mut all) = all.try_borrow_mut() else {
            return Rc::new(Governance::new(config, HostVerifier(EnvoyHost)));
        };
        all.retain(|one| one.strong_count() > 0);
        let others: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
        if let Some(same) = others.iter().find(|other| other.pins_digest() == config.pins_digest()) {
            return Rc::clone(same);
        }
        let new = Rc::new(Governance::new(config, HostVerifier(EnvoyHost)));
        others.iter().for_each(|other| new.take_over(other));
        all.push(Rc::downgrade(&new));
        new
    })
}
