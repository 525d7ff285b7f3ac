//! What each entry must be by itself, without the entries before it and without any bundle. Checked in parallel.
//!
//! The types in `crate::entry` already refuse unknown members and words. Here are the rules between the members: what an
//! allow needs, and what no entry may hold.

use super::terms::{broken_link, valid_from};
use crate::entry::{
    BurnKind, CheckResult, Checks, Decision, DecisionOutcome, Entry, FactScope, Posture, RecordedBurn,
    RecordedLink, RecordedTerms, RequestText, RevocationTarget, Stamps, VerdictCode,
};
use crate::layout::TILE_WIDTH;
use crate::ledger::{FORWARD_RECORDED_WITHIN_SECONDS, is_too_late};

/// The most that a bundle can set as the leeway for times in the future. `warrant` has the same limit, and a test of the
/// server compares them.
pub const LEEWAY_AT_MOST_SECONDS: u64 = 30;

/// What is wrong with this entry by itself.
pub(super) fn faults(index: u64, stamps: Stamps, entry: &Entry) -> Vec<String> {
    let mut faults = Vec::new();
    match entry {
        Entry::Decision(decision) => decision_faults(stamps, decision, &mut faults),
        Entry::Ungoverned(ungoverned) => check_path(&ungoverned.request.path, &mut faults),
        Entry::Revocation(revocation) => check_issuer(revocation.what, &revocation.iss, &mut faults),
        Entry::Reinstate(reinstate) => match reinstate.what {
            RevocationTarget::Key | RevocationTarget::Subject => {
                check_issuer(reinstate.what, &reinstate.iss, &mut faults);
            }
            RevocationTarget::Path | RevocationTarget::Lineage => faults.push(format!(
                "it reinstates a `{}`, but only keys and holders can be reinstated",
                reinstate.what.word()
            )),
        },
        Entry::Condition(condition) => match condition.scope {
            FactScope::Mesh | FactScope::Environment => {}
            FactScope::Route | FactScope::Issuer => {
                faults.push(format!("a condition cannot be about a `{}`", condition.scope.word()));
            }
        },
        Entry::Archived(archived) => {
            if !archived.below.is_multiple_of(TILE_WIDTH) || archived.below > index {
                faults.push(format!(
                    "it archives entries below {}, which is not possible here",
                    archived.below
                ));
            }
        }
        Entry::Init(_)
        | Entry::Start(_)
        | Entry::Stop(_)
        | Entry::Denials(_)
        | Entry::Issued(_)
        | Entry::Attestation(_)
        | Entry::Posture(_)
        | Entry::Activation(_)
        | Entry::Outcome(_)
        | Entry::Gap(_)
        | Entry::Reads(_)
        | Entry::Restored(_) => {}
    }
    faults
}

/// Paths and lineages are revoked for one issuer; keys and holders for all.
fn check_issuer(what: RevocationTarget, iss: &str, faults: &mut Vec<String>) {
    let is_by_issuer = match what {
        RevocationTarget::Path | RevocationTarget::Lineage => true,
        RevocationTarget::Key | RevocationTarget::Subject => false,
    };
    if is_by_issuer == iss.is_empty() {
        let needed = if is_by_issuer { "needs an issuer" } else { "holds for all issuers, so it names none" };
        faults.push(format!("a revocation of a `{}` {needed}", what.word()));
    }
}

/// Queries are never recorded: they may hold secrets.
fn check_path(path: &RequestText, faults: &mut Vec<String>) {
    if path.kept().iter().any(|byte| matches!(byte, b'?' | b'#')) {
        faults.push("`request.path` holds a query or a fragment, which must not be recorded".to_owned());
    }
}

fn decision_faults(stamps: Stamps, decision: &Decision, faults: &mut Vec<String>) {
    if decision.clock.saturating_mul(1000) > stamps.time {
        faults.push("its `clock` is later than its `time`".to_owned());
    }
    check_path(&decision.request.path, faults);
    if let RecordedTerms::Whole(terms) = &decision.terms
        && terms.len() != decision.chain.len()
    {
        faults.push("its terms are not one for each link of its chain".to_owned());
    }
    if decision.burns().count() != decision.burned.len() {
        faults
            .push("it burned a use of a link that its chain does not have, or that has no limit".to_owned());
    }
    match decision.outcome {
        DecisionOutcome::Denied(_) => {
            if decision.ends.is_some() || decision.lapses.is_some() {
                faults.push("it was denied, but it says when its proxy ends it".to_owned());
            }
            return;
        }
        DecisionOutcome::Allowed => check_allow(decision, faults),
        DecisionOutcome::Ungoverned => {
            if decision.verdict.code != VerdictCode::Permit {
                faults.push(format!(
                    "it was forwarded as ungoverned, but its verdict is `{}`",
                    decision.verdict.code
                ));
            }
        }
        // An observed request is forwarded whatever the verdict is.
        DecisionOutcome::Observed => {}
    }
    check_forward(stamps, decision, faults);
}

/// What every forwarded request needs, even one without a warrant.
fn check_forward(stamps: Stamps, decision: &Decision, faults: &mut Vec<String>) {
    let outcome = decision.outcome;
    if is_too_late(decision, stamps.time) {
        faults.push(format!(
            "it is `{outcome}` by a clock that is more than {FORWARD_RECORDED_WITHIN_SECONDS} s earlier than its `time`"
        ));
    }
    if decision.bundle.is_none() {
        faults.push(format!("it is `{outcome}`, but it names no bundle"));
    }
    if decision.verdict.route.is_none() {
        faults.push(format!("it is `{outcome}`, but it names no route"));
    }
    if decision.posture == Posture::Halted {
        faults.push(format!("it is `{outcome}` in the posture `halted`"));
    }
    for halted in &decision.halted {
        faults.push(format!("it is `{outcome}`, but its `{}` was halted", halted.word()));
    }
    match decision.ends {
        Some(ends) if ends > decision.clock => {}
        Some(ends) => faults.push(format!("it is `{outcome}` at {}, but it ends at {ends}", decision.clock)),
        None => faults.push(format!("it is `{outcome}`, but it does not say when it ends")),
    }
    if let Some(lapses) = decision.lapses
        && (lapses <= decision.clock || outcome != DecisionOutcome::Allowed)
    {
        faults.push(format!("it is `{outcome}` at {} by facts that hold until {lapses}", decision.clock));
    }
    let Checks { governance, request, .. } = &decision.checks;
    for (name, result) in [("governance", governance), ("request", request)] {
        require_passed(outcome, name, *result, faults);
    }
}

fn check_allow(decision: &Decision, faults: &mut Vec<String>) {
    if decision.verdict.code != VerdictCode::Permit {
        faults.push(format!("it is `allowed`, but its verdict is `{}`", decision.verdict.code));
    }
    check_results(decision, faults);
    if decision.chain.is_empty() {
        faults.push("it is `allowed`, but its chain is empty".to_owned());
    }
    for revoked in &decision.revoked {
        let (what, value) = (revoked.what.word(), &revoked.value);
        faults.push(format!("it is `allowed`, but its judge had read that the {what} {value} is revoked"));
    }
    check_lineage(decision, faults);
    check_times(decision, faults);
    check_burns(decision, faults);
    check_attestations(decision, faults);
}

fn require_passed(
    outcome: DecisionOutcome,
    name: &str,
    result: Option<CheckResult>,
    faults: &mut Vec<String>,
) {
    match result {
        Some(CheckResult::Passed) => {}
        Some(CheckResult::Denied(code)) => {
            faults.push(format!("it is `{outcome}`, but the check `{name}` is `{code}`", code = code.word()));
        }
        None => faults.push(format!("it is `{outcome}`, but the check `{name}` was not made")),
    }
}

/// The checks of every warrant must have passed. The other checks must have passed if the route asked for them.
fn check_results(decision: &Decision, faults: &mut Vec<String>) {
    let Checks {
        arguments,
        binding,
        body,
        governance: _,
        issued,
        parse,
        proof,
        query,
        request: _,
        signatures,
    } = &decision.checks;
    for (name, result) in [("parse", parse), ("signatures", signatures), ("binding", binding)] {
        require_passed(decision.outcome, name, *result, faults);
    }
    let optional =
        [("arguments", arguments), ("body", body), ("issued", issued), ("proof", proof), ("query", query)];
    for (name, result) in optional {
        if result.is_some() {
            require_passed(decision.outcome, name, *result, faults);
        }
    }
}

/// Each link follows from the one before it, and only the first link has the members of a root. If an earlier entry says the
/// terms, they are checked there.
fn check_lineage(decision: &Decision, faults: &mut Vec<String>) {
    let is_root = |link: &RecordedLink| link.txn.is_some() && link.key.is_some() && link.iss.is_some();
    let is_delegated = |link: &RecordedLink| link.txn.is_none() && link.key.is_none() && link.iss.is_none();
    let mut links = (0_usize..).zip(decision.chain.iter());
    let odd = links.find(|(place, link)| !if *place == 0 { is_root(link) } else { is_delegated(link) });
    let broken = match &decision.terms {
        RecordedTerms::Whole(terms) => broken_link(&decision.chain, terms),
        RecordedTerms::SameAs(_) => None,
    };
    if let Some(place) = odd.map(|(place, _)| place).or(broken) {
        faults.push(format!(
            "it is `allowed`, but link {place} of its chain does not follow from the one before"
        ));
    }
}

/// Whether each link was valid by the decision's own clock. The bundle's leeway may be smaller; only replay knows it.
fn check_times(decision: &Decision, faults: &mut Vec<String>) {
    let latest = decision.clock.saturating_add(LEEWAY_AT_MOST_SECONDS);
    for (place, link) in decision.chain.iter().enumerate() {
        if decision.clock >= link.exp {
            faults.push(format!(
                "it was allowed at {}, but link {place} of its warrant had expired at {}",
                decision.clock, link.exp
            ));
        }
        if decision.ends.is_some_and(|ends| ends > link.exp) {
            faults.push(format!(
                "it is `allowed` until {}, but link {place} of its warrant expires at {}",
                decision.ends.unwrap_or_default(),
                link.exp
            ));
        }
    }
    let terms = match &decision.terms {
        RecordedTerms::Whole(terms) => terms,
        // The entry that says them is compared with this clock, in the order of the log.
        RecordedTerms::SameAs(_) => return,
    };
    if let Some(from) = valid_from(terms).filter(|from| *from > latest) {
        faults.push(format!(
            "it was allowed at {}, but by its terms it is valid from {from} on",
            decision.clock
        ));
    }
}

/// An allow burns exactly one use of every link that has a limit, and its proof if it needed one.
fn check_burns(decision: &Decision, faults: &mut Vec<String>) {
    let burned: Vec<RecordedBurn> = decision.burns().collect();
    let root = decision.chain.first().and_then(|root| root.iss.as_deref()).unwrap_or_default();
    let (mut path, mut wanted) = (String::new(), 0_usize);
    for (place, link) in decision.chain.iter().enumerate() {
        if place > 0 {
            path.push('/');
        }
        path.push_str(&link.jti);
        let Some(max) = link.r#use else { continue };
        wanted = wanted.saturating_add(1);
        let pays = |burn: &&RecordedBurn| {
            burn.what == BurnKind::Use
                && (burn.owner.as_str(), burn.name.as_str(), burn.max, burn.until)
                    == (root, path.as_str(), max, link.exp)
        };
        if burned.iter().filter(pays).count() != 1 {
            faults.push(format!(
                "it is `allowed`, but link {place} of its warrant has a limit and not exactly one use of it was burned"
            ));
        }
    }
    let of_kind = |kind: BurnKind| burned.iter().filter(move |burn| burn.what == kind);
    if of_kind(BurnKind::Use).count() > wanted {
        faults.push("it burned a use of something that is not a link with a limit".to_owned());
    }
    let leaf = decision.chain.last().map(|leaf| leaf.cnf.as_str()).unwrap_or_default();
    let is_of_leaf = of_kind(BurnKind::Proof)
        .all(|burn| burn.owner == leaf && burn.max == 1 && burn.until >= decision.clock);
    if of_kind(BurnKind::Proof).count() != usize::from(decision.checks.proof.is_some()) || !is_of_leaf {
        faults.push(
            "it is `allowed`, but the proofs that it burned are not the one that was checked".to_owned(),
        );
    }
}

/// A warrant that is bound to an attestation needs current ones: all of them positive, of workloads that nobody can debug,
/// and with measurements that every bound link names. Whether the route asked for an attestation of another warrant is known
/// only with the bundle.
fn check_attestations(decision: &Decision, faults: &mut Vec<String>) {
    let bound: Vec<&Vec<String>> = decision.chain.iter().filter_map(|link| link.att.as_ref()).collect();
    if bound.is_empty() {
        return;
    }
    if decision.attestation.is_empty() {
        faults.push("its warrant is bound to an attestation, but the judge read none".to_owned());
    }
    for one in &decision.attestation {
        let is_named =
            |set: &&Vec<String>| one.measurement.iter().all(|measured| set.contains(&measured.to_string()));
        let is_good = one.positive && one.debug == Some(false) && !one.measurement.is_empty();
        if !is_good || one.exp <= decision.clock || !bound.iter().all(is_named) {
            faults.push(format!(
                "its warrant is bound to an attestation, but the one by {} does not admit it",
                one.iss
            ));
        }
    }
}
